"""clean: what failed or abandoned runs leave behind."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import RESULTS, RUN, Json, Results, app, examples, print_json
from suite.spec import BadInput


@app.command(
    rich_help_panel=RUN,
    epilog=examples("suite clean demo  list them", "suite clean demo --yes  remove them"),
)
def clean(
    grid: Annotated[str, typer.Argument(metavar="GRID", help="A grid, the path of its file, or its results folder.")],
    yes: Annotated[bool, typer.Option("--yes", help="Remove what is listed; without it nothing is removed.")] = False,
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """List failed and abandoned runs; remove them with --yes.

    Failed: the run stopped with an error; a sweep would train it again from its last checkpoint, and after --yes from
    the start. Abandoned: the run is not finished, and neither the grid nor its last plan contains it.
    Kept are finished runs, runs in use by a process, parents of finished or running runs, unfinished runs that are
    still planned, and runs whose spec.yaml is damaged. If the file of the grid no longer exists, only failed
    runs are listed.
    """
    from suite.collect.resolve import resolve_grid
    from suite.report.console.leftovers import print_leftovers
    from suite.sweep.clean import leftovers, planned_runs, remove

    name, models = resolve_grid(grid)
    if models:
        raise BadInput("suite clean takes a whole grid.")
    folder, planned = planned_runs(name, results)
    found, kept = leftovers(folder, planned)
    if yes:
        found = remove(folder, planned)
    answer = {
        "grid": folder.name,
        "removed": yes,
        "runs": [one.as_dict() for one in found],
        "bytes": sum(one.bytes for one in found),
        "kept": kept,
    }
    print_json(answer) if as_json else print_leftovers(answer)
