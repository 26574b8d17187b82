"""Checkpoints of the TSM and PyTorchVideo releases, and the suite's own of another number of frames."""

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from suite.models import build, registry, weights
from suite.spec import BadInput

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "files"
TSM_KEYS = json.loads((DATA / "tsm_checkpoint_keys.json").read_text())
SLOWFAST_KEYS = json.loads((DATA / "pytorchvideo_checkpoint_keys.json").read_text())["slowfast-resnet50"]


def drawn(keys):
    """Random tensors of these names and shapes, of a size that lets a clip through the network."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for key, shape in keys.items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(1)
        elif len(shape) > 1:
            state[key] = torch.randn(shape, generator=generator) * math.sqrt(2 / math.prod(shape[1:]))
        elif key.endswith("running_var") or (key.endswith("weight") and len(shape) == 1):
            state[key] = torch.rand(shape, generator=generator) * 0.5 + 0.5
        else:
            state[key] = torch.randn(shape, generator=generator) * 0.1
    return state


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Sources in the formats of the releases, and the tensors in them, which are read from there when they are used."""
    folder, found = tmp_path_factory.mktemp("released"), {}
    for name, keys in TSM_KEYS.items():
        state, file = drawn(keys), folder / f"{name}.pth"
        torch.save({"epoch": 50, "state_dict": {f"module.{k}": v for k, v in state.items()}}, file)
        saved = torch.load(file, weights_only=True, mmap=True)["state_dict"]
        found[name] = (f"tsm:{file}", {key: saved[f"module.{key}"] for key in keys})
    file = folder / "slowfast.pyth"
    torch.save({"model_state": drawn(SLOWFAST_KEYS)}, file)
    found["slowfast-resnet50"] = (f"pytorchvideo:{file}", torch.load(file, weights_only=True, mmap=True)["model_state"])
    return found


@pytest.mark.parametrize(
    ("name", "classes"), [("tsm-resnet50", 174), ("tsm-resnet50+nl", 174), ("slowfast-resnet50", 400)]
)
def test_every_tensor_of_a_release_finds_its_place_once(name, classes, released):
    source, state = released[name]
    model = build(name, classes)
    report = weights.load(model, source)
    assert (report.missing, report.unexpected) == ([], [])
    assert report.loaded == report.total == len(state)

    def digests(tensors):
        return sorted(
            float(tensor.double().flatten() @ torch.arange(1.0, tensor.numel() + 1).double()) for tensor in tensors
        )

    assert digests(model.state_dict().values()) == pytest.approx(digests(state.values()), rel=1e-9)


def slowfast_by_the_names_of_its_release(state, x, slow):
    """SlowFast written on the released tensors alone.  x (B, 3, T, H, W), slow: the frames of the slow pathway."""

    def conv(x, key, norm, stride=(1, 1, 1)):
        weight = state[f"{key}.weight"]
        y = F.conv3d(x, weight, None, stride, [k // 2 for k in weight.shape[2:]])
        tensors = (state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(y, *tensors)

    maps = []
    for i, frames in enumerate((x[:, :, slow], x)):
        where = f"blocks.0.multipathway_blocks.{i}"
        y = conv(frames, f"{where}.conv", f"{where}.norm", (1, 2, 2)).relu()
        maps.append(F.max_pool3d(y, (1, 3, 3), (1, 2, 2), (0, 1, 1)))
    for stage in range(1, 5):
        fusion = f"blocks.{stage - 1}.multipathway_fusion"
        brought = conv(maps[1], f"{fusion}.conv_fast_to_slow", f"{fusion}.norm", (4, 1, 1)).relu()
        maps[0] = torch.cat([maps[0], brought], 1)
        for i in range(2):
            for block in range((3, 4, 6, 3)[stage - 1]):
                where, y = f"blocks.{stage}.multipathway_blocks.{i}.res_blocks.{block}", maps[i]
                step = (1, 2, 2) if stage > 1 and block == 0 else (1, 1, 1)
                short = conv(y, f"{where}.branch1_conv", f"{where}.branch1_norm", step) if block == 0 else y
                for part in "abc":
                    stride = step if part == "b" else (1, 1, 1)
                    y = conv(y, f"{where}.branch2.conv_{part}", f"{where}.branch2.norm_{part}", stride)
                    y = y.relu() if part != "c" else y
                maps[i] = (y + short).relu()
    pooled = torch.cat([m.mean((2, 3, 4)) for m in maps], 1)
    return F.linear(pooled, state["blocks.6.proj.weight"], state["blocks.6.proj.bias"])


def test_slowfast_computes_what_the_released_tensors_say(released):
    source, state = released["slowfast-resnet50"]
    model = build("slowfast-resnet50", 400, 16, 32).eval()
    weights.load(model, source)
    x = torch.randn(2, 3, 16, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = slowfast_by_the_names_of_its_release(state, x, [0, 5, 10, 15])
        assert torch.allclose(model(x), expected, atol=1e-4 * float(expected.abs().max()))


def test_the_tsm_release_and_the_deep_analysis_release_are_the_same_network(released, tmp_path):
    source, state = released["tsm-resnet50"]
    renamed = {}
    for key, value in state.items():
        renamed["module." + key.removeprefix("base_model.").replace(".net.", ".").replace("new_fc", "fc")] = value
    torch.save({"state_dict": renamed}, tmp_path / "ibm.pth")
    ours, theirs = build("tsm-resnet50", 174), build("tsm-resnet50", 174)
    weights.load(ours, source)
    weights.load(theirs, f"ibm:{tmp_path / 'ibm.pth'}")
    other = theirs.state_dict()
    assert all(torch.equal(value, other[key]) for key, value in ours.state_dict().items())


def test_the_projections_of_a_released_non_local_block_keep_their_roles(released):
    source, state = released["tsm-resnet50+nl"]
    model = build("tsm-resnet50+nl", 174)
    weights.load(model, source)
    block = model.net.layer3[4].exit[0]
    for ours, theirs in ((block.theta, "theta"), (block.phi, "phi.0"), (block.g, "g.0"), (block.out.conv, "W.0")):
        assert torch.equal(ours.weight.flatten(), state[f"base_model.layer3.4.nl.{theirs}.weight"].flatten())
    assert torch.equal(block.out.bn.running_var, state["base_model.layer3.4.nl.W.1.running_var"])


@pytest.mark.parametrize(
    ("source", "name", "classes", "words"),
    [
        ("tsm-resnet50", "tsm-resnet50+nl", 174, "lacks 6. tensors"),
        ("tsm-resnet50+nl", "tsm-resnet50", 174, "that the model has no place for"),
        ("tsm-resnet50+nl", "tsm-resnet50+nl@at=res3:1", 174, "that the model has no place for"),
        ("tsm-resnet50+nl", "tsm-resnet50+nl@pool=1", 174, "lacks 20 tensors"),  # the same tensors, another network
        ("tsm-resnet50", "tsm-resnet50-tp", 174, "TSM release has no tsm-resnet50-tp"),
        ("tsm-resnet50", "tsn-resnet50", 174, "TSM release has no tsn-resnet50"),
        ("tsm-resnet50", "tsm-resnet101", 174, "lacks"),
        ("slowfast-resnet50", "slowfast-resnet50@clip=4x16", 400, "does not fit: its tensor for net.lateral.0.conv"),
        ("slowfast-resnet50", "slowfast-resnet50+nl", 400, "lacks 6. tensors"),
        ("slowfast-resnet50", "tsn-resnet50", 174, "not tsn-resnet50"),
    ],
)
def test_a_release_of_another_network_is_refused_in_one_sentence(source, name, classes, words, released):
    model = build(name, classes)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(BadInput, match=words) as caught:
        weights.load(model, released[source][0])
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", ["tsm-resnet50+nl", "slowfast-resnet50+nl"])
def test_a_release_of_other_classes_starts_a_training_without_its_head(name, released):
    source, state = released[name.removesuffix("+nl")]
    report = weights.load(build(name, 7), source)
    assert {"fc" if ".head.fc." in key else "exit" if ".exit." in key else key for key in report.missing} == {
        "fc",
        "exit",
    }
    assert report.unexpected == []
    assert report.loaded == len(state) - 2


def test_files_of_another_format_are_refused(released, tmp_path):
    torch.save({"state": 1}, tmp_path / "odd.pth")
    for prefix, name, classes, words in (
        ("tsm:", "tsm-resnet50", 174, "not a checkpoint of the TSM release"),
        ("pytorchvideo:", "slowfast-resnet50", 400, "lacks a model_state"),
        ("", "tsm-resnet50", 174, "foreign ones are named ibm:PATH, tsm:PATH, pytorchvideo:PATH"),
    ):
        with pytest.raises(BadInput, match=words):
            weights.load(build(name, classes), f"{prefix}{tmp_path / 'odd.pth'}")


class Timed(nn.Module):
    """A block with parameters that belong to frames."""

    time_parameters = {"encoding": (0,), "matrix": {"dims": (1, 2), "summed": 2}}

    def __init__(self, channels, frames):
        super().__init__()
        self.encoding = nn.Parameter(torch.arange(float(frames)).repeat(2, 1).T / frames)
        self.matrix = nn.Parameter(torch.full((3, frames, frames), 1 / frames))
        self.other = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        return x


TIMED = registry.AddOnBlock(name="timed", cls=Timed, site="block_exit", positions="conv3_1")


def test_what_belongs_to_frames_is_interpolated_when_a_chain_goes_on_with_more_of_them(monkeypatch, tmp_path):
    monkeypatch.setitem(registry.ADD_ON_BLOCKS, "timed", TIMED)
    short, long = build("tsn-resnet18+timed", 2, 8), build("tsn-resnet18+timed", 2, 16, seed=4)
    torch.save(weights.save_dict(short, ["a", "b"]), tmp_path / "own.pt")
    report = weights.load(long, str(tmp_path / "own.pt"))
    where = "net.layer2.0.exit.0"
    assert report.interpolated == [f"{where}.encoding", f"{where}.matrix"]
    assert report.loaded == report.total
    before, after = (model.get_submodule(where) for model in (short, long))
    assert after.encoding.shape == (16, 2)
    steps = after.encoding[1:-1].diff(dim=0)
    assert torch.allclose(steps, torch.full_like(steps, 1 / 16))  # linear stays linear
    assert torch.allclose(after.encoding.mean(0), before.encoding.mean(0))
    assert torch.allclose(after.matrix, torch.full((3, 16, 16), 1 / 16))  # an average over frames stays one
    assert weights.load(build("tsn-resnet18+timed", 2, 8), str(tmp_path / "own.pt")).interpolated == []


def test_other_shapes_are_not_interpolated(monkeypatch, tmp_path):
    monkeypatch.setitem(registry.ADD_ON_BLOCKS, "timed", TIMED)
    model = build("tsn-resnet18+timed", 2, 8)
    content = weights.save_dict(model, ["a", "b"])
    del content["tensors_sha256"]  # as earlier versions wrote it
    for part, shape in (("other", (5,)), ("encoding", (8, 3)), ("encoding", (4, 3)), ("matrix", (3, 8, 4))):
        state = {**content["state"], f"net.layer2.0.exit.0.{part}": torch.zeros(shape)}
        torch.save({**content, "state": state}, tmp_path / "own.pt")
        with pytest.raises(BadInput, match=f"does not fit: its tensor for .*{part}"):
            weights.load(model, str(tmp_path / "own.pt"))


# --- as the start of a training on other classes, where the protocol asks for it -----------------------------------


def test_a_released_network_starts_one_with_other_classes_and_more_blocks(released):
    for release, name in (
        ("tsm-resnet50", "tsm-resnet50+gta"),
        ("slowfast-resnet50", "slowfast-resnet50+nl@at=res4:2"),
    ):
        source, state = released[release]
        model = build(name, 10, 8 if "tsm" in name else 32, 32)
        report = weights.load(model, source, init_fresh=["head", "blocks"])
        assert report.loaded == len(state) - 2, name
        assert report.fresh[0] == "head"
        assert report.fresh[1].endswith("blocks"), report.fresh
        assert all(".exit." in key or ".fc." in key for key in report.missing)
        assert str(report).endswith(f"head and {report.fresh[1]} fresh")


def test_a_complete_release_is_refused_with_other_classes_unless_the_head_may_start_anew(released, tmp_path):
    _, state = released["tsm-resnet50"]
    renamed = {
        "module." + key.removeprefix("base_model.").replace(".net.", ".").replace("new_fc", "fc"): value
        for key, value in state.items()
    }
    torch.save({"state_dict": renamed}, tmp_path / "ibm.pth")
    model, source = build("tsm-resnet50", 10), f"ibm:{tmp_path / 'ibm.pth'}"
    with pytest.raises(BadInput, match=r"174 classes, this model has 10\.$"):
        weights.load(model, source)
    with pytest.raises(BadInput, match="add 'head' to init_fresh in the protocol"):
        weights.load(model, source, init_fresh=())
    assert weights.load(model, source, init_fresh=["head"]).fresh == ["head"]
    with pytest.raises(BadInput, match="lacks"):
        weights.load(build("tsm-resnet50+se", 10), source, init_fresh=["head"])
    report = weights.load(build("tsm-resnet50+arc@stages=res5", 10), source, init_fresh=["head", "blocks"])
    assert report.fresh == ["head", "3 blocks"]


def test_a_block_that_is_there_in_part_is_not_a_new_one(tmp_path):
    model = build("tsn-resnet18+se", 10, 2, 32)
    content = weights.save_dict(model, [str(i) for i in range(10)])
    lost = next(key for key in content["state"] if ".residual." in key)
    content["state"] = {key: value for key, value in content["state"].items() if key != lost}
    torch.save({key: value for key, value in content.items() if key != "tensors_sha256"}, tmp_path / "part.pt")
    with pytest.raises(BadInput, match="lacks 1 tensors"):
        weights.load(model, str(tmp_path / "part.pt"), init_fresh=["blocks"])
