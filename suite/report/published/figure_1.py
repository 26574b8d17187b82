"""Figure 1 of deep_analysis: top-1 on Kinetics-400 of all printed models, with their cost and test settings."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from suite.published.names import plain_name
from suite.published.record import PAPERS, record, wide
from suite.report.figures.look import WIDTH, Look, dot, legends, patch, styled
from suite.report.figures.panels import round_sizes
from suite.report.names import dataset_title
from suite.report.published.layout import NAMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DATASET = "kinetics400"
BACKBONES = ("inception_v1", "resnet50")
LARGEST = 250.0  # area in square points of the circle of the costliest clip; two of them stand in adjacent rows
SIGNS = {
    "": "no sign: run by the authors of the paper",
    "*": "run by the authors of deep_analysis",
    "†": "quoted from another paper",
    "‡": "own or quoted: not stated",
}
STATED = ("frames", "sampling", "views", "pretraining")
COST = ("gflops", "printed_gflops", "counts")


def kinetics_models() -> pd.DataFrame:
    """Every top-1 on Kinetics-400 that a paper prints for a model with one of BACKBONES, best first.

    One row per model and distinct value; `tables` lists the papers and tables that print it.  A value that only rounds
    another one of the same model and paper is not distinct.  Facts that no table states are "".  A value printed
    without a cost gets the cost of the same model, frames and crop in the same paper, if there is one.
    """
    import pandas as pd

    found: list[dict[str, Any]] = []
    for row in _printed_rows():
        row |= {"model": plain_name(row["model"]), "tables": [(row["paper"], row["table"])]}
        same = next((other for other in found if same_value(row, other)), None)
        if same is None:
            found.append(row)
            continue
        same["tables"] += row["tables"]
        if "own" in (row["origin"], same["origin"]):
            same["origin"] = "own"
        for key in (*STATED, *COST):
            if _missing(same[key]):
                same[key] = row[key]
    for row in found:
        # one colour for a module and all that is built on it: the names tell them apart
        row |= {"architecture": row["module"].partition("+")[0], "body": row["backbone"]}
        by_deep_analysis = any(paper == "deep_analysis" for paper, _ in row["tables"])
        row["sign"] = {"quoted": "†", "unknown": "‡"}.get(row["origin"], "*" if by_deep_analysis else "")
        twins = [r for r in found if not _missing(r["gflops"]) and _costs_thesame_value(r, row)]
        if _missing(row["gflops"]) and twins:
            row |= {key: twins[0][key] for key in COST}
    found.sort(key=lambda row: (-row["top1"], row["model"]))
    return pd.DataFrame(found)


def _costs_thesame_value(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether it is the same network on a clip of the same size: neither weights nor views change what a clip costs."""
    key = ("paper", "model", "backbone", "pooling", "frames", "crop")
    return all(row[k] == other[k] for k in key) and bool(row["frames"] and row["crop"])


def _printed_rows() -> list[dict[str, Any]]:
    """Printed rows with a top-1 on Kinetics-400; the most precisely printed value of a paper comes first."""
    rows: list[dict[str, Any]] = []
    for paper in PAPERS:
        of_paper = wide(paper)
        of_paper = of_paper[of_paper["dataset"].eq(DATASET) & of_paper["backbone"].isin(BACKBONES)]
        of_paper = of_paper[of_paper["top1"].notna()].to_dict("records")
        rows += sorted(of_paper, key=lambda row: Decimal(row["printed_top1"]).as_tuple().exponent)
    return rows


def same_value(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two printed rows give one number: equal, or rounded within a paper, and no fact of theirs differs."""
    if any(row[key] != other[key] for key in ("model", "backbone", "pooling")):
        return False
    a, b = Decimal(row["printed_top1"]), Decimal(other["printed_top1"])
    rounded = row["paper"] == other["paper"] and b.quantize(a) == a
    stated = [(_number_of_views(row[key]), _number_of_views(other[key])) for key in STATED]
    return (a == b or rounded) and all(x == y for x, y in stated if x and y)


def _number_of_views(text: str) -> str:
    """ "10x3" and "30" are the same number of views; other text stays."""
    clips, x, crops = text.partition("x")
    return str(int(clips) * int(crops)) if x and clips.isdigit() and crops.isdigit() else text


def _missing(value: Any) -> bool:
    return value == "" or value != value  # NaN


@styled
def figure_1() -> Figure:
    """Models ranked by top-1; circles show the cost of one clip, columns the settings in which the rows differ."""
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
    axes.set_title(dataset_title(DATASET), pad=4)
    axes.xaxis.set_major_locator(MultipleLocator(2))
    _write_facts(axes, models)
    sizes = [dot(s * per_gflop, f"{s:g}") for s in round_sizes(costly["gflops"])]
    signs = [patch("none", f"{sign} {text}".strip()) for sign, text in SIGNS.items() if sign in set(models["sign"])]
    groups = [("module (colour)", look.colours()), ("backbone (marker), source (sign)", look.markers() + signs)]
    legends(figure, *groups, ("GFLOPs per clip, as reported (area)", sizes))
    return figure


def _of_one_clip(models: pd.DataFrame) -> pd.Series:
    return models["gflops"].notna() & models["counts"].str.endswith("/view")


def _write_facts(axes: Axes, models: pd.DataFrame) -> None:
    """Writes the settings of each row right of the panel, with a question mark for what no paper states."""
    cells = []
    for _, row in models.iterrows():
        papers: dict[str, list[str]] = {}
        for paper, table in row["tables"]:
            papers.setdefault(paper, []).append(table.replace("text ", "§"))
        where = "; ".join(f"{paper} {', '.join(sorted(set(tables)))}" for paper, tables in papers.items())
        clip = " ".join(filter(None, (row["frames"] or "?", row["sampling"])))
        cost = row["printed_gflops"] if isinstance(row["printed_gflops"], str) else "?"
        pretraining = NAMES.get(row["pretraining"], row["pretraining"])
        facts = (row["views"].replace("x", "×") or "?", pretraining or "?")
        cells.append((row["printed_top1"], cost, clip, *facts, where))
    heads = ("top-1", "GFLOPs", "frames", "views", "pretraining", "paper, table")
    left = 6.0
    for head, column in zip(heads, zip(*cells, strict=True), strict=True):
        for y, text in ((-1.1, head), *enumerate(column)):
            at = {"xy": (1, y), "xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
            weight = "bold" if text == head else "normal"
            axes.annotate(text, **at, xytext=(left, 0), annotation_clip=False, weight=weight)
        left += max(5.6 * len(head), 4.4 * max(map(len, column))) + 5  # points of a letter in bold, in plain


def caption_1() -> str:
    models, everything = kinetics_models(), record()
    top1 = everything[everything["dataset"].eq(DATASET) & everything["metric"].eq("top1")]
    lost = sorted({f"{plain_name(m)} {v}" for m, v in top1.loc[top1["backbone"].eq(""), ["model", "value"]].to_numpy()})
    counted = models.loc[_of_one_clip(models), "counts"].str.partition("/")[0]
    without = len(models) - len(counted)
    return (
        f"deep_analysis, Figure 1: the {len(models)} distinct top-1 values on Kinetics-400 that the papers report for "
        "models with Inception-V1 and ResNet-50 backbones, with the tables that report them. The area of a circle is "
        "the reported cost of one clip; where a table has no cost, it is taken from another table of the same paper "
        "for the same network and clip. Signs show who ran the model. The paper's axis of years is not drawn because "
        f"the record has no years; models are sorted by accuracy. {without} values have no circle because the paper "
        f"reports no cost for such a clip. Of the other costs, {_count_conventions(counted)}. Views, frames and "
        "pretraining differ between the rows (? = not reported), so the order is not a ranking of methods. Left out "
        f"because their backbone is not reported: {', '.join(lost)}."
    )


def _count_conventions(counted: pd.Series) -> str:
    words = {
        "unknown": "have an unknown counting convention",
        "conv_macs": "count multiply-adds of convolutions only",
        "macs": "count multiply-adds",
    }
    return ", ".join(f"{n} {words.get(what, 'count ' + what)}" for what, n in counted.value_counts().items())
