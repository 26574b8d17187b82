"""Names of temporal modules, extra blocks and whole networks, and the classes behind them."""

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


EXTRA_BLOCKS: dict[str, type] = {}
WHOLE_NETWORKS: dict[str, type] = {}


def extra_block(name: str) -> Callable[[type], type]:
    """Registers a class as the extra block `+name`.

    The class says in `site` where it stands:
      "block_exit"   cls(channels, frames, **options): a layer (B, C, T, H, W) -> the same shape behind a residual
                     block; `default_at(depths)` gives the places where `at=` is not given ("res3:2/res4:3", "conv3_3");
      "residual"     cls(channels, **options): the same, in the residual branch of every block, before its addition;
      "decorator"    cls(layer, conv: ConvSite, **options): takes the place of a convolution larger than 1x1 with its
                     normalisation, `layer`, in the stages of `stages=` (`default_stages`).
    A layer with a method `start()` is started by it after the convolutions of the network (such as at zero).
    `options` maps the names of its options to their allowed values, the default first.
    """

    def register(cls: type) -> type:
        cls.options = getattr(cls, "options", {})
        EXTRA_BLOCKS[name] = cls
        return cls

    return register


def whole_network(name: str) -> Callable[[type], type]:
    """Registers a class as the whole network `name`: cls(name: ModelName, num_classes, frames, size, dropout).

    A module (B, 3, T, H, W) -> (B, classes) that starts its own weights.
    """

    def register(cls: type) -> type:
        WHOLE_NETWORKS[name] = cls
        return cls

    return register


def _find(kind: str, package: str, known: dict[str, type], name: str) -> type:
    folder = import_module(f"suite.models.{package}")
    for found in pkgutil.iter_modules(folder.__path__):  # one is one file; nothing else is touched
        import_module(f"{folder.__name__}.{found.name}")
    if name not in known:
        raise unknown(kind, name, known)
    return known[name]


def find_temporal_module(name: str) -> type:
    return _find("temporal module", "temporal", TEMPORAL_MODULES, name)


def find_extra_block(name: str) -> type:
    return _find("extra block", "blocks", EXTRA_BLOCKS, name)


def find_whole_network(name: str) -> type:
    return _find("network", "networks", WHOLE_NETWORKS, name)


def temporal_modules() -> dict[str, type]:
    find_temporal_module("tsn")
    return dict(TEMPORAL_MODULES)
