"""Crosses on the points of confounded runs, the same in every figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from suite.fairness.ledger import Marks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

# Hollow markers already mean temporal pooling; a cross is free in every figure, and seen on every colour.
CROSS = {"marker": "x", "linestyle": "none", "color": "black", "markersize": 3.6, "markeredgewidth": 0.8}


def with_marks(runs: pd.DataFrame, letters: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Cells of `ResultsTable` with the column `mark`: letters by run id, "" of runs that are not confounded.

    A column that is there already stays.
    """
    if "mark" in runs or not len(runs):
        return runs
    marks = Marks(dict(letters or {}))
    return runs.assign(mark=[marks.of(ids) for ids in runs["ids"]])


def cross(axes: Axes, x: Iterable[float], y: Iterable[float], marks: Iterable[str], alpha: float = 1.0) -> None:
    """Crosses the points that have a mark, with a white edge that keeps the cross visible on a black point."""
    from matplotlib.patheffects import withStroke

    places = [(a, b) for a, b, mark in zip(x, y, marks, strict=True) if mark]
    if places:
        edge = [withStroke(linewidth=1.5, foreground="white")]
        axes.plot(*zip(*places, strict=True), label="confounded", zorder=5, alpha=alpha, path_effects=edge, **CROSS)


def crossed(marks: Iterable[str]) -> list[Artist]:
    """The entry of a legend, where a point is crossed."""
    from matplotlib.lines import Line2D

    return [Line2D([], [], label="confounded", **CROSS)] if any(marks) else []
