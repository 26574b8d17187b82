"""ARC: an adaptive recursive circle around a convolution."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.layers import ConvNorm, SpatialConv, VolumeConv
from suite.models.registry import add_on_block
from suite.models.sites import ConvSite
from suite.spec import BadInput

# Dimensions that each maximum takes; "both" is S + T of Table 5d ("+" begins a block in a model name).
POOLS = {"both": ((3, 4), (2,)), "s": ((3, 4),), "t": ((2,),), "st": ((2, 3, 4),)}


@add_on_block(
    "arc",
    site="decorator",
    paper="ARC, Lin et al.",
    equation="arc eqs. 1 to 10",
    positions="res3/res4/res5",
    example="tsm-resnet50+arc",
    options={
        "n": ("1", "2", "4", "8"),
        "interaction": ("additive", "multiplicative"),
        "pool": tuple(POOLS),
        "cell": ("fc", "gru"),
        "embedding": ("yes", "no"),
        "fusion": ("yes", "no"),
        "attention": ("yes", "no"),
    },
)
class AdaptiveRecursiveCircle(nn.Module):
    """Makes an output in n parts, each from an input enriched by the parts before it (ARC, Lin et al. 2021).

    In (B, C_in, T, H, W), out as the decorated layer's (B, C_out, T', H', W').  Part i has C_out / n channels and the
    layer's own kernels (eqs. 2 to 4): Y_i = f(Z_i; w_i), Z_1 = X,

        Z_i = ReLU(ReLU(X + W_e X + sum_{j<i} W_fj Y_j) + sum_{j<i} W_aj (max over space of Y_j (+) over time of Y_j))

    with (+) the sum with broadcasting (eqs. 5 to 7).  Eq. 5 prints one ReLU directly inside another, where the outer
    one does nothing; we take the inner bracket to end before the attention.  With every W at zero, where they start,
    Z_i is then X wherever X >= 0, which it is behind a ReLU, and the layer is the plain convolution.

    Y_j are outputs of the convolution; the layer's batch normalisation is applied once, to all parts together.  Y_j of
    a layer that strides is brought to the input's size by nearest neighbour, and fused there: the printed costs
    (Table 5c) are those of that order, though fusing first would give the same numbers for less.

    n: parts, that is recursive steps (Table 5b); 1 is the plain layer.  interaction, pool, cell: the designs of
    Table 5d.  A multiplicative attention is 2 sigmoid(.), which starts at 1 and not at 1/2.  A GRU (one for all steps,
    its state in place of the sum over j) reads each pooled map by itself, so that S + T adds two states.
    embedding, fusion, attention: "no" takes the part away (Table 5a).  The printed parameters need W_e, W_f and W_a
    on every decorated layer (eq. 9 has one of the two last).

    Raises BadInput for a layer that is no plain convolution, has groups, or whose channels n does not divide.
    """

    def __init__(
        self,
        layer: nn.Module,
        conv: ConvSite,
        n: str = "4",
        interaction: str = "additive",
        pool: str = "both",
        cell: str = "fc",
        embedding: str = "yes",
        fusion: str = "yes",
        attention: str = "yes",
    ):
        """layer: a ConvNorm over SpatialConv or VolumeConv; it stays as it is, in `base`."""
        super().__init__()
        _check(layer, int(n))
        self.base, self.n, self.interaction, self.pools = layer, int(n), interaction, POOLS[pool]
        self.arc_embedding = self.arc_fusion = self.arc_attention = None
        if self.n == 1:
            return
        width, part = layer.conv.in_channels, layer.conv.out_channels // self.n
        if embedding == "yes":
            self.arc_embedding = SpatialConv(width, width, 1)
        if fusion == "yes":
            self.arc_fusion = _steps(part, width, self.n)
        if attention == "yes":
            self.arc_attention = _Sum(part, width, self.n) if cell == "fc" else _GatedUnit(part, width)
        self.start()

    def start(self) -> None:
        """Everything new at zero: the decorated layer is the plain one on input that is not negative."""
        for new in (self.arc_embedding, self.arc_fusion, self.arc_attention):
            for parameter in new.parameters() if new is not None else ():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        if self.n == 1:
            return self.base(x)
        conv = self.base.conv
        weights = conv.weight.chunk(self.n)
        biases = [None] * self.n if conv.bias is None else conv.bias.chunk(self.n)
        parts = [conv(x, (weights[0], biases[0]))]
        state = x if self.arc_embedding is None else x + self.arc_embedding(x)  # X + W_e X, shared by all steps
        rectified, attention = None, [None] * len(self.pools)
        for step in range(self.n - 1):
            part = parts[-1]
            if self.arc_fusion is not None:
                state = state + self.arc_fusion[step](_resized(part, x))
                rectified = None
            if rectified is None:
                rectified = state.relu()
            z = rectified
            if self.arc_attention is not None:
                # W_a is applied to the pooled maps one by one: they are small, their broadcast sum is not
                attention = [
                    self.arc_attention(part.amax(dims, keepdim=True), before, step)
                    for dims, before in zip(self.pools, attention, strict=True)
                ]
                z = self._attended(rectified, [_resized(a, x) for a in attention])
            parts.append(conv(z, (weights[step + 1], biases[step + 1])))
        return self.base.bn(torch.cat(parts, 1))

    def _attended(self, x: Tensor, attention: list[Tensor]) -> Tensor:
        """ReLU(x + a), or x times a gate; the maps of `attention` broadcast to x."""
        if self.interaction == "multiplicative":
            return x * (2 * torch.sigmoid(sum(attention)))
        x = x + attention[0]
        for more in attention[1:]:
            x += more
        return x.relu_()


class _Sum(nn.Module):
    """Adds W_aj p_j to the sum of the steps before (eq. 7)."""

    def __init__(self, part: int, width: int, n: int):
        super().__init__()
        self.step = _steps(part, width, n)

    def forward(self, pooled: Tensor, before: Tensor | None, step: int) -> Tensor:
        """pooled: (B, C_out / n, ...) -> (B, C_in, ...)."""
        new = self.step[step](pooled)
        return new if before is None else before + new


class _GatedUnit(nn.Module):
    """A GRU over the recursive steps, at every position of the pooled map; its state is the attention (Table 5d)."""

    def __init__(self, part: int, width: int):
        super().__init__()
        self.input = SpatialConv(part, 3 * width, 1, bias=True)
        self.hidden = SpatialConv(width, 3 * width, 1, bias=True)

    def forward(self, pooled: Tensor, before: Tensor | None, step: int) -> Tensor:
        """pooled: (B, C_out / n, ...) -> (B, C_in, ...)."""
        reset, update, new = self.input(pooled).chunk(3, 1)
        if before is None:
            before = torch.zeros_like(new)
        hidden_reset, hidden_update, hidden_new = self.hidden(before).chunk(3, 1)
        new = torch.tanh(new + torch.sigmoid(reset + hidden_reset) * hidden_new)
        keep = torch.sigmoid(update + hidden_update)
        return new + keep * (before - new)


def _steps(part: int, width: int, n: int) -> nn.ModuleList:
    """A matrix C_in x C_out / n for each part that a later one reads."""
    return nn.ModuleList(SpatialConv(part, width, 1) for _ in range(n - 1))


def _resized(y: Tensor, x: Tensor) -> Tensor:
    """y with every dimension of time and space that is longer than 1 brought to that of x by nearest neighbour."""
    size = [to if now > 1 else 1 for now, to in zip(y.shape[2:], x.shape[2:], strict=True)]
    return y if list(y.shape[2:]) == size else F.interpolate(y, size, mode="nearest")


def _check(layer: nn.Module, n: int) -> None:
    plain = isinstance(layer, ConvNorm) and type(layer).forward is ConvNorm.forward
    if not plain or not isinstance(layer.conv, (SpatialConv, VolumeConv)):
        raise BadInput(
            f"+arc decorates, once, a plain 2-D or 3-D convolution with its normalisation, as in tsn, tsm, tam, conv "
            f"and i3d networks, not {type(layer).__name__}."
        )
    if layer.conv.groups > 1:
        raise BadInput(
            f"+arc needs convolutions without groups, in which every output reads every input; this one has "
            f"{layer.conv.groups}."
        )
    if layer.conv.out_channels % n:
        raise BadInput(
            f"+arc cannot cut {layer.conv.out_channels} channels into {n} equal parts; choose n= so that it divides "
            f"them."
        )
