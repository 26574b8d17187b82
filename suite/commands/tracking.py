"""mlflow: the browser interface of what sweeps have logged."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import RESULTS, Results, app


@app.command()
def mlflow(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on localhost.")] = 5000, results: Results = RESULTS
) -> None:
    """Open the MLflow interface with all logged runs, on localhost."""
    from suite.report.mlflow_store import open_interface

    open_interface(results, port)
