"""data: make the embedded sets, check your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.commands.options import Data, Json, app, data_root, print_json

data_app = typer.Typer(no_args_is_help=True, help="Data sets: make the embedded ones, check your own.")
app.add_typer(data_app, name="data")


@data_app.command("synthesize")
def synthesize_command(
    names: Annotated[list[str] | None, typer.Argument(help="Calibrated sets (default: all, level easy).")] = None,
    root: Annotated[Path | None, typer.Option(help="Where to (default: $SUITE_DATA, else ./data).")] = None,
) -> None:
    """Make the embedded calibrated sets, as real video files in the layout of Something-Something V2."""
    from suite.data.synthetic import synthesize

    for name in names or ["calib_order", "calib_scene", "calib_mixed"]:
        print(synthesize(name, data_root(root)))


@data_app.command("check")
def check_command(dataset: str, data: Data = None, as_json: Json = False) -> None:
    """Index a data set: how many videos, which are missing or undecodable, the manifest's hash."""
    from suite.data.datasets import check

    found = check(dataset, data_root(data))
    if as_json:
        print_json(found)
    else:
        for key, value in found.items():
            print(f"{key}: {len(value) if isinstance(value, list) and key != 'notes' else value}")
    if found["missing"] or found["undecodable"]:
        raise typer.Exit(1)
