"""What the report of a grid covers: the runs with its own settings, and one part for each `--set` and `--data-set`.

Runs are found from their folders, so that what was planned last hides no finished run.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from suite.data.dataset_info import info
from suite.spec import BadInput, Grid, Protocol, load_protocol
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec, digest
from suite.store.reused import run_folders
from suite.sweep.plan import DATA_SET, PRETRAIN, Plan, Selection, changes_of, last_selection, make_plan
from suite.sweep.planned_run import PlannedRun, settings_text
from suite.sweep.stored import stored_plan

PREFIX = "with-"  # of the folder of a part, in that of the grid
LONGEST = 100  # letters of its name
UNCHANGED = {"name", "source", "tuned"}  # keys of a protocol that `--set` does not change


def report_parts(name: str, results: Path) -> list[Plan]:
    """The parts of the report of a grid, without costs: its own settings first, then a part for each `--set`.

    A part has the runs that were started, and those of the last selection, done or not.  Where no run with the grid's
    own settings was started or selected, there is no such part, and the last `--set` comes first.
    """
    whole = stored_plan(name, Selection(), results) or make_plan(name, Selection(), results, costs=False)
    last = last_selection(whole.grid.name, results)
    parts, variants = [_selected_part(whole, last)], []
    changes = changes_of(last, whole.grid)
    for settings in [*([changes] if changes else []), *_changes(whole)]:
        try:
            plan = make_plan(name, _selection(settings), results, costs=False)
        except BadInput:
            continue  # the protocol has no longer what was set
        if (ids := [run.id for run in plan.runs]) not in variants:  # else two spellings of the same settings
            variants.append(ids)
            parts.append(_selected_part(plan, last))
    return [part for part in parts if part.runs] or parts[:1]


def _selection(settings: dict[str, Any]) -> Selection:
    """The whole grid with what `changes_of` gave."""
    protocol = {key: value for key, value in settings.items() if key not in (DATA_SET, PRETRAIN)}
    data = tuple(name for name in settings.get(DATA_SET, "").split(",") if name)
    return Selection(set=protocol, data=data, pretrain=settings.get(PRETRAIN, ""))


def part_folder(part: Plan, parts: Iterable[Plan]) -> Path:
    """Where the files of a part are: those of the first one in the grid's folder, of others in one of their own."""
    first = next(iter(parts))
    return part.folder if part.changes == first.changes else part.folder / part_name(part.changes)


def part_name(settings: dict[str, Any]) -> str:
    """The folder of a part: with-epochs=1,lr=0.1."""
    text = settings_text(settings)
    name = re.sub(r"[^A-Za-z0-9._,=+-]", "_", text)
    return PREFIX + (name if name == text and len(name) <= LONGEST else f"{name[:LONGEST]}-{digest(settings, 8)}")


def unaccounted(parts: Iterable[Plan]) -> list[str]:
    """Finished run folders of the grid that no part has: the grid or its protocol was another one when they ran."""
    parts = list(parts)
    known = {run.folder.id for part in parts for run in part.runs}
    done = [path for path in run_folders(parts[0].folder / "runs") if (path / "result.json").is_file()]
    return sorted(path.name for path in done if path.name not in known)


def _selected_part(plan: Plan, last: Selection) -> Plan:
    if last == plan.selection:
        return plan
    chosen: set[str] = set()
    if changes_of(last, plan.grid) == plan.changes:
        with contextlib.suppress(BadInput):  # the grid has no longer what was selected
            chosen = {run.id for run in make_plan(plan.name, last, plan.folder.parent, costs=False).runs}
    return replace(plan, runs=[run for run in plan.runs if run.id in chosen or _started(run)])


def _started(run: PlannedRun) -> bool:
    """Done, failed or at work; a run of which only another test was made is none."""
    if not run.folder.path.is_dir():
        return False
    return not run.folder.result_file.exists() or run.state() != "todo"


def _changes(whole: Plan) -> list[dict[str, Any]]:
    """The settings of `--set` behind run folders that are not of the grid's own settings, without repetition."""
    protocol, own = load_protocol(whole.grid.protocol), {run.folder.id for run in whole.runs}
    others: dict[str, RunSpec] = {}
    for path in run_folders(whole.folder / "runs"):
        if path.name in own:
            continue
        try:
            others[path.name] = RunFolder(path).spec()
        except BadInput:
            continue  # whoever asks for that run itself is told
    found: list[dict[str, Any]] = []
    usual = {info(name).name for name in whole.grid.data}
    sources = {spec.parent for spec in others.values() if spec.transfer}
    for run, spec in others.items():
        if run in sources or (whole.grid.pretrain and spec.dataset == info(whole.grid.pretrain.data).name not in usual):
            continue  # what pretrained others has the protocol of its own stage
        settings: dict[str, Any] = {}
        chain: RunSpec | None = spec
        while chain is not None:  # a stage may have by itself what an earlier one was set to
            changed = _changed_keys(chain, protocol, whole.grid)
            if changed is None:
                break
            settings = changed | settings
            chain = None if chain.transfer else others.get(chain.parent or "")
        else:
            if spec.dataset not in usual:
                settings = {DATA_SET: spec.dataset} | settings
            if settings and settings not in found:
                found.append(settings)
    return found


def _changed_keys(spec: RunSpec, protocol: Protocol, grid: Grid) -> dict[str, Any] | None:
    """The fewest protocol keys that make a stage of the grid the one of `spec`; None where none do.

    Keys with several values in the grid have the value that `spec` has: they are no change.
    """
    chained = spec.parent is not None and not spec.transfer

    def stage(changes: dict[str, Any]) -> dict[str, Any]:
        staged = protocol.stage(chained, changes, settings).with_views(grid.fused_views())
        return _flat(staged.model_dump(mode="json", exclude=UNCHANGED))

    try:
        made = _flat(spec.protocol.model_dump(mode="json", exclude=UNCHANGED))
        settings = grid.set | {key: made[key] for key in grid.settings()[0]}
        usual = stage({})
        changes = {key: value for key, value in made.items() if usual.get(key) != value}
        if stage(changes) != made:
            return None
    except (BadInput, KeyError):
        return None
    for key in list(changes):  # such as milestones, which move with the epochs
        without = {other: value for other, value in changes.items() if other != key}
        try:
            changes = without if stage(without) == made else changes
        except BadInput:
            continue
    return changes


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys joined with dots, as `--set` takes them."""
    out: dict[str, Any] = {}
    for key, value in data.items():
        out |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return out
