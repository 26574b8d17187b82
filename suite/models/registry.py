"""Names of temporal modules and of extra blocks, and the classes behind them."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module

from suite.spec import unknown

TEMPORAL_MODULES: dict[str, type] = {}


def temporal_module(name: str) -> Callable[[type], type]:
    """Registers a class as the temporal module `name`.

    The class says in `site` what it changes:
      "block_entrance"  cls(channels, frames, **options): a layer (B, C, T, H, W) -> the same shape, put by the backbone
                        before the first convolution of a block's residual branch (Inception: after convs and blocks);
      "convolution"     cls(conv: ConvSite, time_stride, **options): replaces a convolution larger than 1x1 together
                        with its batch normalisation; the network's pools then reach into time;
      "none"            nothing.
    `options` maps the names of its options to their allowed values, the default first.
    """

    def register(cls: type) -> type:
        cls.options = getattr(cls, "options", {})
        TEMPORAL_MODULES[name] = cls
        return cls

    return register


def find_temporal_module(name: str) -> type:
    from suite.models import temporal

    for found in pkgutil.iter_modules(temporal.__path__):  # a module is one file; nothing else is touched
        import_module(f"{temporal.__name__}.{found.name}")
    if name not in TEMPORAL_MODULES:
        raise unknown("temporal module", name, TEMPORAL_MODULES)
    return TEMPORAL_MODULES[name]


def temporal_modules() -> dict[str, type]:
    find_temporal_module("tsn")
    return dict(TEMPORAL_MODULES)
