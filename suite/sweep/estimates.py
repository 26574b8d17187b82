"""What runs were estimated to take when a sweep was about to start them, and how far that was from what they took.

results/<grid>/estimates.json: {run id: {"seconds", "device", "name", "threads", "basis"}}; advice for a person, which
nothing depends on.  An estimate counts only for a run of which all sessions were on that device, with as many threads.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from suite.store.claims.held import held
from suite.store.folder import dump_json, write_atomic
from suite.sweep.estimate import Speed, threads_of
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun

FILE = "estimates.json"
WAIT = 60.0  # seconds for another sweep of the grid that writes the file


def record_estimates(plan: Plan, speed: Speed) -> None:
    """Notes the estimate of every run that is yet to be started; those of runs at work stay what they were."""
    new = {
        run.id: {
            "seconds": round(speed.whole_seconds(run), 3),
            "device": speed.device,
            "name": speed.model,
            "threads": speed.threads,
            "basis": speed.basis,
        }
        for run in plan.runs
        if run.again or (run.state() != "done" and not run.folder.provenance.exists())
    }
    if not new:
        return
    plan.folder.mkdir(parents=True, exist_ok=True)
    with held(plan.folder / ".estimates", wait=WAIT):
        write_atomic(plan.folder / FILE, dump_json(read_estimates(plan.folder) | new))


def read_estimates(folder: Path) -> dict[str, dict[str, Any]]:
    """What the file of the grid in `folder` has; {} where none was noted, or the file is damaged."""
    try:
        content = json.loads((folder / FILE).read_text())
        found = {
            str(run): {
                "seconds": float(about["seconds"]),
                "device": str(about["device"]),
                "name": str(about["name"]),
                "threads": int(about["threads"]),
                "basis": str(about["basis"]),
            }
            for run, about in content.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}
    return {run: about for run, about in found.items() if isfinite(about["seconds"]) and about["seconds"] >= 0}


def estimate_of(run: PlannedRun, estimates: Mapping[str, dict[str, Any]]) -> float | None:
    """Seconds that a finished run was expected to take on the device where it was; None where it was on another."""
    noted, sessions = estimates.get(run.id), run.folder.read_provenance().get("sessions", [])
    if noted is None or not noted["name"]:
        return None
    device = (noted["device"], noted["name"], noted["threads"])
    same = all((one.get("device"), one.get("name"), threads_of(one)) == device for one in sessions)
    return noted["seconds"] if same else None


def seconds_taken(run: PlannedRun) -> float | None:
    """Of all sessions of a finished run, from start to result; None where one was killed and left no time."""
    times = [session.get("seconds") for session in run.folder.read_provenance().get("sessions", [])]
    if not times or not all(isinstance(seconds, int | float) for seconds in times):
        return None
    return round(sum(times), 3)


@dataclass(frozen=True)
class EstimateError:
    """Of the runs whose estimate and time are known: sums in seconds, and the median of |estimate / time - 1|."""

    runs: int
    estimated: float
    taken: float
    median: float

    @classmethod
    def of(cls, pairs: Iterable[tuple[float | None, float | None]]) -> EstimateError | None:
        """pairs: seconds estimated and taken; None without a single one."""
        known = [(estimated, taken) for estimated, taken in pairs if estimated and taken]
        if not known:
            return None
        median = statistics.median(abs(estimated / taken - 1) for estimated, taken in known)
        return cls(len(known), sum(e for e, _ in known), sum(t for _, t in known), median)

    def as_dict(self) -> dict[str, Any]:
        return {
            "runs": self.runs,
            "estimated_seconds": self.estimated,
            "seconds": self.taken,
            "median_relative_error": self.median,
        }


def estimate_error(plan: Plan) -> EstimateError | None:
    """Over the finished runs of a plan."""
    estimates = read_estimates(plan.folder)
    known = [run for run in plan.runs if run.id in estimates and run.state() == "done"]
    return EstimateError.of((estimate_of(run, estimates), seconds_taken(run)) for run in known)
