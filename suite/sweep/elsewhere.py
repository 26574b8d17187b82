"""The runs of a sweep that other drivers have: waited for, and never marked as failed by this one."""

from __future__ import annotations

import time
from collections.abc import Iterable

from suite.store.atomic import mark_of
from suite.sweep.claims import Claims
from suite.sweep.planned_run import PlannedRun

LOOK = 2.0  # seconds between looks at the runs of other processes, at least
PER_RUN = 0.05  # seconds more for each of them: a hundred drivers may share the disk


class Elsewhere:
    """Runs that other processes work on, and what became of them there."""

    def __init__(self, claims: Claims, runs: Iterable[PlannedRun]):
        """runs: of the sweep, as it begins: an error that is there now is for this sweep to try again."""
        self.claims = claims
        self.runs: dict[str, PlannedRun] = {}
        self.looked = 0.0
        self.errors = {run.id: mark_of(run.folder.error_file) for run in runs}
        self.settling: set[str] = set()  # they failed there, and may be tried again there

    def __bool__(self) -> bool:
        return bool(self.runs)

    def add(self, run: PlannedRun) -> None:
        self.runs[run.id] = run

    def note_own_end(self, run: PlannedRun) -> None:
        """The error of a run is now that of this sweep."""
        self.errors[run.id] = mark_of(run.folder.error_file)

    def has_failed(self, run: PlannedRun) -> bool:
        """Whether the run has failed in another sweep since this one began: it is not tried here too."""
        return mark_of(run.folder.error_file) not in (None, self.errors.get(run.id))

    def left(self) -> list[PlannedRun]:
        """Those that their processes have left since the last look, done or not; no longer waited for."""
        if not self.runs or time.monotonic() - self.looked < LOOK + PER_RUN * len(self.runs):
            return []
        self.looked = time.monotonic()
        free = {run.id: run for run in self.runs.values() if not self.claims.is_held_by_another(run.folder)}
        new = {id for id, run in free.items() if id not in self.settling and self.has_failed(run)}
        self.settling = (self.settling & free.keys()) | new
        left = [run for id, run in free.items() if id not in new]
        for run in left:
            del self.runs[run.id]
            self.settling.discard(run.id)
        return left
