"""Heat maps of all pairs of models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from suite.collect.evidence import Evidence
from suite.collect.pairs import Pairs
from suite.report.figures.look import WIDTH, styled
from suite.report.figures.panels import save
from suite.report.names import dataset_title
from suite.spec import display_names
from suite.statistics.rounding import signed
from suite.statistics.significance import ALPHA

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NUMBERS = 12  # models up to which the differences fit into the cells at 8 points
FEWEST, MOST = 3, 40  # models from which a matrix says more than a sentence, and up to which it can be read


def write_pairwise(groups: Sequence[Pairs], folder: Path, evidence: Evidence | None = None) -> list[Path]:
    """Writes `folder`/figures/pairwise_<data set>_f<frames>.{png,pdf} of groups of 3 to 40 models.

    `groups`: `all_pairs`.  Older figures that they no longer give are removed.
    """
    evidence, place, written = evidence or Evidence(), Path(folder) / "figures", []
    for found in groups:
        if FEWEST <= len(found.cells) <= MOST:
            name = re.sub(r"[^A-Za-z0-9_+=-]", "_", f"pairwise_{found.dataset}_f{found.frames}")
            written += save(pairwise_plot(found, evidence), place / name)
    for old in sorted(place.glob("pairwise_*_f*.p*")):
        if old not in written:
            old.unlink()
    return written


@styled
def pairwise_plot(found: Pairs, evidence: Evidence | None = None) -> Figure:
    """Difference of row minus column in percentage points as a colour; a dot marks p < 0.05 after Holm.

    The most accurate model stands first.  Up to MOST_NUMBERS models the difference is printed instead of the dot, bold
    where it is significant.
    """
    from matplotlib.figure import Figure

    evidence = evidence or Evidence()
    difference, different, k = found.matrix("difference"), found.different, len(found.cells)
    height = min(WIDTH, 0.22 * k + 1.9)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    largest = float(np.nanmax(np.abs(difference))) or 1.0
    image = axes.imshow(difference, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto")
    dark = np.abs(difference) > 0.65 * largest  # where black could not be read
    for i, j in zip(*np.nonzero(~np.isnan(difference) & (k <= MOST_NUMBERS)), strict=True):
        shown, weight = signed(difference[i, j], 1).replace("-", "−"), "bold" if different[i, j] else "normal"
        axes.text(j, i, shown, ha="center", va="center", color="white" if dark[i, j] else "black", weight=weight)
    for colour, cells in (("white", different & dark), ("black", different & ~dark)) if k > MOST_NUMBERS else ():
        rows, columns = np.nonzero(cells)
        axes.scatter(columns, rows, s=4, color=colour, linewidths=0)
    several = len({cell["source"] for cell in found.cells}) > 1
    labels = []
    shown_names = display_names({cell["name"] for cell in found.cells})
    for i, cell in enumerate(found.cells):
        letters = evidence.letters(cell["ids"])
        source = f", {cell['source']}" if several else ""
        labels.append(f"{shown_names[cell['name']]}{source}{f' [{letters}]' if letters else ''}  {i + 1}")
    axes.set_yticks(range(k), labels)
    axes.set_xticks(range(k), range(1, k + 1))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(False)
    axes.set_xticks(np.arange(k + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(k + 1) - 0.5, minor=True)
    axes.grid(True, which="minor", color="white", linewidth=1)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{dataset_title(found.dataset)}, {found.frames} frames: top-1 of row minus top-1 of column", pad=18)
    sign = "bold" if k <= MOST_NUMBERS else "dot"
    figure.colorbar(image, ax=axes, shrink=0.8, label=f"percentage points ({sign}: p < {ALPHA:g}, Holm)")
    return figure
