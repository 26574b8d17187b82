"""Weights: inflation, foreign checkpoints, strictness."""

import json
from pathlib import Path

import pytest
import torch
import torchvision

from suite.__main__ import main
from suite.data.synthetic import synthesize
from suite.models import build, weights
from suite.models.checkpoints.own import checksum
from suite.spec import BadInput

pytestmark = pytest.mark.slow

IBM_KEYS = json.loads((Path(__file__).parents[1] / "files" / "ibm_checkpoint_keys.json").read_text())
TORCHVISION = {"resnet18": "resnet18", "resnet50": "resnet50", "inception_v1": "googlenet"}


def torchvision_model(backbone):
    more = {"init_weights": False, "aux_logits": True} if backbone == "inception_v1" else {}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = getattr(torchvision.models, TORCHVISION[backbone])(weights=None, **more).eval()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):  # statistics that a forgotten tensor would show
                torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
                torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return model


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """Files in torchvision's format, with weights of our own."""
    folder, models = tmp_path_factory.mktemp("imagenet"), {}
    for backbone in TORCHVISION:
        models[backbone] = torchvision_model(backbone)
        torch.save(models[backbone].state_dict(), folder / f"{backbone}.pth")
    return folder, models


def clip(frames=4, size=64):
    return torch.randn(2, 3, frames, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
def test_centre_inflated_i3d_gives_the_2d_networks_logits(backbone, imagenet):
    folder, _ = imagenet
    tsn, i3d = build(f"tsn-{backbone}", 5, 4).eval(), build(f"i3d-{backbone}", 5, 4).eval()
    weights.load(tsn, f"imagenet:{folder / backbone}.pth")
    weights.load(i3d, f"imagenet:{folder / backbone}.pth", inflate="center")
    i3d.net.head.load_state_dict(tsn.net.head.state_dict())
    expected = tsn(clip()).detach()
    assert torch.allclose(i3d(clip()), expected, atol=1e-5 * float(expected.abs().max()))
    weights.load(i3d, f"imagenet:{folder / backbone}.pth", inflate="repeat")
    assert not torch.allclose(i3d(clip()), expected, rtol=0.01)


@pytest.mark.parametrize("backbone", list(TORCHVISION))
def test_tsn_with_imagenet_weights_is_torchvisions_network_on_every_frame(backbone, imagenet):
    folder, models = imagenet
    theirs = models[backbone]
    theirs.transform_input = False  # it turns ImageNet-normalised input into -1..1; ours comes so already
    tsn = build(f"tsn-{backbone}", 1000, 4).eval()
    report = weights.load(tsn, f"imagenet:{folder / backbone}.pth")
    tsn.net.head.fc.load_state_dict(theirs.fc.state_dict())
    expected = torch.stack([theirs(clip()[:, :, t]) for t in range(4)]).mean(0).detach()
    assert torch.allclose(tsn(clip()), expected, atol=1e-5 * float(expected.abs().max()))
    assert {key.split(".")[-2] for key in report.missing} == {"fc"}


def test_inflation_repeats_averages_or_centres(imagenet):
    folder, models = imagenet
    flat = models["resnet18"].layer1[0].conv1.weight
    kernels = {}
    for rule in ("repeat", "mean", "center"):
        model = build("i3d-resnet18", 5)
        weights.load(model, f"imagenet:{folder / 'resnet18.pth'}", inflate=rule)
        kernels[rule] = model.net.layer1[0].conv1.conv.weight
    assert torch.equal(kernels["repeat"], flat.unsqueeze(2).expand(-1, -1, 3, -1, -1))
    assert torch.allclose(kernels["mean"].sum(2), flat)
    assert torch.equal(kernels["center"][:, :, 1], flat)
    assert kernels["center"][:, :, ::2].abs().sum() == 0


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.more) if name.endswith("resnet50") else name for name in IBM_KEYS]
)
def test_a_checkpoint_in_the_names_of_the_published_release_loads_completely(name, tmp_path):
    generator = torch.Generator().manual_seed(0)
    state = {
        "module." + key: torch.randn(shape, generator=generator) if shape else torch.tensor(1)
        for key, shape in IBM_KEYS[name].items()
    }
    torch.save({"epoch": 75, "state_dict": state}, tmp_path / "model.pth")
    model = build(name, 87)
    report = weights.load(model, f"ibm:{tmp_path / 'model.pth'}")
    assert (report.missing, report.unexpected) == ([], [])
    assert report.loaded == report.total
    for moment in (1, 2, 3):  # every number of the file, once
        loaded, given = (
            sum(float((v.double() ** moment).sum()) for v in tensors.values())
            for tensors in (model.state_dict(), state)
        )
        assert loaded == pytest.approx(given, rel=1e-9)


def test_ibm_taps_are_previous_current_next(tmp_path):
    state = {"module." + k: torch.zeros(s) for k, s in IBM_KEYS["tam-resnet18"].items()}
    for value, tap in enumerate(("prev", "curr", "next"), start=1):
        state[f"module.layer1.0.tam.{tap}_se.fc1.weight"] += value
    torch.save({"state_dict": state}, tmp_path / "model.pth")
    model = build("tam-resnet18", 87)
    weights.load(model, f"ibm:{tmp_path / 'model.pth'}")
    taps = model.net.layer1[0].entrance
    impulse = torch.zeros(1, 64, 5, 1, 1)
    impulse[:, :, 2] = 1
    assert taps(impulse)[0, 0, :, 0, 0].tolist() == [0, 3, 2, 1, 0]  # t = 1 sees it in its next frame


def test_wrong_checkpoints_are_refused_in_one_sentence_and_leave_the_model_alone(tmp_path, imagenet):
    folder, _ = imagenet
    ibm = {"module." + k: torch.zeros(s) for k, s in IBM_KEYS["tsn-resnet18"].items()}
    torch.save({"state_dict": ibm}, tmp_path / "tsn.pth")
    lacking = dict(ibm)
    lacking.pop("module.layer4.1.bn2.weight")
    torch.save({"state_dict": lacking}, tmp_path / "lacking.pth")
    own = weights.save_dict(build("tsm-resnet18", 87), [f"c{i}" for i in range(87)])
    torch.save(own, tmp_path / "own.pt")
    (tmp_path / "noise.pth").write_bytes(b"not a checkpoint")
    model = build("tsn-resnet18", 87)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    for source, target, words in (
        (f"ibm:{tmp_path / 'tsn.pth'}", "tam-resnet18", "lacks 8 tensors"),
        (f"ibm:{tmp_path / 'tsn.pth'}", "tsn-resnet50", "lacks|does not fit"),
        (f"ibm:{tmp_path / 'lacking.pth'}", None, "lacks 1 tensors"),
        (f"ibm:{folder / 'resnet18.pth'}", None, "not a checkpoint of the deep_analysis release"),
        (f"{tmp_path / 'own.pt'}", None, "is a checkpoint of tsm-resnet18, not of tsn-resnet18"),
        (f"{tmp_path / 'tsn.pth'}", None, "not a checkpoint of this suite"),
        (f"imagenet:{tmp_path / 'tsn.pth'}", None, "plain state dict"),
        (f"{tmp_path / 'noise.pth'}", None, "not a readable checkpoint"),
        (f"{tmp_path / 'absent.pt'}", None, "There is no checkpoint"),
    ):
        with pytest.raises(BadInput, match=words) as caught:
            weights.load(build(target, 87) if target else model, source)
        assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="87 classes, this model has 10"):
        weights.load(build("tsn-resnet18", 10), f"ibm:{tmp_path / 'tsn.pth'}")
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_our_own_checkpoint_is_matched_by_class_name(tmp_path):
    model = build("tsn-resnet18", 3, seed=5)
    torch.save(weights.save_dict(model, ["a", "b", "c"]), tmp_path / "own.pt")
    other = build("tsn-resnet18", 3)
    weights.load(other, str(tmp_path / "own.pt"), classes=["c", "a", "b"])
    assert torch.equal(other.net.head.fc.weight, model.net.head.fc.weight[[2, 0, 1]])
    with pytest.raises(BadInput, match="classes of"):
        weights.load(other, str(tmp_path / "own.pt"), classes=["a", "b", "x"])


def test_imagenet_comes_from_a_local_folder_where_there_is_no_network(tmp_path, monkeypatch, imagenet):
    folder, models = imagenet
    (tmp_path / "resnet18-f37072fd.pth").write_bytes((folder / "resnet18.pth").read_bytes())
    monkeypatch.setenv("SUITE_WEIGHTS", str(tmp_path))
    model = build("tam-resnet18", 5)
    assert str(weights.load(model, "imagenet")) == "120 of 130 tensors from imagenet"
    assert torch.equal(model.net.conv1.conv.weight, models["resnet18"].conv1.weight)


# --- damaged and odd files ------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path):
    """A model with a checkpoint of its own."""
    model = build("tsn-resnet18", 3)
    torch.save(weights.save_dict(model, ["a", "b", "c"]), tmp_path / "own.pt")
    return model, tmp_path / "own.pt"


def first_values(model):
    return next(model.parameters()).detach().clone()


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_a_checkpoint_with_a_flipped_bit_is_refused_and_leaves_the_model_alone(own, share):
    model, file = own
    content = bytearray(file.read_bytes())
    content[int(share * len(content))] ^= 4
    file.write_bytes(content)
    before = first_values(model)
    with pytest.raises(BadInput, match=r"is damaged|not a readable checkpoint"):
        weights.load(model, str(file))
    assert torch.equal(first_values(model), before)


def test_a_flipped_bit_in_a_foreign_checkpoint_is_seen_too(imagenet, tmp_path):
    folder, _ = imagenet
    content = bytearray((folder / "resnet18.pth").read_bytes())
    content[len(content) // 2] ^= 4
    (tmp_path / "flipped.pth").write_bytes(content)
    with pytest.raises(BadInput, match="is damaged"):
        weights.load(build("tsn-resnet18", 3), f"imagenet:{tmp_path / 'flipped.pth'}")


def test_tensors_that_were_exchanged_in_an_own_checkpoint_are_refused(own):
    model, file = own
    content = torch.load(file, weights_only=True)
    content["state"]["net.conv1.conv.weight"][0, 0, 0, 0] += 1  # saved again: every part has the right checksum
    torch.save(content, file)
    with pytest.raises(BadInput, match="do not have the checksum"):
        weights.load(model, str(file))
    del content["tensors_sha256"]  # earlier versions stored none
    torch.save(content, file)
    weights.load(model, str(file))


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        ("net.conv1.conv.weight", lambda v: v.int(), "has the type int32, the model's float32"),
        ("net.conv1.conv.weight", lambda v: v.to(torch.complex64), "has the type complex64, the model's float32"),
        ("net.conv1.conv.weight", lambda v: v > 0, "has the type bool, the model's float32"),
        ("net.conv1.bn.num_batches_tracked", lambda v: v.to(torch.complex64), "complex64, the model's int64"),
        ("net.conv1.conv.weight", lambda v: v.to_sparse(), "is not a complete checkpoint"),
        ("net.head.fc.weight", lambda v: v.sum(), "has the shape"),
    ],
)
def test_weights_that_are_no_real_floating_numbers_are_refused(own, key, change, words):
    model, file = own
    content = weights.save_dict(model, ["a", "b", "c"])
    del content["tensors_sha256"]
    content["state"] = {**content["state"], key: change(content["state"][key])}
    torch.save(content, file)
    with pytest.raises(BadInput, match=words) as refused:
        weights.load(model, str(file))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("change", [torch.Tensor.half, torch.Tensor.double, torch.Tensor.bfloat16])
def test_floating_numbers_of_another_width_are_taken(own, change):
    model, file = own
    content = weights.save_dict(model, ["a", "b", "c"])
    content["state"] = {k: change(v) if v.is_floating_point() else v for k, v in content["state"].items()}
    content["tensors_sha256"] = checksum(content)
    torch.save(content, file)
    assert weights.load(model, str(file)).loaded == len(content["state"])


@pytest.mark.parametrize("lacking", ["model", "classes", "state"])
def test_an_incomplete_own_checkpoint_is_one_sentence(own, lacking):
    model, file = own
    content = torch.load(file, weights_only=True)
    del content[lacking]
    torch.save(content, file)
    with pytest.raises(BadInput, match="is not a complete checkpoint"):
        weights.load(model, str(file))


def test_taps_of_different_shapes_are_one_sentence(tmp_path):
    state = {"module." + k: torch.zeros(s) for k, s in IBM_KEYS["tam-resnet18"].items()}
    state["module.layer1.0.tam.prev_se.fc1.weight"] = torch.zeros(3, 1, 1, 1)
    torch.save({"state_dict": state}, tmp_path / "odd.pth")
    with pytest.raises(BadInput, match="have different shapes"):
        weights.load(build("tam-resnet18", 87), f"ibm:{tmp_path / 'odd.pth'}")


def test_a_damaged_checkpoint_ends_suite_eval_with_exit_code_2(own, monkeypatch, capsys):
    _, file = own
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    synthesize("calib_order", file.parent / "data", videos={"train": 8, "val": 8})
    words = [
        "eval",
        "tsn-resnet18",
        "--weights",
        str(file),
        "--data",
        "calib_order",
        "--root",
        str(file.parent / "data"),
    ]
    monkeypatch.setattr("sys.argv", ["suite", *words, "--size", "32", "--out", str(file.parent / "out")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "is damaged" in capsys.readouterr().err
