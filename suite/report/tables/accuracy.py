"""The accuracy table, with its intervals, ties and confounded cells."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from suite.collect.evidence import BoldCells, Evidence, bold_note, bold_scope
from suite.collect.results_table import ResultsTable
from suite.published.beside import Beside, beside
from suite.published.names import canonical
from suite.report.names import dataset_title
from suite.report.tables.names import listed, named_dataset, named_models
from suite.report.tables.notes import (
    chosen_by_cell,
    chosen_epochs_notes,
    chosen_settings,
    confound_notes,
    data_notes,
    describe_dataset,
    leakage_notes,
    pretraining_notes,
    published_notes,
    tuning_notes,
)
from suite.report.tables.rendering.table import DEFAULT_PRINTING, Cell, Column, Estimate, Part, Printing, Table
from suite.statistics.calibration import BINS
from suite.statistics.run_table import name_with_control
from suite.statistics.seeds.retraining import coverage_note
from suite.statistics.split_use import split_use

if TYPE_CHECKING:
    import pandas as pd

MODEL = (
    Column("dataset", csv_only=True),
    Column("model", "model", text=True),
    *(Column(key, csv_only=True) for key in ("module", "backbone", "pooling")),
)
GMACS, CONV_GMACS = "GMACs/clip", "GMACs/clip (conv.)"
COST_NOTE = (
    "GMACs/clip: multiply-adds of one clip and crop; conv.: convolutions alone, the counting convention of "
    "deep_analysis."
)
MORE = {  # columns of percentages that are printed where they are asked for
    "top5": "top-5 (%)",
    "top1_video": "video-level top-1 (%)",
    "best_top1": "best-epoch top-1 (%)",
    "ece": "ECE (points)",
}
_CEILINGS = ("chance", "ceiling_blind", "ceiling_ordered")
FACTS_NOT_KNOWN = dict.fromkeys(("n", *_CEILINGS), math.nan)  # of a data set all of whose runs are withheld


def accuracy_table(
    table: ResultsTable,
    reference: pd.DataFrame | None = None,
    evidence: Evidence | None = None,
    printing: Printing = DEFAULT_PRINTING,
) -> Table:
    """Top-1 in percent with its 95 % interval: a part per data set, a row per model, columns per frames.

    Beside it pair accuracy where the data set has pairs, and the top-1 that `reference` rows give for the same model,
    data set and frames.  The CSV adds ids of runs, top-5, video-level and best top-1, n, chance and upper bounds;
    `printing` can choose other columns for print, costs among them.  Bold is every top-1
    that is not significantly different from the best of its data set (`Evidence.bold_cells`); letters mark confounded
    cells, and numbers the published values that are confounded with ours.  In a strict report both are withheld: their
    cells show the mark alone, and everything else is computed as if their runs were not there.
    """
    evidence = evidence or Evidence()
    everything = evidence.shown_cells(table)
    table = evidence.kept(table)
    runs = table.cells
    facts = {about["dataset"]: about for about in table.datasets.to_dict("records")}
    published = beside(reference, table.finished)
    frames = sorted(set(everything["frames"]))
    several = bool((runs["seeds"] > 1).any())
    fixed = parameters_are_fixed(everything)
    chosen = chosen_by_cell(table.finished)
    columns = [*MODEL, Column("seeds", "seeds", text=True, csv_only=not several, choice="seeds")]
    if fixed:
        columns.append(Column("mparams", "parameters (M)", digits=2, print_only=True, choice="params"))
    for f in frames:
        group = f"{f} frames"
        columns += [
            Column(f"top1_f{f}", "top-1 (%)", group, percent=True, interval=True, choice="top1"),
            Column(f"pair_top1_f{f}", "pair accuracy (%)", group, percent=True, choice="pair"),
            Column(f"published_top1_f{f}", "published (%)", group, percent=True, choice="published"),
            Column(f"published_top1_f{f}_mark", csv_only=True),
        ]
        columns += [Column(f"chosen_f{f}", csv_only=True)] if chosen else []
        columns.append(Column(f"ids_f{f}", csv_only=True))
        for key, head in MORE.items():
            columns.append(Column(f"{key}_f{f}", head, group, percent=True, csv_only=True, choice=key))
        if not fixed:
            columns.append(Column(f"mparams_f{f}", "parameters (M)", group, 2, print_only=True, choice="params"))
        columns += [
            Column(f"conv_gmacs_f{f}", CONV_GMACS, group, digits=2, print_only=True, choice="conv_gmacs"),
            Column(f"gmacs_f{f}", GMACS, group, digits=2, print_only=True, choice="gmacs"),
        ]
    columns.append(Column("n", "test videos", csv_only=True, choice="n"))
    columns += [Column(key, csv_only=True) for key in _CEILINGS]
    parts, bold = [], []
    for dataset, of_all in everything.groupby("dataset", sort=True):
        of_set = runs[runs["dataset"] == dataset]
        best = evidence.bold_cells(of_set)
        bold.append(best)
        lines, sources = [], []
        kept = {tuple(head): of_model for head, of_model in models(of_set)}
        about = facts.get(dataset, FACTS_NOT_KNOWN)
        for head, of_model in models(of_all):
            behind = {run["frames"]: run["ids"] for run in of_model.to_dict("records")}
            of_model = kept.get(tuple(head), of_set.iloc[:0])
            at = {
                run["frames"]: (index, run)
                for index, run in zip(of_model.index, of_model.to_dict("records"), strict=True)
            }
            line: list[Cell] = [*head, _span(of_model["seeds"])]
            line += [of_model["params"].max() / 1e6] if fixed else []
            for f in frames:
                index, run = at.get(f, (None, {}))
                shown = _estimate(run, index in best.labels, evidence, behind.get(f, []))
                line += [shown, run.get("pair_top1")]
                line += _published_cells(published, (dataset, canonical(head[1]), f), evidence.strict)
                line += [chosen.get((dataset, run.get("name"), f))] if chosen else []
                line.append(" ".join(run.get("ids", ())))
                line += [run.get(key) for key in ("top5", "top1_video", "best_top1")]
                line += [evidence.calibration_error(run) if run else None]
                line += [] if fixed else [run["params"] / 1e6 if run else None]
                line += [run.get(key) for key in ("conv_gmacs", "gmacs")]
            lines.append((*line, _whole(of_model["n"].min()), *(about[k] for k in _CEILINGS)))
            sources.append(" ".join(i for ids in of_model["ids"] for i in ids))
        parts.append(Part(named_dataset(dataset), lines, describe_dataset(about), sources))
    use = [*pretraining_notes(table.finished), *split_use(table.finished, dataset_title)]
    use += [*tuning_notes(table.finished), *leakage_notes(table.runs), *data_notes(table.runs)]
    shown = set(printing.columns) or {"top1", "pair", "published"}
    note = " ".join(_accuracy_notes(runs, published, evidence, bold, use, printing, shown))
    details = " ".join([*_accuracy_details(runs, evidence, bold, shown), *chosen_settings(table.finished)])
    return Table("accuracy", "Accuracy", note, tuple(columns), parts, details, printing)


def parameters_are_fixed(runs: pd.DataFrame) -> bool:
    """Whether the parameters of no model depend on its frames."""
    return bool(runs.groupby(["dataset", "name"])["params"].nunique().le(1).all())


def _accuracy_notes(
    runs: pd.DataFrame,
    published: Beside,
    evidence: Evidence,
    bold: Iterable[BoldCells],
    use: list[str],
    printing: Printing,
    shown: set[str],
) -> list[str]:
    """What the numbers of the accuracy table are, short enough for a caption.

    use: how the test split was used; shown: the columns that are printed, by their names in COLUMNS.
    """
    notes = []
    if "top1" in shown and len(runs):
        notes.append(
            f"Top-1 accuracy (%) {'; '.join(chosen_epochs_notes(runs))}{_interval_note(runs, evidence, printing)}."
        )
        if (runs["seeds"] > 1).any():
            spread = "SD: standard deviation" if _is_parenthesised(printing) else "± standard deviation"
            notes.append(f"Several seeds: mean{'' if printing.spread == 'ci' else f', {spread} over seeds'}.")
        elif printing.spread == "sd":
            notes.append("No model has several seeds, so there is no standard deviation to print.")
        notes.append(bold_note(bold, "the best of the data set"))
    views = sorted({int(count) for count in runs.loc[runs["source"] == "suite", "views"].dropna()})
    if views and views != [1]:
        notes.append(f"Test views per video: {' or '.join(map(str, views))}.")
    if evidence.left_out:
        notes.append(f"Tested on other videos and compared unpaired: {', '.join(evidence.left_out)}.")
    notes += [f"Warning: {warning}" for warning in evidence.warnings] + evidence.remarks
    if "deep_analysis" in set(runs["source"]) and runs["n"].notna().any():
        notes.append("For published runs, n is inferred from their accuracies.")
    if "pair" in shown and runs["pair_top1"].notna().any():
        notes.append("Pair accuracy: share of videos assigned to the right pair of classes.")
    if {"gmacs", "conv_gmacs"} & shown:
        notes.append(COST_NOTE)
    if "published" in shown and published.rows:
        sources = ", ".join(sorted({row["source"] for row in published.rows.values()}))
        notes.append(f"Published: {sources}, one run each, as selected by its authors.")
    of_published = published_notes(published.notes, evidence.strict) if "published" in shown else []
    return [note for note in (*notes, *use, *of_published, *confound_notes(evidence)) if note]


def _is_parenthesised(printing: Printing) -> bool:
    """Whether the standard deviation stands in parentheses, since ± is the interval's."""
    return printing.interval == "plus-minus" and printing.shows_intervals


def _interval_note(runs: pd.DataFrame, evidence: Evidence, printing: Printing) -> str:
    """What the printed intervals are and cover, as the end of a sentence."""
    if not (runs["n"].notna().any() and printing.shows_intervals):
        return ""
    of_cells = [evidence.covers_seeds(run) for run in runs[runs["seeds"] > 1].to_dict("records")]
    one_seed = bool((runs["seeds"] == 1).any())
    if not any(of_cells):
        covers = "sampling of test videos, not retraining"
    elif all(of_cells) and not one_seed:
        covers = "sampling of test videos and of seeds"
    else:
        which = "models with several seeds" + ("" if all(of_cells) else " and stored predictions of all of them")
        covers = f"sampling of test videos; for {which}, of seeds too"
    return f", with its 95 % confidence interval {printing.where()} ({covers})"


def _accuracy_details(runs: pd.DataFrame, evidence: Evidence, bold: Iterable[BoldCells], shown: set[str]) -> list[str]:
    """What does not fit into a caption."""
    details = [coverage_note(runs.loc[runs["seeds"] == 1, ["top1", "n"]].itertuples(index=False)), bold_scope(bold)]
    more = {"top5": "top-5", "top1_video": "video-level top-1", "best_top1": "best-epoch top-1"}
    more = [text for key, text in more.items() if key not in shown and runs[key].notna().any()]
    known_ece = any(outcomes.ece for outcomes in evidence.outcomes.values())
    if known_ece and "ece" not in shown:
        more.append("the expected calibration error (ece)")
    if more:
        details.append(f"The CSV also contains {listed(more)}.")
    if known_ece:
        details.append(
            f"Expected calibration error: of single-view tests, {BINS} bins of equal width, softmax of the logits, "
            "percentage points."
        )
    return [text for text in details if text]


def models(runs: pd.DataFrame) -> Iterable[tuple[tuple[str, ...], pd.DataFrame]]:
    """The cells under MODEL and the rows of each model, in the order of the rows; control arms are named as such."""
    groups = runs.groupby(["dataset", "name", "control", "module", "backbone", "pooling"], sort=False)
    found = [
        ((dataset, name_with_control(name, control), *rest), of_model)
        for (dataset, name, control, *rest), of_model in groups
    ]
    shown = named_models(name for (_, name, *_), _ in found)
    for (dataset, name, *rest), of_model in found:
        yield (dataset, shown[name], *rest), of_model


def _estimate(run: dict[str, Any], bold: bool, evidence: Evidence, ids: list[str]) -> Estimate | None:
    """A cell; `run` is empty where no run of it is kept, `ids` are its runs, the withheld ones included."""
    letters = evidence.letters(ids)
    if not run:
        return Estimate(math.nan, mark=letters) if letters else None
    return Estimate(run["top1"], *evidence.accuracy(run), run["top1_sd"], bold, letters)


def _published_cells(published: Beside, key: tuple[Any, ...], strict: bool) -> list[Estimate | str | None]:
    """The published value of a cell with its mark, and the mark again for the CSV."""
    if key not in published.rows:
        return [None, None]
    mark = published.marks.get(key, "")
    return [Estimate(math.nan if mark and strict else published.rows[key]["top1"], mark=mark), mark]


def _span(seeds: pd.Series) -> str:
    """How many seeds stand behind a row's means."""
    if seeds.empty:
        return ""
    low, high = int(seeds.min()), int(seeds.max())
    return str(low) if low == high else f"{low}–{high}"


def _whole(number: float) -> int | None:
    return None if math.isnan(number) else int(number)
