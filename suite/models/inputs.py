"""From the pixels of a clip to what a network is given."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from suite.models import NORMALISATION, normalisation


def to_network(clips: Tensor, name: str, device: str) -> Tensor:
    """uint8 (B, T, H, W, 3) -> float32 (B, 3, T, H, W), normalised as the model's weights expect, channels-last."""
    mean, std = _statistics(normalisation(name), device)
    x = clips.to(device, non_blocking=True).permute(0, 4, 1, 2, 3)
    return (x.float() / 255 - mean) / std


@lru_cache
def _statistics(kind: str, device: str) -> tuple[Tensor, Tensor]:
    mean, std = (torch.tensor(v).view(3, 1, 1, 1).to(device) for v in NORMALISATION[kind])
    return mean, std
