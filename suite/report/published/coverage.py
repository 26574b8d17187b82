"""The page of `suite reproduce coverage`: the printed rows of the five papers and the grids that run them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from suite.published.coverage import Covered, Reading
from suite.report.names import dataset_title

HEAD = """# Which grid runs which printed number

Every top-1 accuracy that the five papers print of models of their own, with the grid that plans its run. Such a grid
is run by its name: `make sweep GRID=arc/frames DATA=/your/data`. This page is made by `suite reproduce coverage`; with
`--json`, the command also gives the ids of the runs. Rows that a paper quotes from others are not listed.
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
        lines += ["| table | printed model | data set | top-1 (%) | grid |", "| --- | --- | --- | ---: | --- |"]
        for row in of_paper:
            if row.table:
                where = ", ".join(map(_grid, row.grid.split()[:2])) or "none"
                cells = [row.table, row.printed, dataset_title(row.dataset), f"{row.top1:g}"]
                cells.append(where + (f": {row.why}" if row.why else ""))
                lines.append("| " + " | ".join(_escaped(cell) for cell in cells) + " |")
        lines.append("")
    lines += ["## Figures", "", "| figure | grid |", "| --- | --- |"]
    for name, reading in figures.items():
        grids = ", ".join(map(_grid, reading.grid.split()))
        lines.append(f"| {name} | {grids}{': ' if grids else ''}{reading.how} |")
    covered = sum(bool(row.run or row.grid) for row in found)
    lines += ["", f"{covered} of {len(found)} printed rows have a planned run.", ""]
    return "\n".join(lines)


def _in_order(found: Sequence[Covered]) -> list[Covered]:
    """The rows of a paper together, the 288 runs first."""
    papers = list(dict.fromkeys(row.paper for row in found))
    return sorted(found, key=lambda row: papers.index(row.paper))


def _escaped(cell: str) -> str:
    """Text of a paper in a cell: no link, and no end of the cell."""
    return re.sub(r"([|\[\]]|(?<=\])\()", r"\\\1", cell)


def _grid(place: str) -> str:
    return f"`{place}`"
