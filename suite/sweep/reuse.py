"""Finished runs of other grids under the same results folder: found and checked, so that no run is trained twice.

A run is used from another grid where its id is the same, its result covers the planned tests, and neither its code nor
its videos have changed since.  A stage of a chain is used only together with the run that it started from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from suite.spec import BadInput
from suite.store.changes import changes_since, knows_code
from suite.store.earlier import run_folder
from suite.store.evaluations import result_of
from suite.store.find import grids_in
from suite.store.folder import RunFolder
from suite.store.reused import REPLACED, lost_runs, record_reuse
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun


def reused_from(run: PlannedRun, plan: Plan) -> str | None:
    """The folder of a run that is used from another grid; None for a run of the grid itself."""
    own = plan.folder / "runs"
    return None if run.folder.path.parent == own or run.archived_id else str(run.folder.path)


def use_finished_runs(plan: Plan) -> list[PlannedRun]:
    """Lets the runs of a plan that were not started point to finished runs of other grids; gives those runs.

    `plan.not_reused` says why others are not used, by id.  Nothing is written.
    """
    results, found = plan.folder.parent, []
    others = [grid for grid in grids_in(results) if grid != plan.folder.name]
    for run in plan.runs if others else ():  # parents come first
        if run.folder.path.is_dir():
            continue
        places = [RunFolder(results / grid / "runs" / run.id) for grid in others]
        reasons = []
        for folder in places:
            if not folder.result_file.is_file():
                continue
            reason = _why_not(run, folder, plan)
            if reason is None:
                run.point_to(folder)
                found.append(run)
                break
            reasons.append(f"{folder.path} is finished, but not used: {reason}")
        else:
            plan.not_reused |= {run.id: reasons[0]} if reasons else {}
    return found


def train_here(plan: Plan, runs: Iterable[PlannedRun], reason: str) -> None:
    """Lets runs of a plan that point to another grid, and those that start from them, be trained in its own folder."""
    for run in runs:
        if reused_from(run, plan):
            plan.not_reused[run.id] = f"{run.folder.path} is finished, but not used: {reason}"
            run.point_to(RunFolder(plan.folder / "runs" / run.id))
            train_here(plan, run.children, f"{run.id}, which it starts from, is trained here")


def record_reused(plan: Plan) -> None:
    """Writes down which runs of other grids the plan uses, and which it does not use any more."""
    own = [run for run in plan.runs if not reused_from(run, plan)]
    pretrained = {run.id for run in plan.runs if run.pretrains}  # found in any grid, by their id
    taken = [run.folder for run in plan.runs if reused_from(run, plan) and run.id not in pretrained]
    record_reuse(plan.folder, taken, dropped=[run.id for run in own])


def _why_not(run: PlannedRun, folder: RunFolder, plan: Plan) -> str | None:
    """Why a finished run of another grid cannot be used; None where it can."""
    runs = folder.path.parent
    if run.spec.protocol.tuned:
        return "settings that are tuned are compared within one grid"
    if run.parent is not None:
        before = run_folder(runs, run.parent.id)
        if before.path.resolve() != run.parent.folder.path.resolve():
            return "it started from another run than the one that is used here"
    try:
        if result_of(folder, run.spec) is None:
            return "it lacks a test that is planned here"
        sessions = folder.read_provenance().get("sessions", [])
        changes = changes_since(folder, plan.folder, run.parent.folder if run.parent else None)
        changes += changes_since(folder, runs.parent, None)
    except BadInput as error:
        return str(error).rstrip(".")
    if changes:
        return f"changed since: {'; '.join(dict.fromkeys(change.text for change in changes))}"
    if not knows_code(sessions):
        return "it did not record its code"
    return None if folder.checkpoint.is_file() else "its checkpoint is missing"


def grid_of(place: str) -> str:
    """The grid that has trained the run of a folder, also one that it has replaced since."""
    parts = Path(place).parts
    return parts[-4] if parts[-3] == REPLACED else parts[-3]


def reused_by_grid(plan: Plan) -> list[str]:
    """`2 of demo, 1 of frames`: how many runs are used from which grid; an empty list without any."""
    found = Counter(grid_of(place) for run in plan.runs if (place := reused_from(run, plan)))
    return [", ".join(f"{count} of {grid}" for grid, count in sorted(found.items()))] if found else []


def reuse_notes(plan: Plan) -> list[str]:
    """Sentences on the runs that a plan uses from other grids, on those that it does not use, and on lost ones."""
    lines = [f"note: finished runs of other grids are used: {runs}." for runs in reused_by_grid(plan)]
    planned = {run.id for run in plan.runs}
    lines += [f"note: {sentence}" for sentence in lost_runs(plan.folder / "runs") if sentence.split()[0] in planned]
    reasons = Counter(reason.partition(": ")[2] for reason in plan.not_reused.values())
    for reason, count in reasons.items():
        lines.append(
            f"note: {count} run{'s' * (count > 1)} finished in another grid {'are' if count > 1 else 'is'} not used: "
            f"{reason}."
        )
    return lines
