"""Where the extra blocks of a model name stand: `+nl@at=res3:2/res4:3`, `+rcca@at=conv3_3`, `+arc@stages=res4/res5`."""

from __future__ import annotations

import re

from torch import nn

from suite.models.registry import find_extra_block
from suite.models.sites import ConvSite
from suite.spec import BadInput, ModelName, Part, unknown

Place = tuple[int, int]  # stage (2 to 5, as in res2 to res5), block within it from 0


def places(text: str, depths: tuple[int, ...]) -> list[Place]:
    """The blocks behind which something stands; places are separated by "/".

    `conv3_3`: the third block of res3; `res3:2`: that many, after every other block from the first; `res3`: the last.
    depths: blocks per stage, res2 first.  Raises BadInput for a stage or block that the backbone does not have.
    """
    found = []
    for item in text.split("/"):
        match = re.fullmatch(r"conv(?P<stage>\d+)_(?P<block>\d+)|(?P<res>res\d+)(:(?P<count>\d+))?", item)
        if not match:
            raise BadInput(f"'{item}' is no place; write conv3_3 (a block), res3:2 (a number) or res3 (a stage's end).")
        stage = int(match["stage"] or match["res"][3:])
        if not 2 <= stage < 2 + len(depths):
            raise unknown("stage", f"res{stage}", [f"res{i + 2}" for i in range(len(depths))])
        depth = depths[stage - 2]
        if match["block"]:
            chosen = [int(match["block"]) - 1]
        elif match["count"]:
            chosen = [2 * i for i in range(int(match["count"]))]
        else:
            chosen = [depth - 1]
        if not chosen or min(chosen) < 0 or max(chosen) >= depth:
            raise BadInput(f"'{item}' asks for more than the {depth} blocks of res{stage}.")
        found += [(stage, block) for block in chosen]
    if len(set(found)) < len(found):
        raise BadInput(f"'{text}' names a place twice.")
    return found


class Extras:
    """The extra blocks of one network, built where its backbone asks for them."""

    def __init__(self, name: ModelName, depths: tuple[int, ...]):
        """depths: residual blocks per stage, res2 first; empty for a network that has none."""
        self.depths = depths
        self.behind: list[tuple[type, list[Place], dict[str, str]]] = []
        self.inside: list[tuple[type, dict[str, str]]] = []
        self.around: list[tuple[type, set[int], dict[str, str]]] = []
        for part in name.blocks:
            cls = find_extra_block(part.name)
            options = block_options(part, depths, name)
            if cls.site == "block_exit":
                self.behind.append((cls, places(options.pop("at"), depths), options))
            elif cls.site == "residual":
                self.inside.append((cls, options))
            else:
                stages = options.pop("stages")
                self.around.append((cls, {stage for stage, _ in places(stages, depths)}, options))

    def exit(self, channels: int, stage: int, block: int, frames: int) -> nn.Module | None:
        """What stands behind a block of a stage (2 to 5), in the order of the name."""
        layers = [cls(channels, frames, **options) for cls, at, options in self.behind if (stage, block) in at]
        return nn.Sequential(*layers) if layers else None

    def residual(self, channels: int) -> nn.Module | None:
        """What stands in the residual branch of every block, before its addition."""
        layers = [cls(channels, **options) for cls, options in self.inside]
        return nn.Sequential(*layers) if layers else None

    def decorate(self, layer: nn.Module, conv: ConvSite) -> nn.Module:
        """A convolution with its normalisation, as it is or in the decoration of its stage."""
        for cls, stages, options in self.around:
            if conv.stage in stages and conv.kernel > 1:
                layer = cls(layer, conv, **options)
        return layer


def block_options(part: Part, depths: tuple[int, ...], name: ModelName) -> dict[str, str]:
    """Every option of an add-on block of a model with its value, checked, its position (`at` or `stages`) among them.

    depths: as `places` takes them; the position is written in one way, whatever way it was given in.  Raises BadInput
    for an unknown option, value or position.
    """
    cls = find_extra_block(part.name)
    if not depths:
        raise BadInput(f"'{name.text}': {part.name} stands at residual blocks, which {name.module} does not have.")
    position = {"block_exit": "at", "decorator": "stages"}.get(cls.site)
    allowed = ((position,) if position else ()) + tuple(cls.options)
    for key, value in part.options:
        if key not in allowed:
            raise unknown(f"option of +{part.name}", key, allowed)
        if key != position and value not in cls.options[key]:
            raise unknown(f"value of option '{key}' of +{part.name}", value, cls.options[key])
    found = {key: values[0] for key, values in cls.options.items()}
    if cls.site == "block_exit":
        found["at"] = cls.default_at(depths)
    elif cls.site == "decorator":
        found["stages"] = cls.default_stages
    found |= dict(part.options)
    if cls.site == "block_exit":
        found["at"] = _written(places(found["at"], depths), depths)
    elif cls.site == "decorator":
        found["stages"] = "/".join(f"res{stage}" for stage in sorted({s for s, _ in places(found["stages"], depths)}))
    return found


def _written(chosen: list[Place], depths: tuple[int, ...]) -> str:
    """`places` the other way round: `res3:2` where they are every other block of a stage, `conv3_3` for single ones."""
    parts = []
    for stage in range(2, 2 + len(depths)):
        blocks = sorted(block for s, block in chosen if s == stage)
        if len(blocks) > 1 and blocks == [2 * i for i in range(len(blocks))]:
            parts.append(f"res{stage}:{len(blocks)}")
        else:
            parts += [f"conv{stage}_{block + 1}" for block in blocks]
    return "/".join(parts)
