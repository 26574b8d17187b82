"""The three tables: accuracy, contribution of space and time, cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.analysis import contribution as contributions
from suite.analysis.rows import datasets, finished, mean_over_seeds
from suite.analysis.statistics import wilson
from suite.report.formats import Column, Estimate, Part, Table, to_csv, to_latex, to_markdown
from suite.spec import unknown

if TYPE_CHECKING:
    import pandas as pd

MODEL = (
    Column("dataset", csv_only=True),
    Column("model", "model", text=True),
    *(Column(key, csv_only=True) for key in ("module", "backbone", "pooling")),
)


def accuracy_table(rows: pd.DataFrame, reference: pd.DataFrame | None = None) -> Table:
    """Top-1 in percent with its 95 % Wilson interval: a part per data set, a row per model, columns per frames.

    Beside it pair accuracy where the data set has pairs, and the top-1 that `reference` rows give for the same model,
    data set and frames.  The CSV adds top-5, video-level and best top-1, n, chance and ceilings.  Bold is every top-1
    of a data set whose interval meets that of the best one.
    """
    runs, facts = mean_over_seeds(rows), _facts(rows)
    published = _published(reference)
    frames = sorted(set(runs["frames"]))
    several = bool((runs["seeds"] > 1).any())
    columns = [*MODEL, Column("seeds", "seeds", text=True, csv_only=not several)]
    for f in frames:
        group = f"{f} frames"
        columns += [
            Column(f"top1_f{f}", "top-1 (%)", group, interval=True),
            Column(f"pair_top1_f{f}", "pair (%)", group),
            Column(f"published_top1_f{f}", "published (%)", group),
            *(Column(f"{key}_f{f}", csv_only=True) for key in ("top5", "top1_video", "best_top1")),
        ]
    columns += [Column(key, csv_only=True) for key in ("n", "chance", "ceiling_blind", "ceiling_ordered")]
    parts = []
    for dataset, of_set in runs.groupby("dataset", sort=True):
        rivals = _level_with_best(of_set)
        lines = []
        for head, of_model in _models(of_set):
            at = {run["frames"]: run for run in of_model.to_dict("records")}
            line = [*head, _span(of_model["seeds"])]
            for f in frames:
                run = at.get(f, {})
                bold = (head[1], f) in rivals
                line += [_estimate(run, bold), run.get("pair_top1"), published.get((dataset, head[1], f))]
                line += [run.get(key) for key in ("top5", "top1_video", "best_top1")]
            lines.append((*line, _whole(of_model["n"].min()), *(facts[dataset][k] for k in _CEILINGS)))
        parts.append(Part(dataset, lines, describe_dataset(facts[dataset])))
    ours = set(runs["source"]) <= {"suite"}
    note = f"Top-1 is clip-level, {'after the last epoch' if ours else 'as published (its authors chose the epoch)'}."
    if runs["n"].notna().any():
        note += (
            " In brackets the 95 % Wilson interval over the videos evaluated. Bold is not the best value alone "
            "but every one of the data set whose interval overlaps the best one's."
        )
    if several:
        note += " Means over seeds, ± their standard deviation; the interval is that of one evaluation at the mean."
    more = {"top5": "top-5", "top1_video": "video-level top-1", "best_top1": "best-epoch top-1"}
    more = [text for key, text in more.items() if runs[key].notna().any()]
    if more:
        note += f" In the CSV besides: {', '.join(more)}."
    if runs["pair_top1"].notna().any():
        note += " Pair: the share of videos whose pair of classes is right, whichever of the two is named."
    if published:
        note += f" Published: {', '.join(sorted(set(reference['source'])))}, one run each, as its authors selected it."
    return Table("accuracy", "Accuracy", note, tuple(columns), parts)


def contribution_table(rows: pd.DataFrame, reference: pd.DataFrame | None = None) -> Table:
    """Phi, Psi_ta and Psi_ta+tp as fractions with the number of cells behind each mean (deep_analysis, Table 7).

    Beside them the same means of the `reference` rows of the same cells.  A cell without its TSN baseline counts
    nowhere; a mean of none is empty.
    """
    keys = ("phi", "psi_ta", "psi_ta_tp")
    heads = ("Φ", "Ψ ta", "Ψ ta+tp")
    found = contributions.contribution(rows)
    theirs = {} if reference is None else _by_module(contributions.contribution(_counterparts(rows, reference)))
    columns = [Column("dataset", "data set", text=True), Column("module", "module", text=True)]
    for key, head in zip(keys, heads, strict=True):
        columns += [Column(key, "mean", head, digits=3), Column(f"n_{key}", "cells", head)]
        columns += [Column(f"published_{key}", "published", head, digits=3)]
    lines = []
    for (dataset, module), row in _by_module(found).items():
        line: list[Any] = [dataset, module]
        for key in keys:
            count = int(row[f"n_{key}"])
            line += [row[key], count or None, theirs.get((dataset, module), {}).get(key)]
        lines.append(tuple(line))
    note = (
        "Against the TSN without temporal pooling of the same backbone, frames and seed (S in percent): "
        "Φ = S(TSN) / max(S, S(TSN)), without pooling; Ψ = (S - S(TSN)) / (100 - S(TSN)), ta without and ta+tp with "
        "temporal pooling. Fractions, means over the cells counted beside them; without a baseline there is no cell."
    )
    seeds = finished(rows)["seed"].nunique()
    note += f" Cells of {seeds} seeds." if seeds > 1 else ""
    title = "Spatial contribution and temporal improvement"
    return Table("contribution", title, note, tuple(columns), [Part("", lines)] if lines else [])


def cost_table(rows: pd.DataFrame) -> Table:
    """Parameters in millions and multiply-adds of one clip in 1e9: a part per data set, a row per model."""
    runs = mean_over_seeds(rows)
    runs = runs.assign(mparams=runs["params"] / 1e6)
    frames = sorted(set(runs["frames"]))
    fixed = runs.groupby(["dataset", "name"])["params"].nunique().le(1).all()  # else they depend on the frames
    columns = [*MODEL, *([Column("mparams", "parameters (M)", digits=2)] if fixed else [])]
    for f in frames:
        group = f"{f} frames"
        columns += [] if fixed else [Column(f"mparams_f{f}", "parameters (M)", group, digits=2)]
        columns += [Column(f"conv_gmacs_f{f}", "conv (G)", group, digits=2)]
        columns += [Column(f"gmacs_f{f}", "all (G)", group, digits=2)]
    parts = []
    for dataset, of_set in runs.groupby("dataset", sort=True):
        lines = []
        for head, of_model in _models(of_set):
            at = {run["frames"]: run for run in of_model.to_dict("records")}
            line = [*head, *([of_model["mparams"].max()] if fixed else [])]
            for f in frames:
                keys = ("conv_gmacs", "gmacs") if fixed else ("mparams", "conv_gmacs", "gmacs")
                line += [at.get(f, {}).get(key) for key in keys]
            lines.append(tuple(line))
        parts.append(Part(dataset, lines))
    note = (
        "Multiply-adds of one clip, one crop, in 1e9: of the convolutions alone, as deep_analysis counts, "
        "and of all operators, attention included."
    )
    return Table("cost", "Cost", note, tuple(columns), parts)


_CEILINGS = ("chance", "ceiling_blind", "ceiling_ordered")
_BUILDERS: dict[str, Callable[..., Table]] = {
    "accuracy": accuracy_table,
    "contribution": contribution_table,
    "cost": lambda rows, reference=None: cost_table(rows),
}


def make_tables(rows: pd.DataFrame, which: Iterable[str], reference: pd.DataFrame | None = None) -> list[Table]:
    """The tables of these names that have a row.  Raises BadInput for an unknown name."""
    for name in which:
        if name not in _BUILDERS:
            raise unknown("table", name, _BUILDERS)
    return [table for table in (_BUILDERS[name](rows, reference=reference) for name in which) if table.parts]


def write_tables(
    rows: pd.DataFrame,
    folder: Path,
    which: Iterable[str] = ("accuracy", "contribution", "cost"),
    reference: pd.DataFrame | None = None,
) -> list[Path]:
    """Writes `folder`/tables/<name>.{md,tex,csv} and gives their paths; the same rows give the same bytes.

    A table without a row is not written, and an older one of its name goes.
    """
    which = list(which)
    made = {table.name: table for table in make_tables(rows, which, reference)}
    place = Path(folder) / "tables"
    place.mkdir(parents=True, exist_ok=True)
    written = []
    for name in which:
        for ending, render in {"md": to_markdown, "tex": to_latex, "csv": to_csv}.items():
            path = place / f"{name}.{ending}"
            if name in made:
                path.write_text(render(made[name]), encoding="utf-8", newline="\n")
                written.append(path)
            else:
                path.unlink(missing_ok=True)
    return written


def describe_dataset(facts: dict[str, float]) -> str:
    """What a score on the data set is to be held against, in a line; `facts` in percent, n in videos."""
    parts = [
        ("{:.0f} videos evaluated", facts["n"]),
        ("chance {:.1f} %", facts["chance"]),
        ("ceiling without the order of frames {:.1f} %", facts["ceiling_blind"]),
        ("ceiling with it {:.1f} %", facts["ceiling_ordered"]),
    ]
    known = [text.format(value) for text, value in parts if not math.isnan(value)]
    return "; ".join(known).capitalize() + "." if known else ""


def _facts(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    return {facts["dataset"]: facts for facts in datasets(rows).to_dict("records")}


def _models(runs: pd.DataFrame) -> Iterable[tuple[tuple[str, ...], pd.DataFrame]]:
    """The cells under MODEL and the rows of each model, in the order of the rows."""
    return iter(runs.groupby(["dataset", "name", "module", "backbone", "pooling"], sort=False))


def _estimate(run: dict[str, Any], bold: bool) -> Estimate | None:
    if not run:
        return None
    return Estimate(run["top1"], *wilson(run["top1"], run["n"]), run["top1_sd"], bold)


def _level_with_best(runs: pd.DataFrame) -> set[tuple[str, int]]:
    """(model, frames) whose interval overlaps that of the best top-1; none when intervals or rivals are lacking."""
    known = [
        (run["top1"], *wilson(run["top1"], run["n"]), (run["name"], run["frames"])) for run in runs.to_dict("records")
    ]
    if len(known) < 2 or any(math.isnan(low) for _, low, _, _ in known):
        return set()
    _, floor, _, _ = max(known)
    return {key for _, _, high, key in known if high >= floor}


def _published(reference: pd.DataFrame | None) -> dict[tuple[str, str, int], float]:
    if reference is None:
        return {}
    runs = mean_over_seeds(reference)
    return {(r["dataset"], r["name"], r["frames"]): r["top1"] for r in runs.to_dict("records")}


def _counterparts(rows: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """The published rows of the models that we have, and their baselines: means over other cells are not ours."""
    done = finished(rows)
    ours = set(zip(done["dataset"], done["name"], done["frames"], strict=True))
    ours |= {
        (dataset, f"tsn-{body}", frames)
        for dataset, body, frames in zip(done["dataset"], done["body"], done["frames"], strict=True)
    }
    kept = [key in ours for key in zip(reference["dataset"], reference["name"], reference["frames"], strict=True)]
    return reference[kept]


def _by_module(table: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["dataset"], row["module"]): row for row in table.to_dict("records")}


def _span(seeds: pd.Series) -> str:
    """How many seeds stand behind a row's means."""
    low, high = int(seeds.min()), int(seeds.max())
    return str(low) if low == high else f"{low}–{high}"


def _whole(number: float) -> int | None:
    return None if math.isnan(number) else int(number)
