"""What a table is: its cells, columns and parts, and how its numbers are printed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from suite.spec import BadInput, unknown

INTERVALS = ("brackets", "plus-minus", "none")
SPREADS = ("both", "ci", "sd")  # beside a mean over seeds: 95 % confidence interval, standard deviation
MAX_DIGITS = 6
COLUMNS = {  # of the accuracy table, as --columns names them
    "top1": "top-1 accuracy",
    "pair": "pair accuracy",
    "published": "published top-1 accuracy",
    "top5": "top-5 accuracy",
    "top1_video": "top-1 accuracy over all views of a video",
    "best_top1": "top-1 accuracy of the best epoch",
    "ece": "expected calibration error",
    "gmacs": "multiply-adds per clip",
    "conv_gmacs": "multiply-adds per clip of the convolutions alone",
    "params": "parameters",
    "seeds": "number of seeds",
    "n": "number of test videos",
}


@dataclass(frozen=True)
class Printing:
    """How Markdown, LaTeX and HTML print the numbers of a table; CSV has all columns with all digits.

    interval: notation of 95 % confidence intervals: 57.5 [52.6, 62.3], 57.5 ± 4.9 (the longer of the two sides), or
    none.  spread: what stands beside a mean over seeds (SPREADS).  digits: decimals of percentages; differences of
    percentages have one more where they have an interval.  columns: those of the accuracy table, in this order (names
    of COLUMNS); the usual ones where empty.  Raises BadInput for other values.
    """

    interval: str = "brackets"
    spread: str = "both"
    digits: int = 1
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for option, value, allowed in (("interval", self.interval, INTERVALS), ("spread", self.spread, SPREADS)):
            if value not in allowed:
                raise unknown(f"value of --{option}", value, allowed)
        for i, name in enumerate(self.columns):
            if name not in COLUMNS:
                raise unknown("column", name, COLUMNS)
            if name in self.columns[:i]:
                raise BadInput(f"--columns names '{name}' twice; give it once.")
        if not 0 <= self.digits <= MAX_DIGITS:
            raise BadInput(f"--digits expects 0 to {MAX_DIGITS}, not {self.digits}.")

    @property
    def shows_intervals(self) -> bool:
        """Whether accuracies have their interval."""
        return self.interval != "none" and self.spread != "sd"

    def with_interval(self, head: str) -> str:
        """The head of a column of numbers with an interval."""
        return head + {"brackets": " [95 % CI]", "plus-minus": " (± 95 % CI)", "none": ""}[self.interval]

    def where(self) -> str:
        """Where an interval stands, as a note says it."""
        return {"brackets": "in brackets", "plus-minus": "as ± the longer side"}[self.interval]


DEFAULT_PRINTING = Printing()


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval; `spread` is the standard deviation over seeds, NaN for a single one.

    `mark` are letters of footnotes; with a mark a value that is NaN is one that was withheld.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    spread: float = math.nan
    bold: bool = False
    mark: str = ""


class Printed(float):
    """A number with the decimals that a paper printed, in every format; `numbers` are its rows of the record.

    Where a value was printed but cannot be assigned it is NaN, and thus an empty cell.
    """

    text: str
    numbers: tuple[int, ...]

    def __new__(cls, text: str, numbers: Iterable[int] = ()) -> Printed:
        made = super().__new__(cls, text or math.nan)
        made.text, made.numbers = text, tuple(numbers)
        return made

    def __str__(self) -> str:
        return self.text


class Named(str):
    """A machine name, as CSV has it, with the name that papers write, `shown`."""

    shown: str

    def __new__(cls, name: str, shown: str) -> Named:
        made = super().__new__(cls, name)
        made.shown = shown
        return made


Cell = str | int | float | Estimate | None  # None and NaN are printed as an empty cell


@dataclass(frozen=True)
class Column:
    """`head` (with its unit) stands under `group` in print; `key` is its name in CSV."""

    key: str
    head: str = ""
    group: str = ""
    digits: int = 1
    percent: bool = False  # its decimals follow Printing.digits; `digits` are those at the default
    text: bool = False  # left-aligned words; otherwise right-aligned numbers
    csv_only: bool = False
    print_only: bool = False  # not in CSV
    choice: str = ""  # its name in Printing.columns
    interval: bool = False  # CSV: more columns, key_low, key_high, key_sd and key_mark


@dataclass(frozen=True)
class Part:
    """Rows that are printed together, such as those of one data set; each row has a cell per column of the table.

    `sources` says where each row comes from, such as the ids of its runs; LaTeX shows it as a comment above the row.
    """

    title: str
    rows: list[tuple[Cell, ...]]
    note: str = ""
    sources: list[str] = field(default_factory=list)  # none, or one a row; "" where there is nothing to say


@dataclass(frozen=True)
class Table:
    """`name` is the file's, `note` says what the numbers are.  Columns empty in a part are not printed there.

    `details` is for who wants to know more; only the page shows it, folded.
    """

    name: str
    title: str
    note: str
    columns: tuple[Column, ...]
    parts: list[Part]
    details: str = ""
    printing: Printing = DEFAULT_PRINTING
