"""Accuracy against cost, accuracy against frames, and the gain by temporal pooling."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from suite.report.figures.look import (
    DASHES,
    POOLING,
    Look,
    dot,
    ensembles_apart,
    legends,
    line,
    module_rank,
    ordered,
    patch,
    shade,
    styled,
)
from suite.report.figures.marks import cross, crossed, with_marks
from suite.report.figures.panels import fit_y, label_axes, panels, reference_lines, round_sizes, save
from suite.report.names import dataset_title
from suite.spec import display_backbone
from suite.statistics.proportions import wilson
from suite.statistics.run_table import ENSEMBLE, POOLING_ORDER, rank

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

FIGURES = ("accuracy_vs_gflops", "accuracy_vs_frames", "gain_by_temporal_pooling")
CROWD = 16  # more points of a data set than this get a panel for each kind of pooling
LARGEST = 420.0  # area in square points of the circle of the model with most parameters


def write_figures(cells: pd.DataFrame, folder: Path, letters: Mapping[str, str] | None = None) -> list[Path]:
    """Writes `folder`/figures/<name>.{png,pdf} (PNG: 200 dpi) and gives their paths; equal cells give equal bytes.

    `cells` are those of `ResultsTable`.
    A figure that would show nothing, such as the gain by temporal pooling where nothing was pooled, is not written,
    and an older one of its name goes.  `letters` of confounded runs, by id: these get a cross in every figure.
    """
    runs = with_marks(cells, letters)
    written = []
    for name, draw in zip(FIGURES, (accuracy_vs_gflops, accuracy_vs_frames, gain_by_temporal_pooling), strict=True):
        written += save(draw(runs) if len(runs) else None, Path(folder) / "figures" / name)
    return written


@styled
def accuracy_vs_gflops(runs: pd.DataFrame) -> Figure | None:
    """Top-1 (percent) against multiply-adds of one clip (1e9, log): circle area = parameters, colour, marker.

    `runs` are cells of `ResultsTable`.  Where a run does not know all its multiply-adds (published ones), the axis
    of the whole figure is that of convolutions alone, and says so.
    """
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    runs = ensembles_apart(with_marks(runs))
    cost = "gmacs" if runs["gmacs"].notna().all() else "conv_gmacs"
    runs = runs[runs[cost].gt(0)]
    if runs.empty:
        return None
    look = Look(runs)
    sets, poolings = ordered(runs, "dataset"), ordered(runs, "pooling", POOLING_ORDER)
    crowded = runs.groupby("dataset").size().max() > CROWD
    columns = [[pooling] for pooling in poolings] if crowded else [poolings]
    figure, grid = panels(sets, len(columns), height=2.5)
    per_million = LARGEST / (runs["params"].max() / 1e6)
    low, high = runs[cost].min(), runs[cost].max()
    for (dataset, column), axes in grid.items():
        of_set = runs[runs["dataset"] == dataset]
        shown = of_set[of_set["pooling"].isin(columns[column])]
        circles = shown[shown["params"].notna()].sort_values("params", ascending=False, kind="stable")
        edges = [look.colour[module] for module in circles["architecture"]]
        areas = per_million * circles["params"] / 1e6
        faces = [(colour, 0.16) for colour in edges]
        dashes = "-" if crowded else [DASHES[pooling] for pooling in circles["pooling"]]
        outline = {"edgecolors": edges, "linewidth": 0.6 if crowded else 0.9, "linestyle": dashes}
        axes.scatter(circles[cost], circles["top1"], s=areas, c=faces, **outline)
        for body, of_body in shown.groupby("body", sort=False):
            colours = [look.colour[module] for module in of_body["architecture"]]
            kind = {"marker": look.marker[body], "linewidth": 0, "zorder": 3}
            room = [34 if mark else 15 for mark in of_body["mark"]]  # for a cross that does not hide the shape
            axes.scatter(of_body[cost], of_body["top1"], s=room, c=colours, **kind)
        cross(axes, shown[cost], shown["top1"], shown["mark"])
        axes.set_xscale("log")
        axes.set_xlim(low / 1.6, high * 1.6)
        fit_y(axes, of_set)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        of_column = "" if len(columns) == 1 else f",\n{POOLING[poolings[column]]}"
        axes.set_title(dataset_title(dataset) + of_column)
        reference_lines(axes, of_set, labels=column == len(columns) - 1)
    what = "" if cost == "gmacs" else " (convolutions only)"
    label_axes(grid, f"GMACs per clip{what}", "top-1 (%)")
    sizes = [dot(s * per_million, f"{s:g} M") for s in round_sizes(runs["params"] / 1e6)]
    markers = look.markers() + crossed(runs["mark"])
    groups = [("module (colour)", look.colours()), ("backbone (marker)", markers)]
    if not crowded and poolings != ["none"]:
        groups[1] = ("backbone (marker), pooling (outline)", markers + _outlines(poolings))
    legends(figure, *groups, *([("parameters (area)", sizes)] if sizes else []))
    return figure


@styled
def accuracy_vs_frames(runs: pd.DataFrame) -> Figure | None:
    """Top-1 (percent) against frames (log2), a line per module, backbone and pooling.

    Bars are 95 % Wilson intervals, where n is known and the panel has at most twelve lines.  Nothing to show when no
    model was run at two frame counts.  Ensembles, whose frames are those of several models, are left out.
    """
    runs = runs[runs["module"] != ENSEMBLE]
    series = ["dataset", "architecture", "body", "pooling", "source"]
    if runs.empty or runs.groupby(series)["frames"].nunique().max() < 2:
        return None
    runs = with_marks(runs)
    look = Look(runs)
    frames, sources = sorted(set(runs["frames"])), set(runs["source"])
    crowded = runs.groupby("dataset")[series[1:]].apply(lambda d: len(d.drop_duplicates())).max() > 12
    figure, grid = panels(ordered(runs, "dataset"), 1, height=3.1, wide=crowded)
    for (dataset, _), axes in grid.items():
        of_set = runs[runs["dataset"] == dataset]
        lines = list(of_set.groupby(series, sort=False))
        for i, ((_, module, body, pooling, source), of_line) in enumerate(lines):
            of_line = of_line.sort_values("frames")
            kind = {"color": look.colour[module], "marker": look.marker[body], "linestyle": DASHES[pooling]}
            kind |= {"alpha": 1.0 if source == "suite" or len(sources) == 1 else 0.4}  # published lines stand back
            kind |= {"linewidth": 1.1, "markersize": 4, "markerfacecolor": "white" if pooling != "none" else None}
            x, y = of_line["frames"].astype(float), of_line["top1"]
            if crowded or of_line["n"].isna().any():
                axes.plot(x, y, **kind)
                cross(axes, x, y, of_line["mark"])
                continue
            x = x * 2 ** (0.04 * (i - (len(lines) - 1) / 2))  # side by side, so that no bar hides another
            bounds = [wilson(*pair) for pair in zip(y, of_line["n"], strict=True)]
            bars = [[v - low for v, (low, _) in zip(y, bounds, strict=True)]]
            bars += [[high - v for v, (_, high) in zip(y, bounds, strict=True)]]
            axes.errorbar(x, y, yerr=bars, elinewidth=0.7, capsize=1.5, **kind)
            cross(axes, x, y, of_line["mark"])
        axes.set_xscale("log", base=2)
        axes.set_xticks(frames, [str(f) for f in frames])
        axes.set_xticks([], minor=True)
        axes.set_xlim(frames[0] / 1.25, frames[-1] * 1.25)
        axes.set_title(dataset_title(dataset))
        fit_y(axes, of_set)
        reference_lines(axes, of_set)
    label_axes(grid, "frames per clip", "top-1 (%)")
    groups = [("module (colour)", look.colours()), ("backbone (marker)", look.markers() + crossed(runs["mark"]))]
    poolings = ordered(runs, "pooling", POOLING_ORDER)
    if poolings != ["none"]:
        groups.append(("temporal pooling (line)", _outlines(poolings)))
    legends(figure, *groups)
    return figure


def _outlines(poolings: list[str]) -> list[Artist]:
    return [line(DASHES[p], POOLING[p].replace(" temporal", "")) for p in poolings]


@styled
def gain_by_temporal_pooling(runs: pd.DataFrame) -> Figure | None:
    """Top-1 with temporal pooling minus top-1 without, in percentage points, as bars (deep_analysis, Figure 6).

    A bar needs both models at the same data set, module, backbone and frames.
    """
    key = ["source", "dataset", "architecture", "body", "frames"]
    runs = with_marks(runs[runs["module"] != ENSEMBLE])
    plain = runs.loc[runs["pooling"] == "none", [*key, "top1", "mark"]]
    gains = runs[runs["pooling"] != "none"].merge(plain, on=key, suffixes=("", "_none"))
    if (gains["source"] == "suite").any():  # bars of ours and of print would stand on one spot
        gains = gains[gains["source"] == "suite"]
    if gains.empty:
        return None
    gains = gains.assign(gain=gains["top1"] - gains["top1_none"], mark=gains["mark"] + gains["mark_none"])
    look, frames = Look(gains), sorted(set(gains["frames"]))
    groups = sorted(
        {(r["architecture"], r["body"], r["pooling"]) for r in gains.to_dict("records")},
        key=lambda g: (module_rank(g[0]), rank(POOLING_ORDER, g[2]), g[1]),
    )
    figure, grid = panels(ordered(gains, "dataset"), 1, height=2.1, wide=True, share_x=True)
    width = 0.8 / len(frames)
    for (dataset, _), axes in grid.items():
        for run in gains[gains["dataset"] == dataset].to_dict("records"):
            step = frames.index(run["frames"])
            x = groups.index((run["architecture"], run["body"], run["pooling"])) + width * (step + 0.5) - 0.4
            hatch = "////" if run["pooling"] == "tp=max" else None
            colour = shade(look.colour[run["architecture"]], step, len(frames))
            axes.bar(x, run["gain"], width * 0.92, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
            cross(axes, [x], [run["gain"]], [run["mark"]])
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_title(dataset_title(dataset))
        axes.set_xticks(range(len(groups)), [display_backbone(body) for _, body, _ in groups], rotation=35, ha="right")
        room = max(0.0, (6 - len(groups)) / 2)  # a single bar should not fill the page
        axes.set_xlim(-0.6 - room, len(groups) - 0.4 + room)
        axes.grid(False, axis="x")
        for i in range(1, len(groups)):
            if groups[i][0] != groups[i - 1][0]:
                axes.axvline(i - 0.5, color="#bbbbbb", linewidth=0.6)
        lowest, highest = min(0, *axes.dataLim.intervaly), max(0, *axes.dataLim.intervaly)
        margin = max(0.5, 0.06 * (highest - lowest))
        axes.set_ylim(lowest - margin, highest + margin)
    label_axes(grid, "", "gain (percentage points)")
    shades = [patch(shade("black", i, len(frames)), str(f)) for i, f in enumerate(frames)]
    kinds = [patch("#888888", "as published"), patch("#888888", "max-pooling", hatch="////")]
    some = [("temporal pooling", kinds)] if "tp=max" in set(gains["pooling"]) else []
    legends(figure, ("module (colour)", look.colours()), *some, ("frames (shade)", shades + crossed(gains["mark"])))
    return figure
