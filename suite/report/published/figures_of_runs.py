"""Figures 4, 6 and 10 of deep_analysis: the 288 published runs over frames, and the effect of temporal pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.collect.results_table import ResultsTable
from suite.published.references import published_rows
from suite.report.figures.look import WIDTH
from suite.report.figures.panels import label_axes
from suite.report.figures.scatter import accuracy_vs_frames, gain_by_temporal_pooling
from suite.report.names import dataset_title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def published_runs() -> pd.DataFrame:
    """The 288 runs as cells of `ResultsTable`, without numbers of videos: these figures draw no intervals."""
    return ResultsTable.of(published_rows().assign(n=float("nan"))).cells


def figure_4() -> Figure:
    """Top-1 against frames without temporal pooling, the three data sets side by side."""
    runs = published_runs()
    figure = accuracy_vs_frames(runs[runs["pooling"] == "none"])
    grid = figure.add_gridspec(1, len(figure.axes))
    for axes, place in zip(figure.axes, grid, strict=True):
        axes.set_subplotspec(place)
    label_axes(dict(enumerate(figure.axes)), "frames per clip", "top-1 (%)")
    figure.set_size_inches(WIDTH, 4.2)
    return figure


def figure_6() -> Figure:
    """Top-1 with temporal pooling minus top-1 without."""
    return gain_by_temporal_pooling(published_runs())


def figure_10() -> Figure:
    """Top-1 against frames, without and with temporal pooling in two panels on one scale."""
    runs = published_runs()
    kind = runs["pooling"].map({"none": "no temporal pooling", "tp": "with temporal pooling"})
    # 24 lines in one panel would hide each other, so every data set gets two
    figure = accuracy_vs_frames(runs.assign(dataset=runs["dataset"].map(dataset_title) + ",\n" + kind))
    for left, right in zip(figure.axes[::2], figure.axes[1::2], strict=True):
        limits = [*left.get_ylim(), *right.get_ylim()]
        for axes in (left, right):
            axes.set_ylim(min(limits), max(limits))
    figure.set_size_inches(WIDTH, 9.2)
    return figure


def caption_4() -> str:
    runs = published_runs()
    return (
        f"deep_analysis, Figure 4: single-clip top-1 of the {sum(runs['pooling'] == 'none')} models without temporal "
        "pooling, from the tables of the supplement. One run per model, best epoch on the test videos; the paper "
        "reports no intervals, and none are drawn. The panels have different scales."
    )


def caption_6() -> str:
    runs = published_runs()
    key = ["dataset", "architecture", "body", "frames"]
    paired = runs.pivot(index=key, columns="pooling", values="top1").reset_index()
    paired["gain"] = (paired["tp"] - paired["none"]).round(6)
    others, tsn = (paired[paired["architecture"].eq("tsn") == wanted] for wanted in (False, True))
    up, flat = others[others["gain"] > 0], paired[paired["gain"].abs() < 0.2]
    where = ", ".join(f"{n} on {dataset_title(name)}" for name, n in up.groupby("dataset").size().items())
    return (
        f"deep_analysis, Figure 6: change in top-1 due to temporal pooling, as {len(paired)} differences of two "
        f"published accuracies. Temporal pooling lowers {sum(others['gain'] < 0)} of {len(others)} models other than "
        f"TSN (the paper's caption says that it hurts all of them) and raises {len(up)} ({where}). It raises "
        f"{sum(tsn['gain'] > 0)} of {len(tsn)} TSN models. {len(flat)} differences below 0.2 points are hardly "
        "visible. No intervals are drawn, and the panels have different scales."
    )


def caption_10() -> str:
    return (
        f"deep_analysis, Figure 10: single-clip top-1 of all {len(published_runs())} models, without (left) and with "
        "(right) temporal pooling. One run per model; no intervals are reported. Both panels of a data set have the "
        "same scale."
    )
