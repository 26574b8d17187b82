"""What comes before the first run of a sweep: costs, data, and whatever would stop it.  Imports PyTorch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from suite.app.data import prepare_data, refuse_other_weights
from suite.app.preflight import refuse_what_cannot_train, refuse_without_weights_or_data
from suite.app.rerun import mark
from suite.app.reuse import reuse
from suite.report.console.listing import notes
from suite.report.console.plain import PlainConsole
from suite.sweep.estimate import speed_of_nodes
from suite.sweep.estimates import record_estimates
from suite.sweep.executors.choose import ClusterOptions
from suite.sweep.executors.machine import Machine
from suite.sweep.plan import Plan, add_costs
from suite.sweep.reuse import train_here
from suite.sweep.stale import stale_notes


def choose_runs(plan: Plan, data: Path, reuse_finished: bool = True, rerun: Collection[str] = ()) -> None:
    """Marks the runs to train anew, and lets the plan use runs that other grids have finished; nothing is written."""
    console = PlainConsole(soft_wrap=True)
    if rerun:
        mark(plan, rerun, data, console)
    if reuse_finished:
        reuse(plan, data, console)
    else:
        train_here(plan, plan.runs, "--no-reuse")


def prepare(plan: Plan, data: Path, machine: Machine | None, cpu_is_meant: bool = True) -> None:
    """Adds costs to a plan, prepares its data, and tells what a person should know before it is run.

    machine: None where the runs go to others; cpu_is_meant: somebody asked for the CPU, however long the sweep takes
    there.  Raises BadInput for what would stop a run.
    """
    console = PlainConsole(soft_wrap=True)
    refuse_without_weights_or_data(plan, data)
    add_costs(plan)
    refuse_what_would_stop(plan, data, machine, console, cpu_is_meant)
    for note in (*notes(plan), *stale_notes(plan)):
        console.print(note)


def estimate_jobs(plan: Plan, cluster: ClusterOptions) -> str:
    """Notes in each run how long it may take on a node of the cluster; returns what that rests on, "" where nothing
    does."""
    speed = speed_of_nodes(plan, replace(Machine.of_node(cluster), slots=1))
    if speed is None:
        return ""
    record_estimates(plan, speed)
    for run in plan.runs:
        run.seconds = speed.left(run)
    return speed.basis


def refuse_what_would_stop(
    plan: Plan, data: Path, machine: Machine | None, console: Console, cpu_is_meant: bool
) -> None:
    """Raises BadInput for what would stop a run of a plan with costs; prepares its data, and tells what it found.

    machine: None where the runs go to others.
    """
    videos, problems = prepare_data(plan, data, console)
    refuse_other_weights(plan)
    refuse_what_cannot_train(plan, videos, machine, cpu_is_meant, problems)
