"""Probes: what a network can and cannot see, shown on random input."""

from __future__ import annotations

from typing import Any

import torch

from suite.models import build

BLIND = 1e-9  # float64: what is left of rounding


def order(name: str, frames: int = 8, size: int = 64, num_classes: int = 16) -> dict[str, Any]:
    """Largest difference of a logit between a random clip and its reverse, and a shuffled copy.

    The clip is (1, 3, frames, size, size).  `max_abs_difference` is that of the network as it starts, against the
    reverse; for `max_abs_difference_shuffled` every parameter is redrawn at random (also those that start at zero,
    which would hide a module), in float64, and the clip is compared with its reverse and with a shuffled copy.
    """
    generator = torch.Generator().manual_seed(0)
    model = build(name, num_classes, frames, size).double().eval()
    clip = torch.randn(1, 3, frames, size, size, generator=generator, dtype=torch.float64)
    shuffled = clip[:, :, torch.randperm(frames, generator=generator)]
    with torch.inference_mode():
        as_started = float((model(clip) - model(clip.flip(2))).abs().max())
        for parameter in model.parameters():
            scale = max(1, parameter[0].numel()) ** -0.5 if parameter.ndim > 1 else 1.0
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * scale)
        logits = model(clip)
        redrawn = max(float((logits - model(other)).abs().max()) for other in (clip.flip(2), shuffled))
        magnitude = float(logits.abs().max())
    return {
        "name": name,
        "frames": frames,
        "max_abs_difference": as_started,
        "max_abs_difference_shuffled": redrawn,
        "order_blind": bool(max(as_started, redrawn) <= BLIND * max(1.0, magnitude)),
    }
