"""Figure 7 of deep_analysis: top-1 from I3D-InceptionV1 to I3D-SE-ResNet50, change by change."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from suite.published.names import plain_name
from suite.published.record import record, wide
from suite.report.figures.look import COLOURS, legends, patch, styled
from suite.report.figures.panels import panels
from suite.report.names import dataset_title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MODELS = (  # left to right; SlowFast stands there because the last change is printed against it
    "I3D-InceptionV1",
    "I3D-InceptionV1-tp",
    "I3D-ResNet50-tp",
    "I3D-ResNet50",
    "SlowFast-ResNet50-8x8",
    "I3D-SE-ResNet50",
)
DATASETS = ("kinetics400", "ssv2")
SLOWFAST_COLOUR = "#777777"
CHANGE_COLOUR = "#B00020"  # the paper prints the changes in red, too


def top1_terms() -> dict[tuple[str, str], tuple[Decimal, ...]]:
    """Top-1 by (data set, model) as terms of a sum: a printed value alone, or a printed value and printed changes.

    A model that was trained both with and without ImageNet pretraining is taken with it.
    """
    rows = record()
    rows = rows[rows["paper"].eq("deep_analysis") & rows["dataset"].isin(DATASETS) & rows["origin"].eq("own")]
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


def printed_and_derived() -> pd.DataFrame:
    """A row per data set and model: `top1` (NaN where nothing gives it), whether it is `by_difference`, its `terms`."""
    import pandas as pd

    values, rows = top1_terms(), []
    for dataset in DATASETS:
        for model in MODELS:
            terms = values.get((dataset, model), ())
            top1 = float(sum(terms)) if terms else float("nan")
            rows.append({"dataset": dataset, "model": model, "top1": top1, "by_difference": len(terms) > 1})
            rows[-1]["terms"] = terms
    return pd.DataFrame(rows)


def _rounded_sum(terms: tuple[Decimal, ...]) -> Decimal:
    """A sum, to as many decimals as its least precise term has."""
    return sum(terms).quantize(max(terms, key=lambda term: term.as_tuple().exponent))


def _written_sum(terms: tuple[Decimal, ...]) -> str:
    return f"{terms[0]}" + "".join(f" {'−' if t < 0 else '+'} {abs(t)}" for t in terms[1:])


@styled
def figure_7() -> Figure:
    """A bar per model: filled where the value is printed, hollow where it is derived from printed changes."""
    steps = printed_and_derived()
    figure, grid = panels(list(DATASETS), 1, height=2.35, wide=True, share_x=True)
    span = max(of_set["top1"].max() - of_set["top1"].min() for _, of_set in steps.groupby("dataset"))
    colours = {model: COLOURS["i3d"] if model.startswith("I3D") else SLOWFAST_COLOUR for model in MODELS}
    for (dataset, _), axes in grid.items():
        of_set = steps[steps["dataset"] == dataset].set_index("model")
        # one scale for both, so that a point of accuracy is as high in either; whole numbers, named at the axis
        floor = int(of_set["top1"].max() - 1.3 * span)
        axes.set_ylim(floor, floor + 1.75 * span)
        axes.set_xlim(-0.6, len(MODELS) - 0.4)
        axes.set_ylabel(f"top-1 (%), axis starts at {floor}")
        axes.set_title(dataset_title(dataset))
        axes.grid(False, axis="x")
        axes.set_xticks(range(len(MODELS)), [_two_lines(model) for model in MODELS])
        for x, model in enumerate(MODELS):
            _draw_bar(axes, x, of_set.loc[model], floor, colours[model])
        for (of, lower, upper), gain in changes().items():
            if of == dataset and lower in MODELS and upper in MODELS:
                _draw_change(axes, MODELS.index(lower), MODELS.index(upper), of_set["top1"], gain)
    _add_legends(figure)
    return figure


def _two_lines(model: str) -> str:
    return model.replace("-ResNet50", "-\nResNet50").replace("-Inception", "-\nInception")


# of text on grid lines
WHITE_BACKGROUND = {"ha": "center", "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.3}}


def _draw_bar(axes: Axes, x: int, row: pd.Series, floor: int, colour: str) -> None:
    if not row["terms"]:
        axes.text(
            x, floor + 0.15, "not in\nthe record", va="bottom", color="#666666", style="italic", **WHITE_BACKGROUND
        )
        return
    kind = {"facecolor": "white", "linestyle": (0, (4, 2))} if row["by_difference"] else {"facecolor": colour}
    axes.bar(x, row["top1"], 0.56, edgecolor=colour, linewidth=1.0, **kind)
    text = str(_rounded_sum(row["terms"])) + (f"\n({_written_sum(row['terms'])})" if row["by_difference"] else "")
    at = {"xytext": (0, 3), "textcoords": "offset points", "va": "bottom", "linespacing": 1.1}
    axes.annotate(text, (x, row["top1"]), **at, **WHITE_BACKGROUND)


def _draw_change(axes: Axes, start: int, end: int, top1: pd.Series, gain: Decimal) -> None:
    """Draws a printed change as an arrow between two models, just below the lower bar's top."""
    y = min(top1.iloc[start], top1.iloc[end]) - 1.2
    arrow = {"arrowstyle": "->", "color": CHANGE_COLOUR, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (end - 0.3, y), xytext=(start + 0.3, y), arrowprops=arrow)
    at = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center", "va": "bottom"}
    axes.annotate(f"{gain:+}", ((start + end) / 2, y), **at, color=CHANGE_COLOUR)


def _add_legends(figure: Figure) -> None:
    hollow = patch("white", "derived: reported value plus reported changes")
    hollow.set(edgecolor="#444444", linewidth=0.8, linestyle=(0, (4, 2)))
    kinds = [patch("#444444", "reported"), hollow]
    models = [patch(COLOURS["i3d"], "I3D"), patch(SLOWFAST_COLOUR, "SlowFast")]
    legends(figure, ("model (colour)", models), ("value (filling)", kinds))


def caption_7() -> str:
    steps = printed_and_derived()
    absent = [f"{m} on {dataset_title(d)}" for d, m, t in steps[["dataset", "model", "terms"]].to_numpy() if not t]
    derived = [f"{m} on {dataset_title(d)}" for d, m, b in steps[["dataset", "model", "by_difference"]].to_numpy() if b]
    return (
        "deep_analysis, Figure 7: top-1 of I3D when its backbone is changed to ResNet50, temporal pooling is removed "
        "and squeeze-and-excitation is added. Red: changes reported in the text, in percentage points. Filled bars: "
        f"reported values. Hollow bars: a reported value plus reported changes ({', '.join(derived)}), rounded to the "
        f"decimals of the least precise term. Left out because the record has no value for them: {', '.join(absent)}. "
        f"{_inconsistency()} The axes do not start at zero."
    )


def _inconsistency() -> str:
    """Two ways through the printed numbers that give different results, in a sentence."""
    values, gains = top1_terms(), changes()
    dataset, chain = "kinetics400", MODELS[1:4]
    (start,), (end,) = values[dataset, MODELS[0]], values[dataset, chain[-1]]
    terms = (start, *(gains[dataset, a, b] for a, b in pairwise(chain)))
    slow = values[dataset, "SlowFast-ResNet50-8x8"][0]
    rows = wide("deep_analysis", "2")
    rows = rows[rows["dataset"].eq(dataset) & rows["model"].map(plain_name).eq("SlowFast-ResNet50-8x8")]
    gain = gains[dataset, "SlowFast-ResNet50-8x8", "I3D-SE-ResNet50"]
    other = [f"{v}, which would give {Decimal(v) + gain}" for v in rows["printed_top1"] if Decimal(v) != slow]
    return (
        f"The reported numbers are inconsistent: {MODELS[0]} has {start} (in the text, which states neither its views "
        f"nor whether it is the {MODELS[1]} from which the changes start), and adding the two changes gives "
        f"{_written_sum(terms)} = {_rounded_sum(terms)}, {_rounded_sum((*terms, -end))} points above the {end} "
        f"reported for {chain[-1]}; starting from {end}, {MODELS[1]} has {_rounded_sum(values[dataset, MODELS[1]])}. "
        f"The last change is relative to SlowFast at {slow}; the table has another SlowFast at {'; '.join(other)}."
    )
