"""mlflow: the browser interface of what sweeps have logged."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import LOOK, RESULTS, Results, app, examples


@app.command(rich_help_panel=LOOK, epilog=examples("suite mlflow --port 5001  the interface at http://127.0.0.1:5001"))
def mlflow(
    port: Annotated[int, typer.Option(metavar="N", min=1, max=65535, help="Port on localhost.")] = 5000,
    results: Results = RESULTS,
) -> None:
    """Open the MLflow interface with all logged runs, on localhost."""
    from suite.report.mlflow_store import open_interface

    open_interface(results, port)
