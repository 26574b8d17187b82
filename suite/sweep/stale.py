"""Finished runs whose code, data or initial weights have changed since: shown, and trained again only on request."""

from __future__ import annotations

from suite.spec import BadInput
from suite.store.changes import Change, changes_since, know_code
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun


def stale_runs(plan: Plan) -> dict[str, list[str]]:
    """Run id -> what has changed since, in words, of the stale runs among the finished ones of a plan.

    A stage of a chain is stale too where the training of a run before it has changed.
    """
    found: dict[str, list[Change]] = {}
    done = [run for run in plan.runs if run.state() == "done"]
    know_code({run.spec.model for run in done}, plan.folder)
    for run in done:  # parents come first
        parent = run.parent
        changes = changes_of_run(run, plan)
        own = any(change.training for change in changes)
        if not own and parent is not None and any(change.training for change in found.get(parent.id, ())):
            changes.append(Change(f"{parent.id}, which it starts from, is stale"))
        if changes:
            found[run.id] = changes
    return {run: [change.text for change in changes] for run, changes in found.items()}


def stale_notes(plan: Plan) -> list[str]:
    """A sentence about the stale runs of a plan; none without any."""
    found = stale_runs(plan)
    if not found:
        return []
    first, changes = next(iter(found.items()))
    these = "1 finished run is" if len(found) == 1 else f"{len(found)} finished runs are"
    return [f"note: {these} stale (first {first}; {'; '.join(changes)}); --rerun stale trains them again."]


def changes_of_run(run: PlannedRun, plan: Plan) -> list[Change]:
    """What has changed since a run was finished; of one with damaged files nothing: whoever reads it is told."""
    try:
        return changes_since(run.folder, plan.folder, run.parent.folder if run.parent else None)
    except BadInput:
        return []
