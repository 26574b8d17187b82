"""The part of a grid that fits into a budget of device-hours, with comparisons that stay balanced.

A block is all modules and poolings of one backbone at one number of frames.  Blocks are added as long as they fit: the
smaller number of frames first, then the backbone that costs less, each with all its data sets, seeds and settings.
Where the first block does not fit as a whole, it is begun with the first seed, setting and data set.  Runs that chosen
runs start from come along.  With the same speed, a larger budget never takes away a run.

results/<grid>/budgets.json has what was chosen, one entry per selection.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from suite.spec import BadInput, load_grid, parse_model
from suite.store.claims.held import held
from suite.store.folder import dump_json, write_atomic
from suite.store.identity import digest
from suite.sweep.budget import Budget, LeftOut, device_time
from suite.sweep.estimate import Speed, speed_here
from suite.sweep.plan import Plan, Selection, add_costs, make_plan
from suite.sweep.planned_run import PlannedRun

FILE = "budgets.json"
WAIT = 60.0  # seconds for another command that chooses runs of the grid


class Block(NamedTuple):
    """Where a run belongs: its frames (of a control, those of the stage that it is compared with) and its backbone."""

    frames: int
    backbone: str


class Cell(NamedTuple):
    """A part of a block: one seed, setting (values of axes) and data set."""

    seed: int
    setting: str
    dataset: str


def make_chosen_plan(
    name: str,
    selection: Selection,
    results: Path,
    costs: bool = True,
    speed_of: Callable[[Plan], Speed] | None = None,
    keep: bool = True,
) -> Plan:
    """`make_plan`, after choosing the runs of a selection with a budget.

    The runs that were chosen for the same selection before stay chosen, unless the grid has changed or `speed_of` is
    given: it chooses anew.  keep: the choice is stored.  Raises BadInput for a budget that is too small.
    """
    if selection.budget is None:
        return make_plan(name, selection, results, costs)
    without = replace(selection, shard=None, budget=None)
    plan = make_plan(name, without, results, costs=False)
    of = digest(sorted(run.id for run in plan.runs), 16)
    budget = with_earlier_choice(name, selection, results).budget if speed_of is None else None
    if budget is None or not budget.ids or budget.of != of:
        add_costs(plan)
        budget = choose(plan, selection.budget.hours, (speed_of or speed_here)(plan))
        budget = replace(budget, of=of)
        if keep:
            budget = _stored(replace(without, budget=budget), plan.folder, anew=speed_of is not None)
    return make_plan(name, replace(selection, budget=budget), results, costs)


def with_earlier_choice(name: str, selection: Selection, results: Path) -> Selection:
    """The selection with the runs that were chosen for it before, where it has a budget; the grid may have changed."""
    if selection.budget is None or selection.budget.ids:
        return selection
    found = _earlier(selection, _read(results / load_grid(name).name))
    return replace(selection, budget=found.budget) if found else selection


def _stored(selection: Selection, folder: Path, anew: bool) -> Budget:
    """Stores a choice of runs; gives the one that another command has stored meanwhile, unless it is made anew."""
    made = selection.budget
    assert made is not None
    with held(folder / ".budgets", wait=WAIT):
        stored = _read(folder)
        there = _earlier(selection, stored)
        if there and there.budget and there.budget.of == made.of and not anew:
            return there.budget
        kept = [one.as_dict() for one in (*(one for one in stored if one != there), selection)]
        write_atomic(folder / FILE, dump_json(kept))
    return made


def _read(folder: Path) -> list[Selection]:
    try:
        content: Any = json.loads((folder / FILE).read_text())
        return [Selection.from_dict(entry) for entry in content]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadInput(f"{folder / FILE} is damaged; remove it to choose the runs of a budget again.") from None


def _earlier(selection: Selection, stored: Iterable[Selection]) -> Selection | None:
    """The stored one that asks for the same, whatever was chosen for it and whichever share is wanted."""

    def asked(one: Selection) -> Selection:
        return replace(one, shard=None, budget=one.budget and Budget(one.budget.hours))

    return next((one for one in stored if asked(one) == asked(selection)), None)


def choose(plan: Plan, hours: float, speed: Speed) -> Budget:
    """The runs of a plan with costs that fit into `hours` device-hours.  Raises BadInput where no block does."""
    cost = {run.id: speed.device_hours(run) for run in plan.runs}
    parts = _parts(plan)
    blocks = _in_order(parts, cost)
    cells = {block: sorted(parts[block], key=_cell_order(plan)) for block in blocks}
    steps = [[run for cell in cells[block] for run in parts[block][cell]] for block in blocks[1:]]
    steps = [parts[block][cell] for block in blocks[:1] for cell in cells[block]] + steps
    chosen: dict[str, PlannedRun] = {}
    next_hours = 0.0
    for step in steps:
        more = chosen | _with_parents(step)
        total = sum(cost[id] for id in more)
        if total > hours * (1 + 1e-9):
            next_hours = total
            break
        chosen = more
    if plan.runs and not chosen:
        first = f"{blocks[0].backbone} at {blocks[0].frames} frames"
        raise BadInput(
            f"The smallest part of grid {plan.grid.name} that keeps comparisons balanced ({first}) takes about "
            f"{device_time(next_hours)}, {speed.basis}; --budget {Budget(hours).text} is less."
        )
    ids = tuple(run.id for run in plan.runs if run.id in chosen)
    used = sum(cost[id] for id in ids)
    return Budget(hours, ids, used, next_hours, speed.basis, tuple(_left_out(plan, parts, blocks, set(ids), cost)))


Parts = dict[Block, dict[Cell, list[PlannedRun]]]


def _parts(plan: Plan) -> Parts:
    """The runs of a plan by block and cell; a run that pretrains belongs to those that start from it."""
    parts: Parts = {}
    for run in plan.runs:
        if not run.pretrains:
            name = parse_model(run.spec.model)
            block = Block(run.matches or run.spec.frames, name.backbone or name.module)
            cell = Cell(run.spec.seed, run.axes_text, run.spec.dataset)
            parts.setdefault(block, {}).setdefault(cell, []).append(run)
    return parts


def _in_order(parts: Parts, cost: dict[str, float]) -> list[Block]:
    """The blocks in the order in which they are added; a backbone's cost is that of its run with the fewest frames."""

    def mean(block: Block) -> float:
        runs = [run for cell in parts[block].values() for run in cell]
        return sum(cost[run.id] for run in runs) / len(runs)

    by_backbone = {block.backbone: mean(block) for block in sorted(parts, reverse=True)}
    return sorted(parts, key=lambda block: (block.frames, by_backbone[block.backbone], block.backbone))


def _cell_order(plan: Plan) -> Callable[[Cell], tuple[int, ...]]:
    """Seeds, then settings, then data sets, each in the order of the grid."""
    orders: list[list[object]] = [[], [], []]
    for run in plan.runs:
        for order, value in zip(orders, (run.spec.seed, run.axes_text, run.spec.dataset), strict=True):
            if value not in order:
                order.append(value)
    return lambda cell: tuple(order.index(value) for order, value in zip(orders, cell, strict=True))


def _with_parents(runs: Iterable[PlannedRun]) -> dict[str, PlannedRun]:
    """Runs by id, and all runs before them in their chains."""
    found: dict[str, PlannedRun] = {}
    for run in runs:
        before: PlannedRun | None = run
        while before is not None and before.id not in found:
            found[before.id] = before
            before = before.parent
    return found


def _left_out(
    plan: Plan, parts: Parts, blocks: list[Block], chosen: set[str], cost: dict[str, float]
) -> Iterable[LeftOut]:
    """What is left out, from what would be added next to what would be added last."""
    groups: dict[str, list[PlannedRun]] = {}
    frames = dict.fromkeys(block.frames for block in blocks)
    several_seeds = len({run.spec.seed for run in plan.runs}) > 1

    def any_chosen(blocks: Iterable[Block], seed: int | None = None) -> bool:
        cells = [(cell, runs) for block in blocks for cell, runs in parts[block].items()]
        return any(run.id in chosen for cell, runs in cells for run in runs if seed in (None, cell.seed))

    begun = {count: any_chosen(block for block in blocks if block.frames == count) for count in frames}
    for block in blocks:
        for cell in sorted(parts[block], key=_cell_order(plan)):
            what = f"{block.backbone} at {block.frames} frames"
            if not begun[block.frames]:
                what = f"{block.frames} frames"
            elif any_chosen([block]):
                values = [f"seed {cell.seed}"] if several_seeds else []
                values += [value for value in cell[1:] if value] if any_chosen([block], cell.seed) else []
                what = f"{', '.join(values)} of {what}"
            if runs := [run for run in parts[block][cell] if run.id not in chosen]:
                groups.setdefault(what, []).extend(runs)
    counted = set(chosen)
    for what, runs in groups.items():
        new = {id: run for id, run in _with_parents(runs).items() if id not in counted}
        counted |= new.keys()
        yield LeftOut(what, len(new), sum(cost[id] for id in new))


def budget_notes(plan: Plan) -> list[str]:
    """What a person should know of the choice."""
    budget = plan.selection.budget
    if budget is None or not budget.ids:
        return []
    whole = f"{len(budget.ids)} runs, about {device_time(budget.used)}, {budget.basis}"
    lines = [f"Budget of {budget.text}: {whole}."]
    if budget.left_out:
        parts = [
            f"{one.what} ({one.runs} run{'s' * (one.runs > 1)}, {device_time(one.device_hours)})"
            for one in budget.left_out
        ]
        order = "largest number of frames first, then most expensive backbone"
        lines.append(f"Left out ({order}): {'; '.join(parts[::-1])}.")
        lines.append(f"The next larger part of the grid takes about {device_time(budget.next_hours)}.")
    return lines
