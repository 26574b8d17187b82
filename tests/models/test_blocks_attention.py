"""Attention blocks: printed costs, properties of +nl, +dnl, +sa, +ta, +tape and +gta, names that make no sense."""

import pytest
import torch

from suite.evaluation.order_probe import order
from suite.models import build
from suite.models.blocks.attention import Attention, attention_maps, every_other_block, interpolated
from suite.models.blocks.gta import GlobalHeads, GlobalTemporalAttention
from suite.models.blocks.nonlocal_ import DecoupledNonLocal, NonLocal, SpatialAttention, TemporalAttention
from suite.models.cost import cost, count
from suite.models.registry import find_add_on_block
from suite.spec import BadInput
from tests.models.builders import on_meta, redrawn, started, volume

BLOCKS = ("nl", "dnl", "sa", "ta", "tape", "gta")


# --- starts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_starts_as_the_identity_unless_told_otherwise(block):
    x = volume(1, 32, 4, 4, 4).float()
    with torch.no_grad():
        assert torch.equal(started(block).eval()(x), x)
        y = started(block, zero_init="no").eval()(x)
    assert y.isfinite().all()
    assert not torch.allclose(y, x, atol=1e-2)


def test_without_zero_init_every_projection_of_gta_starts_as_kaimings():
    block = started("gta", channels=512, zero_init="no")
    for branch in (block.pixel, block.regional):
        for layer in (branch.g, branch.out):
            fan_in = layer.weight[0].numel()
            assert float(layer.weight.std().detach()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.03)
    assert (block.spatial.out.bn.weight == 1).all()


def test_the_scaled_non_local_block_divides_by_the_root_of_its_inner_width():
    """gta eq. 2, in which C is the width of what is multiplied."""
    x = volume(1, 8, 2, 3, 3)
    blocks = {scale: redrawn(NonLocal(8, 2, pool="1", scale=scale)) for scale in ("none", "sqrt")}
    q, k, v = (
        torch.einsum("dc,bcthw->bdthw", layer.weight.flatten(1), x).flatten(2)[0] + layer.bias[:, None]
        for layer in (blocks["sqrt"].theta, blocks["sqrt"].phi, blocks["sqrt"].g)
    )
    for scale, factor in (("none", 1.0), ("sqrt", 4**-0.5)):
        expected = (factor * q.T @ k).softmax(1) @ v.T
        torch.testing.assert_close(blocks[scale].attended(x).flatten(1, 2)[0], expected)


# --- costs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "gmacs", "params"), [("", 32.7, 23.9), ("+nl", 61.1, 31.2), ("+dnl", 49.9, 31.2), ("+gta", 50.2, 31.2)]
)
def test_the_2d_rows_of_gta_table_1_cost_what_is_printed(block, gmacs, params):
    found = cost(f"tsn-resnet50{block}", 8, 224, 174)
    assert found.uncounted == []
    assert found.macs / 1e9 == pytest.approx(gmacs, abs=0.05)
    assert found.params / 1e6 == pytest.approx(params, rel=0.004)


@pytest.mark.parametrize(("block", "gmacs"), [("nl", 108.5), ("dnl", 37.7), ("gta", 38.5)])
def test_the_3d_rows_of_gta_table_1_are_16_frames_of_256_pixels_pooled_before_the_projection(block, gmacs):
    """Printed 239.9, 169.1 and 169.9 over a baseline of 131.4; the slow pathway has the map sizes of the 2-D net."""
    found = cost(f"tsn-resnet50+{block}@pool=before", 16, 256).macs - cost("tsn-resnet50", 16, 256).macs
    assert found / 1e9 == pytest.approx(gmacs, rel=0.01)


def test_five_blocks_where_there_is_room_and_fewer_in_shallow_networks():
    assert every_other_block((3, 4, 6, 3)) == every_other_block((3, 4, 23, 3)) == "res3:2/res4:3"
    assert every_other_block((2, 2, 2, 2)) == "res3:1/res4:1"
    with on_meta():
        for name, n in (("resnet18", 2), ("resnet34", 5), ("resnet50", 5)):
            assert sum(isinstance(m, NonLocal) for m in build(f"tsn-{name}+nl").modules()) == n


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
def test_the_counter_sees_the_same_on_the_meta_device_and_on_the_cpu(block):
    model = build(f"tsn-resnet18+{block}", 5, 4, 32).eval()
    x = torch.empty(1, 3, 4, 32, 32)
    fused, parts = count(model, x), count(model.to("meta"), x.to("meta"))
    assert (fused.macs, fused.conv_macs, fused.uncounted) == (parts.macs, parts.conv_macs, parts.uncounted)
    assert parts.uncounted == []


# --- properties ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_blocks_as_they_start_leave_the_logits_as_they_were_to_the_bit():
    plain, x = build("tsn-resnet18", 5, 4, 32).eval(), torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        logits = plain(x)
    for block in ("nl", "dnl", "gta"):
        model = build(f"tsn-resnet18+{block}", 5, 4, 32, seed=1).eval()
        left = model.load_state_dict(plain.state_dict(), strict=False)
        assert left.unexpected_keys == []
        assert left.missing_keys
        assert all(".exit." in key for key in left.missing_keys)
        with torch.no_grad():
            assert torch.equal(model(x), logits), block


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_starts_as_the_identity_and_then_every_parameter_of_it_learns(block):
    layer, x = started(block), volume(2, 32, 4, 4, 4).float()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    assert torch.equal(layer(x), x)
    for _ in range(3):  # in the first step only what starts at zero moves
        optimizer.zero_grad()
        (layer(x) * volume(2, 32, 4, 4, 4, seed=2).float()).mean().backward()
        optimizer.step()
    assert [key for key, p in layer.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_starts_with_a_softmax_that_is_not_saturated(block):
    """Started like the backbone's convolutions, by what comes out, the largest share would be near one."""
    layer = started(block, channels=512)
    with torch.no_grad(), attention_maps(layer) as maps:
        layer(torch.relu(torch.randn(1, 512, 4, 7, 7)))
    assert all(float(found.amax(-1).mean()) < 0.8 for found in maps.values())


@pytest.mark.parametrize("block", [*BLOCKS, "pixel", "region"])
def test_without_encodings_or_matrices_shuffled_frames_come_out_shuffled_alike(block):
    """So a 2-D network, whose head takes the mean over frames, cannot tell their order."""
    layer = {
        "pixel": lambda: GlobalTemporalAttention(32, 5, branches="pixel", sa="no"),
        "region": lambda: GlobalTemporalAttention(32, 5, branches="region", sa="no"),
    }.get(block, lambda: find_add_on_block(block).cls(32, 5))
    layer, x = redrawn(layer()), volume(2, 32, 5, 4, 4)
    for change in ([4, 3, 2, 1, 0], [2, 0, 4, 1, 3]):
        alike = torch.allclose(layer(x[:, :, change]), layer(x)[:, :, change], rtol=1e-9, atol=1e-11)
        assert alike == (block in ("nl", "dnl", "sa", "ta"))
        same_mean = torch.allclose(layer(x[:, :, change]).mean(2), layer(x).mean(2), rtol=1e-9, atol=1e-11)
        assert same_mean == alike


@pytest.mark.slow
def test_a_2d_network_with_nl_cannot_tell_a_clip_from_its_reverse_and_with_gta_it_can():
    assert {block: order(f"tsn-resnet18+{block}", 4, 32, 5)["order_blind"] for block in ("nl", "gta")} == {
        "nl": True,
        "gta": False,
    }


@pytest.mark.parametrize("block", BLOCKS)
def test_the_fused_kernel_gives_what_the_explicit_map_gives(block):
    layer, x = redrawn(find_add_on_block(block).cls(32, 5)), volume(2, 32, 5, 4, 6)
    fused = layer(x)
    with attention_maps(layer) as maps:
        explicit = layer(x)
    assert torch.allclose(fused, explicit, rtol=1e-9)
    assert len(maps) == {"dnl": 2, "gta": 2}.get(block, 1)
    for name, found in maps.items():  # shares of positions, and for regions too
        assert torch.allclose(found.sum(-1), torch.ones(()).double()), name
    assert not any(getattr(module, "keep_maps", False) for module in layer.modules())


@pytest.mark.slow
def test_maps_of_a_network_come_under_the_names_of_its_modules():
    model = build("tsn-resnet18+nl", 5, 4, 64)
    with torch.no_grad(), attention_maps(model) as maps:
        model(torch.randn(2, 3, 4, 64, 64))
    assert {name: tuple(found.shape) for name, found in maps.items()} == {
        "net.layer2.0.exit.0.attention": (2, 4 * 64, 4 * 16),  # (B, THW, THW / 4)
        "net.layer3.0.exit.0.attention": (2, 4 * 16, 4 * 4),
    }


def test_attention_without_a_scale_divides_by_the_root_of_the_width_and_nl_does_not():
    q, k, v = volume(1, 2, 3, 5, 16)[0], volume(1, 2, 3, 7, 16, seed=2)[0], volume(1, 2, 3, 7, 16, seed=3)[0]
    assert torch.allclose(Attention()(q, k, v), (q @ k.transpose(-1, -2) / 4).softmax(-1) @ v)
    assert torch.allclose(Attention(1.0)(q, k, v), (q @ k.transpose(-1, -2)).softmax(-1) @ v)
    assert NonLocal(16, 2).attention.scale == 1.0


def test_nonlocal_equals_a_loop_over_positions():
    block, x = redrawn(NonLocal(8, 3, pool="1")), volume(1, 8, 3, 2, 4)
    flat = x.flatten(2)[0]  # C, THW
    theta, phi, g = (
        layer.weight.flatten(1) @ flat + layer.bias[:, None] for layer in (block.theta, block.phi, block.g)
    )
    rows = []
    for n in range(flat.shape[1]):
        weights = torch.stack([theta[:, n] @ phi[:, m] for m in range(flat.shape[1])]).softmax(0)
        rows.append(sum(w * g[:, m] for m, w in enumerate(weights)))
    with torch.no_grad():
        expected = x + block.out(torch.stack(rows, 1).view(1, 4, 3, 2, 4))
        assert torch.allclose(block(x), expected)


def test_spatial_attention_stays_in_its_frame_and_temporal_attention_at_its_position():
    x = volume(1, 16, 3, 4, 4).requires_grad_()
    for block, kept in (
        (SpatialAttention(16, 3), (1, slice(None), slice(None))),
        (TemporalAttention(16, 3), (..., 2, 3)),
    ):
        (seen,) = torch.autograd.grad(redrawn(block)(x)[0, :, 1, 2, 3].sum(), x)
        outside = seen[0].abs().sum(0)
        assert (outside[kept] > 0).any()
        outside[kept] = 0
        assert not outside.any()


def test_decoupled_attention_is_the_spatial_and_then_the_temporal_one():
    both, spatial, temporal = redrawn(DecoupledNonLocal(16, 3)), SpatialAttention(16, 3), TemporalAttention(16, 3)
    spatial.double().eval().load_state_dict(both.spatial.state_dict())
    temporal.double().eval().load_state_dict(both.temporal.state_dict())
    x = volume(2, 16, 3, 4, 4)
    assert torch.equal(both(x), temporal(spatial(x)))


def test_keys_pooled_before_the_projection_are_other_keys_and_a_map_of_one_pixel_needs_no_pooling():
    x = volume(1, 16, 3, 5, 4)
    outputs = [redrawn(SpatialAttention(16, 3, pool))(x) for pool in ("2", "1", "before")]
    assert not any(torch.allclose(outputs[i], outputs[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert redrawn(NonLocal(16, 3))(volume(1, 16, 3, 1, 1)).shape == (1, 16, 3, 1, 1)


# --- other numbers of frames --------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", BLOCKS)
def test_every_parameter_whose_shape_depends_on_the_frames_is_named_in_time_parameters(block):
    with on_meta():
        short, long = (build(f"tsn-resnet18+{block}", 5, frames, 64) for frames in (4, 8))
    state, wanted = dict(short.state_dict()), long.state_dict()
    timed = {
        f"{where}.{key}": how
        for where, module in short.named_modules()
        for key, how in getattr(module, "time_parameters", {}).items()
    }
    assert set(timed) == {key for key, value in state.items() if value.shape != wanted[key].shape}
    assert bool(timed) == (block in ("tape", "gta"))
    for key, how in timed.items():
        assert interpolated(state[key], 8, **how).shape == wanted[key].shape


def test_matrices_of_more_frames_give_a_still_clip_the_mean_output_that_it_had():
    short, long, still = redrawn(GlobalHeads(2, 4)), GlobalHeads(2, 8).double(), torch.ones(2, 1, 6, 8).double()
    how = short.time_parameters["matrices"]
    long.load_state_dict({"matrices": interpolated(short.matrices.detach(), 8, **how)})
    few, many = short(still.expand(-1, 4, -1, -1)), long(still.expand(-1, 8, -1, -1))
    assert torch.allclose(few.mean(1), many.mean(1))


def test_interpolation_keeps_what_is_linear_in_time_and_leaves_equal_lengths_alone():
    ramp = torch.arange(4.0)[:, None] * torch.ones(3)
    assert interpolated(ramp, 4, (0,)) is ramp
    assert interpolated(ramp, 8, (0,))[:, 0].tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    assert torch.equal(interpolated(interpolated(ramp, 8, (0,))[1:-1], 3, (0,))[:, 1], torch.tensor([0.5, 1.5, 2.5]))
    matrices = torch.rand(2, 2, 4, 4)
    assert torch.allclose(interpolated(matrices, 8, (2, 3), 3).sum(3).mean(), matrices.sum(3).mean())


# --- layout and names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", BLOCKS)
def test_one_layout_from_input_to_output(block):
    layer, odd = started(block), []

    def look(module, inputs, output):
        if output.ndim == 5 and not output.is_contiguous(memory_format=torch.channels_last_3d):
            odd.append(type(module).__name__)

    for module in layer.modules():
        module.register_forward_hook(look)
    layer(volume(2, 32, 4, 6, 6).float())
    assert odd == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tsn-resnet18+nl@at=res6:1", "Unknown stage 'res6'"),
        ("tsn-resnet18+nl@at=res3:2", "res3 has 2 blocks"),
        ("tsn-resnet50+dnl@at=conv4_7", "res4 has 6 blocks"),
        ("tsn-resnet18+nl@pool=3", "pool"),
        ("tsn-resnet18+ta@pool=2", "Unknown option"),
        ("tsn-resnet18+gta@groups=3", "groups"),
        ("tsn-resnet18+gta@branch=pixel", "did you mean 'branches'"),
        ("tsn-inception_v1+gta", "residual blocks"),
    ],
)
def test_a_place_or_option_that_makes_no_sense_is_refused_in_one_sentence(name, words):
    with pytest.raises(BadInput, match=words):
        build(name, 5)


@pytest.mark.slow
def test_clips_and_channels_that_a_block_cannot_take_are_refused_in_one_sentence():
    for block in ("gta", "tape"):
        with pytest.raises(BadInput, match=f"\\+{block} was built for 8 frames at its place and met 4"):
            build(f"tsn-resnet18+{block}", 5, 8, 32)(torch.randn(1, 3, 4, 32, 32))
    with pytest.raises(BadInput, match="multiple of 32 or fewer groups"):
        GlobalTemporalAttention(16, 8)
    with pytest.raises(BadInput, match="1/4 of the channels"):
        TemporalAttention(6, 8)
