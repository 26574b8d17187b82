"""SlowFast: which frames it reads, how its pathways are joined, what it costs and what it refuses."""

from copy import deepcopy
from functools import cache

import pytest
import torch
from torch import nn

from suite.models import build, normalisation, registry, weights
from suite.models.cost import cost, count
from suite.models.networks.slowfast import slow_frames
from suite.spec import BadInput
from tests.models.builders import on_meta


@cache
def built(name="slowfast-resnet50"):
    return build(name, 5, 8, 32).eval()


def fresh():
    """A model that a test may change."""
    return deepcopy(built())


def clip(frames=8, size=32, batch=1):
    return torch.randn(batch, 3, frames, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("frames", "alpha"), [(32, 4), (32, 8), (64, 4), (8, 4), (8, 8), (16, 4), (128, 4)])
def test_the_slow_pathway_reads_a_truncated_linspace(frames, alpha):
    assert slow_frames(frames, alpha) == torch.linspace(0, frames - 1, frames // alpha).long().tolist()


def test_the_slow_frames_of_the_published_clips():
    assert slow_frames(32, 4) == [0, 4, 8, 13, 17, 22, 26, 31]
    assert slow_frames(32, 8) == [0, 10, 20, 31]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["slowfast-resnet50", "slowfast-resnet50@clip=4x16"])
def test_forward_and_backward(name):
    model = deepcopy(built(name)).train()
    logits = model(clip(8, batch=2))
    assert logits.shape == (2, 5)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model.net.slow.conv1.conv.weight.grad.abs().sum() > 0 < model.net.fast.conv1.conv.weight.grad.abs().sum()
    assert normalisation(name) == "slowfast"


@pytest.mark.slow
def test_without_lateral_connections_the_slow_pathway_does_not_see_the_other_frames():
    model = fresh()
    nn.init.zeros_(model.net.head.fc.weight[:, 2048:])  # the fast half of the head
    x = clip()
    other = x.clone()
    other[:, :, 1:7] = 0  # all that the slow pathway, of frames 0 and 7, does not read
    with torch.no_grad():
        assert not torch.allclose(model(x), model(other), rtol=1e-3)
        for lateral in model.net.lateral:
            nn.init.zeros_(lateral.bn.weight)
        assert torch.equal(model(x), model(other))


@pytest.mark.slow
def test_the_fast_pathway_does_not_see_the_slow_one():
    model = fresh()
    with torch.no_grad():
        nn.init.zeros_(model.net.head.fc.weight[:, :2048])  # the slow half of the head
        before = model(clip())
        nn.init.zeros_(model.net.slow.conv1.bn.weight)
        assert torch.equal(model(clip()), before)


@pytest.mark.slow
def test_a_lateral_connection_brings_every_alphaths_moment():
    model = built("slowfast-resnet50@clip=4x16")
    moment = torch.zeros(1, 8, 32, 1, 1)
    moment[:, :, 16] = 1
    with torch.no_grad():
        reached = model.net.lateral[0](moment).abs().sum((0, 1, 3, 4)) > 0
    assert reached.tolist() == [False, False, True, False]  # slow moment 2 is fast moment 16


def test_residual_branches_start_at_zero_as_published():
    assert not any(p.any() for key, p in built().named_parameters() if key.endswith("conv3.bn.weight"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "frames", "size", "classes", "gmacs", "params"),
    [  # printed: at 256 pixels, except that the parameters have no size
        ("slowfast-resnet50", 32, 256, 400, 65.7, 34.6),  # deep_analysis Table 2; PySlowFast
        ("slowfast-resnet50@clip=4x16", 32, 256, 400, 36.1, 34.5),  # Feichtenhofer et al., Table 5
        ("slowfast-resnet50@clip=16x8", 64, 256, 174, 131.4, 34.0),  # gta Table 1
        ("slowfast-resnet101", 32, 256, 400, 125.9, 62.8),  # deep_analysis Table 2; PyTorchVideo
        ("slowfast-resnet101@res4=6", 32, 256, 400, 106, 53.8),  # gta Table 5
        ("slowfast-resnet101@clip=16x8", 64, 256, 400, 213, 53.8),  # deep_analysis Table 2, arc Table 8
    ],
)
def test_the_printed_costs(name, frames, size, classes, gmacs, params):
    counted = cost(name, frames, size, classes)
    assert counted.macs / 1e9 == pytest.approx(gmacs, rel=0.005)
    assert counted.params / 1e6 == pytest.approx(params, rel=0.002)
    assert counted.uncounted == []


def test_the_124_5_g_printed_for_r50_16x8_are_those_of_a_fast_pathway_of_32_frames():
    with on_meta():
        fast = build("slowfast-resnet50@clip=16x8", 174, 64, 256).eval().net.fast
        run = nn.Sequential(fast.conv1, nn.ReLU(), fast.maxpool, *fast.stages())
        halves = count(run, torch.empty(1, 3, 32, 256, 256)).macs
    assert (cost("slowfast-resnet50@clip=16x8", 64, 256, 174).macs - halves) / 1e9 == pytest.approx(124.5, abs=0.05)


class Recorded(nn.Module):
    """A block that notes where it was put."""

    built: list = []

    def __init__(self, channels, frames):
        super().__init__()
        self.built.append((channels, frames))
        self.frames = frames

    def forward(self, x):
        assert x.shape[2] == self.frames
        return x + 1


RECORDED = registry.AddOnBlock(name="recorded", cls=Recorded, site="block_exit", positions="res3:2/conv4_1")


@pytest.mark.slow
def test_add_on_blocks_stand_in_the_slow_pathway(monkeypatch):
    monkeypatch.setitem(registry.ADD_ON_BLOCKS, "recorded", RECORDED)
    Recorded.built.clear()
    model = build("slowfast-resnet50+recorded", 5, 16, 32).eval()
    assert Recorded.built == [(512, 4), (512, 4), (1024, 4)]
    assert [i for i, block in enumerate(model.net.slow.layer2) if block.exit is not None] == [0, 2]
    with torch.no_grad():
        assert not torch.allclose(model(clip(16)), built()(clip(16)))


@pytest.mark.parametrize(
    ("name", "frames", "words"),
    [
        ("slowfast-resnet18", 32, "did you mean 'slowfast-resnet101'|'slowfast-resnet50'"),
        ("slowfast", 32, "Unknown model"),
        ("slowfast-resnet50@clip=32x2", 32, "Unknown value of option 'clip' of slowfast-resnet50 '32x2'"),
        ("slowfast-resnet50@alpha=4", 32, "Unknown option of slowfast-resnet50 'alpha'"),
        ("slowfast-resnet50@res4=6", 32, "Unknown option of slowfast-resnet50 'res4'"),  # it has no more
        ("slowfast-resnet50@clip=4x16", 12, "a multiple of 8 frames .32 as published., not 12"),
        ("slowfast-resnet50", 2, "a multiple of 4 frames"),
        (
            "slowfast-resnet50+inside",
            32,
            "add-on blocks behind residual blocks, and .inside stands elsewhere",
        ),
        ("slowfast-resnet50+recorded@at=res6", 32, "Unknown stage 'res6'"),
    ],
)
def test_what_is_impossible_is_refused_in_one_sentence(name, frames, words, monkeypatch):
    monkeypatch.setitem(registry.ADD_ON_BLOCKS, "recorded", RECORDED)
    inside = registry.AddOnBlock(name="inside", cls=Recorded, site="residual")
    monkeypatch.setitem(registry.ADD_ON_BLOCKS, "inside", inside)
    with pytest.raises(BadInput, match=words) as caught:
        build(name, 5, frames, 32)
    assert "\n" not in str(caught.value)


def test_another_length_than_built_for_is_taken_where_alpha_divides_it():
    model = built()
    with torch.no_grad():
        assert model(clip(12)).shape == (1, 5)
        with pytest.raises(BadInput, match="multiple of 4"):
            model(clip(10))


def test_it_does_not_start_from_imagenet():
    with pytest.raises(BadInput, match="cannot start from ImageNet weights; start it with init=scratch"):
        weights.load(built(), "imagenet")
