"""The cells of a table as text, the same in every printed format but for what the format escapes."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

from suite.report.tables.rendering.table import Cell, Column, Estimate, Named, Part, Printed, Printing, Table
from suite.statistics.rounding import rounded


@dataclass(frozen=True)
class Style:
    """What differs between the printed formats in a single cell."""

    escape: Callable[[str], str]
    bold: Callable[[str], str]
    raised: Callable[[str], str]
    minus: str


def visible(text: str) -> str:
    """Without control characters, which break what reads the file, and halves of letters, which cannot be written."""
    return "".join(sign for sign in text if sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cs"))


PLAIN = Style(str, str, str, "-")


def title_of(part: Part) -> str:
    """The title of a part as print has it."""
    return name_of(part.title)


def name_of(text: str) -> str:
    """A text as print has it: names as papers write them."""
    return text.shown if isinstance(text, Named) else text


def printed_cells(table: Table, part: Part, style: Style) -> tuple[list[Column], list[list[str]]]:
    """The columns of a part that are printed and hold anything, in their order, and its cells as text."""
    shown = [i for i in _in_print(table) if any(not is_empty(row[i]) for row in part.rows)]
    columns = [table.columns[i] for i in shown]
    return columns, [[_cell(row[i], table.columns[i], style, table.printing) for i in shown] for row in part.rows]


def _in_print(table: Table) -> list[int]:
    """Indices of the columns that are printed: those of `printing.columns` group by group, where a table has them."""
    wanted, columns = table.printing.columns, table.columns
    if not wanted or not any(c.choice for c in columns):
        return [i for i, c in enumerate(columns) if not c.csv_only and not (c.print_only and c.choice)]
    heads = [i for i, c in enumerate(columns) if not c.choice and not c.csv_only]
    chosen = sorted(
        (i for i, c in enumerate(columns) if c.choice in wanted), key=lambda i: wanted.index(columns[i].choice)
    )
    groups = dict.fromkeys(["", *(columns[i].group for i in range(len(columns)))])
    return heads + [i for group in groups for i in chosen if columns[i].group == group]


def _cell(cell: Cell, column: Column, style: Style, printing: Printing) -> str:
    digits = max(0, column.digits + printing.digits - Printing.digits) if column.percent else column.digits
    if is_empty(cell):
        return ""
    if isinstance(cell, str):
        return style.escape(name_of(cell))
    if isinstance(cell, Integral):  # numpy's too
        return str(cell).replace("-", style.minus)
    if isinstance(cell, Real):
        return _number(cell, digits, style)
    text = "withheld" if math.isnan(cell.value) else _number(cell.value, digits, style)
    text = style.bold(text) if cell.bold else text
    text += style.raised(cell.mark) if cell.mark else ""
    with_interval = not math.isnan(cell.low) and printing.shows_intervals
    if with_interval and printing.interval == "plus-minus":
        text += " " + style.escape(f"± {rounded(max(cell.value - cell.low, cell.high - cell.value), digits)}")
    if not math.isnan(cell.spread) and printing.spread != "ci":
        spread = rounded(cell.spread, digits)
        twice = with_interval and printing.interval == "plus-minus"  # one ± is enough
        text += " " + style.escape(f"(SD {spread})" if twice else f"± {spread}")
    if with_interval and printing.interval == "brackets":
        low, high = (_number(bound, digits, style) for bound in (cell.low, cell.high))
        text += f" {style.escape('[')}{low}, {high}{style.escape(']')}"
    return text


def _number(value: float, digits: int, style: Style) -> str:
    text = value.text if isinstance(value, Printed) else rounded(value, digits)
    return text.replace("-", style.minus)


def is_empty(cell: Cell) -> bool:
    if isinstance(cell, Estimate) and cell.mark:
        return False
    value = cell.value if isinstance(cell, Estimate) else cell
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))
