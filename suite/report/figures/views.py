"""The figure of accuracy against the number of test views, in multiply-adds per video."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.data.dataset_info import info
from suite.report.figures.look import WIDTH, styled
from suite.report.figures.panels import save
from suite.spec.display_names import display_name
from suite.store.identity import RunSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#000000", "#0072B2", "#D55E00")  # of the curves for 1, 3 and 10 crops: distinct for colour-blind readers
LETTERS = 48  # of a line of the title
LABELS = ((3, 3), (3, -9), (-8, 3))  # points: where the number of a point stands, so that those of curves do not meet


def title_of(spec: RunSpec, dataset: str | None) -> str:
    """The model as tables name it, its frames, and the data set that it was tested on (None: its own)."""
    return f"{display_name(spec.model)}, {spec.frames} frames, {info(dataset or spec.dataset).title}"


def write_views(title: str, rows: list[dict[str, Any]], path: Path) -> list[Path]:
    """Writes `path`.png and `path`.pdf (`path` may end so); rows: of `suite.evaluation.views.test_views_of_run`."""
    return save(views_plot(title, rows), path.with_suffix("") if path.suffix in (".png", ".pdf") else path)


@styled
def views_plot(title: str, rows: list[dict[str, Any]]) -> Figure | None:
    """Top-1 (percent) with 95 % intervals against GMACs x views (log), a curve per number of crops.

    Each point is labelled with its clips.  None where no test has labels.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    rows = [row for row in rows if row["top1"] is not None]
    if not rows:
        return None
    figure = Figure(figsize=(WIDTH / 2, 2.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    counts = sorted({row["crops"] for row in rows})
    for crops, colour, place in zip(counts, COLOURS, LABELS, strict=False):
        of_crops = sorted((row for row in rows if row["crops"] == crops), key=lambda row: row["macs"])
        x, y = [row["macs"] / 1e9 for row in of_crops], [row["top1"] for row in of_crops]
        below = [max(row["top1"] - row["ci95"][0], 0) for row in of_crops]
        above = [max(row["ci95"][1] - row["top1"], 0) for row in of_crops]
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
            label=f"{crops} crop{'s' if crops > 1 else ''}",
        )
        for row, at in zip(of_crops, zip(x, y, strict=True), strict=True):
            axes.annotate(str(row["clips"]), at, xytext=place, textcoords="offset points", color=colour)
    axes.margins(x=0.12)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("GMACs × views, per video")
    axes.set_ylabel("top-1 (%)")
    axes.set_title("\n".join(textwrap.wrap(title, LETTERS)), fontsize=8)
    figure.legend(loc="outside lower center", ncols=len(counts), title="number at a point: clips")
    return figure
