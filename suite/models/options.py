"""The options of a model name: which a network and its add-on blocks have, their values, and what holds by default.

Registrations say what options there are.  Here they are checked, once and in one way, and written out in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from suite.models.positions import read_positions, write_positions, write_stages
from suite.models.registry import (
    BLOCK_SITES,
    AddOnBlock,
    Options,
    find_add_on_block,
    find_architecture,
    find_temporal_module,
)
from suite.spec import BadInput, ModelName, unknown
from suite.spec.model_names import TEMPORAL_POOLING

SITES = ("all", "top-half", "bottom-half", "uniform-half")
"""Values of `sites=`: the blocks of a backbone that have the temporal module."""
LAST_POOL = ("3", "2")
"""Values of `pool=`: the last pool of a 3-D Inception, 3x3x3 or as in the older I3D code 2x2x2."""
POSITION = {"block_exit": "at", "decorator": "stages"}
"""Site of an add-on block -> the option that says where it stands."""


@dataclass(frozen=True)
class ModelOptions:
    """Every option of a model with its value: of the module or architecture, then of each add-on block in turn."""

    network: dict[str, str]
    blocks: list[dict[str, str]]


@dataclass(frozen=True)
class _Positions:
    """The values of a position option: any text that `read_positions` takes, brought into one form."""

    block: AddOnBlock
    depths: tuple[int, ...]

    def checked(self, text: str | None) -> str:
        default = self.block.positions
        text = text or (default(self.depths) if callable(default) else default)
        chosen = read_positions(text, self.depths)
        return write_positions(chosen) if self.block.site == "block_exit" else write_stages(chosen)


def model_options(name: ModelName) -> ModelOptions:
    """Raises BadInput for an unknown module, architecture, block, option, value or block position."""
    from suite.models.network import backbone_class

    if name.standalone:
        architecture = find_architecture(name.architecture)
        owner, allowed = name.module, architecture.narrowed(name, architecture.options)
        depths, takes = architecture.depths(name), architecture.takes
        if name.backbone:
            owner = f"{name.module}-{name.backbone}"
    else:
        backbone = backbone_class(name)
        owner, allowed = f"{name.module}-{name.backbone}", _module_options(name, backbone.older_pool)
        depths, takes = backbone.depths(name), tuple(BLOCK_SITES)
    network = _checked(name.options, allowed, owner)
    blocks = []
    for part in name.blocks:
        block = find_add_on_block(part.name)
        if not depths:
            raise BadInput(f"'{name.text}': +{part.name} stands at residual blocks, which {owner} does not have.")
        if block.site not in takes:
            where = " and ".join(BLOCK_SITES[site] for site in takes)
            raise BadInput(f"'{name.text}': {owner} has add-on blocks {where}, and +{part.name} stands elsewhere.")
        position = {POSITION[block.site]: _Positions(block, depths)} if block.site in POSITION else {}
        blocks.append(_checked(part.options, {**position, **block.options}, f"+{part.name}"))
    return ModelOptions(network, blocks)


def _module_options(name: ModelName, older_pool: bool) -> Options:
    """The options of a temporal module on a backbone: its own, and those that the backbones bring."""
    module = find_temporal_module(name.module)
    pooled = {"tp": TEMPORAL_POOLING} if name.pooling != "none" else {}
    older = {"pool": LAST_POOL} if older_pool and module.site == "convolution" else {}
    return {"sites": SITES, **pooled, **older, **module.options}


def _checked(given: Iterable[tuple[str, str]], allowed: Mapping[str, Any], owner: str) -> dict[str, str]:
    """Every allowed option with its value, the given or the default one.  Raises BadInput for any other."""
    given = dict(given)
    for key in given:
        if key not in allowed:
            raise unknown(f"option of {owner}", key, allowed)
    found = {}
    for key, values in allowed.items():
        if isinstance(values, _Positions):
            found[key] = values.checked(given.get(key))
            continue
        found[key] = given.get(key, values[0])
        if found[key] not in values:
            raise unknown(f"value of option '{key}' of {owner}", found[key], values)
    return found
