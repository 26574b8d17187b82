"""The runs of a sweep that other drivers have: waited for, and never marked as failed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from suite.sweep.claims import Claims
from suite.sweep.planned_run import PlannedRun

LOOK = 2.0  # seconds between looks at the runs of other processes, at least
PER_RUN = 0.05  # seconds more for each of them: a hundred drivers may share the disk


@dataclass
class Elsewhere:
    """Runs that other processes work on."""

    claims: Claims
    runs: dict[str, PlannedRun] = field(default_factory=dict)
    looked: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.runs)

    def add(self, run: PlannedRun) -> None:
        self.runs[run.id] = run

    def left(self) -> list[PlannedRun]:
        """Those that their processes have left since the last look, done or not; no longer waited for."""
        if not self.runs or time.monotonic() - self.looked < LOOK + PER_RUN * len(self.runs):
            return []
        self.looked = time.monotonic()
        left = [run for run in self.runs.values() if not self.claims.is_held_by_another(run.folder)]
        for run in left:
            del self.runs[run.id]
        return left
