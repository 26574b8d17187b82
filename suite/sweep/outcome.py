"""How a sweep ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from suite.sweep.planned_run import PlannedRun


@dataclass
class SweepOutcome:
    """What became of the runs of a sweep, and why it ended before all were done."""

    finished: list[PlannedRun] = field(default_factory=list)
    failed: list[PlannedRun] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)  # run id -> why it failed
    stopped: bool = False
    cancelled: bool = False  # somebody has asked for the whole sweep to stop
    cancelled_runs: list[PlannedRun] = field(default_factory=list)
    same_error: str = ""  # the exception that ended the first runs, and with them the sweep
