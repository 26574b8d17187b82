"""The three tables: accuracy, contribution of space and time, cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.analysis import contribution as contributions
from suite.analysis.evidence import Evidence, confounded
from suite.analysis.ledger import Marks
from suite.analysis.namesakes import canonical, namesake
from suite.analysis.references import REFERENCES
from suite.analysis.rows import datasets, finished, mean_over_seeds, stages
from suite.report.formats import Column, Estimate, Part, Table, to_csv, to_latex, to_markdown
from suite.report.frames_table import frames_table
from suite.report.tradeoff_tables import effects_table, equal_cost_table, pareto_table
from suite.spec import TABLES, unknown

if TYPE_CHECKING:
    import pandas as pd

MODEL = (
    Column("dataset", csv_only=True),
    Column("model", "model", text=True),
    *(Column(key, csv_only=True) for key in ("module", "backbone", "pooling")),
)


def accuracy_table(
    rows: pd.DataFrame, reference: pd.DataFrame | None = None, evidence: Evidence | None = None
) -> Table:
    """Top-1 in percent with its 95 % interval: a part per data set, a row per model, columns per frames.

    Beside it pair accuracy where the data set has pairs, and the top-1 that `reference` rows give for the same model,
    data set and frames.  The CSV adds top-5, video-level and best top-1, n, chance and ceilings.  Bold is every top-1
    of a data set that the best one does not beat (`Evidence.tied`); letters mark confounded cells.
    """
    evidence = evidence or Evidence()
    runs, facts = mean_over_seeds(rows), _facts(rows)
    published = _published(reference, rows)
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
        tied = evidence.tied(of_set)
        lines, sources = [], []
        for head, of_model in _models(of_set):
            at = {
                run["frames"]: (index, run)
                for index, run in zip(of_model.index, of_model.to_dict("records"), strict=True)
            }
            line = [*head, _span(of_model["seeds"])]
            for f in frames:
                index, run = at.get(f, (None, {}))
                shown = _estimate(run, index in tied, evidence)
                if shown is not None and math.isnan(shown.value):
                    run = {}  # withheld, with all that goes with it
                line += [shown, run.get("pair_top1")]
                line += [published.get((dataset, canonical(head[1]), f), {}).get("top1")]
                line += [run.get(key) for key in ("top5", "top1_video", "best_top1")]
            lines.append((*line, _whole(of_model["n"].min()), *(facts[dataset][k] for k in _CEILINGS)))
            sources.append(" ".join(i for ids in of_model["ids"] for i in ids))
        parts.append(Part(dataset, lines, describe_dataset(facts[dataset]), sources))
    sources = sorted({row["source"] for row in published.values()})
    note = " ".join(_accuracy_notes(runs, sources, evidence))
    return Table("accuracy", "Accuracy", note, tuple(columns), parts)


def _accuracy_notes(runs: pd.DataFrame, published: list[str], evidence: Evidence) -> list[str]:
    """What the numbers of the accuracy table are, a sentence or two each; `published`: sources of what is beside it."""
    several = bool((runs["seeds"] > 1).any())
    notes = [f"Top-1 is {'; '.join(_chosen_epochs(runs))}."]
    if runs["n"].notna().any():
        what = "videos and seeds, where there are several" if several and evidence.outcomes else "videos only"
        notes.append(f"In brackets its 95 % interval ({what}).")
    if evidence.methods:
        notes.append(
            "Bold is not the best value alone but every one of the data set that the best is not shown to beat "
            f"({'; '.join(sorted(evidence.methods))})."
        )
    if evidence.left_out:
        notes.append(f"Tested on other videos and compared unpaired: {', '.join(evidence.left_out)}.")
    if several:
        notes.append("Means over seeds, ± their standard deviation.")
    if "deep_analysis" in set(runs["source"]) and runs["n"].notna().any():
        notes.append("Of published runs n is inferred from their accuracies.")
    more = {"top5": "top-5", "top1_video": "video-level top-1", "best_top1": "best-epoch top-1"}
    more = [text for key, text in more.items() if runs[key].notna().any()]
    if more:
        notes.append(f"In the CSV besides: {', '.join(more)}.")
    if runs["pair_top1"].notna().any():
        notes.append("Pair: the share of videos whose pair of classes is right, whichever of the two is named.")
    if published:
        notes.append(f"Published: {', '.join(published)}, one run each, as its authors selected it.")
    return notes + confound_notes(evidence.marks, evidence.strict)


def _chosen_epochs(runs: pd.DataFrame) -> list[str]:
    """Which epoch's weights the accuracies are of, by where they come from."""
    sources, kinds = set(runs["source"]), []
    if "suite" in sources:
        chosen = runs["selected_epoch"].notna() & (runs["source"] == "suite")
        kinds += ["after the last epoch"] if not chosen[runs["source"] == "suite"].all() else []
        kinds += ["of the epoch that held-out training videos chose"] if chosen.any() else []
    if any(source.split()[0] in REFERENCES for source in sources):
        kinds.append("as published, the epoch as its authors chose it")
    if any(source != "suite" and source.split()[0] not in REFERENCES for source in sources):
        kinds.append("of other codebases as their predictions give it")
    return kinds


def confound_notes(marks: Marks, strict: bool = False) -> list[str]:
    """What the letters of confounded cells mean, and what is true of the whole table."""
    notes = []
    if marks.between:
        notes.append(f"Beside their frames the columns differ in: {marks.between}.")
    if marks.notes:
        verb = "withheld" if strict else "confounded"
        notes.append(f"Cells {verb} because they differ from most of their column. {'. '.join(marks.notes)}.")
    if marks.unstated:
        notes.append(f"Not stated of any: {marks.unstated}.")
    return notes


def contribution_table(
    rows: pd.DataFrame, reference: pd.DataFrame | None = None, evidence: Evidence | None = None
) -> Table:
    """Phi, Psi_ta and Psi_ta+tp as fractions with 95 % intervals and the number of cells (deep_analysis, Table 7).

    Beside them the same means of the `reference` rows of the same cells.  A cell without its TSN baseline counts
    nowhere; a mean of none is empty.  `confounded` counts the cells that differ from their baseline in more than what
    is studied; a strict table leaves them out.
    """
    evidence = evidence or Evidence()
    keys = ("phi", "psi_ta", "psi_ta_tp")
    heads = ("Φ", "Ψ ta", "Ψ ta+tp")
    odd = confounded(rows)
    if evidence.strict and odd:
        rows = rows[~rows["id"].isin(odd)]
    found, intervals = contributions.contribution(rows), evidence.contribution(rows)
    theirs = {} if reference is None else _by_module(contributions.contribution(_counterparts(rows, reference)))
    columns = [Column("dataset", "data set", text=True), Column("module", "module", text=True)]
    columns.append(Column("source", "source", text=True, csv_only=found["source"].nunique() < 2))
    for key, head in zip(keys, heads, strict=True):
        columns += [Column(key, "mean", head, digits=3, interval=True), Column(f"n_{key}", "cells", head)]
        columns += [Column(f"confounded_{key}", "confounded", head)]
        columns += [Column(f"published_{key}", "published", head, digits=3)]
    counts = _confounded_cells(rows, odd)
    runs_of = contributions.cells(rows).groupby(["source", "dataset", "label"])["id"].agg(" ".join)
    lines, sources = [], []
    for row in found.to_dict("records"):
        dataset, module = row["dataset"], row["module"]
        line: list[Any] = [dataset, module, row["source"]]
        for key in keys:
            pooled = "pooled" if key == "psi_ta_tp" else "none"
            known = intervals.get((row["source"], dataset, module, pooled), {})
            low, high = known.get(key.partition("_")[0], (math.nan, math.nan))
            count = int(row[f"n_{key}"])
            line += [
                Estimate(row[key], low, high),
                count or None,
                counts.get((row["source"], dataset, module, pooled)) if count else None,
            ]
            line += [theirs.get((dataset, module), {}).get(key)]
        lines.append(tuple(line))
        sources.append(runs_of[row["source"], dataset, module])
    note = (
        "Against the TSN without temporal pooling of the same backbone, frames and seed (S in percent): "
        "Φ = S(TSN) / max(S, S(TSN)), without pooling; Ψ = (S - S(TSN)) / (100 - S(TSN)), ta without and ta+tp with "
        "temporal pooling. Fractions, means over the cells counted beside them; without a baseline there is no cell."
    )
    if intervals:
        alone = "from accuracies alone, cells taken to err together"
        how = f"paired on videos where predictions of all are there, else {alone}" if evidence.outcomes else alone
        note += f" In brackets 95 % intervals, {how}."
    if counts:
        note += " Confounded: cells that differ from their baseline in more than the module and pooling."
    if evidence.strict and odd:
        note += " Confounded cells are left out."
    seeds = finished(rows)["seed"].nunique()
    note += f" Of {seeds} seeds the accuracies are averaged first." if seeds > 1 else ""
    title = "Spatial contribution and temporal improvement"
    return Table("contribution", title, note, tuple(columns), [Part("", lines, sources=sources)] if lines else [])


def _confounded_cells(rows: pd.DataFrame, odd: set[str]) -> dict[tuple[str, str, str, str], int]:
    """Cells, whatever their seeds, by source, data set, label and "none" or "pooled"."""
    of_all = contributions.cells(rows)
    cell = ["source", "dataset", "label", "pooled", "backbone", "pooling", "frames"]
    of_all = of_all[of_all["id"].isin(odd)].drop_duplicates(cell)
    return dict(of_all.groupby(cell[:4]).size())


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
        lines, sources = [], []
        for head, of_model in _models(of_set):
            at = {run["frames"]: run for run in of_model.to_dict("records")}
            line = [*head, *([of_model["mparams"].max()] if fixed else [])]
            for f in frames:
                keys = ("conv_gmacs", "gmacs") if fixed else ("mparams", "conv_gmacs", "gmacs")
                line += [at.get(f, {}).get(key) for key in keys]
            lines.append(tuple(line))
            sources.append(" ".join(i for ids in of_model["ids"] for i in ids))
        parts.append(Part(dataset, lines, sources=sources))
    note = (
        "Multiply-adds of one clip, one crop, in 1e9: of the convolutions alone, as deep_analysis counts, "
        "and of all operators, attention included."
    )
    return Table("cost", "Cost", note, tuple(columns), parts)


RENDERINGS = {"md": to_markdown, "tex": to_latex, "csv": to_csv}
_CEILINGS = ("chance", "ceiling_blind", "ceiling_ordered")


def _with_draws(rows: pd.DataFrame, evidence: Evidence) -> tuple[pd.DataFrame, dict[str, Any]]:
    shown = stages(evidence.kept(rows))
    return shown, evidence.draws(shown)


_BUILDERS: dict[str, Callable[..., Table | None]] = {
    "accuracy": accuracy_table,
    "contribution": contribution_table,
    "cost": lambda rows, reference, evidence: cost_table(rows),
    "pareto": lambda rows, reference, evidence: pareto_table(*_with_draws(rows, evidence)),
    "equal_cost": lambda rows, reference, evidence: equal_cost_table(stages(evidence.kept(rows))),
    "effects": lambda rows, reference, evidence: effects_table(evidence.kept(rows)),
    "frames": lambda rows, reference, evidence: None if evidence.tests is None else frames_table(evidence.tests),
}


def make_tables(
    rows: pd.DataFrame,
    which: Iterable[str],
    reference: pd.DataFrame | None = None,
    evidence: Evidence | None = None,
) -> list[Table]:
    """The tables of these names that have a row.  Raises BadInput for an unknown name."""
    for name in which:
        if name not in _BUILDERS:
            raise unknown("table", name, _BUILDERS)
    made = (_BUILDERS[name](rows, reference=reference, evidence=evidence or Evidence()) for name in which)
    return [table for table in made if table is not None and table.parts]


def write_tables(
    rows: pd.DataFrame,
    folder: Path,
    which: Iterable[str] = TABLES,
    reference: pd.DataFrame | None = None,
    evidence: Evidence | None = None,
) -> list[Path]:
    """Writes `folder`/tables/<name>.{md,tex,csv} and gives their paths; the same rows give the same bytes.

    A table without a row is not written, and an older one of its name goes.
    """
    which = list(which)
    return write_made(make_tables(rows, which, reference, evidence), folder, which)


def write_made(tables: Iterable[Table], folder: Path, which: Iterable[str]) -> list[Path]:
    """`write_tables`, of tables that are made already."""
    made = {table.name: table for table in tables}
    written = []
    for name in which:
        if name in made:
            written += write_table(made[name], folder)
        else:
            for ending in RENDERINGS:
                (Path(folder) / "tables" / f"{name}.{ending}").unlink(missing_ok=True)
    return written


def write_table(table: Table, folder: Path) -> list[Path]:
    """Writes `folder`/tables/<its name>.{md,tex,csv} and gives the paths."""
    place = Path(folder) / "tables"
    place.mkdir(parents=True, exist_ok=True)
    written = []
    for ending, render in RENDERINGS.items():
        path = place / f"{table.name}.{ending}"
        path.write_text(render(table), encoding="utf-8", newline="\n")
        written.append(path)
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
    """The cells under MODEL and the rows of each model, in the order of the rows; control arms are named as such."""
    groups = runs.groupby(["dataset", "name", "control", "module", "backbone", "pooling"], sort=False)
    for (dataset, name, control, *rest), of_model in groups:
        yield (dataset, f"{name} [{control}]" if control else name, *rest), of_model


def _estimate(run: dict[str, Any], bold: bool, evidence: Evidence) -> Estimate | None:
    if not run:
        return None
    letters = evidence.letters(run["ids"])
    if letters and evidence.strict:
        return Estimate(math.nan, mark=letters)
    return Estimate(run["top1"], *evidence.accuracy(run), run["top1_sd"], bold, letters)


def _published(reference: pd.DataFrame | None, rows: pd.DataFrame) -> dict[tuple[Any, ...], dict[str, Any]]:
    """(data set, `canonical` model, frames) of our cells -> the published row of the same.

    Of several printed values, that of the same pretraining, sampling and views is taken; none where these leave two.
    """
    if reference is None:
        return {}
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in reference.to_dict("records"):
        if name := row.get("suite_name", row["name"]):
            found.setdefault((row["dataset"], canonical(name), row["frames"]), []).append(row)
    chosen = {}
    for ours in rows.to_dict("records"):
        key = (ours["dataset"], canonical(ours["name"]), ours["frames"])
        if key in found and key not in chosen and (row := namesake(found[key], _known(ours))):
            chosen[key] = row
    return chosen


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return row["factors"] if isinstance(row.get("factors"), dict) else {}


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
