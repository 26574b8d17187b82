"""GTA: temporal attention by learned matrices that do not depend on the clip, on pixels and on regions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from suite.models.blocks.attention import check_frames, every_other_block, inner_width, kaiming_start, tokens, untokens
from suite.models.blocks.nonlocal_ import POOLS, ZERO_INIT, SpatialAttention
from suite.models.layers import SpatialConv
from suite.models.registry import add_on_block


class GlobalHeads(nn.Module):
    """MH_G of gta eqs 5 to 7 with as many heads as groups: (B, T, P, C') -> the same shape.

    The channels fall into G groups; head k is the sum over the groups g of M[g, k] V_g along time, M (G, G, T, T), and
    makes the k-th C'/G channels of the output.  No softmax: the matrices are free.
    """

    time_parameters = {"matrices": {"dims": (2, 3), "summed": 3}}

    def __init__(self, groups: int, frames: int):
        super().__init__()
        self.matrices = nn.Parameter(torch.empty(groups, groups, frames, frames))  # group, head, to, from

    def start(self) -> None:
        groups, _, frames, _ = self.matrices.shape
        nn.init.normal_(self.matrices, 0, (2 / (groups * frames)) ** 0.5)

    def forward(self, v: Tensor) -> Tensor:
        v = v.unflatten(3, (len(self.matrices), -1))
        return torch.einsum("gkts,bspgc->btpkc", self.matrices, v).flatten(3)


class PixelBranch(nn.Module):
    """MH_G(X) W_O: every position for itself.  (B, C, T, H, W) -> the same shape."""

    def __init__(self, channels: int, frames: int, groups: int):
        super().__init__()
        width = inner_width("gta", channels, 4, groups)
        self.g = SpatialConv(channels, width, 1)
        self.heads = GlobalHeads(groups, frames)
        self.out = SpatialConv(width, channels, 1)

    def mixed(self, x: Tensor, v: Tensor) -> Tensor:
        """v: the values of x, both there and back (B, T, HW, C')."""
        return self.heads(v)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(untokens(self.mixed(x, tokens(self.g(x))), x))


class RegionBranch(PixelBranch):
    """W_R^T MH_G(W_R X) W_O: R regions of every frame in place of its positions.

    W_R (B, T, R, HW) is a 1x1 convolution of X with a softmax over the positions, which works at any size; the paper
    does not say what it is.  W_V and W_O act on positions and not on regions, the same function, as the printed cost
    has it.  `map` is the last W_R where `keep_maps` asks for it.
    """

    def __init__(self, channels: int, frames: int, groups: int, regions: int):
        super().__init__(channels, frames, groups)
        self.region = SpatialConv(channels, regions, 1)
        self.keep_maps = False
        self.map: Tensor | None = None

    def mixed(self, x: Tensor, v: Tensor) -> Tensor:
        regions = tokens(self.region(x)).softmax(2)  # (B, T, HW, R)
        if self.keep_maps:
            self.map = regions.detach().transpose(2, 3)
        return regions @ self.heads(regions.transpose(2, 3) @ v)


@add_on_block(
    "gta",
    title="GTA",
    site="block_exit",
    paper="GTA, He et al. 2020",
    equation="gta eqs. 5 to 8",
    positions=every_other_block,
    options={
        "branches": ("both", "pixel", "region"),
        "groups": ("1", "2", "4", "8", "16"),
        "regions": ("4", "8", "16", "32"),
        "sa": ("yes", "no"),
        "pool": POOLS,
        "zero_init": ZERO_INIT,
    },
    start_only=("zero_init",),
    maps=("attention", "regions"),
)
class GlobalTemporalAttention(nn.Module):
    """Spatial attention, then Y = X + pixel branch + region branch (gta eq 8): (B, C, T, H, W) -> the same shape.

    Inner width C/4.  `branches=` keeps one of the two, `groups=` is G, `regions=` is R (not stated; 8 comes nearest to
    the printed 50.2 G of Table 1), `sa=no` leaves the spatial attention out (Table 3), `pool=` is its own.  Both W_O,
    and the norm of the spatial attention, start at zero: a pretrained network first gives what it gave without the
    block.  With `zero_init=no` W_O starts as the other projections do (Kaiming, gta Sec. 4.1) and the norm at one.
    """

    def __init__(
        self,
        channels: int,
        frames: int,
        branches: str = "both",
        groups: str = "8",
        regions: str = "8",
        sa: str = "yes",
        pool: str = "2",
        zero_init: str = "yes",
    ):
        super().__init__()
        self.frames, self.zero_init = frames, zero_init
        self.spatial = SpatialAttention(channels, frames, pool, zero_init) if sa == "yes" else None
        self.pixel = PixelBranch(channels, frames, int(groups)) if branches != "region" else None
        self.regional = RegionBranch(channels, frames, int(groups), int(regions)) if branches != "pixel" else None

    def start(self) -> None:
        for branch in (self.pixel, self.regional):
            if branch is not None:
                kaiming_start(branch)
                if self.zero_init == "yes":
                    nn.init.zeros_(branch.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        check_frames("gta", x, self.frames)
        if self.spatial is not None:
            x = self.spatial(x)
        y = x
        for branch in (self.pixel, self.regional):
            if branch is not None:
                y = y + branch(x)
        return y
