"""A sweep as a person starts it: data first, then the runs, then what comes out of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from suite.app.data import prepare_data, refuse_other_weights
from suite.app.ensembles import make_ensembles
from suite.app.preflight import refuse_what_cannot_train, refuse_without_weights_or_data
from suite.app.tracking import Tracking
from suite.report.build import write_grid_report
from suite.report.console.listing import notes
from suite.report.console.plain import PlainConsole
from suite.report.console.progress import Display
from suite.spec import one_line
from suite.store.claims.held import held
from suite.store.locks import lock
from suite.sweep.executors.base import Executor
from suite.sweep.executors.local import LocalExecutor
from suite.sweep.executors.machine import Machine
from suite.sweep.executors.slurm import SlurmExecutor, SlurmOptions
from suite.sweep.parts import part_folder, report_parts
from suite.sweep.plan import Plan, add_costs, remember
from suite.sweep.planned_run import PlannedRun
from suite.sweep.scheduler import SAME_ERROR, Scheduler, SweepOutcome
from suite.sweep.stored import store_plan

DONE, SOME_FAILED, STOPPED = 0, 1, 130
REPORT = 3600.0  # seconds to wait for other sweeps of the grid that write the report


def run_sweep(
    plan: Plan,
    data: Path,
    machine: Machine,
    tracking: bool,
    options: dict[str, Any],
    cpu_is_meant: bool = True,
    cluster: SlurmOptions | None = None,
) -> int:
    """Runs what a plan still needs and writes its report; returns the exit code.

    options: of the scheduler; cpu_is_meant: somebody asked for the CPU, however long the sweep takes there; cluster:
    runs are jobs of Slurm, in place of processes of this machine.
    Raises BadInput for what would stop a run, before the first one starts.
    """
    console = PlainConsole(soft_wrap=True)
    executor: Executor = (
        SlurmExecutor(replace(cluster, folder=plan.folder / "slurm")) if cluster else LocalExecutor(machine)
    )
    refuse_without_weights_or_data(plan, data)
    add_costs(plan)
    busy = f"{plan.folder} is in use by suite clean; try again."
    with lock(plan.folder / ".lock", wait=30, busy=busy, shared=True):
        refuse_what_would_stop(plan, data, None if cluster else machine, console, cpu_is_meant)
        remember(plan)
        if not plan.selection.shard:
            store_plan(plan)
        tracker = Tracking(plan, console) if tracking else None
        left = [run for run in plan.runs if run.state() != "done"]
        tests = sum(run.folder.result_file.exists() for run in left)  # trained, and to be tested in another way
        todo = f"{len(left) - tests} of {len(plan.runs)} runs to do" + (f", {tests} to test" if tests else "")
        used = executor.machine
        how = f"{'as Slurm jobs' if cluster else f'{used.slots} at a time'} on {used.device}, "
        how += f"CPU threads per run: {used.threads}"
        for note in notes(plan):
            console.print(note)
        console.print(f"{plan.grid.name}: {todo}, {how}")
        scheduler = Scheduler(plan, data, executor, **options)
        with Display(plan, console) as display:

            def on_event(event: str, run: PlannedRun, reason: str) -> None:
                display.event(event, run, reason)
                if tracker and event == "done":
                    tracker.finished(run)

            outcome = scheduler.execute(on_event, display.tick)
        with held(plan.folder / ".report", wait=REPORT):  # other sweeps of the grid write it too
            make_ensembles(plan)
            parts = report_parts(plan.name, plan.folder.parent)
            files = write_grid_report(parts)
        if tracker:
            tracker.close(files)
        print_summary(plan, part_folder(plan, parts), files, outcome, console)
    if outcome.stopped:
        return STOPPED
    return DONE if all(run.state() == "done" for run in plan.runs) else SOME_FAILED


def refuse_what_would_stop(
    plan: Plan, data: Path, machine: Machine | None, console: Console, cpu_is_meant: bool
) -> None:
    """Raises BadInput for what would stop a run of a plan with costs; prepares its data, and tells what it found.

    machine: None where the runs go to others.
    """
    videos, problems = prepare_data(plan, data, console)
    refuse_other_weights(plan)
    refuse_what_cannot_train(plan, videos, machine, cpu_is_meant, problems)


def print_summary(plan: Plan, folder: Path, files: list[Path], outcome: SweepOutcome, console: Console) -> None:
    """What failed, the tables of accuracy and official splits, and where the files of the report in `folder` are."""
    left = [run for run in plan.runs if run.state() != "done"]
    for run in left:
        error = (run.folder.error() or {}).get("error") or outcome.errors.get(run.id)
        if error:
            console.print(f"failed: {run.id}: {one_line(error)}")
    shown = [folder / "tables" / f"{name}.md" for name in ("accuracy", "splits")]
    for table in (file for file in shown if file in files and len(left) < len(plan.runs)):
        console.print()
        console.print(table.read_text().rstrip())
        console.print()
    if outcome.same_error:
        console.print(
            f"Stopped with {len(left)} runs left: the first {SAME_ERROR} runs ended with the same error: "
            f"{one_line(outcome.same_error)}"
        )
    elif outcome.stopped:
        console.print(f"Stopped with {len(left)} runs left; run the same command again to continue.")
    tables, figures = (any(file.parent == folder / name for file in files) for name in ("tables", "figures"))
    made = [f"Tables:  {folder / 'tables'} (Markdown, LaTeX, CSV)"] if tables else []
    made += [f"Figures: {folder / 'figures'} (PNG, PDF)"] if figures else []
    console.print(f"Page:    {plan.folder / 'report.html'}")
    if made:
        console.print("    ".join(made))
    console.print(f"Summary: {folder / 'summary.csv'}    Runs: {plan.folder / 'runs'}    MLflow: make mlflow")
