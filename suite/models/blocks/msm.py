"""MSM: motion features from the correlation of adjacent frames."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.layers import frames_unview
from suite.models.registry import add_on_block
from suite.spec import BadInput

RADIUS = 7  # displacements of -7 to 7 positions in both directions: a window of 15 x 15
SIGMA = 5.0  # of the Gaussian around the best match, in positions
TEMPERATURE = 0.01  # of the softmax over the window


@add_on_block(
    "msm",
    site="block_exit",
    paper="MotionSqueeze, Kwon et al. 2020",
    equation="arc Table 7",
    positions="res3",
    example="tsm-resnet50+msm",
    options={"transform": ("separable", "dense")},
)
class MotionSqueeze(nn.Module):
    """Where each position of a frame has gone in the next one, turned into features (Kwon et al. 2020; ARC Table 7).

    1. Correlation of L2-normalised features between frame t and t+1 over a window of 15 x 15, negative ones as zero.
    2. Displacement: softmax over the window (temperature 0.01, the scores under a Gaussian around the best match),
       expected offset in x and y in units of the window's radius; confidence: the best match's score.
    3. Those three channels -> C by four depthwise-separable convolutions (7x7, then three 3x3; to 16, 32, 64, C
       channels), each half with batch normalisation and ReLU; added to the input.

    In and out (B, C, T, H, W), by default at the end of res3.  The last frame repeats the motion of the one before.
    The widths, the temperature, sigma and the missing zero-initialisation are those of the authors' released code.
    Choices of ours: rows of the map are matched by matrix products, of which the window is a band (the count is of
    what is computed, about twice the window alone); x and y come in that order.

    transform=dense: three full 3x3 convolutions by way of 64 channels, as another version of the authors' code has.
    ARC's Table 7 prints 0.3 M more parameters with the module: that form on ResNet50 (0.33 M; separable: 0.04 M).

    Raises BadInput for a single frame.
    """

    def __init__(self, channels: int, frames: int, transform: str = "separable"):
        super().__init__()
        if frames < 2:
            raise BadInput("+msm reads motion between adjacent frames and needs at least 2 of them where it stands.")
        steps = torch.arange(-RADIUS, RADIUS + 1.0)
        window = torch.cartesian_prod(steps, steps).flip(1)  # (225, 2) of (x, y), rows of the window first
        self.register_buffer("window", window, persistent=False)
        if transform == "separable":
            widths = (3, 16, 32, 64, channels)
            layers = [_separable(a, b, 7 if a == 3 else 3) for a, b in pairwise(widths)]
        else:
            layers = [_convolved(a, b, 3) for a, b in ((3, 64), (64, 64), (64, channels))]
        self.transform = nn.Sequential(*layers).to(memory_format=torch.channels_last)

    def start(self) -> None:
        for module in self.transform.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def motion(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, T-1, H, W, 3): displacement in x and y in -1..1, and confidence in 0..1.

        Never in half precision, in which scores of up to 1 / 0.01 are known to half a unit.
        """
        if torch.amp.is_autocast_available(x.device.type) and torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                return self.motion(x)
        x = x.permute(0, 2, 3, 4, 1)
        x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        x = x * torch.rsqrt((x * x).sum(-1, keepdim=True) + 1e-6)
        scores = correlation(x[:, :-1], x[:, 1:]).relu()  # (B, T-1, H, W, 225)
        confidence, best = scores.max(-1, keepdim=True)
        window = self.window.to(scores.dtype)
        distance = ((window - window[best]) ** 2).sum(-1)
        attention = torch.softmax(torch.exp(distance / (-2 * SIGMA**2)) * scores / TEMPERATURE, -1)
        return torch.cat([attention @ window / RADIUS, confidence], -1)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] < 2:
            raise BadInput("+msm reads motion between adjacent frames and needs at least 2 of them where it stands.")
        motion = self.motion(x).to(x.dtype)
        motion = torch.cat([motion, motion[:, -1:]], 1)
        features = self.transform(motion.flatten(0, 1).permute(0, 3, 1, 2))
        return x + frames_unview(features, len(x))


def correlation(x: Tensor, y: Tensor, radius: int = RADIUS) -> Tensor:
    """Inner products of every position of x with the window around it in y; zero outside the map.

    x, y: (..., H, W, C) -> (..., H, W, (2 radius + 1)^2), vertical displacement first.
    """
    height = x.shape[-3]
    y = y.transpose(-1, -2)  # (..., H, C, W)
    rows = []
    for down in range(-radius, radius + 1):
        top, bottom = min(max(0, -down), height), max(min(height, height - down), 0)
        if top >= bottom:
            rows.append(x.new_zeros(*x.shape[:-1], 2 * radius + 1))
            continue
        products = x[..., top:bottom, :, :] @ y[..., top + down : bottom + down, :, :]  # (..., rows, W, W)
        rows.append(F.pad(_band(products, radius), (0, 0, 0, 0, top, height - bottom)))
    return torch.stack(rows, -2).flatten(-2)


def _band(x: Tensor, radius: int) -> Tensor:
    """(..., W, W) -> (..., W, 2 radius + 1): entry (i, k) is x[i, i + k - radius], zero outside.

    In rows that are one longer than the padded ones, each begins one place further on.
    """
    width = x.shape[-1]
    flat = F.pad(F.pad(x, (radius, radius)).flatten(-2), (0, width))
    return flat.unflatten(-1, (width, width + 2 * radius + 1))[..., : 2 * radius + 1]


def _convolved(inner: int, outer: int, kernel: int, groups: int = 1) -> nn.Sequential:
    """Convolution of every frame, batch normalisation, ReLU; (B*T, C, H, W)."""
    conv = nn.Conv2d(inner, outer, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outer), nn.ReLU(inplace=True))


def _separable(inner: int, outer: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(_convolved(inner, inner, kernel, groups=inner), _convolved(inner, outer, 1))
