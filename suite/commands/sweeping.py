"""sweep, plan, status, report: a grid from its file to its page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from suite.commands.options import (
    RESULTS,
    Data,
    Frames,
    Json,
    Only,
    Results,
    Set,
    Shard,
    app,
    data_root,
    planned,
    print_json,
    say,
    selection,
)
from suite.spec import BadInput, unknown


@app.command()
def sweep(
    grid: str,
    data: Data = None,
    results: Results = RESULTS,
    only: Only = None,
    frames: Frames = None,
    changes: Set = None,
    shard: Shard = None,
    executor: Annotated[str, typer.Option(help="Where runs are placed: local.")] = "local",
    slots: Annotated[int | None, typer.Option(min=1, help="Runs at a time (default: GPUs, else cores).")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda (default: cuda where there is one).")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that load data, for each run.")] = None,
    retries: Annotated[int, typer.Option(min=0, help="Tries after a crash.")] = 1,
    checkpoint_seconds: Annotated[float, typer.Option(help="Time between checkpoints.")] = 60.0,
    checkpoint_steps: Annotated[int | None, typer.Option(min=1, help="Steps between checkpoints, instead.")] = None,
    tracking: Annotated[bool, typer.Option(help="Log to MLflow.")] = True,
) -> None:
    """Run what is missing of a grid, then write its tables and figures."""
    from suite.app.sweep import run_sweep
    from suite.sweep.executors.local import Machine
    from suite.sweep.plan import Selection, make_plan

    if executor != "local":
        raise BadInput(f"Executor '{executor}' is not in this version; known: local.")
    plan = make_plan(grid, selection(only, frames, changes, shard) or Selection(), results, costs=False)
    machine = Machine.of(slots, device, workers)
    options = {"retries": retries, "checkpoint_seconds": checkpoint_seconds, "checkpoint_steps": checkpoint_steps}
    raise typer.Exit(run_sweep(plan, data_root(data), machine, tracking, options))


@app.command()
def plan(
    grid: str,
    results: Results = RESULTS,
    only: Only = None,
    frames: Frames = None,
    changes: Set = None,
    shard: Shard = None,
    discordance: Annotated[
        float | None, typer.Option(help="Share of videos (0 to 1) that one of two models has right, for the power.")
    ] = None,
    seed_sd: Annotated[
        float | None, typer.Option(help="Standard deviation of the accuracy over seeds (points), for the power.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The runs of a grid, their chains and costs, and which differences they can show; runs nothing."""
    from suite.report.console.listing import not_shown, print_plan
    from suite.report.console.power import describe_power, plan_power
    from suite.sweep.plan import remember, totals
    from suite.sweep.stored import store_plan

    made = planned(grid, results, selection(only, frames, changes, shard))
    remember(made)
    store_plan(made)
    for note in not_shown(made):
        say(note)
    power = plan_power(made, discordance, seed_sd)
    if not as_json:
        print_plan(made)
        print("", *describe_power(power), sep="\n")
        return
    runs = [
        {
            "id": run.id,
            "name": run.spec.model,
            "dataset": run.spec.dataset,
            "frames": run.spec.frames,
            "seed": run.spec.seed,
            "parent": run.spec.parent,
            "control": run.control,
            "gmacs": run.gmacs,
            "params": run.params,
            "gib": run.gib,
            "device_hours": run.device_hours(),
            "state": run.state(),
        }
        for run in made.runs
    ]
    print_json({"runs": runs, "totals": totals(made), "power": power})


@app.command()
def status(
    grid: str,
    results: Results = RESULTS,
    only: Only = None,
    frames: Frames = None,
    changes: Set = None,
    shard: Shard = None,
    as_json: Json = False,
) -> None:
    """How far a grid is."""
    from suite.report.console.listing import not_shown, notes, print_status
    from suite.sweep.summary import status as statuses
    from suite.sweep.summary import troubles

    made = planned(grid, results, selection(only, frames, changes, shard), costs=False)
    found = statuses(made)
    for trouble in troubles(made):
        say(f"warning: {trouble}")
    for note in (*notes(made), *not_shown(made)):
        say(note)
    print_json(found) if as_json else print_status(grid, found)


@app.command()
def report(
    grid: Annotated[str, typer.Argument(help="A grid, or an archive that `suite export` made.")],
    results: Results = RESULTS,
    only: Only = None,
    frames: Frames = None,
    changes: Set = None,
    shard: Shard = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="Published rows to set beside: deep_analysis, gta, arc, …; may be repeated."),
    ] = None,
    predictions: Annotated[
        list[Path] | None, typer.Option(help="Predictions of another codebase, with its YAML; may be repeated.")
    ] = None,
    strict: Annotated[
        bool, typer.Option(help="Withhold confounded runs and published numbers confounded with ours.")
    ] = False,
    interval: Annotated[
        str, typer.Option(help="Beside a mean over seeds: ci (95 % interval), sd (standard deviation), or both.")
    ] = "both",
    as_json: Json = False,
) -> None:
    """Tables, figures and page of a grid, from what is there; of an archive, from its own grid and protocol."""
    from suite.app.export import report_archive
    from suite.collect.evidence import INTERVALS
    from suite.report.build import ReportOptions, write_grid_report, write_report
    from suite.report.console.listing import notes
    from suite.store.archive import is_archive
    from suite.sweep.parts import part_folder, report_parts
    from suite.sweep.plan import reckon

    if interval not in INTERVALS:
        raise unknown("value of --interval", interval, INTERVALS)
    options = ReportOptions(tuple(beside or ()), tuple(predictions or ()), strict, interval)

    chosen = selection(only, frames, changes, shard)
    if is_archive(grid):
        if chosen is not None or options != ReportOptions():
            raise BadInput("An archive is reported whole and by itself; the options are for grids.")
        found = report_archive(Path(grid), results)
        for name in found["differ"]:
            say(f"note: {name} is not as it was in the archive; another version of the suite made that one.")
    else:
        parts = report_parts(grid, results)
        made = parts[0] if chosen is None else planned(grid, results, chosen, costs=False)
        for note in notes(made):
            say(note)
        if chosen is None:
            files = write_grid_report(parts, options, say)
        else:
            reckon(made, finished=False)
            files = write_report(replace(made, folder=part_folder(made, parts)), options, say)
        found = {"files": [str(file) for file in files]}
    print_json(found) if as_json else print("\n".join(found["files"]))
