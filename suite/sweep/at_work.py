"""Where a run is being worked on and how far it is; what to know of one that failed, and of those it blocks."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

from suite.program import command, results_option
from suite.spec import printable
from suite.store.claims.held import read_progress
from suite.store.claims.silence import age
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun

AT_WORK = ("queued", "running", "lost")
LOG_LINES, LOG_BYTES = 5, 1 << 14  # of the end of a failed run's log


def whereabouts(run: PlannedRun) -> dict[str, Any] | None:
    """Who has claimed a run: host, pid, executor, job, since, heartbeat_age (seconds), and its progress.

    The progress has step, steps, tested and videos where the run has reported them.  None where nobody has.
    """
    claim, file = run.folder.claim(), run.folder.claim_file
    if claim is None:
        return None
    return {
        "host": printable(claim.host),
        "pid": claim.pid or None,
        "executor": printable(claim.executor) or None,
        "job": printable(claim.job) or None,
        "since": printable(claim.claimed),
        "heartbeat_age": round(max(0.0, age(file, claim)), 1),
        "damaged": claim.damaged or None,
        **read_progress(file, claim),
    }


def after_failure(run: PlannedRun, state: str, plan: Plan) -> dict[str, Any]:
    """log (last lines) and rerun (a command) of a failed run, blocked_by (an id) of a blocked one; else None each."""
    failed, before = state == "failed", run.blocked_by() if state == "blocked" else None
    return {
        "log": _last_lines(run) if failed else None,
        "rerun": rerun_command(run, plan) if failed else None,
        "blocked_by": before.id if before else None,
    }


def rerun_command(run: PlannedRun, plan: Plan) -> str:
    """The command that runs a failed run again, with others of its model only where they are not done."""
    chosen = replace(plan.selection, only=(run.spec.model,), shard=None)
    text = f"sweep {shlex.quote(plan.name)} {chosen.options()}".rstrip()
    return command(text + results_option(plan.folder.parent))


def _last_lines(run: PlannedRun) -> list[str]:
    try:
        with open(run.folder.log, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOG_BYTES))
            return [printable(line) for line in file.read().decode(errors="replace").splitlines()[-LOG_LINES:]]
    except OSError:
        return []
