"""Inputs and blocks that several tests share."""

from contextlib import contextmanager

import torch

from suite.models.cost import NoDraws
from suite.models.registry import find_add_on_block


@contextmanager
def on_meta():
    """Networks that are built within have shapes and no values: they take no memory, and no time to draw weights."""
    with torch.device("meta"), NoDraws():
        yield


def volume(*shape, seed=1):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x.contiguous(memory_format=torch.channels_last_3d)


def redrawn(block, seed=0):
    """The block in float64 with every parameter drawn anew, also those that start at zero, ready for testing."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in block.double().eval().parameters():
            scale = max(1, parameter[0].numel()) ** -0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * scale)
    return block


def started(block, channels=32, frames=4, **options):
    torch.manual_seed(0)
    layer = find_add_on_block(block).cls(channels, frames, **options)
    for module in layer.modules():
        if hasattr(module, "start"):
            module.start()
    return layer


def clip(frames=4, size=32, batch=2, dtype=torch.float64):
    return torch.randn(batch, 3, frames, size, size, generator=torch.Generator().manual_seed(1), dtype=dtype)
