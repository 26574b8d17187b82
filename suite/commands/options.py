"""What commands share: the application, options that several take, and how they answer."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from suite.spec import BadInput, parse_yaml

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the data sets (default: $SUITE_DATA, else ./data).")]
Results = Annotated[Path, typer.Option(help="Where results/<grid> lies.")]
Only = Annotated[list[str] | None, typer.Option(help="Glob on model names; may be repeated.")]
Frames = Annotated[str | None, typer.Option(help="Frame counts of the grid to keep, e.g. 8,16.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Protocol key=value; changes the runs' identity.")]


def _allow_code(allowed: bool) -> bool:
    from suite.models.user_code import RULES

    RULES.allowed = allowed
    return allowed


AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        callback=_allow_code,
        help="Import the code of models 'package.module:factory' also where others name them: in an archive, or in a "
        "grid or run folder outside the working directory (links followed). Your own grids need no option.",
    ),
]
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
        if key in overrides:
            raise BadInput(f"--set changes '{key}' twice; give it once.")
        overrides[key] = parse_yaml(value, f"The value of --set {item}")
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
    """The plan of a selection, or of the one that was last planned."""
    from suite.sweep.plan import last_selection, load_grid, make_plan
    from suite.sweep.stored import stored_plan

    if chosen is None:
        chosen = last_selection(load_grid(grid).name, results)
        if not costs and (found := stored_plan(grid, chosen, results)):
            return found
    return make_plan(grid, chosen, results, costs)
