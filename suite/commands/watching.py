"""status, cancel: what becomes of a sweep, seen and stopped from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from suite.commands.options import (
    RESULTS,
    RUN,
    GridName,
    Json,
    Results,
    app,
    examples,
    log,
    planned,
    print_json,
    selects_runs,
    show,
)
from suite.spec import BadInput


@app.command(
    rich_help_panel=RUN,
    epilog=examples(
        "suite status demo",
        "suite status demo --watch  until no run is left to do",
        "suite status mini_ssv2 --only '*-resnet50' --json",
    ),
)
@selects_runs
def status(
    grid: GridName,
    results: Results = RESULTS,
    chosen: Any = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again every 2 seconds, until no run is left to do.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the progress of a sweep.

    Without options that select runs, it shows the last selection. It needs only the files of the results, so
    it works on any machine that sees them.
    """
    from suite.report.console.listing import not_shown, notes
    from suite.report.console.status import print_status
    from suite.report.console.status import watch as watch_status
    from suite.sweep.summary import known_issues
    from suite.sweep.summary import status as statuses

    if watch and as_json:
        raise BadInput("--watch prints the status again and again; leave out --json.")
    made = planned(grid, results, chosen, costs=False)
    for issue in known_issues(made):
        log(f"warning: {issue}")
    for note in (*notes(made), *not_shown(made)):
        log(note)
    found = watch_status(grid, lambda: statuses(made)) if watch else statuses(made)
    print_json(found) if as_json else print_status(grid, found)


@app.command(
    rich_help_panel=RUN,
    epilog=examples(
        "suite cancel demo  all runs of the grid, and the sweeps that work on it",
        "suite cancel calib_order.tam-resnet18.f8.s0",
    ),
)
def cancel(
    names: Annotated[
        list[str],
        typer.Argument(metavar="GRID|RUN...", help="A grid, or runs: an id or the beginning of it, or GRID:NAME."),
    ],
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Ask runs to save their state and stop.

    It works on any machine that sees the results, whatever executor runs them. A run looks for the request every 2
    seconds and stops at its next step. Running sweeps do not start it again; the next sweep continues it.
    """
    from suite.store.find import grids_in, need_runs
    from suite.sweep.cancelling import cancel_grid, cancel_runs

    asked, grids = {}, []
    for name in names:
        if name in grids_in(results) or name.endswith((".yaml", ".yml")):
            grids.append(_folder_of(name, results))
        else:
            asked |= {run.path: run for run in need_runs(name, results) if not run.result_file.exists()}
    cancel_runs(asked.values())
    found = [*asked.values(), *(run for grid in grids for run in cancel_grid(grid))]
    working = [run.id for run in found if run.is_claimed()]
    others = [run.id for run in asked.values() if run.id not in working]
    if as_json:
        print_json({"asked": working, "not_at_work": others, "grids": [grid.name for grid in grids]})
        return
    lines = [f"{run} was asked to save its state and stop." for run in working]
    lines += [f"{run} is not running; running sweeps will not start it." for run in others]
    lines += [_told(grid) for grid in grids]
    show("\n".join(lines) or "Nothing to cancel: the runs are finished.")


def _told(grid: Path) -> str:
    from suite.store.locks import is_locked

    lock = grid / ".lock"
    if lock.exists() and is_locked(lock):
        return f"Running sweeps of {grid.name} were asked to stop."
    return f"No sweep of {grid.name} is running on this machine; those on other machines were asked to stop."


def _folder_of(grid: str, results: Path) -> Path:
    from suite.sweep.plan import load_grid

    folder = results / (load_grid(grid).name if grid.endswith((".yaml", ".yml")) else grid)
    if not folder.is_dir():
        raise BadInput(f"There are no runs of {grid} in {results}.")
    return folder
