"""Block positions: `at=res3:2/res4:3` and `at=conv3_3` of an add-on block, `stages=res4/res5` of a decorator."""

from __future__ import annotations

import re

from suite.spec import BadInput, unknown

Position = tuple[int, int]  # stage (2 to 5, as in res2 to res5), block within it from 0


def read_positions(text: str, depths: tuple[int, ...]) -> list[Position]:
    """The residual blocks that a text names; several are separated by "/".

    `conv3_3`: the third block of res3; `res3:2`: that many, every other block from the first; `res3`: the last.
    depths: blocks per stage, res2 first.  Raises BadInput for a stage or block that the network does not have.
    """
    found = []
    for item in text.split("/"):
        match = re.fullmatch(r"conv(?P<stage>\d+)_(?P<block>\d+)|(?P<res>res\d+)(:(?P<count>\d+))?", item)
        if not match:
            raise BadInput(
                f"Invalid block position '{item}'; write conv3_3 (one block), res3:2 (every other block, here two) or "
                f"res3 (the last block of the stage)."
            )
        stage = int(match["stage"] or match["res"][3:])
        if not 2 <= stage < 2 + len(depths):
            raise unknown("stage", f"res{stage}", [f"res{i + 2}" for i in range(len(depths))])
        depth = depths[stage - 2]
        if match["block"]:
            chosen = [int(match["block"]) - 1]
        elif match["count"]:
            chosen = [2 * i for i in range(min(int(match["count"]), depth + 1))]
        else:
            chosen = [depth - 1]
        if not chosen or min(chosen) < 0 or max(chosen) >= depth:
            raise BadInput(f"Invalid block position '{item}': res{stage} has {depth} blocks.")
        found += [(stage, block) for block in chosen]
    if len(set(found)) < len(found):
        raise BadInput(f"Invalid block positions '{text}': one block is named twice.")
    return found


def write_positions(chosen: list[Position]) -> str:
    """The one text of positions: `res3:2` where they are every other block of a stage, `conv3_3` for single ones."""
    parts = []
    for stage in sorted({stage for stage, _ in chosen}):
        blocks = sorted(block for s, block in chosen if s == stage)
        if len(blocks) > 1 and blocks == [2 * i for i in range(len(blocks))]:
            parts.append(f"res{stage}:{len(blocks)}")
        else:
            parts += [f"conv{stage}_{block + 1}" for block in blocks]
    return "/".join(parts)


def write_stages(chosen: list[Position]) -> str:
    """The one text of the stages that positions lie in: `res3/res4`."""
    return "/".join(f"res{stage}" for stage in sorted({stage for stage, _ in chosen}))
