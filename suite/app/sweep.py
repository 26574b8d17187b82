"""A sweep as a person starts it: data first, then the runs, then what comes out of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from suite.app.data import datasets_of, prepare_data, refuse_other_weights
from suite.app.tracking import Tracking
from suite.data.dataset_info import info
from suite.data.datasets import open_dataset
from suite.report.build import write_report
from suite.report.console.listing import notes
from suite.report.console.plain import PlainConsole
from suite.report.console.progress import Display
from suite.spec import BadInput, one_line
from suite.store.folder import lock
from suite.sweep.executors.local import LocalExecutor, Machine
from suite.sweep.plan import Plan, PlannedRun, add_costs, make_plan, remember
from suite.sweep.stored import store_plan

if TYPE_CHECKING:
    pass

DONE, SOME_FAILED, STOPPED = 0, 1, 130


def run_sweep(plan: Plan, data: Path, machine: Machine, tracking: bool, options: dict[str, Any]) -> int:
    """Runs what a plan still needs and writes its report; returns the exit code."""
    console = PlainConsole(soft_wrap=True)
    for run in plan.runs:
        if run.spec.missing_weights:
            raise BadInput(
                f"{run.spec.model} needs the weights file {run.spec.missing_weights}, which is neither in the working "
                "directory nor in the folder given by SUITE_WEIGHTS."
            )
    for name in datasets_of(plan):
        if info(name).reader != "calibrated":
            open_dataset(name, data)  # a missing data set is reported at once, not after the costs are counted
    add_costs(plan)
    busy = f"{plan.folder} is in use by another sweep; wait for it or stop it."
    share = "" if not plan.selection.shard else "-{}of{}".format(*plan.selection.shard)
    with lock(plan.folder / f".lock{share}", wait=1, busy=busy):
        prepare_data(plan, data, console)
        refuse_other_weights(plan)
        remember(plan)
        if not share:
            store_plan(plan)
        tracker = Tracking(plan, console) if tracking else None
        todo = sum(run.state() != "done" for run in plan.runs)
        how = f"{machine.slots} at a time on {machine.device}, CPU threads per run: {machine.threads}"
        for note in notes(plan):
            console.print(note)
        console.print(f"{plan.grid.name}: {todo} of {len(plan.runs)} runs to do, {how}")
        executor = LocalExecutor(plan, data, machine, **options)
        with Display(plan, console) as display:

            def on_event(event: str, run: PlannedRun) -> None:
                display.event(event, run)
                if tracker and event == "done":
                    tracker.finished(run)

            outcome = executor.execute(on_event, display.tick)
        whole = make_plan(plan.name, replace(plan.selection, shard=None), plan.folder.parent) if share else plan
        files = write_report(whole)
        if tracker:
            tracker.close(files)
        _last_words(plan, outcome.stopped, console)
    if outcome.stopped:
        return STOPPED
    return DONE if all(run.state() == "done" for run in plan.runs) else SOME_FAILED


def _last_words(plan: Plan, stopped: bool, console: Console) -> None:
    """The table, and where the rest lies."""
    folder = plan.folder
    left = [run for run in plan.runs if run.state() != "done"]
    for run in left:
        if (error := run.folder.error()) is not None:
            console.print(f"failed: {run.id}: {one_line(error['error'])}")
    table = folder / "tables" / "accuracy.md"
    if table.exists() and len(left) < len(plan.runs):
        console.print()
        console.print(table.read_text().rstrip())
        console.print()
    if stopped:
        console.print(f"Stopped with {len(left)} runs left; run the same command again to continue.")
    console.print(f"Page:    {folder / 'report.html'}")
    console.print(f"Tables:  {folder / 'tables'} (Markdown, LaTeX, CSV)    Figures: {folder / 'figures'} (PNG, PDF)")
    console.print(f"Rows:    {folder / 'summary.csv'}    Runs: {folder / 'runs'}    MLflow: make mlflow")
