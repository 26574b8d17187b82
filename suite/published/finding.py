"""A finding: a statement with the numbers behind it, and what all findings are made with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from suite.fairness.factors import text


@dataclass(frozen=True)
class Finding:
    """A statement, the numbers behind it as a table, and the command that prints them.

    columns: keys of the cells of a row, in JSON and CSV; heads: what a printed table says instead, where it differs.
    """

    key: str
    title: str
    statement: str
    columns: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    heads: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        return f"suite reproduce --finding {self.key}"


def shown(value: Any) -> str:
    """A cell of a finding's table."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4f}".rstrip("0").rstrip(".")
    return "" if value is None else text(value)


def yes_no(holds: bool) -> str:
    """A cell that says whether something holds."""
    return "yes" if holds else "no"


def number_of_yes(rows: Iterable[tuple[Any, ...]], column: int = -1) -> int:
    """Rows with "yes" in a column, the last one unless given."""
    return sum(row[column] == "yes" for row in rows)


def percent(part: int | float, whole: int | float = 1) -> str:
    """A share as a whole number of percent."""
    return f"{100 * part / whole:.0f} %"


def listed(words: Iterable[str]) -> str:
    """ "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def agrees(value: float, printed: str) -> bool:
    """Whether `value` rounds to the printed text."""
    decimals = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5 * 10.0**-decimals + 1e-9
