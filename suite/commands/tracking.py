"""mlflow, publish: the browser interface of what sweeps have logged, and logging it again from the files."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import LOOK, RESULTS, GridName, Json, Results, app, examples, log, print_json, show


@app.command(rich_help_panel=LOOK, epilog=examples("suite mlflow --port 5001  the interface at http://127.0.0.1:5001"))
def mlflow(
    port: Annotated[int, typer.Option(metavar="N", min=1, max=65535, help="Port on localhost.")] = 5000,
    results: Results = RESULTS,
) -> None:
    """Open the MLflow interface with all logged runs, on localhost."""
    from suite.report.mlflow_store import open_interface

    open_interface(results, port)


@app.command(
    rich_help_panel=LOOK,
    epilog=examples(
        "suite publish demo  after a sweep with --no-tracking, or when the server was down",
        "suite publish mini_ssv2 --follow  while Slurm jobs of a closed sweep are running",
    ),
)
def publish(
    grid: GridName,
    results: Results = RESULTS,
    follow: Annotated[
        bool, typer.Option("--follow", help="Continue while runs of the grid are in progress; Ctrl-C ends it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Log the runs and the report of a grid to MLflow.

    Reads the files in the results folder of the grid, as a sweep does while it runs. Runs that are in MLflow already
    stay; what is missing is added, and a run that differs from its files is replaced. Exit code 1 if MLflow does not
    have everything afterwards.
    """
    from suite.app.publish import publish_grid

    found = publish_grid(grid, results, follow, log)
    for run in found["skipped"]:
        log(f"not logged: {run['id']}: {run['reason']}")
    if not found["complete"] and found["problem"]:
        log(found["problem"])
    if as_json:
        print_json(found)
    elif found["complete"]:
        new = sum(run["action"] != "unchanged" for run in found["runs"])
        show(f"{found['grid']}: {len(found['runs'])} runs in MLflow at {found['server']}, {new} of them logged now")
    if not found["complete"]:
        raise typer.Exit(1)
