"""Global temporal attention: its equations in loops."""

import pytest
import torch

from suite.models import build
from suite.models.blocks.gta import GlobalHeads, GlobalTemporalAttention
from tests.models.builders import redrawn, volume


def test_gta_with_identity_matrices_one_group_and_pixels_alone_is_a_linear_map():
    block = redrawn(GlobalTemporalAttention(16, 4, branches="pixel", groups="1", sa="no"))
    with torch.no_grad():
        block.pixel.heads.matrices.copy_(torch.eye(4))
    value, out = (layer.weight.flatten(1) for layer in (block.pixel.g, block.pixel.out))
    x = volume(2, 16, 4, 3, 3)
    assert torch.allclose(block(x), torch.einsum("dc,bcthw->bdthw", torch.eye(16) + out @ value, x))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_gta_equals_equations_5_to_8_in_loops(groups):
    block = redrawn(GlobalTemporalAttention(32, 3, groups=str(groups), regions="4", sa="no"))
    x = volume(1, 32, 3, 2, 2)
    flat = x[0].permute(1, 2, 3, 0).flatten(1, 2)  # T, HW, C

    def heads(branch, values):  # T, P, C' -> the same
        parts = values.chunk(groups, dim=2)
        rows = []
        for k in range(groups):
            mixed = [torch.einsum("ts,spc->tpc", branch.heads.matrices[g, k], parts[g]) for g in range(groups)]
            rows.append(sum(mixed))
        return torch.cat(rows, 2)

    pixel, region = block.pixel, block.regional
    expected = flat + heads(pixel, flat @ pixel.g.weight.flatten(1).T) @ pixel.out.weight.flatten(1).T
    to_regions = (flat @ region.region.weight.flatten(1).T).softmax(1).transpose(1, 2)  # T, R, HW
    regions = heads(region, to_regions @ flat @ region.g.weight.flatten(1).T)  # W_R first, as printed
    expected = expected + to_regions.transpose(1, 2) @ (regions @ region.out.weight.flatten(1).T)
    assert torch.allclose(block(x)[0].permute(1, 2, 3, 0).flatten(1, 2), expected)


@pytest.mark.slow
def test_gta_takes_the_frames_that_are_left_behind_temporal_pooling():
    model = build("tsn-resnet18-tp+gta", 5, 8, 48)
    model(torch.randn(2, 3, 8, 48, 48)).sum().backward()
    assert {m.matrices.shape[-1] for m in model.modules() if isinstance(m, GlobalHeads)} == {4, 2}
