"""The figure of accuracy against the number of test views, in multiply-adds per video."""

from __future__ import annotations

import math
import re
import textwrap
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.data.dataset_info import info
from suite.report.figures.look import WIDTH, styled
from suite.report.figures.panels import save
from suite.spec import display_name, display_names
from suite.statistics.proportions import wilson
from suite.store.identity import RunSpec

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curves = dict[str, list[dict[str, Any]]]  # label -> its points: macs, top1, ci95, label
# of the curves, distinct for colour-blind readers (Okabe and Ito)
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LETTERS = 48  # of a line of the title
NUMBERS = "number at a point: clips"
SPREAD = 0.02  # of the range of costs (log): how far points of equal cost stand apart
LABELS = (
    (3, 3),
    (3, -9),
    (-8, 3),
    (-8, -9),
)  # points: where numbers stand, so that those of curves do not meet


def title_of(spec: RunSpec, dataset: str | None) -> str:
    """The model as tables name it, its frames, and the data set that it was tested on (None: its own)."""
    return f"{display_name(spec.model)}, {spec.frames} frames, {info(dataset or spec.dataset).title}"


def write_views(title: str, rows: list[dict[str, Any]], path: Path) -> list[Path]:
    """Writes `path`.png and `path`.pdf (`path` may end so); rows: of `suite.evaluation.views.test_views_of_run`."""
    return save(views_plot(title, rows), path.with_suffix("") if path.suffix in (".png", ".pdf") else path)


def write_views_of_grid(tests: pd.DataFrame | None, folder: Path) -> list[Path]:
    """Writes `folder`/figures/views-<data set>.{png,pdf}, a panel per model; tests: `suite.collect.views`."""
    written = []
    for dataset, of_set in tests.groupby("dataset", sort=False) if tests is not None else ():
        names = display_names(of_set["model"])
        means = of_set.groupby(["model", "frames", "clips", "crops"], sort=False).agg(
            {"top1": "mean", "gmacs": "mean", "n": "min"}
        )
        several = of_set["crops"].nunique() > 1
        panels: dict[str, Curves] = {names[model]: {} for model in dict.fromkeys(of_set["model"])}
        for (model, frames, clips, crops), row in zip(means.index, means.to_dict("records"), strict=True):
            point = {"macs": row["gmacs"] * 1e9, "top1": row["top1"], "ci95": wilson(row["top1"], int(row["n"]))}
            label = f"{frames} frames" + (f", {_crops(crops)}" if several else "")
            panels[names[model]].setdefault(label, []).append(point | {"label": str(clips)})
        path = Path(folder) / "figures" / f"views_{re.sub(r'[^A-Za-z0-9_+=-]', '_', dataset)}"
        written += save(_plot(info(dataset).title, panels), path)
    return written


@styled
def views_plot(title: str, rows: list[dict[str, Any]]) -> Figure | None:
    """Top-1 (percent) with 95 % intervals against GMACs x views (log), a curve per number of crops.

    Each point is labelled with its clips.  None where no test has labels.
    """
    rows = [row | {"label": str(row["clips"])} for row in rows if row["top1"] is not None]
    counts = sorted({row["crops"] for row in rows})
    curves = {_crops(n): [row for row in rows if row["crops"] == n] for n in counts}
    return _plot(title, {"": curves}) if rows else None


def _crops(number: int) -> str:
    return f"{number} crop{'s' if number > 1 else ''}"


@styled
def _plot(title: str, panels: dict[str, Curves]) -> Figure:
    """Panels by their titles, on the same axes; a curve has the same colour in all of them."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves))
    colours = dict(zip(labels, cycle(COLOURS), strict=False))
    across = min(len(panels), 2)
    down, columns = math.ceil(len(panels) / across), 2 * across
    height = 2.1 * down + 0.5 + 0.2 * math.ceil(len(labels) / columns)
    figure = Figure(figsize=(WIDTH * across / 2, height), layout="constrained")
    first, handles = None, {}
    for number, (name, curves) in enumerate(panels.items()):
        first = axes = figure.add_subplot(down, across, number + 1, sharex=first, sharey=first)
        axes.set_xscale("log")
        shifts = _shifts(list(curves.values()))
        for (label, points), place, shift in zip(curves.items(), cycle(LABELS), shifts, strict=False):
            handles[label] = _draw_curve(axes, label, points, colours[label], place, shift)
        axes.margins(x=0.12)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("GMACs × views, per video" if number >= len(panels) - across else "")
        axes.set_ylabel("top-1 (%)" if number % across == 0 else "")
        axes.set_title("\n".join(textwrap.wrap(name or title, LETTERS)), fontsize=8)
    if list(panels) != [""]:
        figure.suptitle(title, fontsize=9)
    shown = [handles[label] for label in labels]
    figure.legend(handles=shown, loc="outside lower center", ncols=min(columns, len(labels)), title=NUMBERS)
    return figure


def _shifts(curves: list[list[dict[str, Any]]]) -> list[float]:
    """Factors on the costs of each curve, so that the bars of curves with equal costs stand side by side."""
    costs = [point["macs"] for points in curves for point in points]
    if len(set(costs)) == len(costs):
        return [1.0] * len(curves)
    step = max(max(costs) / min(costs), 2.0) ** SPREAD
    return [step ** (i - (len(curves) - 1) / 2) for i in range(len(curves))]


def _draw_curve(
    axes: Axes, name: str, points: list[dict[str, Any]], colour: str, place: tuple[int, int], shift: float
) -> Any:
    of_curve = sorted(points, key=lambda row: row["macs"])
    x, y = [shift * row["macs"] / 1e9 for row in of_curve], [row["top1"] for row in of_curve]
    below = [max(row["top1"] - row["ci95"][0], 0) for row in of_curve]
    above = [max(row["ci95"][1] - row["top1"], 0) for row in of_curve]
    for row, at in zip(of_curve, zip(x, y, strict=True), strict=True):
        axes.annotate(row["label"], at, xytext=place, textcoords="offset points", color=colour)
    line = {"color": colour, "marker": "o", "markersize": 3.5, "linewidth": 1.1, "label": name}
    return axes.errorbar(x, y, yerr=(below, above), elinewidth=0.7, capsize=2, **line)
