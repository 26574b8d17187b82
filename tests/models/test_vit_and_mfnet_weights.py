"""`timm:PATH` and `mfnet:PATH`: small files in the layouts of these releases."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from suite.models import NORMALISATION, build, weights
from suite.models.checkpoints import timm
from suite.models.networks.cstransformer import CrossStageTransformer
from suite.spec import FOREIGN_KINDS, BadInput, parse_model, weights_file

WIDTH, SIZE = 24, 32


class Small(nn.Module):
    """What `build` gives, with a narrow network inside."""

    def __init__(self, name, size=SIZE):
        super().__init__()
        self.name, self.num_classes = parse_model(name), 5
        options = dict(self.name.options)
        self.net = CrossStageTransformer(self.name, 5, 4, size, 0.0, **options, width=WIDTH, heads=3)


def vit(blocks=12, size=SIZE, width=WIDTH, classes=21):
    """A state dict of timm's VisionTransformer, in its order."""
    shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 1 + (size // 16) ** 2, width)}
    shapes |= {"patch_embed.proj.weight": (width, 3, 16, 16), "patch_embed.proj.bias": (width,)}
    for i in range(blocks):
        for layer, wide, deep in (("attn.qkv", 3 * width, width), ("attn.proj", width, width)):
            shapes |= {f"blocks.{i}.{layer}.weight": (wide, deep), f"blocks.{i}.{layer}.bias": (wide,)}
        for layer, wide, deep in (("mlp.fc1", 4 * width, width), ("mlp.fc2", width, 4 * width)):
            shapes |= {f"blocks.{i}.{layer}.weight": (wide, deep), f"blocks.{i}.{layer}.bias": (wide,)}
        for layer in ("norm1", "norm2"):
            shapes |= {f"blocks.{i}.{layer}.weight": (width,), f"blocks.{i}.{layer}.bias": (width,)}
    shapes |= {"norm.weight": (width,), "norm.bias": (width,), "head.weight": (classes, width), "head.bias": (classes,)}
    generator = torch.Generator().manual_seed(0)
    return {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}


def saved(state, path):
    torch.save(state, path)
    return path


@pytest.mark.parametrize(("variant", "unused"), [("v1", 24 + 4), ("v2", 4), ("v3-baseline", 4)])
def test_the_spatial_blocks_of_cstransformer_come_from_a_vit_in_timms_layout(variant, unused, tmp_path):
    state, model = vit(), Small(f"cstransformer-{variant}")
    report = weights.load(model, f"timm:{saved(state, tmp_path / 'vit.pth')}")
    assert str(report).startswith(f"{len(state) - unused} of {len(model.state_dict())} tensors from timm:")
    assert len(report.unexpected) == unused
    crossed = [] if "baseline" in variant else ["cross-stage scalars"]
    fused = [] if "baseline" in variant else ["aggregation"]
    assert report.fresh == [*crossed, "temporal encoding", "temporal blocks", *fused, "head"]
    assert all(key.split(".")[1] in ("temporal", "temporal_position", "fam", "head") or "alpha" in key
               for key in report.missing)  # fmt: skip
    last = len(model.net.spatial) - 1
    assert torch.equal(model.net.spatial[last].attention.qkv.weight, state[f"blocks.{last}.attn.qkv.weight"])
    assert torch.equal(model.net.spatial[last].mlp[2].bias, state[f"blocks.{last}.mlp.fc2.bias"])
    assert torch.equal(model.net.spatial_position, state["pos_embed"])


def test_patches_of_the_networks_input_are_embedded_as_those_that_the_weights_expect(tmp_path):
    state, model = vit(), Small("cstransformer-v2")
    report = weights.load(model, f"timm:{saved(state, tmp_path / 'vit.pth')}")
    assert (report.normalisation["mean"], report.normalisation["std"]) == NORMALISATION["half"]
    assert report.normalisation["adapted"].startswith("patch embedding")
    pixels = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))

    def normalised(kind):
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in NORMALISATION[kind])
        return (pixels - mean) / std

    theirs = F.conv2d(normalised("half"), state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=16)
    torch.testing.assert_close(model.net.patches(normalised("imagenet")), theirs, rtol=1e-5, atol=1e-4)


def test_timms_names_are_those_of_torchvision_tensor_by_tensor():
    """The same network under both names gives the same tensors, apart from the patch embedding's normalisation."""
    for key in Small("cstransformer-v2").state_dict():
        theirs = CrossStageTransformer.imagenet_names(key)
        assert len(theirs) == len(timm.timm_names(key)), key


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        pytest.param("tsn-resnet18", vit(1), "not for tsn-resnet18", marks=pytest.mark.slow),
        ("cstransformer-v2", {"model": 1}, "lacks a state dict with a cls_token"),
        ("cstransformer-v2", {"conv1.weight": torch.zeros(1)}, "lacks a state dict with a cls_token"),
        ("cstransformer-v2", vit(10), r"it lacks 24 tensors \(first net.spatial.10"),
        ("cstransformer-v2", vit(13), r"has 12 tensors \(first blocks.12"),
        ("cstransformer-v2", vit(size=48), "its tensor for net.spatial_position has the shape"),
        ("cstransformer-v2", vit(width=12), "does not fit"),
        ("cstransformer-v2", {k: v for k, v in vit().items() if k != "blocks.3.norm1.bias"}, "it lacks 1 tensors"),
    ],
)
def test_a_file_that_is_not_such_a_vit_is_refused_in_one_sentence(name, state, words, tmp_path):
    model = Small(name) if name.startswith("cst") else build(name, 5, 2, 32)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(BadInput, match=words) as caught:
        weights.load(model, f"timm:{saved(state, tmp_path / 'vit.pth')}")
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_a_safetensors_file_is_named_as_what_it_is(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"pytorch_model\.bin"):
        weights.load(Small("cstransformer-v2"), f"timm:{tmp_path / 'model.safetensors'}")
    with pytest.raises(BadInput, match="There is no checkpoint"):
        weights.load(Small("cstransformer-v2"), f"timm:{tmp_path / 'none.safetensors'}")


# --- MF-Net -------------------------------------------------------------------------------------------------------

UNITS, WIDTHS = {2: 3, 3: 4, 4: 6, 5: 3}, {2: 96, 3: 192, 4: 384, 5: 768}


def mfnet(dimensions, classes, counted=False):
    """A state dict of the authors' network, of 2 or 3 dimensions."""
    three, shapes = dimensions == 3, {}

    def conv(key, out, channels, time, space):
        shapes[f"{key}.weight"] = (out, channels, *([time] if three else []), space, space)

    def norm(key, channels):
        shapes.update({f"{key}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")})
        if counted:
            shapes[f"{key}.num_batches_tracked"] = ()

    conv("conv1.conv", 16, 3, 3, 5)
    norm("conv1.bn", 16)
    channels = 16
    for stage, width in WIDTHS.items():
        for unit in range(1, UNITS[stage] + 1):
            where = f"conv{stage}.B{unit:02d}"
            parts = {"i1": (width // 4, channels, 1, 1), "i2": (channels, width // 4, 1, 1)}
            parts |= {"m1": (width, channels // 16, 3, 3), "m2": (width, width // 16, 1, 3)}
            if unit == 1:
                parts |= {"m2": (width, width, 1, 1), "w1": (width, channels, 1, 1)}
            inputs = {"i1": channels, "i2": width // 4, "m1": channels, "m2": width, "w1": channels}
            for part, shape in parts.items():
                norm(f"{where}.conv_{part}.bn", inputs[part])
                conv(f"{where}.conv_{part}.conv", *shape)
            channels = width
    norm("tail.bn", channels)
    shapes |= {"classifier.weight": (classes, channels), "classifier.bias": (classes,)}
    generator = torch.Generator().manual_seed(0)
    return {key: torch.randn(shape, generator=generator).abs() if shape else torch.tensor(1)
            for key, shape in shapes.items()}  # fmt: skip


@pytest.mark.slow
def test_the_2d_mfnet_of_imagenet_starts_the_3d_one(tmp_path):
    state, model = mfnet(2, 1000), build("mfnet+rcca@at=conv3_1", 101, 16)
    report = weights.load(model, f"mfnet:{saved(state, tmp_path / '2d.pth')}", inflate="mean")
    assert report.unexpected == []
    assert {key.split(".")[-2] for key in report.missing if "num_batches" not in key} >= {"fc", "qkv"}
    assert all("num_batches" in key or ".fc." in key or ".exit." in key for key in report.missing)
    assert report.loaded == len(state) - 2
    assert str(report).endswith("head and 1 block fresh")
    unit = model.net.conv4[2]
    torch.testing.assert_close(unit.conv1.conv.weight.sum(2), state["conv4.B03.conv_m1.conv.weight"])
    assert torch.equal(unit.gather.bn.running_var, state["conv4.B03.conv_i1.bn.running_var"])
    assert torch.equal(model.net.bn5.weight, state["tail.bn.weight"])
    assert report.normalisation["mean"][0] == pytest.approx(124 / 255)
    assert report.normalisation["std"][0] * 255 == pytest.approx(1 / 0.0167)


@pytest.mark.slow
def test_a_3d_mfnet_is_loaded_whole_and_without_its_head_for_other_classes(tmp_path):
    state = mfnet(3, 7, counted=True)
    file = saved({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "3d.pth")
    report = weights.load(build("mfnet", 7, 16), f"mfnet:{file}")
    assert (report.missing, report.unexpected, report.loaded) == ([], [], len(state))
    report = weights.load(build("mfnet", 5, 16), f"mfnet:{file}")
    assert report.missing == ["net.head.fc.weight", "net.head.fc.bias"]


def without(key):
    return {k: v for k, v in mfnet(2, 10).items() if k != key}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("tsm-resnet18", mfnet(2, 3), "is for mfnet, not for tsm-resnet18"),
        ("mfnet", {"a": torch.zeros(1)}, "no tensor conv1.conv.weight"),
        ("mfnet", [1], "lacks a state dict"),
        ("mfnet", without("conv3.B02.conv_i2.bn.running_mean"), "it lacks 1 tensors"),
        ("mfnet", mfnet(2, 3) | {"conv6.B01.conv_i1.bn.weight": torch.zeros(1)}, "has 1 tensors"),
    ],
)
def test_a_file_that_is_not_an_mfnet_is_refused_in_one_sentence(name, state, words, tmp_path):
    with pytest.raises(BadInput, match=words) as caught:
        weights.load(build(name, 5, 4, 32), f"mfnet:{saved(state, tmp_path / 'x.pth')}")
    assert "\n" not in str(caught.value)


def test_every_foreign_source_is_opened_by_its_kind():
    assert set(FOREIGN_KINDS) == set(weights.FOREIGN)
    for kind in FOREIGN_KINDS:
        assert weights_file(f"{kind}:/a/b.pth")[0] == kind
