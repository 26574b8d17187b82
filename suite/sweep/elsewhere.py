"""What other processes and machines do to the runs of a sweep: other drivers have some, results come late."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import Any

from suite.sweep.claims import Claims
from suite.sweep.planned_run import PlannedRun

LOOK = 2.0  # seconds between looks at the runs of other processes, at least
LATE = 3.0  # seconds in which a result that was written must be seen
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


def late_result(run: PlannedRun) -> dict[str, Any] | None:
    """The result of a run whose process says that it wrote one: on NFS, another machine may see the file later."""
    until = time.monotonic() + LATE
    while (result := run.result()) is None and time.monotonic() < until:
        time.sleep(0.1)
        with contextlib.suppress(OSError):
            os.listdir(run.folder.path)  # opening the folder makes an NFS client ask the server again
    return result
