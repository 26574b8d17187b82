"""data: make the embedded sets, check your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from suite.commands.options import Data, Json, app, data_root, print_json

LISTED = 5  # ids that a line names

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
def check_command(
    dataset: str,
    data: Data = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also hash whole files and compare them with the last full check.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Index a data set: how many videos, which are missing, undecodable or in both splits, the manifest's hash."""
    from suite.data.check import check

    found = check(dataset, data_root(data), full)
    if as_json:
        print_json(found)
    else:
        for key, value in found.items():
            print(f"{key}: {_shown(key, value)}")
    if any(found.get(key) for key in ("missing", "undecodable", "leakage", "changed")):
        raise typer.Exit(1)


def _shown(key: str, value: Any) -> Any:
    """A value for a person: lists of ids as their number and the first of them."""
    if key == "changed" and value is None:
        return "not known, there was no earlier full check"
    if isinstance(value, dict):
        return ", ".join(f"{part} {inner}" for part, inner in value.items())
    if not isinstance(value, list) or key == "notes":
        return value
    some = ", ".join(value[:LISTED]) + (", ..." if len(value) > LISTED else "")
    return f"{len(value)} ({some})" if value else 0
