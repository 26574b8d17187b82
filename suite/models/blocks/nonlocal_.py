"""Non-local blocks: attention over space and time at once (`+nl`), or one after the other (`+dnl`, `+sa`, `+ta`)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from suite.models.blocks.attention import (
    Attention,
    check_frames,
    every_other_block,
    halved,
    inner_width,
    kaiming_start,
    tokens,
    untokens,
)
from suite.models.layers import ConvNorm, SpatialConv
from suite.models.registry import add_on_block

BN_EPS = 1e-5
# Keys and values: max-pooled (1,2,2) as released with TSM, whole, or made of a map max-pooled before, as PySlowFast
# does.  By their arithmetic the 2-D rows of gta Table 1 are of the first kind and the 3-D rows of the last.
POOLS = ("2", "1", "before")
ZERO_INIT = ("yes", "no")
"""Whether a block starts as the identity: its last normalisation, or W_O where none follows, at zero."""
SCALES = {"none": 1.0, "sqrt": None}
"""Value of `scale=` -> the factor of Attention: no division, or by the root of the inner width (gta eq 2)."""


class _AttentionBlock(nn.Module):
    """Y = X + norm(attention(X) W_O) (gta eqs 1 to 4): (B, C, T, H, W) -> the same shape.

    theta, phi and g are W_Q, W_K and W_V as 1x1x1 convolutions.  The norm starts at zero, so that a pretrained network
    first gives what it gave without the block; with `zero_init=no` it starts at one, as a norm usually does.
    """

    name: str
    fraction = 4  # of the channels: the inner width; the printed costs of gta Table 1 imply it
    bias = False

    def __init__(self, channels: int, scale: float | None = None, pool: str = "1", zero_init: str = "yes"):
        """scale: see Attention; pool: see POOLS; zero_init: see ZERO_INIT."""
        super().__init__()
        width = inner_width(self.name, channels, self.fraction)
        self.theta, self.phi, self.g = (SpatialConv(channels, width, 1, bias=self.bias) for _ in range(3))
        self.attention = Attention(scale)
        self.out = ConvNorm(SpatialConv(width, channels, 1, bias=self.bias), channels, BN_EPS)
        self.pool, self.zero_init = pool, zero_init

    def start(self) -> None:
        kaiming_start(self)
        self.start_norm()

    def start_norm(self) -> None:
        nn.init.constant_(self.out.bn.weight, 0.0 if self.zero_init == "yes" else 1.0)

    def projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, T, HW, C'), keys and values (B, T, HW, C') or, pooled, (B, T, HW / 4, C')."""
        small = halved(x) if self.pool == "before" else x
        k, v = self.phi(small), self.g(small)
        if self.pool == "2":
            k, v = halved(k), halved(v)
        return tokens(self.theta(x)), tokens(k), tokens(v)

    def attended(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, T, HW, C'); each kind of block has its own."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.out(untokens(self.attended(x), x)).add_(x)


@add_on_block(
    "nl",
    title="non-local",
    site="block_exit",
    paper="Non-local, Wang et al. 2018",
    equation="gta eqs. 1 to 4",
    positions=every_other_block,
    options={"pool": POOLS, "scale": tuple(SCALES), "zero_init": ZERO_INIT},
    start_only=("zero_init",),
    maps=("attention",),
)
class NonLocal(_AttentionBlock):
    """Every position attends to all of the clip (Wang et al. 2018), as released with TSM (Lin et al. 2019).

    Inner width C/2, biased convolutions, no division by sqrt(d) in the softmax; keys and values max-pooled
    (1,2,2) unless `pool=` says otherwise.  `scale=sqrt` divides by the root of the inner width, as gta eq. 2 and
    PySlowFast do.  Sees space and time as one set: it cannot tell the order of the frames.
    """

    name = "nl"
    fraction = 2
    bias = True

    def __init__(self, channels: int, frames: int, pool: str = "2", scale: str = "none", zero_init: str = "yes"):
        super().__init__(channels, SCALES[scale], pool, zero_init)

    def start(self) -> None:
        # PyTorch's own start of a convolution, as in the release: a larger one saturates a softmax without 1/sqrt(d).
        for layer in (self.theta, self.phi, self.g, self.out.conv):
            layer.reset_parameters()
        self.start_norm()

    def attended(self, x: Tensor) -> Tensor:
        q, k, v = (part.flatten(1, 2) for part in self.projected(x))
        return self.attention(q, k, v).unflatten(1, (x.shape[2], -1))


@add_on_block(
    "sa",
    title="SA",
    site="block_exit",
    paper="GTA, He et al. 2020",
    equation="gta Sec. 3.2, Table 3",
    positions=every_other_block,
    options={"pool": POOLS, "zero_init": ZERO_INIT},
    start_only=("zero_init",),
    maps=("attention",),
)
class SpatialAttention(_AttentionBlock):
    """Every position attends to its own frame (gta Sec. 3.2); keys and values pooled as in `+nl`."""

    name = "sa"

    def __init__(self, channels: int, frames: int, pool: str = "2", zero_init: str = "yes"):
        super().__init__(channels, pool=pool, zero_init=zero_init)

    def attended(self, x: Tensor) -> Tensor:
        q, k, v = (part.flatten(0, 1) for part in self.projected(x))
        return self.attention(q, k, v).unflatten(0, (len(x), -1))


@add_on_block(
    "ta",
    title="TA",
    site="block_exit",
    paper="GTA, He et al. 2020",
    equation="gta Sec. 3.2, Table 3",
    positions=every_other_block,
    options={"zero_init": ZERO_INIT},
    start_only=("zero_init",),
    maps=("attention",),
)
class TemporalAttention(_AttentionBlock):
    """Every position attends to the same position of all frames (gta Sec. 3.2)."""

    name = "ta"

    def __init__(self, channels: int, frames: int, zero_init: str = "yes"):
        super().__init__(channels, zero_init=zero_init)

    def attended(self, x: Tensor) -> Tensor:
        q, k, v = (part.transpose(1, 2) for part in self.projected(x))  # (B, HW, T, C')
        return self.attention(q, k, v).transpose(1, 2)


@add_on_block(
    "tape",
    title="TAPE",
    site="block_exit",
    paper="GTA, He et al. 2020",
    equation="gta Table 3",
    positions=every_other_block,
    options={"zero_init": ZERO_INIT},
    start_only=("zero_init",),
    maps=("attention",),
)
class TemporalAttentionWithEncoding(TemporalAttention):
    """Temporal attention that knows the position of a frame (gta Table 3, TAPE).

    A learnable vector per frame, `encoding` (T, C), is added to what goes into the attention and not to the residual.
    It starts as the sines and cosines of Vaswani et al. 2017, which the paper cites without saying more.
    """

    name = "tape"
    time_parameters = {"encoding": {"dims": (0,)}}

    def __init__(self, channels: int, frames: int, zero_init: str = "yes"):
        super().__init__(channels, frames, zero_init)
        self.encoding = nn.Parameter(torch.empty(frames, channels))

    def start(self) -> None:
        super().start()
        frames, channels = self.encoding.shape
        rate = 10000.0 ** (-torch.arange(0, channels, 2) / channels)
        angle = torch.arange(frames)[:, None] * rate
        with torch.no_grad():
            self.encoding.copy_(torch.stack([angle.sin(), angle.cos()], 2).flatten(1)[:, :channels])

    def attended(self, x: Tensor) -> Tensor:
        check_frames(self.name, x, len(self.encoding))
        return super().attended(x + self.encoding.T[:, :, None, None])


@add_on_block(
    "dnl",
    title="DNL",
    site="block_exit",
    paper="GTA, He et al. 2020",
    equation="gta Sec. 3.2",
    positions=every_other_block,
    options={"pool": POOLS, "zero_init": ZERO_INIT},
    start_only=("zero_init",),
    maps=("attention",),
)
class DecoupledNonLocal(nn.Module):
    """Spatial attention, then temporal attention, each with its own projections (gta Sec. 3.2): `+sa+ta` as one."""

    def __init__(self, channels: int, frames: int, pool: str = "2", zero_init: str = "yes"):
        super().__init__()
        self.spatial = SpatialAttention(channels, frames, pool, zero_init)
        self.temporal = TemporalAttention(channels, frames, zero_init)

    def forward(self, x: Tensor) -> Tensor:
        return self.temporal(self.spatial(x))
