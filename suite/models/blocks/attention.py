"""What the attention blocks share: the attention itself, its maps on request, and parameters that belong to frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.layers import SpatialConv, frames_unview, frames_view
from suite.spec import BadInput


def every_other_block(depths: tuple[int, ...]) -> str:
    """Two places in res3 and three in res4, every other block (gta Sec. 4.2); fewer where a stage is shorter."""
    return "/".join(f"res{stage}:{min(n, (depths[stage - 2] + 1) // 2)}" for stage, n in ((3, 2), (4, 3)))


def inner_width(block: str, channels: int, fraction: int, groups: int = 1) -> int:
    """channels / fraction.  Raises BadInput where that, or its split into groups, is no whole number."""
    width = channels // fraction
    if width * fraction != channels or width % groups:
        split = f" in {groups} groups" if groups > 1 else ""
        raise BadInput(
            f"+{block} works on 1/{fraction} of the channels{split}, which {channels} channels do not divide into; "
            f"give a number of channels that is a multiple of {fraction * groups}{' or fewer groups' if split else ''}."
        )
    return width


def kaiming_start(module: nn.Module) -> None:
    """Starts the 1x1 convolutions of a block as gta Sec. 4.1 does (He et al. 2015), from what goes in.

    The backbone's own start counts what goes out; a projection to a quarter of the channels would then come out so
    large that the softmax saturates.
    """
    for layer in module.modules():
        if isinstance(layer, SpatialConv):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


class Attention(nn.Module):
    """softmax(q k^T scale) v (gta eqs 2 and 3).

    q (..., N, d), k and v (..., M, d) -> (..., N, d), with one or two dimensions in front.  Through PyTorch's fused
    kernel, which never holds the map; with `keep_maps` step by step, and `map` is then the last one (..., N, M).
    """

    def __init__(self, scale: float | None = None):
        """scale: None is 1 / sqrt(d)."""
        super().__init__()
        self.scale = scale
        self.keep_maps = False
        self.map: Tensor | None = None

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if not self.keep_maps:
            if q.ndim == 4:
                return F.scaled_dot_product_attention(q, k, v, scale=self.scale)
            q, k, v = q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1)  # one head: the kernels want four dimensions
            return F.scaled_dot_product_attention(q, k, v, scale=self.scale).squeeze(1)
        scale = q.shape[-1] ** -0.5 if self.scale is None else self.scale
        weights = (q * scale @ k.transpose(-1, -2)).softmax(-1)
        self.map = weights.detach()
        return weights @ v


@contextmanager
def attention_maps(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Asks a model for its maps; at the end of the `with` the dictionary holds the last ones by module name.

    with attention_maps(model) as maps:
        model(clip)
    """
    found: dict[str, Tensor] = {}
    keepers = {name: module for name, module in model.named_modules() if hasattr(module, "keep_maps")}
    for module in keepers.values():
        module.keep_maps = True
    try:
        yield found
        found.update({name: module.map for name, module in keepers.items() if module.map is not None})
    finally:
        for module in keepers.values():
            module.keep_maps, module.map = False, None


def tokens(x: Tensor) -> Tensor:
    """(B, C, T, H, W) -> (B, T, HW, C); no copy in the channels-last layout."""
    return x.flatten(3).permute(0, 2, 3, 1)


def untokens(y: Tensor, like: Tensor) -> Tensor:
    """(B, T, HW, C) -> (B, C, T, H, W), H and W those of `like`; channels-last where y is contiguous."""
    return y.permute(0, 3, 1, 2).unflatten(3, like.shape[3:])


def halved(x: Tensor) -> Tensor:
    """Max-pool of every frame by 2x2; a side of one pixel stays."""
    kernel = [min(2, side) for side in x.shape[3:]]
    return frames_unview(F.max_pool2d(frames_view(x), kernel), len(x))


def check_frames(block: str, x: Tensor, frames: int) -> None:
    """Raises BadInput where x (B, C, T, H, W) has not the frames that a block has parameters for."""
    if x.shape[2] != frames:
        raise BadInput(
            f"+{block} was built for {frames} frames at its place and met {x.shape[2]}; build the model for the "
            f"frames of its clips."
        )


def interpolated(tensor: Tensor, frames: int, dims: tuple[int, ...], summed: int | None = None) -> Tensor:
    """A parameter that belongs to the frames of a clip, for another number of frames.

    Linear along each of `dims`, a frame standing in the middle of its share of the clip.  summed: the dimension, if
    any, over which the parameter's module adds up frames; the values then shrink as the frames become more, so that
    a clip that does not change in time keeps its output.  In `time_parameters` a module names its parameters of this
    kind, each with the arguments `dims` and `summed`.
    """
    before = tensor.shape[dims[0]]
    if before == frames:
        return tensor
    for dim in dims:
        line = tensor.movedim(dim, -1)
        out = F.interpolate(line.reshape(1, -1, line.shape[-1]), size=frames, mode="linear", align_corners=False)
        tensor = out.reshape(*line.shape[:-1], frames).movedim(-1, dim)
    return tensor if summed is None else tensor * (before / frames)
