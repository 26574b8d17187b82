"""The figure of accuracy against cost with its Pareto front."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.collect.results_table import ResultsTable
from suite.report.figures.look import POOLING, Look, dot, ensembles_apart, legends, ordered, styled
from suite.report.figures.marks import cross, crossed, with_marks
from suite.report.figures.panels import fit_y, label_axes, panels, reference_lines, save
from suite.report.names import dataset_title
from suite.spec import display_names
from suite.statistics.rounding import rounded
from suite.statistics.run_table import ENSEMBLE, POOLING_ORDER
from suite.statistics.tradeoffs import COSTS, fronts

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FILLING = {"none": "full", "tp": "none", "tp=max": "left"}
PALE = 0.18  # opacity of a run that is never on the front
MOST_NAMED = 14  # runs of a front that a panel has room to list; of more, the ends and every so many between them
GREY = "#666666"
DIRECTIONS = (  # where a number may stand from its point, the best first; x to the right, y up
    *((-0.7, 0.7), (0.0, 1.0), (0.7, 0.7), (-1.0, 0.0), (1.0, 0.0)),
    *((0.7, -0.7), (0.0, -1.0), (-0.7, -0.7)),
)
DISTANCES = (4, 6, 9, 12, 16, 20)  # points


def write_pareto(
    table: ResultsTable,
    folder: Path,
    draws_by_dataset: Mapping[str, np.ndarray] | None = None,
    letters: Mapping[str, str] | None = None,
) -> list[Path]:
    """Writes `folder`/figures/pareto.{png,pdf}, or removes an older one where there is no front to draw."""
    return save(pareto_plot(table, draws_by_dataset, letters=letters), Path(folder) / "figures" / "pareto")


@styled
def pareto_plot(
    table: ResultsTable,
    draws_by_dataset: Mapping[str, np.ndarray] | None = None,
    cost: str | None = None,
    letters: Mapping[str, str] | None = None,
) -> Figure | None:
    """Top-1 (percent) against cost (log), a panel per data set: the front as steps, runs off it pale.

    `draws_by_dataset` and `cost` as in `suite.statistics.tradeoffs.fronts`.  The runs on the front are
    numbered and named at the right.  With draws the opacity of a run is the share of them in which it is on the front,
    which stands behind its name.  `letters` of confounded runs, by id: these are crossed, and on the front their name
    has the letter.  Runs without a positive cost are left out; None when no data set has two runs.
    """
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    runs = with_marks(fronts(table.finished, table.cells, draws_by_dataset, cost), letters)
    runs = runs[runs["cost"].gt(0)]
    if runs.empty or runs.groupby("dataset").size().max() < 2:
        return None
    name = runs["cost_name"].iloc[0]
    runs = ensembles_apart(runs)
    look, poolings = Look(runs), ordered(runs, "pooling", POOLING_ORDER)
    figure, grid = panels(ordered(runs, "dataset"), 1, height=2.6, wide=True)
    low, high = runs["cost"].min(), runs["cost"].max()
    room = max(1.15, (high / low) ** 0.06)
    for (dataset, _), axes in grid.items():
        of_set = runs[runs["dataset"] == dataset]
        axes.set_xscale("log")
        axes.set_xlim(low / room, high * room)
        fit_y(axes, of_set)
        for run in of_set.to_dict("records"):
            axes.plot(run["cost"], run["top1"], **_point(run, look))
        for on_front, points in of_set.groupby("on_front"):
            cross(axes, points["cost"], points["top1"], points["mark"], 1.0 if on_front else 2 * PALE)
        _draw_steps(axes, of_set[of_set["on_front"]], COSTS[name].more_is_cheaper)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(dataset_title(dataset))
        reference_lines(axes, of_set)
    label_axes(grid, _axis_name(name), "top-1 (%)")
    groups = [("module (colour)", look.colours()), ("backbone (marker)", look.markers() + crossed(runs["mark"]))]
    if poolings != ["none"]:
        groups.append(("temporal pooling (filling)", [_filling(pooling) for pooling in poolings]))
    legends(figure, *groups)
    for (dataset, _), axes in grid.items():
        _list_front(axes, runs[runs["dataset"] == dataset])
    figure.draw_without_rendering()  # the layout has to stand before free places can be sought
    for (dataset, _), axes in grid.items():
        _number_front(figure, axes, runs[runs["dataset"] == dataset])
    return figure


def _point(run: dict[str, Any], look: Look) -> dict[str, Any]:
    """Marker of a run: colour of its module, shape of its backbone, hollow with pooling, faint off the front."""
    share = float(run["on_front"]) if math.isnan(run["membership"]) else run["membership"]
    return {
        **{"marker": look.marker[run["body"]], "color": look.colour[run["architecture"]], "linestyle": "none"},
        **{"markersize": 5.5, "markeredgewidth": 1.0, "fillstyle": FILLING[run["pooling"]]},
        **{"markerfacecoloralt": "white", "alpha": PALE + (1 - PALE) * share, "zorder": 4 if run["on_front"] else 3},
    }


def _filling(pooling: str) -> Artist:
    handle = dot(28, POOLING[pooling].replace(" temporal", ""), "o", "#444444")
    handle.set(fillstyle=FILLING[pooling], markerfacecoloralt="white", markeredgewidth=1.0)
    return handle


def _draw_steps(axes: Axes, front: pd.DataFrame, more_is_cheaper: bool) -> None:
    """The highest accuracy that a budget buys, out to the edge of the panel where budgets are largest."""
    front = front.sort_values("cost", kind="stable")
    left, right = axes.get_xlim()
    x, y = list(front["cost"]), list(front["top1"])
    x, y = ([left, *x], [y[0], *y]) if more_is_cheaper else ([*x, right], [*y, y[-1]])
    axes.plot(x, y, drawstyle="steps-pre" if more_is_cheaper else "steps-post", color=GREY, linewidth=0.9, zorder=2)


def _axis_name(cost: str) -> str:
    heads = {"gmacs_views": "GMACs × views", "conv_gmacs_views": "GMACs (convolutions only) × views"}
    return heads.get(cost, COSTS[cost].head)


def _named(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs on the front that are numbered, cheapest first."""
    front = runs[runs["on_front"]].sort_values("cost", kind="stable")
    count, most = len(front), MOST_NAMED
    return front if count <= most else front.iloc[[round(i * (count - 1) / (most - 1)) for i in range(most)]]


def _list_front(axes: Axes, runs: pd.DataFrame) -> None:
    """Names the runs on the front right of the panel, beyond the names of reference lines."""
    named, x = _named(runs), 94 if axes.texts else 20
    names = [_name(run, runs) for run in named.to_dict("records")]
    head = "Pareto front" if named["membership"].isna().all() else "Pareto front (% of draws)"
    left_out = int(runs["on_front"].sum()) - len(named)
    at = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top", "linespacing": 1.3}
    numbers = "\n".join(["", *(str(i + 1) for i in range(len(names)))])
    lines = "\n".join([head, *names, *([f"and {left_out} more"] if left_out else [])])
    axes.annotate(numbers, (1, 1), xytext=(x, 0), ha="right", **at)
    axes.annotate(lines, (1, 1), xytext=(x + 5, 0), ha="left", **at)


def _name(run: dict[str, Any], runs: pd.DataFrame) -> str:
    """What tells a run from the others of its panel, and how sure its place is."""
    text = display_names(runs["name"].unique())[run["name"]] + (f" [{run['mark']}]" if run["mark"] else "")
    several = runs["frames"].nunique() > 1 and run["body"] != ENSEMBLE  # the name of an ensemble has its frames
    text += f", {run['frames']} frames" if several else ""
    text += f", {run['source']}" if runs["source"].nunique() > 1 else ""
    return text if math.isnan(run["membership"]) else f"{text} ({rounded(100 * run['membership'], 0)} %)"


def _number_front(figure: Figure, axes: Axes, runs: pd.DataFrame) -> None:
    """Writes the number of each named run in the best free place around its point.

    Nearer is better, above the front better than across its steps, and so is what hides few of the other runs.  No
    number covers another or a run of the front, or leaves the panel; where all places are taken there is none.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.path import Path
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import Bbox

    renderer, point = FigureCanvasAgg(figure).get_renderer(), figure.dpi / 72
    named = _named(runs)
    places = axes.transData.transform(named[["cost", "top1"]].to_numpy())
    members = axes.transData.transform(runs.loc[runs["on_front"], ["cost", "top1"]].to_numpy())
    others = axes.transData.transform(runs.loc[~runs["on_front"], ["cost", "top1"]].to_numpy())
    steps = [Path([a, (b[0], a[1]), b]) for a, b in pairwise(sorted(map(tuple, members)))]
    panel = axes.get_window_extent(renderer)
    taken: list[Bbox] = []
    for i, (x, y) in enumerate(places):
        text = axes.annotate(
            str(i + 1),
            (named["cost"].iloc[i], named["top1"].iloc[i]),
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=2, foreground="white")],
            zorder=5,
        )
        text.set_in_layout(False)
        width, height = text.get_window_extent(renderer).size
        free = []
        for distance, (rank, (right, up)) in product(DISTANCES, enumerate(DIRECTIONS)):
            # from the point to the nearest edge of the number; its centre is half a number further
            dx, dy = right * (distance + width / point / 2), up * (distance + height / point / 2)
            box = Bbox.from_bounds(x + dx * point - width / 2, y + dy * point - height / 2, width, height)
            inside = panel.contains(*box.min) and panel.contains(*box.max)
            if not inside or any(box.overlaps(b) for b in taken) or box.padded(3 * point).count_contains(members):
                continue
            hidden = box.padded(2 * point).count_contains(others)
            centre = (x + dx * point, y + dy * point)
            nearest = min(math.dist(centre, member) for member in members)
            astray = nearest < 0.9 * math.dist(centre, (x, y))  # it would be read as another run's
            across = any(step.intersects_bbox(box, filled=False) for step in steps)
            free.append((distance + rank + 3 * hidden + 10 * across + 40 * astray, (dx, dy), box))
        if not free:
            text.remove()
            continue
        _, offset, box = min(free, key=lambda place: place[0])
        text.set_position(offset)
        taken.append(box)
