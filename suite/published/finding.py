"""A finding: a statement with the numbers behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from suite.fairness.factors import text


@dataclass(frozen=True)
class Finding:
    """A statement, the numbers behind it as a table, and the command that prints them."""

    key: str
    title: str
    statement: str
    columns: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def command(self) -> str:
        return f"suite reproduce --finding {self.key}"


def shown(value: Any) -> str:
    """A cell of a finding's table."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4f}".rstrip("0").rstrip(".")
    return "" if value is None else text(value)


def agrees(value: float, printed: str) -> bool:
    """Whether `value` rounds to the printed text."""
    decimals = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5 * 10.0**-decimals + 1e-9
