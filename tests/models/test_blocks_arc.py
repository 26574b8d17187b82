"""ARC, squeeze-excitation and MotionSqueeze: what their equations say, and what the papers print of their costs."""

import pytest
import torch
import torch.nn.functional as F
import torchvision

from suite.benchmarks.arc_memory import arc_memory
from suite.evaluation.order_probe import order
from suite.models import build, weights
from suite.models.blocks.arc import AdaptiveRecursiveCircle
from suite.models.blocks.msm import RADIUS, MotionSqueeze, correlation
from suite.models.blocks.se import SqueezeExcitation
from suite.models.cost import cost
from suite.models.layers import ConvNorm, SpatialConv, VolumeConv
from suite.models.sites import ConvSite
from suite.spec import BadInput

SITE = ConvSite(6, 16, 3, 0, 1, 1, stage=3)


def draw(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def redraw(module, seed=2, scale=0.3):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    return module


def layer(volume=False, stride=1, channels=(6, 16)):
    conv = VolumeConv(*channels, 3, (stride,) * 3, 1) if volume else SpatialConv(*channels, 3, stride, 1)
    return redraw(ConvNorm(conv, channels[1], 1e-5)).double()


def positive_clip(frames=4, size=8):
    return draw(2, 6, frames, size, size).relu().contiguous(memory_format=torch.channels_last_3d)


DESIGNS = [
    {},
    {"n": "2"},
    {"n": "8", "interaction": "multiplicative"},
    {"pool": "s", "cell": "gru"},
    {"pool": "s", "cell": "gru", "interaction": "multiplicative"},
    {"pool": "t"},
    {"pool": "st"},
    {"cell": "gru"},
    {"embedding": "no"},
    {"fusion": "no"},
    {"attention": "no"},
]


@pytest.mark.parametrize("design", DESIGNS, ids=str)
@pytest.mark.parametrize(("volume", "stride"), [(False, 1), (False, 2), (True, 1), (True, 2)])
def test_arc_with_zero_weights_is_the_plain_convolution_on_input_that_is_not_negative(design, volume, stride):
    base = layer(volume, stride)
    arc = AdaptiveRecursiveCircle(base, SITE, **design).double()
    x = positive_clip(5, 7)
    assert torch.allclose(arc(x), base(x), atol=1e-12)
    arc.arc_embedding is None or redraw(arc.arc_embedding)
    arc.arc_fusion is None or redraw(arc.arc_fusion)
    assert not torch.allclose(arc(x), base(x), atol=1e-3)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("volume", [False, True])
def test_arc_is_its_equations_written_out(volume, stride):
    base = layer(volume, stride)
    arc = redraw(AdaptiveRecursiveCircle(base, SITE).double(), 5).eval()
    x = draw(2, 6, 4, 8, 8)
    kernel = base.conv.weight if volume else base.conv.weight.unsqueeze(2)
    strides = (stride,) * 3 if volume else (1, stride, stride)

    def to_input(y):
        return y.repeat_interleave(strides[0], 2).repeat_interleave(stride, 3).repeat_interleave(stride, 4)

    def times(conv, y):
        return torch.einsum("oc,bcthw->bothw", conv.weight[:, :, 0, 0], y)

    parts = []
    for i in range(4):
        z = x
        if i:
            z = x + times(arc.arc_embedding, x)
            z = (z + sum(times(arc.arc_fusion[j], to_input(y)) for j, y in enumerate(parts))).relu()
            for j, y in enumerate(parts):
                y = to_input(y)
                pooled = y.amax((3, 4), keepdim=True) + y.amax(2, keepdim=True)
                z = z + times(arc.arc_attention.step[j], pooled)
            z = z.relu()
        parts.append(F.conv3d(z, kernel[4 * i : 4 * i + 4], None, strides, (1 if volume else 0, 1, 1)))
    assert torch.allclose(arc(x), base.bn(torch.cat(parts, 1)), atol=1e-10)


def test_each_part_and_design_of_arc_changes_what_it_computes():
    """Same numbers in the parameters that two designs share; every pair gives another result."""
    outputs = {}
    for design in DESIGNS:
        arc = AdaptiveRecursiveCircle(layer(), SITE, **design).double()
        for name, parameter in arc.named_parameters():
            if name.startswith("arc_"):
                with torch.no_grad():
                    parameter.copy_(draw(*parameter.shape, seed=len(name)) * 0.3)
        outputs[str(design)] = arc(positive_clip())
    for one, a in outputs.items():
        for other, b in outputs.items():
            assert one == other or (a - b).abs().max() > 1e-3, (one, other)


def test_arc_has_the_parameters_of_its_three_matrices_and_none_with_one_part():
    def new(**design):
        arc = AdaptiveRecursiveCircle(layer(), SITE, **design)
        return sum(p.numel() for name, p in arc.named_parameters() if name.startswith("arc_"))

    assert new() == 6 * 6 + 2 * 6 * 16 * 3 // 4
    assert (new(embedding="no"), new(fusion="no"), new(attention="no")) == (144, 108, 108)
    assert new(pool="s") == new(pool="t") == new(pool="st") == new()
    assert new(n="1") == 0
    base = layer()
    assert torch.equal(AdaptiveRecursiveCircle(base, SITE, n="1")(positive_clip()), base(positive_clip()))


@pytest.mark.slow
def test_every_parameter_of_an_arc_network_learns():
    model = build("tsm-resnet18+arc@stages=res5", 5, 4, 64)
    redraw(model, scale=0.05)
    model(torch.randn(2, 3, 4, 64, 64, generator=torch.Generator().manual_seed(1))).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tsm-resnet18", "i3d-resnet18"])
def test_decorating_leaves_a_pretrained_network_as_it_is(name, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        torch.save(torchvision.models.resnet18(weights=None).state_dict(), tmp_path / "resnet18.pth")
    plain, arc = build(name, 5, 4).double().eval(), build(f"{name}+arc", 5, 4).double().eval()
    for model in (plain, arc):
        report = weights.load(model, f"imagenet:{tmp_path / 'resnet18.pth'}", inflate="mean")
        assert not report.unexpected
        assert all(".arc_" in key or ".fc." in key for key in report.missing)
    arc.net.head.load_state_dict(plain.net.head.state_dict())
    clip = draw(1, 3, 4, 32, 32)
    assert torch.allclose(arc(clip), plain(clip), atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "blind"),
    [
        ("tsn-resnet18+arc", True),
        ("tsn-resnet18+arc@stages=res3,pool=t,cell=gru,interaction=multiplicative", True),
        ("tsn-resnet18+se", True),
        ("tsn-resnet18+msm", False),
        ("tsm-resnet18+arc", False),
    ],
)
def test_arc_and_se_cannot_tell_a_clip_from_its_reverse_and_motion_can(name, blind):
    assert order(name, 3, 32, 5)["order_blind"] is blind


# --- squeeze-excitation and MotionSqueeze -------------------------------------------------------------------------


def test_squeeze_excitation_scales_channels_by_what_the_clip_means():
    se = redraw(SqueezeExcitation(32)).double()
    x = draw(2, 32, 3, 4, 5)
    gate = torch.sigmoid(se.excite(F.relu(se.squeeze(x.mean((2, 3, 4))))))
    assert torch.allclose(se(x), torch.einsum("bcthw,bc->bcthw", x, gate))
    assert sum(p.numel() for p in se.parameters()) == 2 * 32 * 2 + 32 + 2


@pytest.mark.parametrize("size", [(3, 5), (9, 4)])
def test_correlation_over_a_window_is_the_loop_over_positions_and_displacements(size):
    x, y = draw(2, *size, 6, seed=1), draw(2, *size, 6, seed=2)
    expected = torch.zeros(2, *size, 15, 15, dtype=torch.float64)
    for i in range(size[0]):
        for j in range(size[1]):
            for down in range(-7, 8):
                for right in range(-7, 8):
                    if 0 <= i + down < size[0] and 0 <= j + right < size[1]:
                        expected[:, i, j, down + 7, right + 7] = (x[:, i, j] * y[:, i + down, j + right]).sum(-1)
    assert torch.allclose(correlation(x, y), expected.flatten(-2))


def test_motion_of_a_shifted_map_is_its_shift():
    right, down = 3, -2
    frame = draw(1, 64, 20, 20)
    clip = torch.stack([frame, frame.roll((down, right), (2, 3))], 2)
    motion = MotionSqueeze(64, 2).double().motion(clip)[0, 0, 5:15, 5:15]
    assert torch.allclose(motion[..., 0], torch.full((10, 10), right / RADIUS).double(), atol=1e-3)
    assert torch.allclose(motion[..., 1], torch.full((10, 10), down / RADIUS).double(), atol=1e-3)
    assert torch.allclose(motion[..., 2], torch.ones(10, 10).double(), atol=1e-4)


def test_motion_squeeze_adds_the_last_pairs_motion_to_both_of_its_frames():
    block = MotionSqueeze(8, 3).double().eval()
    block.start()
    x = draw(2, 8, 3, 6, 6)
    added = block(x) - x
    assert torch.allclose(added[:, :, 1], added[:, :, 2])
    assert not torch.allclose(added[:, :, 0], added[:, :, 1], atol=1e-6)


# --- costs --------------------------------------------------------------------------------------------------------

PRINTED = [  # parameters in millions, multiply-adds in thousands of millions: Tables 2, 5b, 5c
    ("tsm-resnet18", 11.27, 14.57),
    ("tsm-resnet18+arc@n=1", 11.27, 14.6),
    ("tsm-resnet18+arc", 14.19, 17.16),
    ("tsm-resnet18+arc@stages=res2", 11.31, 15.37),
    ("tsm-resnet18+arc@stages=res3", 11.41, 15.44),
    ("tsm-resnet18+arc@stages=res4", 11.82, 15.43),
    ("tsm-resnet18+arc@stages=res5", 13.49, 15.43),
    ("tsm-resnet18+arc@stages=res4/res5", 14.05, 16.29),
    ("tsm-resnet50+arc", 26.98, 37.2),
]


@pytest.mark.parametrize(("name", "params", "macs"), PRINTED)
def test_arc_costs_what_the_paper_prints(name, params, macs):
    found = cost(name, 8, 224, 174)
    assert not found.uncounted
    assert found.params == pytest.approx(params * 1e6, rel=0.001)
    assert found.macs == pytest.approx(macs * 1e9, rel=0.02)


@pytest.mark.slow
def test_motion_squeeze_costs_what_table_7_prints_in_the_form_that_explains_each_number():
    """Parameters: the baselines and ARC's printed rows plus the dense form, which ResNet50 had; costs: the paper's."""
    for name, macs in {"tsm-resnet18+msm": 15, "tsm-resnet50+msm": 34, "tsm-resnet50+msm+arc": 38}.items():
        found = cost(name, 8, 224, 174)
        assert not found.uncounted
        assert found.macs == pytest.approx(macs * 1e9, rel=0.02)
    assert cost("tsm-resnet50+msm@transform=dense+arc", 8, 224, 174).params == pytest.approx(27.3e6, rel=0.01)
    assert cost("tsm-resnet18+msm@transform=dense+arc", 8, 224, 174).macs == pytest.approx(18e9, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("design", ["cell=gru", "interaction=multiplicative,pool=st"])
def test_nothing_of_an_arc_design_escapes_the_counter(design):
    assert not cost(f"tsm-resnet18+se+arc@{design}", 4, 64, 5).uncounted


def test_memory_of_arc_grows_with_the_steps_and_holds_what_equation_10_counts():
    rows = arc_memory(channels=16, size=14)
    kept = {row["n"]: row["kept_bytes"] / row["map_bytes"] for row in rows}
    assert kept[1] == pytest.approx(3, abs=0.1)  # input, convolution's output, normalised output
    assert kept[1] < kept[2] < kept[4] < kept[8]
    assert (kept[8] - kept[4]) / 4 == pytest.approx(2, abs=0.2)  # a state and its rectified form for every step
    assert all(row["peak_bytes"] > row["kept_bytes"] > row["eq10_bytes"] for row in rows)
    on_cpu = arc_memory((4,), channels=16, size=14, device="cpu")[0]
    assert on_cpu["peak_bytes"] == rows[2]["peak_bytes"]


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("s3d-resnet18+arc", "not FactorisedConv"),
        ("tsm-resnet18+arc+arc", "once"),
        ("tsm-resnet18+arc@stages=res6", "res6"),
        ("tsm-resnet18+arc@n=3", "option 'n' of .arc"),
        ("tsm-resnet18+arc@cell=lstm", "option 'cell' of .arc"),
        ("tsm-inception_v1+arc", "residual blocks"),
    ],
)
def test_combinations_that_do_not_work_are_refused_in_a_sentence(name, says):
    with pytest.raises(BadInput, match=says):
        build(name, 5, 4, 64)


def test_arc_refuses_groups_and_channels_that_it_cannot_cut():
    with pytest.raises(BadInput, match="6 channels into 4"):
        AdaptiveRecursiveCircle(layer(channels=(6, 6)), SITE)
    grouped = layer()
    grouped.conv.groups = 2
    with pytest.raises(BadInput, match="without groups"):
        AdaptiveRecursiveCircle(grouped, SITE)


@pytest.mark.slow
def test_motion_squeeze_refuses_a_single_frame():
    with pytest.raises(BadInput, match="at least 2"):
        build("tsm-resnet18+msm", 5, 1, 64)
    with pytest.raises(BadInput, match="at least 2"):
        build("tsm-resnet18+msm", 5, 2, 64)(torch.zeros(1, 3, 1, 64, 64))
