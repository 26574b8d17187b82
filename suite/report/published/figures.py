"""Figures 1, 4, 6, 7 and 10 of deep_analysis, drawn from numbers that the published record holds and no others."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.collect.results_table import ResultsTable
from suite.published.record import PAPERS, record, wide
from suite.published.references import published_rows
from suite.report.figures.look import WIDTH, Look, dot, legends, patch, styled
from suite.report.figures.panels import label_axes, panels, round_sizes, save
from suite.report.figures.scatter import accuracy_vs_frames, gain_by_temporal_pooling
from suite.spec import unknown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BACKBONES = ("inception_v1", "resnet50")  # of Figure 1
LARGEST = 250.0  # area in square points of the circle of the costliest clip; two of them stand in adjacent rows
SIGNS = {
    "": "no sign: the paper's own",
    "*": "run by deep_analysis",
    "†": "quoted by the paper",
    "‡": "quoted or not: unclear",
}
_STATED = ("frames", "sampling", "views", "pretraining")
_COST = ("gflops", "printed_gflops", "counts")

STEPS = (  # Figure 7, left to right; SlowFast stands there because the last change is printed against it
    *("I3D-InceptionV1", "I3D-InceptionV1-tp", "I3D-ResNet50-tp", "I3D-ResNet50"),
    *("SlowFast-ResNet50-8x8", "I3D-SE-ResNet50"),
)
STEP_SETS = ("kinetics400", "ssv2")
CHANGE = "#B00020"  # the paper prints the changes in red, too


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


# Figure 1: models on Kinetics-400


def kinetics_models() -> pd.DataFrame:
    """Top-1 on Kinetics-400 of every model with a backbone of BACKBONES that any of the papers prints, best first.

    One row per model and distinct value: `tables` names the papers and tables that print it.  A value in which a
    table only rounds another of the same model and paper is not a distinct one.  What is stated nowhere is "".
    Where no cost is printed with a value, it is that of the same model, frames and crop in the same paper, if any.
    """
    import pandas as pd

    found: list[dict[str, Any]] = []
    for row in _kinetics_rows():
        row |= {"model": plain_name(row["model"]), "tables": [(row["paper"], row["table"])]}
        same = next((other for other in found if _same(row, other)), None)
        if same is None:
            found.append(row)
            continue
        same["tables"] += row["tables"]
        if "own" in (row["origin"], same["origin"]):
            same["origin"] = "own"
        for key in (*_STATED, *_COST):
            if _missing(same[key]):
                same[key] = row[key]
    for row in found:
        # one colour for a module and all that is built on it: the names tell them apart
        row |= {"architecture": row["module"].partition("+")[0], "body": row["backbone"]}
        by_deep_analysis = any(paper == "deep_analysis" for paper, _ in row["tables"])
        row["sign"] = {"quoted": "†", "unknown": "‡"}.get(row["origin"], "*" if by_deep_analysis else "")
        twins = [r for r in found if not _missing(r["gflops"]) and _costs_the_same(r, row)]
        if _missing(row["gflops"]) and twins:
            row |= {key: twins[0][key] for key in _COST}
    found.sort(key=lambda row: (-row["top1"], row["model"]))
    return pd.DataFrame(found)


def _costs_the_same(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether it is the same network on a clip of the same size: neither weights nor views change what a clip costs."""
    key = ("paper", "model", "backbone", "pooling", "frames", "crop")
    return all(row[k] == other[k] for k in key) and bool(row["frames"] and row["crop"])


def _kinetics_rows() -> list[dict[str, Any]]:
    """Printed rows with a top-1 on Kinetics-400; the most precisely printed value of a paper comes first."""
    rows: list[dict[str, Any]] = []
    for paper in PAPERS:
        of_paper = wide(paper)
        of_paper = of_paper[of_paper["dataset"].eq("kinetics400") & of_paper["backbone"].isin(BACKBONES)]
        of_paper = of_paper[of_paper["top1"].notna()].to_dict("records")
        rows += sorted(of_paper, key=lambda row: Decimal(row["printed_top1"]).as_tuple().exponent)
    return rows


def _same(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two printed rows give one number: equal, or rounded within a paper, and no fact of theirs differs."""
    if any(row[key] != other[key] for key in ("model", "backbone", "pooling")):
        return False
    a, b = Decimal(row["printed_top1"]), Decimal(other["printed_top1"])
    rounded = row["paper"] == other["paper"] and b.quantize(a) == a
    stated = [(_views(row[key]), _views(other[key])) for key in _STATED]
    return (a == b or rounded) and all(x == y for x, y in stated if x and y)


def _views(text: str) -> str:
    """ "10x3" and "30" are the same number of views; other text stays."""
    clips, x, crops = text.partition("x")
    return str(int(clips) * int(crops)) if x and clips.isdigit() and crops.isdigit() else text


def _missing(value: Any) -> bool:
    return value == "" or value != value  # NaN


def plain_name(printed: str) -> str:
    """A printed model name without citation, footnote sign and "(ours)"."""
    beside = r"\s*(\[\d+\]|\([^()]*\(\d{4}\w?\)\)|\((dagger|ours|our method)\))"
    return re.sub(beside, "", printed, flags=re.IGNORECASE).strip()


@styled
def figure_1() -> Figure:
    """Dots ranked by top-1, circles for the FLOPs of one clip, and beside them what else differs between the rows."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MultipleLocator

    models = kinetics_models()
    look = Look(models)
    figure = Figure(figsize=(WIDTH, 0.25 * len(models) + 1.4), layout="constrained")
    axes = figure.add_subplot()
    costly = models[_of_one_clip(models)]
    per_gflop = LARGEST / costly["gflops"].max()
    colours = [look.colour[module] for module in costly["architecture"]]
    circles = {"s": per_gflop * costly["gflops"], "c": [(c, 0.16) for c in colours], "edgecolors": colours}
    axes.scatter(costly["top1"], costly.index, linewidth=0.7, **circles)
    for y, row in models.iterrows():
        kind = {"marker": look.marker[row["body"]], "color": look.colour[row["architecture"]], "markersize": 3}
        axes.plot(row["top1"], y, linestyle="none", zorder=3, **kind)
    axes.set_ylim(len(models) - 0.3, -0.7)
    axes.set_yticks(range(len(models)), [row["model"] + row["sign"] for _, row in models.iterrows()])
    axes.tick_params(axis="y", length=0)
    low, high = models["top1"].min(), models["top1"].max()
    axes.set_xlim(low - 0.6, high + 0.6)
    axes.set_xlabel("top-1 (%)")
    axes.set_title("kinetics400", pad=4)
    axes.xaxis.set_major_locator(MultipleLocator(2))
    _columns(axes, models)
    sizes = [dot(s * per_gflop, f"{s:g}") for s in round_sizes(costly["gflops"])]
    signs = [patch("none", f"{sign} {text}".strip()) for sign, text in SIGNS.items() if sign in set(models["sign"])]
    groups = [("module (colour)", look.colours()), ("backbone (marker), value (sign)", look.markers() + signs)]
    legends(figure, *groups, ("GFLOPs, one clip (area)", sizes))
    return figure


def _of_one_clip(models: pd.DataFrame) -> pd.Series:
    return models["gflops"].notna() & models["counts"].str.endswith("/view")


def _columns(axes: Axes, models: pd.DataFrame) -> None:
    """The facts of each row, right of the panel; a question mark where no paper states one."""
    cells = []
    for _, row in models.iterrows():
        papers: dict[str, list[str]] = {}
        for paper, table in row["tables"]:
            papers.setdefault(paper, []).append(table.replace("text ", "§"))
        where = "; ".join(f"{paper} {', '.join(sorted(set(tables)))}" for paper, tables in papers.items())
        clip = " ".join(filter(None, (row["frames"] or "?", row["sampling"])))
        cost = row["printed_gflops"] if isinstance(row["printed_gflops"], str) else "?"
        facts = (row["views"].replace("x", "×") or "?", row["pretraining"] or "?")
        cells.append((row["printed_top1"], cost, clip, *facts, where))
    heads = ("top-1", "GFLOPs", "frames", "views", "weights", "printed in table")
    left = 6.0
    for head, column in zip(heads, zip(*cells, strict=True), strict=True):
        for y, text in ((-1.1, head), *enumerate(column)):
            at = {"xy": (1, y), "xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
            weight = "bold" if text == head else "normal"
            axes.annotate(text, **at, xytext=(left, 0), annotation_clip=False, weight=weight)
        left += max(5.4 * len(head), 4.4 * max(map(len, column))) + 7  # points of a letter in bold, in plain


def _caption_1() -> str:
    models, everything = kinetics_models(), record()
    top1 = everything[everything["dataset"].eq("kinetics400") & everything["metric"].eq("top1")]
    lost = sorted({f"{plain_name(m)} {v}" for m, v in top1.loc[top1["backbone"].eq(""), ["model", "value"]].to_numpy()})
    counted = models.loc[_of_one_clip(models), "counts"].str.partition("/")[0]
    without = len(models) - len(counted)
    return (
        f"deep_analysis, Figure 1: the {len(models)} top-1 values on Kinetics-400 that the papers print for models "
        "based on InceptionV1 and ResNet50, each once, with the tables that print it. A circle's area is the printed "
        "cost of one clip, from another table of the paper for the same network and clip where that table has none; "
        "signs tell whose value it is. The paper's axis of years is not drawn: no year is in the record, so the models "
        f"stand by accuracy. {without} values have no circle, as the paper prints no cost of such a clip; of the rest "
        f"{_listed(counted)}. Views, frames and initial weights differ between the rows, and a question mark is a fact "
        "that no table states: the order is no ranking of methods. Left out, as no backbone is stated: "
        f"{', '.join(lost)}."
    )


def _listed(counted: pd.Series) -> str:
    words = {"unknown": "do not say what they count", "conv_macs": "count multiply-adds of convolutions"}
    words |= {"macs": "count multiply-adds"}
    return ", ".join(f"{n} {words.get(what, 'count ' + what)}" for what, n in counted.value_counts().items())


# Figures 4, 6 and 10: the 288 runs


def _runs() -> pd.DataFrame:
    """The 288 runs without the number of videos: the figures show what is printed, and no intervals are."""
    return ResultsTable.of(published_rows().assign(n=float("nan"))).cells


def figure_4() -> Figure:
    """Top-1 against frames without temporal pooling, the three data sets side by side."""
    runs = _runs()
    figure = accuracy_vs_frames(runs[runs["pooling"] == "none"])
    grid = figure.add_gridspec(1, len(figure.axes))
    for axes, place in zip(figure.axes, grid, strict=True):
        axes.set_subplotspec(place)
    label_axes(dict(enumerate(figure.axes)), "frames of a clip", "top-1 (%)")
    figure.set_size_inches(WIDTH, 4.2)
    return figure


def figure_6() -> Figure:
    """Top-1 with temporal pooling minus top-1 without."""
    return gain_by_temporal_pooling(_runs())


def figure_10() -> Figure:
    """Top-1 against frames, without and with temporal pooling in two panels on one scale."""
    runs = _runs()
    kind = runs["pooling"].map({"none": "no temporal pooling", "tp": "with temporal pooling"})
    figure = accuracy_vs_frames(runs.assign(dataset=runs["dataset"] + ", " + kind))  # 24 lines in a panel hide another
    for left, right in zip(figure.axes[::2], figure.axes[1::2], strict=True):
        limits = [*left.get_ylim(), *right.get_ylim()]
        for axes in (left, right):
            axes.set_ylim(min(limits), max(limits))
    figure.set_size_inches(WIDTH, 8.8)
    return figure


def _caption_4() -> str:
    runs = _runs()
    return (
        f"deep_analysis, Figure 4: top-1 of one clip of the {sum(runs['pooling'] == 'none')} models without temporal "
        "pooling, from the tables of its supplement. Each is one run, and the best epoch on the videos shown; no "
        "interval is printed, and none is drawn. The panels have scales of their own."
    )


def _caption_6() -> str:
    runs = _runs()
    key = ["dataset", "architecture", "body", "frames"]
    paired = runs.pivot(index=key, columns="pooling", values="top1").reset_index()
    paired["gain"] = (paired["tp"] - paired["none"]).round(6)
    others, tsn = (paired[paired["architecture"].eq("tsn") == wanted] for wanted in (False, True))
    up, flat = others[others["gain"] > 0], paired[paired["gain"].abs() < 0.2]
    where = ", ".join(f"{n} on {name}" for name, n in up.groupby("dataset").size().items())
    return (
        f"deep_analysis, Figure 6: what temporal pooling adds to top-1, {len(paired)} differences of two printed "
        f"accuracies. It lowers {sum(others['gain'] < 0)} of {len(others)} models other than TSN (by the paper's "
        f"caption it hurts them all) and raises {len(up)} ({where}); of {len(tsn)} TSNs it raises "
        f"{sum(tsn['gain'] > 0)}. "
        f"{len(flat)} differences below 0.2 points are hardly to be seen. No interval is drawn, and the panels have "
        "scales of their own."
    )


def _caption_10() -> str:
    return (
        f"deep_analysis, Figure 10: top-1 of one clip of all {len(_runs())} models, without (left) and with temporal "
        "pooling (right). One run each, no interval printed; a data set has one scale."
    )


# Figure 7: from I3D-InceptionV1 to I3D-SE-ResNet50


def _values() -> dict[tuple[str, str], tuple[Decimal, ...]]:
    """Top-1 of (data set, model) as terms to be added up: one is a recorded value, more are it and printed changes.

    A model that was run from ImageNet weights and from none is taken with ImageNet weights.
    """
    rows = record()
    rows = rows[rows["paper"].eq("deep_analysis") & rows["dataset"].isin(STEP_SETS) & rows["origin"].eq("own")]
    printed = rows[rows["metric"].eq("top1") & rows["table"].isin(["2", "text 6"])]
    printed = printed.sort_values("pretraining", key=lambda p: p.ne("imagenet"), kind="stable")
    values: dict[tuple[str, str], tuple[Decimal, ...]] = {}
    for row in printed.to_dict("records"):
        values.setdefault((row["dataset"], plain_name(row["model"])), (Decimal(row["value"]),))
    while True:
        found = {}
        for (dataset, lower, upper), gain in changes().items():
            for known, other, sign in ((upper, lower, -1), (lower, upper, 1)):
                if (dataset, known) in values and (dataset, other) not in values:
                    found[dataset, other] = (*values[dataset, known], sign * gain)
        if not found:
            return values
        values |= found


def changes() -> dict[tuple[str, str, str], Decimal]:
    """Printed changes between two models on a data set, in percentage points, by (data set, from, to)."""
    rows = record()
    rows = rows[rows["paper"].eq("deep_analysis") & rows["metric"].eq("top1_gain") & rows["table"].eq("text 6.2")]
    out = {}
    for row in rows.to_dict("records"):
        upper, _, lower = row["model"].partition(" minus ")
        out[row["dataset"], lower, upper] = Decimal(row["value"])
    return out


def i3d_steps() -> pd.DataFrame:
    """The models of Figure 7 on its data sets: `top1` (NaN: follows from nothing), whether `by_difference`, `terms`."""
    import pandas as pd

    values, rows = _values(), []
    for dataset in STEP_SETS:
        for model in STEPS:
            terms = values.get((dataset, model), ())
            top1 = float(sum(terms)) if terms else float("nan")
            rows.append({"dataset": dataset, "model": model, "top1": top1, "by_difference": len(terms) > 1})
            rows[-1]["terms"] = terms
    return pd.DataFrame(rows)


def _rounded(terms: tuple[Decimal, ...]) -> Decimal:
    """A sum, to as many decimals as its least precise term has."""
    return sum(terms).quantize(max(terms, key=lambda term: term.as_tuple().exponent))


def _sum(terms: tuple[Decimal, ...]) -> str:
    return f"{terms[0]}" + "".join(f" {'−' if t < 0 else '+'} {abs(t)}" for t in terms[1:])


@styled
def figure_7() -> Figure:
    """Bars of the steps: full where a value is printed, hollow where a value and printed changes give it."""
    steps = i3d_steps()
    figure, grid = panels(list(STEP_SETS), 1, height=2.35, wide=True, share_x=True)
    span = max(of_set["top1"].max() - of_set["top1"].min() for _, of_set in steps.groupby("dataset"))
    colours = {model: "#D55E00" if model.startswith("I3D") else "#777777" for model in STEPS}
    for (dataset, _), axes in grid.items():
        of_set = steps[steps["dataset"] == dataset].set_index("model")
        # one scale for both, so that a point of accuracy is as high in either; whole numbers, named at the axis
        floor = int(of_set["top1"].max() - 1.3 * span)
        axes.set_ylim(floor, floor + 1.75 * span)
        axes.set_xlim(-0.6, len(STEPS) - 0.4)
        axes.set_ylabel(f"top-1 (%), axis from {floor}")
        axes.set_title(dataset)
        axes.grid(False, axis="x")
        axes.set_xticks(range(len(STEPS)), [_two_lines(model) for model in STEPS])
        for x, model in enumerate(STEPS):
            _step(axes, x, of_set.loc[model], floor, colours[model])
        for (of, lower, upper), gain in changes().items():
            if of == dataset and lower in STEPS and upper in STEPS:
                _change(axes, STEPS.index(lower), STEPS.index(upper), of_set["top1"], gain)
    _full_and_hollow(figure)
    return figure


def _two_lines(model: str) -> str:
    return model.replace("-ResNet50", "-\nResNet50").replace("-Inception", "-\nInception")


_CLEAR = {"ha": "center", "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.3}}  # no grid line through it


def _step(axes: Axes, x: int, row: pd.Series, floor: int, colour: str) -> None:
    if not row["terms"]:
        axes.text(x, floor + 0.15, "not in\nthe record", va="bottom", color="#666666", style="italic", **_CLEAR)
        return
    kind = {"facecolor": "white", "linestyle": (0, (4, 2))} if row["by_difference"] else {"facecolor": colour}
    axes.bar(x, row["top1"], 0.56, edgecolor=colour, linewidth=1.0, **kind)
    text = str(_rounded(row["terms"])) + (f"\n({_sum(row['terms'])})" if row["by_difference"] else "")
    at = {"xytext": (0, 3), "textcoords": "offset points", "va": "bottom", "linespacing": 1.1}
    axes.annotate(text, (x, row["top1"]), **at, **_CLEAR)


def _change(axes: Axes, start: int, end: int, top1: pd.Series, gain: Decimal) -> None:
    """A printed change, as an arrow from model to model at the height of the lower one."""
    y = min(top1.iloc[start], top1.iloc[end]) - 1.2
    arrow = {"arrowstyle": "->", "color": CHANGE, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (end - 0.3, y), xytext=(start + 0.3, y), arrowprops=arrow)
    at = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center", "va": "bottom"}
    axes.annotate(f"{gain:+}", ((start + end) / 2, y), **at, color=CHANGE)


def _full_and_hollow(figure: Figure) -> None:
    hollow = patch("white", "by difference: a printed value and printed changes")
    hollow.set(edgecolor="#444444", linewidth=0.8, linestyle=(0, (4, 2)))
    kinds = [patch("#444444", "printed"), hollow]
    models = [patch("#D55E00", "I3D"), patch("#777777", "SlowFast")]
    legends(figure, ("model (colour)", models), ("value (filling)", kinds))


def _caption_7() -> str:
    steps = i3d_steps()
    absent = [f"{m} on {d}" for d, m, t in steps[["dataset", "model", "terms"]].to_numpy() if not t]
    derived = [f"{m} on {d}" for d, m, b in steps[["dataset", "model", "by_difference"]].to_numpy() if b]
    return (
        "deep_analysis, Figure 7: top-1 of I3D as its backbone becomes ResNet50, temporal pooling goes and "
        "squeeze-excitation comes; in red the changes that the text prints, in percentage points. Full bars are "
        f"printed; hollow ones are not, but follow from a printed value and printed changes ({', '.join(derived)}), "
        f"to the decimals of the least precise term. Left out, as nothing gives them: {', '.join(absent)}. "
        f"{_tension()} The axes do not start at zero."
    )


def _tension() -> str:
    """Where two ways through the printed numbers do not meet."""
    values, gains = _values(), changes()
    dataset, chain = "kinetics400", STEPS[1:4]
    (start,), (end,) = values[dataset, STEPS[0]], values[dataset, chain[-1]]
    terms = (start, *(gains[dataset, a, b] for a, b in pairwise(chain)))
    slow = values[dataset, "SlowFast-ResNet50-8x8"][0]
    rows = wide("deep_analysis", "2")
    rows = rows[rows["dataset"].eq(dataset) & rows["model"].map(plain_name).eq("SlowFast-ResNet50-8x8")]
    gain = gains[dataset, "SlowFast-ResNet50-8x8", "I3D-SE-ResNet50"]
    other = [f"{v}, which would give {Decimal(v) + gain}" for v in rows["printed_top1"] if Decimal(v) != slow]
    return (
        f"The printed numbers do not close: {STEPS[0]} at {start} (from the text, which states neither its views nor "
        f"that it is the {STEPS[1]} from which the changes start) and the two changes lead to "
        f"{_sum(terms)} = {_rounded(terms)}, {_rounded((*terms, -end))} points above the {end} printed for "
        f"{chain[-1]}; backwards from there {STEPS[1]} is at {_rounded(values[dataset, STEPS[1]])}. The last change is "
        f"printed against SlowFast and taken from its {slow}; the table has another SlowFast at {'; '.join(other)}."
    )


FIGURES = {
    "deep_analysis_figure_1": (figure_1, _caption_1),
    "deep_analysis_figure_4": (figure_4, _caption_4),
    "deep_analysis_figure_6": (figure_6, _caption_6),
    "deep_analysis_figure_7": (figure_7, _caption_7),
    "deep_analysis_figure_10": (figure_10, _caption_10),
}
