"""Crosses on the points of confounded runs, the same in every figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from suite.analysis.ledger import Marks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

# Hollow markers already mean temporal pooling; a cross is free in every figure, and seen on every colour.
CROSS = {"marker": "x", "linestyle": "none", "color": "black", "markersize": 4.5, "markeredgewidth": 1.0}


def with_marks(runs: pd.DataFrame, letters: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Rows of `mean_over_seeds` with the column `mark`: letters by run id, "" of runs that are not confounded.

    A column that is there already stays.
    """
    if "mark" in runs or not len(runs):
        return runs
    marks = Marks(dict(letters or {}))
    return runs.assign(mark=[marks.of(ids) for ids in runs["ids"]])


def cross(axes: Axes, x: Iterable[float], y: Iterable[float], marks: Iterable[str]) -> None:
    """Crosses the points that have a mark."""
    places = [(a, b) for a, b, mark in zip(x, y, marks, strict=True) if mark]
    if places:
        axes.plot(*zip(*places, strict=True), label="confounded", zorder=5, **CROSS)


def crossed(marks: Iterable[str]) -> list[Artist]:
    """The entry of a legend, where a point is crossed."""
    from matplotlib.lines import Line2D

    return [Line2D([], [], label="confounded", **CROSS)] if any(marks) else []
