"""Leaf layers over one memory layout: 5-D maps (B, C, T, H, W) in channels-last order.

A channels-last 5-D tensor holds the same bytes as (B*T, C, H, W) and as (B, C, T, H*W), both channels-last.  So a
frame-wise layer and a position-wise temporal layer are 2-D layers on a view, and go through the 2-D kernels, which are
faster than the 3-D ones with a kernel of size 1 (`make bench` shows by how much).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def frames_view(x: Tensor) -> Tensor:
    """(B, C, T, H, W) -> (B*T, C, H, W); no copy in the channels-last layout."""
    return x.transpose(1, 2).flatten(0, 1)


def frames_unview(y: Tensor, batch: int) -> Tensor:
    """(B*T, C, H, W) -> (B, C, T, H, W)."""
    return y.unflatten(0, (batch, -1)).transpose(1, 2)


Weights = tuple[Tensor, Tensor | None]  # of a convolution, and its bias


class SpatialConv(nn.Conv2d):
    """Convolves every frame; with `time_stride` s only every s-th frame is kept."""

    def __init__(self, in_channels, out_channels, kernel, stride=1, padding=0, bias=False, time_stride=1):
        super().__init__(in_channels, out_channels, kernel, stride, padding, bias=bias)
        self.time_stride = time_stride
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor, folded: Weights | None = None) -> Tensor:
        if self.time_stride > 1:
            x = x[:, :, :: self.time_stride].contiguous(memory_format=torch.channels_last_3d)
        weight, bias = folded or (self.weight, self.bias)
        return frames_unview(F.conv2d(frames_view(x), weight, bias, self.stride, self.padding), len(x))


class TemporalConv(nn.Conv2d):
    """Convolves along time at every position, zero outside the clip; weight (C_out, C_in / groups, kernel, 1)."""

    def __init__(self, in_channels, out_channels, kernel=3, stride=1, bias=False, groups=1):
        super().__init__(
            in_channels, out_channels, (kernel, 1), (stride, 1), (kernel // 2, 0), groups=groups, bias=bias
        )
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor, folded: Weights | None = None) -> Tensor:
        weight, bias = folded or (self.weight, self.bias)
        y = F.conv2d(x.flatten(3), weight, bias, self.stride, self.padding, groups=self.groups)
        return y.unflatten(3, x.shape[3:])


class VolumeConv(nn.Conv3d):
    """Convolves jointly over time and space; channels-last in and out.

    Wide ones see small maps and are all weights: on the CPU their kernels are 15 % faster in the default layout, the
    copies of the small maps included (3x3x3, 512 channels, 8x4x4, forward and backward: 66 against 77 ms).
    """

    WIDE = 512

    def __init__(self, in_channels, out_channels, kernel, stride=1, padding=0, bias=False):
        super().__init__(in_channels, out_channels, kernel, stride, padding, bias=bias)
        self.wide = in_channels >= self.WIDE
        if not self.wide:
            self.to(memory_format=torch.channels_last_3d)

    def forward(self, x: Tensor, folded: Weights | None = None) -> Tensor:
        weight, bias = folded or (self.weight, self.bias)
        if not (self.wide and x.device.type == "cpu"):
            return F.conv3d(x, weight, bias, self.stride, self.padding)
        y = F.conv3d(x.contiguous(), weight.contiguous(), bias, self.stride, self.padding)
        return y.contiguous(memory_format=torch.channels_last_3d)


class SpatialMaxPool(nn.Module):
    """Max-pool of every frame."""

    def __init__(self, kernel: int, stride: int, padding: int = 0, ceil: bool = False):
        super().__init__()
        self.kernel, self.stride, self.padding, self.ceil = kernel, stride, padding, ceil

    def forward(self, x: Tensor) -> Tensor:
        y = F.max_pool2d(frames_view(x), self.kernel, self.stride, self.padding, ceil_mode=self.ceil)
        return frames_unview(y, len(x))


class TemporalMaxPool(nn.Module):
    """Max over three neighbouring time steps, every other one kept: T -> ceil(T / 2)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x.flatten(3), (3, 1), (2, 1), (1, 0)).unflatten(3, x.shape[3:])


class VolumeMaxPool(nn.Module):
    """Max-pool over time and space; in time its kernel is never longer than the clip."""

    def __init__(self, kernel: int, stride: tuple[int, int, int], padding: int = 0):
        super().__init__()
        self.kernel, self.stride, self.padding = kernel, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        k = self.kernel
        time = k if self.padding else min(k, x.shape[2])
        return F.max_pool3d(x, (time, k, k), self.stride, self.padding)


class ConvNorm(nn.Module):
    """A convolution and its batch normalisation; the activation is the backbone's."""

    def __init__(self, conv: nn.Module, channels: int, eps: float):
        super().__init__()
        self.conv = conv
        self.bn = nn.BatchNorm3d(channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        return normalised(self.conv, self.bn, x)


def normalised(conv: nn.Module, bn: nn.BatchNorm3d, x: Tensor) -> Tensor:
    """bn(conv(x)).  When testing on the CPU in fp32 the normalisation is folded into the weights of the convolution.

    The folded weights are kept until one of the tensors behind them changes.
    """
    ours = isinstance(conv, (SpatialConv, TemporalConv, VolumeConv))
    testing = not (bn.training or torch.is_grad_enabled())
    if not (ours and testing and x.device.type == "cpu") or torch.is_autocast_enabled("cpu"):
        return bn(conv(x))
    behind = [t for t in (conv.weight, conv.bias, bn.weight, bn.bias, bn.running_mean, bn.running_var) if t is not None]
    state = [(t.data_ptr(), t._version) for t in behind]
    if getattr(conv, "folded_state", None) != state:
        scale = bn.weight * torch.rsqrt(bn.running_var + bn.eps)
        shift = bn.running_mean if conv.bias is None else bn.running_mean - conv.bias
        weight = conv.weight * scale.view(-1, *[1] * (conv.weight.ndim - 1))
        conv.folded, conv.folded_state = (weight, bn.bias - shift * scale), state
    return conv(x, conv.folded)


class KeyedDropout(nn.Module):
    """Dropout whose mask depends on `key` alone (the training loop sets seed and step), not on a global generator.

    share: (i, n) where x holds the i-th of n equal parts of a batch: it gets its part of the mask of the whole batch.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p, self.key, self.share = p, 0, (0, 1)

    @torch.compiler.disable  # its key changes with every step
    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        generator = torch.Generator().manual_seed(self.key)  # on the CPU: the same mask on every device
        (part, parts), n = self.share, len(x)
        keep = torch.rand((parts * n, *x.shape[1:]), generator=generator)[part * n : (part + 1) * n] >= self.p
        return x * keep.to(x.device, x.dtype) / (1 - self.p)


class Head(nn.Module):
    """(B, C, T, H, W) -> (B, classes): spatial average, dropout, one linear layer per time step, mean over time."""

    def __init__(self, channels: int, num_classes: int, dropout: float):
        super().__init__()
        self.dropout = KeyedDropout(dropout)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.dropout(x.mean((3, 4)).transpose(1, 2))).mean(1)
