"""Requests to stop runs: `suite cancel` leaves files that workers and drivers look for, on any machine.

runs/<id>/cancel     the run saves and stops (its worker looks), and drivers that are at work do not start it again
cancel               beside runs/: the same for all runs of the grid; drivers that are at work stop
cancel-runs          beside runs/: touched with each request, so that a driver looks at one file and not at all runs

A request is for the drivers that are at work when it is made: a driver that starts later passes over what it finds.  It
tells requests apart by their files, and so no clock takes part.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from suite.store.atomic import mark_of, temporary_of
from suite.store.claims.held import CANCEL
from suite.store.folder import RunFolder
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun

LOOK = 2.0  # seconds between looks for requests
BELL = "cancel-runs"


class CancelRequests:
    """What was asked of a driver since it began."""

    def __init__(self, plan: Plan):
        self.folder = plan.folder
        self.before = {run.id: mark_of(run.folder.path / CANCEL) for run in plan.runs}
        self.grid, self.bell = mark_of(self.folder / CANCEL), mark_of(self.folder / BELL)
        self.looked = time.monotonic()

    def all_runs(self) -> bool:
        """Whether the whole grid is to stop."""
        return mark_of(self.folder / CANCEL) not in (None, self.grid)

    def is_cancelled(self, run: PlannedRun) -> bool:
        """Whether a run is to stop, or not to be started."""
        return mark_of(run.folder.path / CANCEL) not in (None, self.before[run.id])

    def forget_earlier(self, run: PlannedRun) -> None:
        """Removes a request that an earlier driver was meant by, before the run is started."""
        if self.before[run.id] is not None and not self.is_cancelled(run):
            (run.folder.path / CANCEL).unlink(missing_ok=True)

    def is_due(self) -> bool:
        """Whether it is time to look again."""
        if time.monotonic() - self.looked < LOOK:
            return False
        self.looked = time.monotonic()
        return True

    def news(self, runs: Iterable[PlannedRun]) -> list[PlannedRun]:
        """Those of `runs` for which a request has come since the last time that there was one for any run."""
        bell = mark_of(self.folder / BELL)
        if bell == self.bell:
            return []
        self.bell = bell
        return [run for run in runs if self.is_cancelled(run)]


def cancel_grid(grid: Path) -> list[RunFolder]:
    """Asks all runs of results/<grid>, and the drivers that work on it, to stop; returns the runs that are at work."""
    _write(grid / CANCEL)
    claimed = [run for file in sorted(grid.glob("runs/*/spec.yaml")) if (run := RunFolder(file.parent)).is_claimed()]
    cancel_runs(claimed)
    return claimed


def cancel_runs(runs: Iterable[RunFolder]) -> None:
    """Asks runs to stop, and drivers that are at work not to start them again."""
    grids = set()
    for run in runs:
        _write(run.path / CANCEL)
        grids.add(run.path.parents[1])
    for grid in grids:
        _write(grid / BELL)


def _write(file: Path) -> None:
    """A new file in its place: a mark that no file before it had."""
    temporary = temporary_of(file)
    temporary.touch()
    os.replace(temporary, file)
