"""`--rerun stale|failed`: finished or failed runs are trained anew, from the start; their old folders are kept.

A run is only marked at first, so that what would stop the sweep is found before anything is moved.  Then its folder
goes to results/<grid>/replaced/<time>/<run id>, where it stays a run folder like any other.  Runs that start from a
marked one are trained anew too.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from suite.spec import BadInput, shown
from suite.store.claims.claim import NAME, progress_file
from suite.store.folder import RunFolder
from suite.store.reused import REPLACED
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun
from suite.sweep.reuse import reused_from
from suite.sweep.stale import stale_runs

STALE, FAILED = KINDS = ("stale", "failed")


def mark_again(plan: Plan, kinds: Collection[str]) -> list[str]:
    """Marks the runs of a plan that are to be trained anew; gives a sentence about them for each kind.

    Raises BadInput for an unknown kind, and where a finished run outside the plan starts from one of them.
    """
    if odd := [kind for kind in kinds if kind not in KINDS]:
        raise BadInput(f"--rerun expects {' or '.join(KINDS)}, not {shown(odd[0])}.")
    notes = []
    stale = stale_runs(plan) if STALE in kinds else {}
    failed = {run.id for run in plan.runs if FAILED in kinds and _failed_in_training(run)}
    for kind, chosen in ((STALE, set(stale)), (FAILED, failed)):
        if kind not in kinds:
            continue
        after = {run.id for run in plan.runs if run.id not in chosen and _starts_from(run, chosen)}
        after = {run.id for run in plan.runs if run.id in after and run.folder.path.is_dir()}
        also = f", and {len(after)} that started from {'it' if len(chosen) == 1 else 'one of them'}" if after else ""
        notes.append(f"{len(chosen)} {kind} run{'s' * (len(chosen) != 1)} to train from the start{also}")
        _refuse_others(plan, chosen | after, kind)
        for run in plan.runs:
            if run.id in chosen | after:
                _mark(run, plan)
    return notes


def _mark(run: PlannedRun, plan: Plan) -> None:
    if reused_from(run, plan):
        run.point_to(RunFolder(plan.folder / "runs" / run.id))
    else:
        run.again = True


def _failed_in_training(run: PlannedRun) -> bool:
    """A finished run of which a further test failed is not trained again for it."""
    return run.state() == "failed" and not run.folder.result_file.exists()


def _starts_from(run: PlannedRun, chosen: Collection[str]) -> bool:
    before = run.parent
    while before is not None:
        if before.id in chosen:
            return True
        before = before.parent
    return False


def _refuse_others(plan: Plan, chosen: Collection[str], kind: str) -> None:
    """Raises BadInput where a finished run of the grid that is not planned starts from one of the chosen runs."""
    planned = {run.folder.id for run in plan.runs}
    parents: dict[str, str | None] = {}
    for file in sorted((plan.folder / "runs").glob("*/result.json")) if chosen else ():
        if file.parent.name not in planned:
            try:
                parents[file.parent.name] = RunFolder(file.parent).spec().parent
            except BadInput:
                continue
    for run in parents:
        before = parents[run]
        while before in parents:
            before = parents[before]
        if before in chosen:
            raise BadInput(
                f"--rerun {kind} would train {before} again, but the finished run {run}, which is not in this "
                "selection, starts from it; select both."
            )


def move_marked(plan: Plan) -> Path | None:
    """Moves the folders of marked runs aside, later stages first; gives the folder that keeps them, None without any.

    Raises Busy, a BadInput, and moves nothing, where another process is at work on one.
    """
    marked = [run for run in reversed(plan.runs) if run.again]
    if not marked:
        return None
    kept = plan.folder / REPLACED / time.strftime("%Y-%m-%dT%H-%M-%S")
    with ExitStack() as held:
        for run in marked:
            if run.folder.path.is_dir():
                held.enter_context(run.folder.claimed())
        kept.mkdir(parents=True, exist_ok=True)
        for run in marked:
            if run.folder.path.is_dir():
                run.folder.path.rename(kept / run.folder.id)
                for name in (NAME, progress_file(run.folder.claim_file).name):  # the claim was for the move
                    (kept / run.folder.id / name).unlink(missing_ok=True)
            run.again = False
            run.point_to(RunFolder(plan.folder / "runs" / run.id))
    return kept
