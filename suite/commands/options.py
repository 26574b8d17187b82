"""What commands share: the application, options that several take, and how they answer."""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from suite.program import RESULTS as RESULTS  # commands take it with the other options
from suite.spec import BadInput, one_line, parse_yaml, printable, shown

RUN, LOOK, COMPARE, MODELS, DATA_SETS = PANELS = (
    "Run experiments",
    "Look at results",
    "Compare",
    "Models",
    "Data sets",
)


class GroupsByTask(TyperGroup):
    """A list of commands under the task that each serves (its `rich_help_panel`), one whole line per command."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, self.commands))
        limit = formatter.width - width - 6
        panels = [*PANELS, *sorted({c.rich_help_panel for c in self.commands.values()} - {*PANELS, None}), None]
        for panel in panels:
            listed = [
                (name.ljust(width), command.get_short_help_str(limit))
                for name, command in self.commands.items()
                if command.rich_help_panel == panel and not command.hidden
            ]
            if listed:
                with formatter.section(panel or "Commands"):
                    formatter.write_dl(listed)


def group(help: str, epilog: str = "") -> typer.Typer:
    """An application or a part of one; without a command it shows its help."""
    made = typer.Typer(
        cls=GroupsByTask,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"max_content_width": 100},
        help=help,
        epilog=epilog,
    )

    @made.callback(invoke_without_command=True, help=help, epilog=epilog)
    def show_help(ctx: typer.Context) -> None:
        if ctx.invoked_subcommand is None:
            print(ctx.get_help())

    return made


def examples(*lines: str) -> str:
    """The end of a help text: command lines, each with what it does behind two blanks."""
    width = max(len(line.partition("  ")[0]) for line in lines)
    shown = (line.partition("  ") for line in lines)
    return "\b\nExamples:\n" + "\n".join(f"  {command:{width}}  {what.strip()}".rstrip() for command, _, what in shown)


app = group(
    "Fair comparison of video action recognition models under one protocol.",
    examples(
        "suite plan demo  what the demo trains and how long it takes",
        "suite sweep demo  train, test and report",
        "suite compare RUN RUN  what differs between two results",
        "suite COMMAND --help  options and examples of one command",
    ),
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder that holds the data sets (default: $SUITE_DATA, else ./data)."),
]
Results = Annotated[Path, typer.Option(metavar="DIR", help="Folder that holds the results of all grids.")]
GridName = Annotated[
    str, typer.Argument(metavar="GRID", help="Name of a grid in experiments/, or the path of a grid file.")
]
ModelNames = Annotated[
    list[str], typer.Argument(metavar="NAME", help="Model names, e.g. tam-resnet18-tp (see suite models).")
]
Device = Annotated[
    str | None, typer.Option(metavar="cpu|cuda", help="Device to compute on (default: cuda where there is a GPU).")
]
Workers = Annotated[
    int, typer.Option(metavar="N", min=0, help="Processes that load data (0: load in the main process).")
]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A finished run: its id or the beginning of it, its folder, or ARCHIVE.tar.gz#ID."
    ),
]


def _allow_code(allowed: bool) -> bool:
    from suite.models.user_code import RULES

    RULES.allowed = allowed
    return allowed


AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        callback=_allow_code,
        help="Import the code of models named package.module:factory in files of others: archives, and grids or run "
        "folders outside the working directory. Your own grids need no option.",
    ),
]


def log(message: str) -> None:
    """A line for a person on standard error; standard output is kept for what was asked for."""
    print(one_line(message), file=sys.stderr, flush=True)


def show(text: str) -> None:
    """An answer in lines on standard output, control characters escaped."""
    print(printable(text, keep="\n"))


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


def selects_runs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that select runs of a grid; they arrive as its parameter `chosen`.

    `chosen` is a `suite.sweep.plan.Selection`, or None when none of the options is given.
    """
    options = inspect.signature(selection, eval_str=True).parameters.values()
    own = list(inspect.signature(command, eval_str=True).parameters.values())
    at = next(i for i, parameter in enumerate(own) if parameter.name == "chosen")

    @functools.wraps(command)
    def with_options(**given: Any) -> Any:
        chosen = selection(**{option.name: given.pop(option.name) for option in options})
        return command(chosen=chosen, **given)

    parameters = [*own[:at], *options, *own[at + 1 :]]
    with_options.__signature__ = inspect.Signature(parameters)
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


def selection(
    only: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Only models whose name matches GLOB; may be repeated.")
    ] = None,
    frames: Annotated[
        str | None, typer.Option(metavar="N,N", help="Only these frame counts of the grid, e.g. 8,16.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a protocol key, e.g. epochs=1; the changed runs get ids of their own. May be repeated.",
        ),
    ] = None,
    data_set: Annotated[
        list[str] | None,
        typer.Option(
            "--data-set",
            metavar="DATASET",
            help="Use this data set instead of those of the grid; may be repeated.",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="HOURS",
            help="Only a part of the grid that takes at most so many device-hours, e.g. 200h, 90m or 3d; comparisons "
            "stay balanced.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Only the I-th of N parts of the grid, for several machines; chains are not split."
        ),
    ] = None,
) -> Any:
    from suite.sweep.budget import Budget
    from suite.sweep.plan import Selection

    if all(option is None for option in (only, frames, changes, data_set, budget, shard)):
        return None
    overrides = {}
    for item in changes or []:
        key, eq, value = item.partition("=")
        if not eq:
            raise BadInput(f"--set expects key=value, not '{item}'.")
        if key in overrides:
            raise BadInput(f"--set changes '{key}' twice; give it once.")
        overrides[key] = parse_yaml(value, f"The value of --set {item}")
    return Selection(
        tuple(only or ()),
        numbers(frames, "--frames", ","),
        overrides,
        share(shard),
        tuple(data_set or ()),
        budget=None if budget is None else Budget.parsed(budget),
    )


def numbers(text: str | None, option: str, separator: str) -> tuple[int, ...]:
    """The whole numbers of an option; without it none.  Raises BadInput for anything else, and for one given twice."""
    if text is None:
        return ()
    parts = [part.strip() for part in text.split(separator)]
    if not all(re.fullmatch("[0-9]{1,9}", part) for part in parts):
        raise BadInput(f"{option} expects whole numbers separated by '{separator}', not {shown(text)}.")
    found = tuple(map(int, parts))
    if separator == "," and len(set(found)) < len(found):
        raise BadInput(f"{option} {text} gives a number twice; give it once.")
    return found


def share(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = numbers(text, "--shard", "/")
    if len(parts) != 2 or not 1 <= parts[0] <= parts[1]:
        raise BadInput(f"--shard expects i/n with 1 <= i <= n, not {shown(text)}.")
    return parts


def planned(grid: str, results: Path, chosen: Any, costs: bool = True, speed_of: Any = None) -> Any:
    """The plan of a selection, or of the one that was last planned; grid: also its folder, or GRID:MODELS.

    speed_of: chooses the runs of a budget anew, by the speed that it gives for a plan.
    """
    from suite.collect.resolve import resolve_grid
    from suite.sweep.plan import Selection, last_selection, load_grid
    from suite.sweep.stored import stored_plan
    from suite.sweep.subgrid import make_chosen_plan

    grid, models = resolve_grid(grid)
    if models:
        chosen = replace(chosen or Selection(), only=(*(chosen.only if chosen else ()), models))
    if chosen is None:
        chosen, speed_of = last_selection(load_grid(grid).name, results), None
        if not costs and (found := stored_plan(grid, chosen, results)):
            return found
    return make_chosen_plan(grid, chosen, results, costs, speed_of, keep=costs)
