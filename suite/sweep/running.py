"""A run at work, as the scheduler and the display see it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from suite.sweep.planned_run import PlannedRun

FIRST_STEP = 600.0  # seconds without a first sign of life that are told: data may be indexed and models compiled
MULTIPLE = 10.0  # of the longest time between two steps so far: longer is a stall
TO_SAVE = 3.0  # of the same: time for the step under way and a checkpoint, when a run is to stop
LEAST_TO_SAVE, MOST_TO_SAVE = 30.0, 120.0
STALLED = 10.0  # seconds for a run that has stalled


@dataclass
class Running:
    """A run that has been started, its progress, and how long its steps take."""

    run: PlannedRun
    queued: bool = False  # its job waits for a place
    began: float = field(default_factory=time.monotonic)
    progress: dict[str, Any] = field(default_factory=dict)
    heard: float = field(default_factory=time.monotonic)
    longest_step: float = 0.0  # seconds between two reports
    stalled: bool = False

    def note(self, progress: dict[str, Any]) -> None:
        """Takes in what the run reports of itself."""
        now = time.monotonic()
        if self.progress and not (self.stalled or self.queued):
            self.longest_step = max(self.longest_step, now - self.heard)
        self.queued = progress.get("queued", False)
        self.progress |= {key: value for key, value in progress.items() if key != "queued"}
        self.heard, self.stalled = now, False

    def fraction(self) -> float:
        """How much of the run is done, by steps; testing counts as the last twentieth."""
        trained = self.progress.get("step", 0) / max(1, self.progress.get("steps", 1))
        tested = self.progress.get("tested", 0) / max(1, self.progress.get("videos", 0))
        return 0.95 * trained + (0.05 * tested if trained == 1 else 0.0)

    def silence(self) -> float:
        """Seconds since the last report."""
        return time.monotonic() - self.heard

    def is_silent(self, least: float) -> bool:
        """Whether the silence is longer than `least` seconds and than a multiple of the usual step."""
        usual = MULTIPLE * self.longest_step if self.progress.get("step") or self.progress.get("tested") else FIRST_STEP
        return not self.queued and self.silence() > max(least, usual)

    def stall_text(self) -> str:
        """What to say of a run that is silent."""
        usual = f"; its longest step took {self.longest_step:.1f} s" if self.longest_step else ""
        return f"no progress for {self.silence():.0f} s{usual}; it may hang"

    def patience(self) -> float:
        """Seconds to wait for its checkpoint when it is to stop."""
        if self.stalled or self.queued:
            return STALLED
        return min(MOST_TO_SAVE, max(LEAST_TO_SAVE, TO_SAVE * self.longest_step))
