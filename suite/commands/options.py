"""What commands share: the application, options that several take, and how they answer."""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from suite.spec import BadInput

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the data sets (default: $SUITE_DATA, else ./data).")]
Results = Annotated[Path, typer.Option(help="Where results/<grid> lies.")]
Only = Annotated[list[str] | None, typer.Option(help="Glob on model names; may be repeated.")]
Frames = Annotated[str | None, typer.Option(help="Frame counts of the grid to keep, e.g. 8,16.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Protocol key=value; changes the runs' identity.")]
Shard = Annotated[str | None, typer.Option(help="i/n: the i-th of n shares of the chains.")]

RESULTS = Path("results")


def say(message: str) -> None:
    """A line for a person; standard output is kept for what was asked for."""
    print(message, file=sys.stderr, flush=True)


def print_json(data: Any) -> None:
    print(json.dumps(_plain(data), indent=1, default=str, allow_nan=False))


def _plain(data: Any) -> Any:
    """The data with null for numbers that JSON does not have: what is not known."""
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if hasattr(data, "tolist"):  # numpy's
        return _plain(data.tolist())
    return None if isinstance(data, float) and not math.isfinite(data) else data


def data_root(given: Path | None) -> Path:
    return given or Path(os.environ.get("SUITE_DATA") or "data")


def selection(only: list[str] | None, frames: str | None, changes: list[str] | None, shard: str | None) -> Any:
    """The parts of a grid that the options name; None when they name none."""
    from suite.sweep.plan import Selection

    if not (only or frames or changes or shard):
        return None
    overrides = {}
    for item in changes or []:
        key, eq, value = item.partition("=")
        if not eq:
            raise BadInput(f"--set takes key=value, not '{item}'.")
        try:
            overrides[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise BadInput(f"--set {item}: '{value}' is not a value.") from None
    return Selection(tuple(only or ()), numbers(frames, "--frames", ","), overrides, share(shard))


def numbers(text: str | None, option: str, separator: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(separator)) if text else ()
    except ValueError:
        raise BadInput(f"{option} takes whole numbers with '{separator}' between, not '{text}'.") from None


def share(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    parts = numbers(text, "--shard", "/")
    if len(parts) != 2 or not 1 <= parts[0] <= parts[1]:
        raise BadInput(f"--shard takes i/n with 1 <= i <= n, not '{text}'.")
    return parts


def planned(grid: str, results: Path, chosen: Any, costs: bool = True) -> Any:
    """The plan of a selection, or of the one that was last planned; grid: also its folder, or GRID:MODELS."""
    from suite.collect.resolve import resolve_grid
    from suite.sweep.plan import Selection, last_selection, load_grid, make_plan
    from suite.sweep.stored import stored_plan

    grid, models = resolve_grid(grid)
    if models:
        chosen = replace(chosen or Selection(), only=(*(chosen.only if chosen else ()), models))
    if chosen is None:
        chosen = last_selection(load_grid(grid).name, results)
        if not costs and (found := stored_plan(grid, chosen, results)):
            return found
    return make_plan(grid, chosen, results, costs)
