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
    from matplotlib.figure import Figure

# of the curves, distinct for colour-blind readers (Okabe and Ito)
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LETTERS = 48  # of a line of the title
MOST_LABELLED = 4  # curves of which there is room for the label of every point
LABELS = ((3, 3), (3, -9), (-8, 3))  # points: where the number of a point stands, so that those of curves do not meet


def title_of(spec: RunSpec, dataset: str | None) -> str:
    """The model as tables name it, its frames, and the data set that it was tested on (None: its own)."""
    return f"{display_name(spec.model)}, {spec.frames} frames, {info(dataset or spec.dataset).title}"


def write_views(title: str, rows: list[dict[str, Any]], path: Path) -> list[Path]:
    """Writes `path`.png and `path`.pdf (`path` may end so); rows: of `suite.evaluation.views.test_views_of_run`."""
    return save(views_plot(title, rows), path.with_suffix("") if path.suffix in (".png", ".pdf") else path)


def write_views_of_grid(tests: pd.DataFrame | None, folder: Path) -> list[Path]:
    """Writes `folder`/figures/views-<data set>.{png,pdf}, a curve per model; tests: `suite.collect.views`."""
    written = []
    for dataset, of_set in tests.groupby("dataset", sort=False) if tests is not None else ():
        names = display_names(of_set["model"])
        means = of_set.groupby(["model", "frames", "clips", "crops"], sort=False).agg(
            {"top1": "mean", "gmacs": "mean", "n": "min"}
        )
        curves: dict[str, list[dict[str, Any]]] = {}
        for (model, frames, clips, crops), row in zip(means.index, means.to_dict("records"), strict=True):
            point = {"macs": row["gmacs"] * 1e9, "top1": row["top1"], "ci95": wilson(row["top1"], int(row["n"]))}
            label = f"{names[model]}, {frames} frames"
            curves.setdefault(label, []).append(point | {"label": f"{clips}x{crops}"})
        path = Path(folder) / "figures" / f"views_{re.sub(r'[^A-Za-z0-9_+=-]', '_', dataset)}"
        written += save(_plot(info(dataset).title, curves, "label of a point: clips x crops"), path)
    return written


@styled
def views_plot(title: str, rows: list[dict[str, Any]]) -> Figure | None:
    """Top-1 (percent) with 95 % intervals against GMACs x views (log), a curve per number of crops.

    Each point is labelled with its clips.  None where no test has labels.
    """
    rows = [row | {"label": str(row["clips"])} for row in rows if row["top1"] is not None]
    counts = sorted({row["crops"] for row in rows})
    curves = {f"{n} crop{'s' if n > 1 else ''}": [row for row in rows if row["crops"] == n] for n in counts}
    return _plot(title, curves, "number at a point: clips") if rows else None


@styled
def _plot(title: str, curves: dict[str, list[dict[str, Any]]], legend: str) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    columns = 3 if max(map(len, curves)) < 12 else 2 if len(curves) > MOST_LABELLED else 1
    down, wide = math.ceil(len(curves) / columns), len(curves) > MOST_LABELLED
    figure = Figure(figsize=(WIDTH if wide else WIDTH / 2, 2.6 + 0.2 * down), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    for (name, points), colour, place in zip(curves.items(), cycle(COLOURS), cycle(LABELS), strict=False):
        of_curve = sorted(points, key=lambda row: row["macs"])
        x, y = [row["macs"] / 1e9 for row in of_curve], [row["top1"] for row in of_curve]
        below = [max(row["top1"] - row["ci95"][0], 0) for row in of_curve]
        above = [max(row["ci95"][1] - row["top1"], 0) for row in of_curve]
        axes.errorbar(
            x,
            y,
            yerr=(below, above),
            color=colour,
            marker="o",
            markersize=3.5,
            linewidth=1.1,
            elinewidth=0.7,
            capsize=2,
            label=name,
        )
        for row, at in () if wide else zip(of_curve, zip(x, y, strict=True), strict=True):
            axes.annotate(row["label"], at, xytext=place, textcoords="offset points", color=colour)
    axes.margins(x=0.12)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("GMACs × views, per video")
    axes.set_ylabel("top-1 (%)")
    axes.set_title("\n".join(textwrap.wrap(title, LETTERS)), fontsize=8)
    figure.legend(loc="outside lower center", ncols=min(columns, len(curves)), title=None if wide else legend)
    return figure
