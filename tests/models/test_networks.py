"""Standalone architectures: printed costs, and properties of the CSTransformer."""

import re

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer, vit_b_16

from suite.models import build, canonical_name
from suite.models.cost import cost
from suite.models.frame_wise import frame_wise_baseline
from suite.models.networks.cstransformer import CrossStageAttention, CrossStageTransformer
from suite.models.options import model_options
from suite.spec import BadInput, parse_model
from tests.models.builders import clip, on_meta, redrawn

RCCA3D_PLACES = "at=conv3_1/conv3_3/conv4_1/conv4_3/conv4_5"


def tiny(name, frames=4, size=32):
    """A CSTransformer of width 48 in float64; all but its cross-stage parameters are drawn at random."""
    torch.manual_seed(0)
    parsed = parse_model(name)
    options = model_options(parsed).network
    net = CrossStageTransformer(parsed, 5, frames, size, 0.0, **options, width=48, heads=4).double().eval()
    for key, value in net.named_parameters():
        if not re.search(r"alpha|beta|fam\.", key):
            nn.init.normal_(value, 1.0 if "norm" in key and key.endswith("weight") else 0.0, 0.15)
    return net


def logits(net, x):
    with torch.inference_mode():
        return net(x)


# --- MF-Net -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "params", "gmacs"),
    [("", 8.0, 11.1), (f"+nl@{RCCA3D_PLACES}", 9.04, 24.7), (f"+rcca@{RCCA3D_PLACES}", 8.78, 23.1)],
)
def test_mfnet_has_the_printed_costs_where_blocks_are_counted_twice(blocks, params, gmacs):
    """rcca3d Table 5, with the 400 classes of Kinetics: the network in multiply-adds, the five blocks at 2 x those."""
    plain, found = cost("mfnet", 16, 224, 400), cost(f"mfnet{blocks}", 16, 224, 400)
    assert found.uncounted == []
    assert found.params / 1e6 == pytest.approx(params, rel=0.001)
    assert (2 * found.macs - plain.macs) / 1e9 == pytest.approx(gmacs, rel=0.006)


@pytest.mark.slow
def test_mfnet_runs_forwards_and_backwards_on_any_clip():
    for frames, size in ((1, 32), (5, 40)):
        net = build("mfnet", 7, frames, size)
        out = net(clip(frames, size, dtype=torch.float32))
        assert out.shape == (2, 7)
        out.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mfnet@width=2", "option of mfnet"),
        ("mfnet+arc", "mfnet has add-on blocks behind residual blocks and"),
        ("mfnet+nl@at=res6", "did you mean 'res5'"),
    ],
)
def test_what_mfnet_cannot_be_is_refused(name, says):
    with pytest.raises(BadInput, match=says):
        build(name, 5, 4, 32)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("mfnet", marks=pytest.mark.slow),
        "cstransformer-v1",
        "cstransformer-v2",
        "cstransformer-v3@head=all",
    ],
)
def test_the_frame_wise_baseline_of_an_architecture_averages_over_frames_seen_alone(name):
    baseline = frame_wise_baseline(name)
    assert canonical_name(baseline) == baseline == frame_wise_baseline(baseline)
    net = tiny(baseline) if name != "mfnet" else redrawn(build(baseline, 5, 4, 32))
    x = clip()
    out, alone = logits(net, x), []
    for t in range(4):
        alone.append(logits(net, x[:, :, t : t + 1].expand_as(x)))
    torch.testing.assert_close(out, torch.stack(alone).mean(0), rtol=0, atol=1e-9)
    for other in (x.flip(2), x[:, :, [2, 0, 3, 1]]):
        torch.testing.assert_close(logits(net, other), out, rtol=0, atol=1e-9)
    assert (out - logits(net, x.roll(1, 3))).abs().max() > 1e-6, "it looks at its frames"


@pytest.mark.slow
def test_mfnet_with_kernels_at_the_middle_tap_sees_every_other_frame_as_its_2d_counterpart_does():
    flat, deep = redrawn(build("mfnet-2d", 5, 4, 32)), redrawn(build("mfnet", 5, 8, 32))
    for (key, value), (theirs, kernel) in zip(deep.named_parameters(), flat.named_parameters(), strict=True):
        assert key == theirs
        if kernel.shape == value.shape:
            value.data.copy_(kernel)
        else:
            value.data.zero_()[:, :, 1].copy_(kernel[:, :, 0])
    x = clip(8)
    torch.testing.assert_close(logits(deep, x), logits(flat, x[:, :, ::2]), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["mfnet", "cstransformer-v1", "cstransformer-v2", "cstransformer-v3"])
def test_the_frame_wise_baseline_of_an_architecture_has_fewer_parameters_and_no_time(name):
    with on_meta():
        whole, baseline = build(name, 5, 4, 32), build(frame_wise_baseline(name), 5, 4, 32)
    theirs = dict(whole.named_parameters())
    for key, value in baseline.named_parameters():
        assert value.ndim < 5 or value.shape[2] == 1, key
        assert value.numel() <= theirs[key].numel(), key
    assert sum(p.numel() for p in baseline.parameters()) < sum(p.numel() for p in theirs.values())


def test_v2_and_v3_share_the_baseline_of_their_twelve_spatial_blocks_and_slowfast_has_tsn():
    assert frame_wise_baseline("cstransformer-v3") == frame_wise_baseline("cstransformer-v2@cssa=no,fam=no")
    assert frame_wise_baseline("cstransformer-v1") != frame_wise_baseline("cstransformer-v2")
    assert frame_wise_baseline("slowfast-resnet101@res4=6+gta") == "tsn-resnet101"
    assert frame_wise_baseline("mfnet+rcca") == "mfnet-2d"
    assert frame_wise_baseline("tsm-resnet18-tp+arc@n=2") == "tsn-resnet18"
    assert frame_wise_baseline("torchvision:r3d_18") == frame_wise_baseline("no such model") == ""


# --- CSTransformer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_without_cross_stage_parts_or_with_ratios_at_zero_it_is_the_baseline(variant):
    baseline = tiny(f"cstransformer-{variant}-baseline")
    expected = logits(baseline, clip())
    off = tiny(f"cstransformer-{variant}@cssa=no,fam=no")
    off.load_state_dict(baseline.state_dict())
    assert torch.equal(logits(off, clip()), expected)
    whole = tiny(f"cstransformer-{variant}@beta_init=0")
    missing, unexpected = whole.load_state_dict(baseline.state_dict(), strict=False)
    assert unexpected == []
    assert all(re.search(r"alpha|^fam\.", key) for key in missing)
    torch.testing.assert_close(logits(whole, clip()), expected, rtol=0, atol=1e-12)
    for key, value in whole.named_parameters():
        if re.search("alpha|beta", key):
            start = value.detach().clone()
            nn.init.constant_(value, 0.5)
            assert (logits(whole, clip()) - expected).abs().max() > 1e-6, key
            value.data.copy_(start)


@pytest.mark.parametrize("start", ["0", "1"])
def test_only_from_one_do_the_betas_have_gradients_of_ordinary_size(start):
    """At 0 the layer normalisation behind a beta multiplies its gradient by 1 / sqrt(eps); noise decides its sign."""
    net = tiny(f"cstransformer-v2@beta_init={start}")
    assert (net.fam.beta == float(start)).all()
    net(clip()).square().sum().backward()
    others = max(p.grad.norm() for key, p in net.named_parameters() if "beta" not in key)
    assert (net.fam.beta.grad.norm() > others) == (start == "0")


def test_the_map_before_is_added_as_it_was_and_not_as_it_was_fused():
    """Eqs. 8 and 14: softmax(A_i + alpha_i A_{i-1}), A_{i-1} scaled logits of the block before alone."""
    torch.manual_seed(0)
    layer = CrossStageAttention(12, 3, crossed=True).double()
    nn.init.constant_(layer.alpha, 0.7)
    x, before = torch.randn(2, 5, 12, dtype=torch.float64), torch.randn(2, 3, 5, 5, dtype=torch.float64)
    out, own = layer(x, before, keep=True)
    q, k, v = (layer.qkv(x)[..., i * 12 : (i + 1) * 12] for i in range(3))
    expected = torch.zeros(2, 5, 12, dtype=torch.float64)
    for n in range(2):
        for head in range(3):
            at = slice(4 * head, 4 * head + 4)
            raw = q[n][:, at] @ k[n][:, at].T / 4**0.5
            torch.testing.assert_close(own[n, head], raw)
            expected[n][:, at] = (raw + 0.7 * before[n, head]).softmax(1) @ v[n][:, at]
    torch.testing.assert_close(out, layer.out(expected))


def test_its_spatial_half_is_torchvisions_vit_frame_by_frame():
    torch.manual_seed(3)
    vit = VisionTransformer(32, 16, num_layers=12, num_heads=4, hidden_dim=48, mlp_dim=192).double().eval()
    for value in vit.parameters():
        nn.init.normal_(value, std=0.2)
    net, found = tiny("cstransformer-v2@temporal_position=no"), vit.state_dict()
    ours = {key: net.imagenet_names(key) for key in net.state_dict()}
    taken = {key: found.pop(names[0]) for key, names in ours.items() if names}
    assert all(net.imagenet_ignored(key) for key in found)
    net.load_state_dict(taken, strict=False)
    vit.encoder.ln = vit.heads = nn.Identity()
    with torch.inference_mode():
        tokens = net.features(net.spatial, net.embed(clip()))[-1].unflatten(0, (2, 4))
        for t in range(4):
            torch.testing.assert_close(tokens[:, t, 0], vit(clip()[:, :, t]), rtol=0, atol=1e-10)


@pytest.mark.parametrize("variant", ["v1", "v2", "v3-baseline", "v1-spatial", "v2-spatial"])
def test_every_tensor_of_vit_b_16_has_its_place(variant):
    with on_meta():
        theirs = vit_b_16().state_dict()
        ours = build(f"cstransformer-{variant}", 5, 2, 224).net
    for key, value in ours.state_dict().items():
        for name in ours.imagenet_names(key):
            assert theirs.pop(name).shape == value.shape, key
    assert all(ours.imagenet_ignored(key) for key in theirs)
    assert not [key for key, _ in ours.named_parameters() if key.startswith("spatial") and key not in _mapped(ours)]


def _mapped(net):
    return {key for key, _ in net.named_parameters() if net.imagenet_names(key) or "alpha" in key}


@pytest.mark.parametrize("head", ["class", "all"])
def test_only_the_temporal_encoding_tells_the_order_of_frames(head):
    x = clip()
    for name, blind in (("no", True), ("yes", False)):
        net = tiny(f"cstransformer-v2@temporal_position={name},head={head}")
        for key, value in net.named_parameters():
            if re.search("alpha|beta", key):
                nn.init.constant_(value, 0.3)
        for other in (x.flip(2), x[:, :, [2, 0, 3, 1]]):
            difference = (logits(net, x) - logits(net, other)).abs().max()
            assert difference < 1e-12 if blind else difference > 1e-6


def test_temporal_blocks_of_the_patches_do_not_reach_a_head_that_reads_the_class_tokens():
    for head, reached in (("class", False), ("all", True)):
        net = tiny(f"cstransformer-v2@head={head}")
        nn.init.constant_(net.fam.beta, 0.3)
        expected = logits(net, clip())

        def disturb(block, args):
            places = torch.arange(len(args[0])) % 5  # class token, then 2 x 2 patches
            return (args[0] + (places > 0).double()[:, None, None] * torch.linspace(0, 1, 48).double(), *args[1:])

        net.temporal[0].register_forward_pre_hook(disturb)
        assert ((logits(net, clip()) - expected).abs().max() > 1e-6) == reached


@pytest.mark.parametrize(
    ("name", "gflops"),
    [("v1", 345.2), ("v2", 339.6), ("v3", 365.6), ("v2@ratio=2", 359.9), ("v2@ratio=4", 400.7)],
)
def test_printed_gflops_are_about_two_per_multiply_add(name, gflops):
    found = cost(f"cstransformer-{name}", 8, 224, 400)
    assert found.uncounted == []
    assert 1.0 < 2 * found.macs / 1e9 / gflops < 1.04  # no reading of the paper gives the printed digits


@pytest.mark.parametrize(
    ("name", "size", "says"),
    [
        ("cstransformer-v2", 100, "multiple of 16, such as 96, not 100"),
        ("cstransformer-v2@ratio=3", 32, "known: 1, 2, 4"),
        ("cstransformer-v2@positions=no", 32, "option of cstransformer-v2"),
        ("cstransformer-v2-baseline@fam=yes", 32, "give fam=yes to cstransformer-v2 instead"),
        ("cstransformer-v2-spatial@cssa=no", 32, "the spatial network has neither cssa nor fam; give cssa=no to"),
        ("cstransformer-v2-spatial@ratio=2", 32, "option of cstransformer-v2-spatial 'ratio'"),
        ("cstransformer-v2+rcca", 32, "residual blocks, which cstransformer-v2 does not have"),
    ],
)
def test_what_a_cstransformer_cannot_be_is_refused(name, size, says):
    with pytest.raises(BadInput, match=says), on_meta():
        build(name, 5, 4, size)
