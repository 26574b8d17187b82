"""A pilot: a few videos and steps of every model of a grid, to see what would stop the whole and how long it takes.

Its runs are those of parts of the data sets, in results/pilot/<grid>: they never count as runs of the grid.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from suite.app.preflight import refuse_uneven_batches, refuse_without_weights_or_data
from suite.app.preparation import prepare, refuse_what_would_stop
from suite.app.sweep import DONE, Request, follow
from suite.data.dataset_info import info
from suite.program import command
from suite.report.console.plain import PlainConsole, duration, show
from suite.spec import BadInput, Grid
from suite.sweep.estimate import speed_here
from suite.sweep.executors.local import LocalExecutor
from suite.sweep.executors.machine import Machine
from suite.sweep.plan import Plan, Selection, make_plan
from suite.sweep.subgrid import make_chosen_plan

FOLDER = "pilot"  # below the results folder
PART = "@classes=2@videos=2@test=2"  # four training and four validation videos
PROTOCOL = {
    "epochs": 1,
    "batch": 2,
    "step_batch": 2,
    "warmup_epochs": 0,
    "dev": 0,
    "selection": "last",
    "evaluation.every_epochs": 0,
    "evaluation.video_clips": 0,
}


def run_pilot(
    name: str,
    chosen: Selection,
    data: Path,
    results: Path,
    machine: Machine,
    options: dict[str, Any],
    processes: int = 1,
) -> int:
    """Trains the first stage of every chosen chain for two steps, tests it, and says how long the whole would take.

    processes: that train a run of the whole together; a pilot trains with one, as its batches have two clips.
    Returns the worst of the exit codes of its sweeps, one per data set.  Raises BadInput for what would stop the whole.
    """
    whole = make_chosen_plan(name, chosen, results)
    stages = [run for run in whole.runs if not run.pretrains]
    datasets = list(dict.fromkeys(run.spec.dataset for run in stages))
    if odd := [dataset for dataset in datasets if info(dataset).subset is not None]:
        raise BadInput(f"{odd[0]} is a part of a data set already; a pilot takes two classes of a whole one.")
    console = PlainConsole(soft_wrap=True)
    if all(run.state() == "done" for run in whole.runs):
        console.print(f"All {len(whole.runs)} runs of {whole.grid.name} are finished: nothing is left to run.")
        return DONE
    console.print(f"Checking the whole sweep of {whole.grid.name} before the pilot:")
    refuse_without_weights_or_data(whole, data)
    refuse_uneven_batches(whole, processes)
    as_whole = replace(machine, processes=processes)
    refuse_what_would_stop(whole, data, as_whole, console, cpu_is_meant=True)  # the pilot says how long it takes
    codes, seconds = [], None
    for dataset in datasets:
        selection = replace(
            chosen,
            only=tuple(dict.fromkeys(run.spec.model for run in stages)) if chosen.budget else chosen.only,
            frames=(stages[0].spec.frames,),
            set=chosen.set | _protocol(whole.grid),
            data=(dataset + PART,),
            shard=None,
            budget=None,
            pretrain=_pretraining(whole.grid),
        )
        plan = make_plan(name, selection, results / FOLDER, costs=False)
        codes.append(_sweep(plan, data, machine, options))
        seconds = speed_here(plan, results).seconds_left(whole)
    failed = max(codes)
    if failed == DONE and seconds is not None:
        show("Every model was trained and tested. Such short runs are slower than long ones; at their speed, the sweep")
        whole = command(f"sweep {name} {chosen.options()}".rstrip())
        show(f"would take about {duration(seconds)} on this machine: {whole}")
    return failed


def _sweep(plan: Plan, data: Path, machine: Machine, options: dict[str, Any]) -> int:
    """Runs the plan of a pilot in this process; returns the exit code."""
    prepare(plan, data, machine)
    request = Request(plan.name, plan.selection, plan.folder.parent, data, tracking=False, options=options)
    return follow(plan, LocalExecutor(machine), request, lambda function, *args: function(*args))


def _protocol(grid: Grid) -> dict[str, Any]:
    """What a pilot sets: of `PROTOCOL` what the grid does not list as an axis; runs that are tuned need a dev split."""
    listed = grid.axes.protocol | (grid.tune.protocol if grid.tune else {})
    found = PROTOCOL | ({"dev": 0.5} if grid.tune else {})
    if "warmup_epochs" in listed:  # shorter than the training
        found |= {"epochs": 1 + int(max(listed["warmup_epochs"]))}
    return {key: value for key, value in found.items() if key not in listed}


def _pretraining(grid: Grid) -> str:
    """The data set on which a pilot pretrains: a part of the grid's."""
    if grid.pretrain is None:
        return ""
    data = info(grid.pretrain.data)
    return data.name + ("" if data.subset else PART)
