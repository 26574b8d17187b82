"""A sweep as a person starts it: preparation, then the runs, then what comes out of them.

The driver, the process that schedules the runs, lives as long as the sweep.  What needs PyTorch or pandas, before the
first run and after the last, is done in a process of its own, so that the driver stays small.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.app.tracking import Tracking
from suite.program import command, results_option
from suite.report.console.plain import PlainConsole
from suite.report.console.progress import Display
from suite.spec import load_grid
from suite.store.claims.claim import Busy
from suite.store.claims.held import held
from suite.store.locks import lock
from suite.sweep.child import in_child
from suite.sweep.executors.base import Executor
from suite.sweep.executors.choose import ClusterOptions, executor_of
from suite.sweep.plan import Plan, Selection, remember
from suite.sweep.rerun import move_marked
from suite.sweep.reuse import record_reused, reused_by_grid
from suite.sweep.scheduler import Scheduler, SweepOutcome
from suite.sweep.stale import stale_notes
from suite.sweep.stored import store_plan, stored_plan
from suite.sweep.subgrid import with_earlier_choice

if TYPE_CHECKING:
    from suite.sweep.executors.machine import Machine

DONE, SOME_FAILED, STOPPED = 0, 1, 130
InProcess = Callable[..., Any]  # calls a function, in this process or in one of its own
REPORT = 3600.0  # seconds to wait for other sweeps of the grid that write the report


@dataclass(frozen=True)
class Request:
    """A sweep as it was asked for on the command line.

    slots, device, workers: of this machine, None for what it offers; processes: that train a run together; options: of
    the scheduler; cluster: runs are placed by Slurm or Ray, in place of processes of this machine; reuse: runs that
    other grids under the same results folder have finished are not trained again; rerun: kinds of runs to train anew,
    as `--rerun` names them.
    """

    grid: str
    selection: Selection
    results: Path
    data: Path
    slots: int | None = None
    device: str | None = None
    workers: int | None = None
    processes: int = 1
    tracking: bool = True
    options: dict[str, Any] | None = None
    cluster: ClusterOptions | None = None
    reuse: bool = True
    rerun: tuple[str, ...] = ()


def run_sweep(request: Request) -> int:
    """Runs what is still missing of a grid and writes its report; returns the exit code.

    Raises BadInput for what would stop a run, before the first one starts.
    """
    selection = with_earlier_choice(request.grid, request.selection, request.results)
    found = stored_plan(request.grid, selection, request.results)
    as_it_is = found and not request.rerun and (request.reuse or not reused_by_grid(found))
    if as_it_is and all(run.state() == "done" for run in found.runs):
        console = PlainConsole(soft_wrap=True)
        console.print(f"{found.grid.name}: 0 of {len(found.runs)} runs to do, all are finished")
        for note in stale_notes(found):
            console.print(note)
        return follow(found, None, request, in_child)
    folder = request.results / load_grid(request.grid).name
    cluster = executor_of(request.cluster, folder) if request.cluster else None  # refuses what is not there
    plan, machine, basis = in_child(_prepare, request)
    if cluster:
        cluster.basis = basis
        if any(run.state() != "done" for run in plan.runs):
            cluster.ready(request.data, lambda text: print(text, flush=True))
    return follow(plan, cluster or executor_of(None, folder, machine), request, in_child)


def _prepare(request: Request) -> tuple[Plan, Machine, str]:
    """The plan, what of this machine it may use, and what the estimated times of its runs on a cluster rest on."""
    from suite.app.preflight import refuse_uneven_batches
    from suite.app.preparation import choose_runs, estimate_jobs, prepare
    from suite.sweep.estimate import speed_here
    from suite.sweep.estimates import record_estimates
    from suite.sweep.executors.machine import Machine
    from suite.sweep.subgrid import make_chosen_plan

    of_run = 1 if request.cluster else request.processes
    machine = Machine.of(None if request.cluster else request.slots, request.device, request.workers, of_run)
    plan = make_chosen_plan(request.grid, request.selection, request.results, costs=False)
    choose_runs(plan, request.data, request.reuse, request.rerun)
    refuse_uneven_batches(plan, request.processes)
    prepare(plan, request.data, None if request.cluster else machine, cpu_is_meant=request.device is not None)
    if request.cluster:
        return plan, machine, estimate_jobs(plan, request.cluster)
    record_estimates(plan, speed_here(plan, machine=machine))
    return plan, machine, ""


def _conclude(plan: Plan, outcome: SweepOutcome) -> list[Path]:
    from suite.app.conclusion import conclude

    return conclude(plan, outcome)


def follow(plan: Plan, executor: Executor | None, request: Request, call: InProcess) -> int:
    """Runs a plan that was prepared, and writes its report; returns the exit code.

    executor: None where nothing is left to run; call: runs what needs PyTorch.
    """
    console = PlainConsole(soft_wrap=True)
    busy = f"{plan.folder} is in use by suite clean; try again."
    with lock(plan.folder / ".lock", wait=30, busy=busy, shared=True):
        if kept := move_marked(plan):
            console.print(f"The old folders of the runs to train again are kept in {kept}")
        record_reused(plan)
        remember(plan)
        if not plan.selection.shard:
            store_plan(plan)
        tracker = Tracking(plan, console) if request.tracking else None
        outcome, files = SweepOutcome(), []
        try:
            if executor is not None:
                console.print(_what_is_to_do(plan, executor))
                scheduler = Scheduler(plan, request.data, executor, **request.options or {})
                with Display(plan, console) as display:
                    outcome = scheduler.execute(display.event, display.tick)
            with _turn_to_report(plan, console) as is_ours:
                files = call(_conclude, plan, outcome) if is_ours else []
        finally:
            if tracker:
                tracker.close(files)
    if outcome.stopped:
        return STOPPED
    return DONE if all(run.state() == "done" for run in plan.runs) else SOME_FAILED


@contextlib.contextmanager
def _turn_to_report(plan: Plan, console: PlainConsole) -> Iterator[bool]:
    """Holds the claim of the grid's report, which other sweeps of the grid write too; False where they keep it."""
    folder = plan.folder / ".report"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(folder))
        except Busy:
            console.print("Another sweep of this grid writes the report; waiting for it.")
            try:
                stack.enter_context(held(folder, wait=REPORT))
            except Busy:
                again = command(f"report {shlex.quote(plan.name)}{results_option(plan.folder.parent)}")
                console.print(
                    f"The other sweep still holds the report, so this one did not write it; {again} writes it."
                )
                yield False
                return
        yield True


def _what_is_to_do(plan: Plan, executor: Executor) -> str:
    left = [run for run in plan.runs if run.state() != "done"]
    tests = sum(run.folder.result_file.exists() for run in left)  # trained, and to be tested in another way
    todo = f"{len(left) - tests} of {len(plan.runs)} runs to do" + (f", {tests} to test" if tests else "")
    return f"{plan.grid.name}: {todo}, {executor.describe()}"
