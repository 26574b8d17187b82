"""Panels, axes, reference lines and files, the same in every figure."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from suite.report.figures.look import WIDTH, styled
from suite.statistics.proportions import wilson

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Neither a clock nor a version in the files: their bytes depend on the rows alone.
METADATA = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}


@styled
def save(figure: Figure | None, path: Path) -> list[Path]:
    """Writes `path`.png (200 dpi) and `path`.pdf and gives their paths; None removes older ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for ending, metadata in METADATA.items():
        file = path.with_name(f"{path.name}.{ending}")
        if figure is None:
            file.unlink(missing_ok=True)
        else:
            figure.savefig(file, dpi=200, metadata=metadata)
            written.append(file)
    return written


def panels(
    sets: list[str], columns: int, height: float, wide: bool = False, share_x: bool = False
) -> tuple[Figure, dict[tuple[str, int], Axes]]:
    """A figure of WIDTH with `columns` panels per data set, keyed by (data set, column); single ones stand in pairs."""
    from matplotlib.figure import Figure

    across = columns if columns > 1 or wide or len(sets) == 1 else 2
    down = math.ceil(len(sets) * columns / across)
    figure = Figure(figsize=(WIDTH, height * down + 1.1 + (0.5 if down == 1 else 0)), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.06, w_pad=0.05)
    grid: dict[tuple[str, int], Axes] = {}
    for i, dataset in enumerate(sets):
        for column in range(columns):
            left = grid.get((dataset, 0))
            above = next(iter(grid.values()), None) if share_x else None
            axes = figure.add_subplot(down, across, i * columns + column + 1, sharey=left, sharex=above)
            grid[dataset, column] = axes
    if share_x:
        for dataset, column in list(grid)[:-columns]:
            grid[dataset, column].tick_params(labelbottom=False)
    return figure, grid


def label_axes(grid: dict[tuple[str, int], Axes], x: str, y: str) -> None:
    """Names the axes of the panels at the left and at the bottom."""
    for axes in grid.values():
        place = axes.get_subplotspec()
        below = (place.rowspan.stop, place.colspan.start)
        taken = {(a.get_subplotspec().rowspan.start, a.get_subplotspec().colspan.start) for a in grid.values()}
        axes.set_xlabel(x if below not in taken else "")
        axes.set_ylabel(y if place.is_first_col() else "")


def fit_y(axes: Axes, runs: pd.DataFrame) -> None:
    """Room above and below the points, and for the reference lines."""
    values = list(runs["top1"])
    if runs["ceiling_blind"].notna().any():
        values += [v for v in (runs["chance"].max(), runs["ceiling_blind"].max()) if not math.isnan(v)]
    for value, n in zip(runs["top1"], runs["n"], strict=True):
        values += [v for v in wilson(value, n) if not math.isnan(v)]
    margin = max(2.0, 0.08 * (max(values) - min(values)))
    axes.set_ylim(max(min(values) - margin, -2), min(max(values) + margin, 104))


def reference_lines(axes: Axes, runs: pd.DataFrame, labels: bool = True) -> None:
    """Chance and the upper bound of order-invariant models on synthetic calibration sets, named right of the panel."""
    if runs["ceiling_blind"].isna().all():
        return
    for column, name in {"chance": "chance", "ceiling_blind": "upper bound\nwithout temporal\norder"}.items():
        value = runs[column].max()
        if math.isnan(value):
            continue
        axes.axhline(value, color="#555555", linewidth=0.7, linestyle=(0, (5, 3)), zorder=1)
        if labels:
            at = {"xy": (1, value), "xycoords": ("axes fraction", "data")}
            low, high = axes.get_ylim()
            va = "top" if value > low + 0.85 * (high - low) else "center"  # not beside the title
            axes.annotate(
                f"{name}\n{value:.4g} %", **at, xytext=(3, 0), textcoords="offset points", va=va, color="#444444"
            )


def round_sizes(millions: pd.Series) -> list[float]:
    """At most three round numbers of parameters between the smallest and the largest model's."""
    low, high = millions.min(), millions.max()
    if math.isnan(high):
        return []
    steps = [m * 10.0**e for e in range(-3, 5) for m in (1, 2, 5)]
    inside = [s for s in steps if low * 0.7 <= s <= high * 1.1]
    return inside if len(inside) <= 3 else [inside[0], inside[len(inside) // 2], inside[-1]]
