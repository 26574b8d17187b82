"""The page of `suite reproduce coverage`: the printed rows of the five papers and the grids that run them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from suite.data.dataset_info import divisions_of
from suite.published.coverage import Covered, Reading
from suite.published.names import plain_name
from suite.report.names import dataset_title

HEAD = """# Which grid runs which printed number

Every top-1 accuracy that the five papers print of models of their own, with the grid that plans its run. Such a grid is
run by its name: `make sweep GRID=arc/frames DATA=/your/data`. This page is made by `suite reproduce coverage`; with
`--json`, the command also gives the ids of the runs. Rows that a paper quotes from others are not listed. Frames and
views (clips x crops) are as printed, and empty where the paper does not report them.
"""


def coverage_page(found: Sequence[Covered], figures: Mapping[str, Reading]) -> str:
    """Markdown: a part per paper with a line per printed row, then the figures."""
    lines = [HEAD]
    for paper, rows in groupby(_in_order(found), key=lambda row: row.paper):
        of_paper = list(rows)
        lines += [f"## {paper}", ""]
        runs = [row for row in of_paper if not row.table]
        if runs:
            grids = ", ".join(dict.fromkeys(_grid(row.grid.split()[0]) for row in runs))
            lines += [f"The {len(runs)} runs behind Figures 4, 6 and 10 and Table 7: {grids}.", ""]
        lines += ["| table | printed model | data set | frames | views | top-1 (%) | grid |"]
        lines += ["| --- | --- | --- | ---: | ---: | ---: | --- |"]
        for row in of_paper:
            if row.table:
                where = ", ".join(map(_grid, row.grid.split()[:2])) or "**none**"
                cells = [row.table, plain_name(row.printed), _tested_on(row), row.frames, row.views, f"{row.top1:g}"]
                cells.append(where + (f": {row.why}" if row.why else ""))
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    lines += ["## Figures", "", "| figure | grid |", "| --- | --- |"]
    for name, reading in figures.items():
        grids = ", ".join(map(_grid, reading.grid.split()))
        lines.append(f"| {name} | {grids}{': ' if grids else ''}{reading.how} |")
    covered = sum(bool(row.run or row.grid) for row in found)
    lines += ["", f"{covered} of {len(found)} printed rows have a planned run.", ""]
    return "\n".join(lines)


def _in_order(found: Sequence[Covered]) -> list[Covered]:
    """The rows of a paper together in the order of its tables, the 288 runs first and values of its text last."""
    papers = list(dict.fromkeys(row.paper for row in found))
    return sorted(found, key=lambda row: (papers.index(row.paper), _place(row.table)))


def _place(table: str) -> tuple[bool, int, str]:
    """Sort key: Table 2 stands before Table 10, 5a before 5b, "text 6" behind all tables."""
    text, number, letter = re.fullmatch(r"(\D*)(\d*)(.*)", table).groups()
    return bool(text), int(number or 0), letter


def _tested_on(row: Covered) -> str:
    """The data set, with what the accuracy is a mean over."""
    if not row.mean_of_splits:
        return dataset_title(row.dataset)
    return f"{dataset_title(row.dataset).partition(', split')[0]}, mean of {len(divisions_of(row.dataset))} splits"


def _grid(place: str) -> str:
    return f"`{place}`"
