"""Models: backbones x temporal modules x temporal pooling x add-on blocks, and standalone architectures.

`build(name)` makes every network; `weights.load` loads its weights, `cost.cost` counts its operations.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from suite.models.naming import canonical_name, spelled_out
from suite.spec import BadInput, ModelName, parse_model

if TYPE_CHECKING:
    from torch import nn

NORMALISATION = {  # mean and std per channel, of pixels in 0..1; that of the pretrained weights
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "slowfast": ((0.45, 0.45, 0.45), (0.225, 0.225, 0.225)),
    "kinetics": ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)),
}


@cache
def normalisation(name: str) -> str:
    """Which normalisation (a key of NORMALISATION) the input of a model has; its backbone or architecture states it."""
    from suite.models.network import backbone_class
    from suite.models.registry import find_architecture

    parsed = parse_model(name)
    stated = (find_architecture(parsed.architecture) if parsed.standalone else backbone_class(parsed)).normalisation
    return stated(parsed) if callable(stated) else stated


def build(
    name: str, num_classes: int = 87, frames: int = 8, size: int = 224, *, dropout: float = 0.5, seed: int = 0
) -> nn.Module:
    """The network of a model name, started from scratch with `seed`; the global generator is left as it was.

    Input (B, 3, T, H, W) float, already normalised (`normalisation`), T = frames, H = W = size; output (B, num_classes)
    logits, averaged over time.  Under `torch.device("meta")` no memory is taken.  Raises BadInput for an unknown name.
    """
    import torch

    from suite.models.network import VideoNetwork

    if frames < 1 or num_classes < 1:
        raise BadInput(f"A model needs at least one frame and one class, not {frames} and {num_classes}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VideoNetwork(parse_model(name), num_classes, frames, size, dropout)


__all__ = ["NORMALISATION", "ModelName", "build", "canonical_name", "normalisation", "spelled_out"]
