"""Figures 1, 4, 6, 7 and 10 of deep_analysis, redrawn from the published record and from nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from suite.report.figures.panels import save
from suite.report.published.figure_1 import caption_1, figure_1
from suite.report.published.figure_7 import caption_7, figure_7
from suite.report.published.figures_of_runs import caption_4, caption_6, caption_10, figure_4, figure_6, figure_10
from suite.spec import unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: dict[str, tuple[Callable[[], Figure], Callable[[], str]]] = {  # file name -> drawing, caption
    "deep_analysis_figure_1": (figure_1, caption_1),
    "deep_analysis_figure_4": (figure_4, caption_4),
    "deep_analysis_figure_6": (figure_6, caption_6),
    "deep_analysis_figure_7": (figure_7, caption_7),
    "deep_analysis_figure_10": (figure_10, caption_10),
}


def write_published_figures(folder: Path) -> list[Path]:
    """Writes `folder`/figures/deep_analysis_figure_<k>.{png,pdf} (PNG: 200 dpi), always the same bytes."""
    place = Path(folder) / "figures"
    return [path for name, (draw, _) in FIGURES.items() for path in save(draw(), place / name)]


def caption(name: str) -> str:
    """What the figure of that name shows, what it leaves out, and why; its numbers are computed from the record.

    Raises BadInput when there is no such figure.
    """
    if name not in FIGURES:
        raise unknown("published figure", name, list(FIGURES))
    return FIGURES[name][1]()
