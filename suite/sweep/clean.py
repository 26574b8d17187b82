"""Leftovers of a grid: runs that failed or were given up, and removing them.

Nothing is removed that another result rests on, that a process is at work on, or that the grid still has to run.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.spec import BadInput
from suite.store.folder import RunFolder
from suite.store.locks import lock
from suite.sweep.plan import Selection, last_selection, load_grid, make_plan
from suite.sweep.stored import stored_runs

NAME = re.compile(r"[A-Za-z0-9_+=-][A-Za-z0-9._+=-]*")  # of a grid
FAILED, ABANDONED = "failed", "abandoned"
KEPT = ("finished", "running", "needed", "planned", "unreadable")


@dataclass(frozen=True)
class Leftover:
    """A run that may go: it failed, or no plan has it any more."""

    folder: RunFolder
    state: str  # FAILED or ABANDONED
    error: str | None
    epochs: int  # trained so far
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        about = {"id": self.folder.id, "state": self.state, "error": self.error}
        return about | {"epochs": self.epochs, "bytes": self.bytes, "folder": str(self.folder.path)}


def leftovers(grid: Path, planned: set[str] | None) -> tuple[list[Leftover], dict[str, int]]:
    """The leftovers among the runs of `grid`, its folder under results, and how many runs are kept, by reason.

    A run is kept when it is finished; running: a live process has claimed it; needed: a run that started from it is
    finished or running; planned: its name is in `planned` and it has not failed; unreadable: its folder is a link, or
    its spec.yaml is damaged, so that it is not known what rests on it.  Without a plan (None) only failed runs go.
    """
    runs = {path.parent.name: RunFolder(path.parent) for path in sorted(grid.glob("runs/*/spec.yaml"))}
    parents: dict[str, str | None] = {}
    for name, run in runs.items():
        try:
            parents[name] = run.spec().parent
        except BadInput:
            continue
    needed: set[str] = set()
    for name, run in runs.items():
        before = parents.get(name) if run.result_file.exists() or run.is_claimed() else None
        while before in runs and before not in needed:
            needed.add(before)
            before = parents.get(before)
    found, kept = [], dict.fromkeys(KEPT, 0)
    for name, run in runs.items():
        if reason := _kept(run, name in needed, name in parents, planned):
            kept[reason] += 1
        else:
            found.append(_leftover(run))
    return found, kept


def _kept(run: RunFolder, needed: bool, readable: bool, planned: set[str] | None) -> str:
    """Why a run is kept; "" where it may go."""
    if run.result_file.exists():
        return "finished"
    if run.is_claimed():
        return "running"
    if needed:
        return "needed"
    if not readable or run.path.is_symlink():
        return "unreadable"
    wanted = planned is None or run.id in planned
    return "planned" if wanted and not run.error_file.exists() else ""


def _leftover(run: RunFolder) -> Leftover:
    try:
        error = (run.error() or {}).get("error")
        epochs = len(run.read_history())
    except BadInput as damaged:
        error, epochs = str(damaged), 0
    size = sum(file.lstat().st_size for file in run.path.rglob("*") if not file.is_dir())
    return Leftover(run, FAILED if run.error_file.exists() else ABANDONED, error, epochs, size)


def remove(grid: Path, planned: set[str] | None) -> list[Leftover]:
    """Removes the leftovers of a grid and gives them; a run leaves `runs` in one step, also when this is killed.

    Raises BadInput while a sweep is at work on the grid.
    """
    busy = f"{grid} is in use by a sweep; wait for it or stop it."
    with ExitStack() as held:
        held.enter_context(lock(grid / ".lock", wait=1, busy=busy))
        found, _ = leftovers(grid, planned)
        for one in found:
            held.enter_context(one.folder.claimed())
        for one in found:
            aside = grid / f".removed-{os.getpid()}-{one.folder.id}"
            one.folder.path.rename(aside)
            shutil.rmtree(aside)
    return found


def planned_runs(name: str, results: Path) -> tuple[Path, set[str] | None]:
    """The folder of a grid's results, and the names of all runs that are still planned for it.

    These are the runs of the whole grid, of what was last selected of it, and of the plan that is stored beside its
    runs.  None instead where the grid cannot be read any more.  Raises BadInput where it has no results.
    """
    try:
        grid = results / load_grid(name).name
        plans = [
            make_plan(name, one, results, costs=False) for one in (Selection(), last_selection(grid.name, results))
        ]
        wanted = {run for plan in plans for one in plan.runs for run in (one.id, one.folder.id)}
    except BadInput:
        if not NAME.fullmatch(name) or not (results / name / "runs").is_dir():
            raise
        return results / name, None
    if not (grid / "runs").is_dir():
        raise BadInput(f"There are no runs of {grid.name} in {results}.")
    return grid, wanted | stored_runs(grid)
