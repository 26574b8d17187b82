"""Printing for a person: text as it is, never markup or escape sequences, and tables of such cells."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from suite.spec import one_line, printable

if TYPE_CHECKING:
    from suite.sweep.estimates import EstimateError

GAP = 2  # between columns
PIPE_WIDTH = 10_000  # a pipe has no edge to fold at


class PlainConsole(Console):
    """A console that prints every string as it is, control characters escaped.

    Names of files, models and classes come from anywhere: they carry no markup, colours or cursor movements.
    """

    def __init__(self, **options: Any):
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def on_broken_pipe(self) -> None:
        """The reader of our output has seen enough: what comes goes nowhere.  Rich would end a sweep for it."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def render_str(self, text: str, *, style: Any = "", **options: Any) -> Text:
        return super().render_str(
            printable(text, keep="\n"), style=style, **(options | {"markup": False, "emoji": False, "highlight": False})
        )


def show(*parts: Any) -> None:
    """Prints texts and tables to standard output; in a pipe no line is folded, and nothing is ever cut off."""
    console = PlainConsole()
    edge = console.width if console.is_terminal else max(PIPE_WIDTH, console.width)
    for part in parts:
        console.width = edge
        if isinstance(part, _OneLineCells):
            console.width = max(edge, part.least_width())
        console.print(part, soft_wrap=isinstance(part, str) and not console.is_terminal)


class _OneLineCells(Table):
    """A table whose cells are single lines of text."""

    def add_row(self, *cells: Any, **more: Any) -> None:
        super().add_row(*(Text(one_line(str(cell))) for cell in cells), **more)

    def least_width(self) -> int:
        """Below this width, words or numbers would be cut."""
        width = 0
        for column in self.columns:
            texts = [str(column.header), *(str(cell) for cell in column.cells)]
            parts = texts if column.no_wrap else [word for text in texts for word in text.split()]
            width += max(map(cell_len, parts), default=0) + GAP
        return width


def table(*columns: str) -> Table:
    """An empty table; '>' before a column's name aligns it to the right, '~' lets it fold in a narrow terminal."""
    made = _OneLineCells(box=None, padding=(0, GAP, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(
            column.lstrip(">~"),
            justify="right" if column.startswith(">") else "left",
            overflow="fold",
            no_wrap=not column.startswith("~"),
        )
    return made


def duration(seconds: float) -> str:
    """A length of time as people say it: 45 s, 7 min, 3 h 20 min, 12 days, 47 years."""
    if seconds < 90:
        return "under 1 s" if 0 < seconds < 0.5 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours = round(minutes / 60)
    if hours < 72:
        return f"{minutes // 60} h {minutes % 60:02d} min" if hours < 24 else f"{hours} h"
    days = hours / 24
    return f"{days:.0f} days" if days < 730 else f"{days / 365:,.0f} years"


def estimate_text(error: EstimateError) -> str:
    """How far the estimates of finished runs were from their times, in a sentence."""
    runs = f"{error.runs} finished run{'s' * (error.runs > 1)}"
    return (
        f"Estimated time of {runs}: {duration(error.estimated)}; they took {duration(error.taken)} "
        f"({100 * (error.taken / error.estimated - 1):+.0f} %). Median error per run: {100 * error.median:.0f} %."
    )


def memory(gib: float) -> str:
    """An amount of memory: 310 MiB, 7.6 GiB."""
    return f"{gib * 1024:.0f} MiB" if gib < 1 else f"{gib:.1f} GiB"
