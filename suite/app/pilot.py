"""A pilot: a few videos and steps of every model of a grid, to see what would stop the whole and how long it takes.

Its runs are those of parts of the data sets, in results/pilot/<grid>: they never count as runs of the grid.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from suite.app.sweep import DONE, run_sweep
from suite.data.dataset_info import info
from suite.program import command
from suite.report.console.plain import duration, show
from suite.spec import BadInput
from suite.sweep.estimate import speed_here
from suite.sweep.executors.machine import Machine
from suite.sweep.plan import Selection, make_plan

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
    name: str, chosen: Selection, data: Path, results: Path, machine: Machine, options: dict[str, Any]
) -> int:
    """Trains the first stage of every chosen chain for two steps, tests it, and says how long the whole would take.

    Returns the worst of the exit codes of its sweeps, one per data set.  Raises BadInput for what would stop the whole.
    """
    whole = make_plan(name, chosen, results)
    datasets = list(dict.fromkeys(run.spec.dataset for run in whole.runs))
    if odd := [dataset for dataset in datasets if info(dataset).subset is not None]:
        raise BadInput(f"{odd[0]} is a part of a data set already; a pilot takes two classes of a whole one.")
    codes, seconds = [], None
    for dataset in datasets:
        selection = replace(
            chosen, frames=(whole.runs[0].spec.frames,), set=chosen.set | PROTOCOL, data=(dataset + PART,), shard=None
        )
        plan = make_plan(name, selection, results / FOLDER, costs=False)
        codes.append(run_sweep(plan, data, machine, False, options))
        seconds = speed_here(plan).seconds_left(whole)
    failed = max(codes)
    if failed == DONE and seconds is not None:
        show("Every model was trained and tested. Such short runs are slower than long ones; at their speed, the sweep")
        whole = command(f"sweep {name} {chosen.options()}".rstrip())
        show(f"would take about {duration(seconds)} on this machine: {whole}")
    return failed
