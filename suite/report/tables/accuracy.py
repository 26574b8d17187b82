"""The accuracy table, with its intervals, ties and confounded cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from suite.collect.evidence import BoldCells, Evidence, bold_note
from suite.collect.results_table import ResultsTable
from suite.published.beside import Beside, beside
from suite.published.names import canonical
from suite.published.references import REFERENCES
from suite.report.tables.formats import Column, Estimate, Part, Table
from suite.statistics.calibration import BINS
from suite.statistics.retraining import coverage_note
from suite.statistics.rounding import rounded
from suite.statistics.split_use import split_use

if TYPE_CHECKING:
    import pandas as pd

MODEL = (
    Column("dataset", csv_only=True),
    Column("model", "model", text=True),
    *(Column(key, csv_only=True) for key in ("module", "backbone", "pooling")),
)
_CEILINGS = ("chance", "ceiling_blind", "ceiling_ordered")
FACTS_NOT_KNOWN = dict.fromkeys(("n", *_CEILINGS), math.nan)  # of a data set all of whose runs are withheld


def accuracy_table(
    table: ResultsTable, reference: pd.DataFrame | None = None, evidence: Evidence | None = None
) -> Table:
    """Top-1 in percent with its 95 % interval: a part per data set, a row per model, columns per frames.

    Beside it pair accuracy where the data set has pairs, and the top-1 that `reference` rows give for the same model,
    data set and frames.  The CSV adds top-5, video-level and best top-1, n, chance and ceilings.  Bold is every top-1
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
    columns = [*MODEL, Column("seeds", "seeds", text=True, csv_only=not several)]
    for f in frames:
        group = f"{f} frames"
        columns += [
            Column(f"top1_f{f}", "top-1 (%)", group, interval=True),
            Column(f"pair_top1_f{f}", "pair (%)", group),
            Column(f"published_top1_f{f}", "published (%)", group),
            Column(f"published_top1_f{f}_mark", csv_only=True),
            *(Column(f"{key}_f{f}", csv_only=True) for key in ("top5", "top1_video", "best_top1", "ece")),
        ]
    columns += [Column(key, csv_only=True) for key in ("n", "chance", "ceiling_blind", "ceiling_ordered")]
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
            line = [*head, _span(of_model["seeds"])]
            for f in frames:
                index, run = at.get(f, (None, {}))
                shown = _estimate(run, index in best.labels, evidence, behind.get(f, []))
                line += [shown, run.get("pair_top1")]
                line += _published_cells(published, (dataset, canonical(head[1]), f), evidence.strict)
                line += [run.get(key) for key in ("top5", "top1_video", "best_top1")]
                line += [evidence.calibration_error(run) if run else None]
            lines.append((*line, _whole(of_model["n"].min()), *(about[k] for k in _CEILINGS)))
            sources.append(" ".join(i for ids in of_model["ids"] for i in ids))
        parts.append(Part(dataset, lines, describe_dataset(about), sources))
    use = [*split_use(table.finished), *leakage_notes(table.runs)]
    note = " ".join(_accuracy_notes(runs, published, evidence, bold, use))
    return Table("accuracy", "Accuracy", note, tuple(columns), parts)


def _accuracy_notes(
    runs: pd.DataFrame, published: Beside, evidence: Evidence, bold: Iterable[BoldCells], use: list[str]
) -> list[str]:
    """What the numbers of the accuracy table are, a sentence or two each; `use`: how the test split was used."""
    several = bool((runs["seeds"] > 1).any())
    notes = [f"Top-1 is {'; '.join(_chosen_epochs(runs))}."] if len(runs) else []
    views = sorted({int(count) for count in runs.loc[runs["source"] == "suite", "views"].dropna()})
    if views and views != [1]:
        notes.append(f"Test views per video: {' or '.join(map(str, views))}.")
    if runs["n"].notna().any() and evidence.interval != "sd":
        of_cells = [evidence.covers_seeds(run) for run in runs[runs["seeds"] > 1].to_dict("records")]
        over = "; sampling of test videos and, for models with several seeds" if any(of_cells) else ", test videos only"
        some = " and stored predictions of all of them" if not all(of_cells) else ""
        notes.append(f"95 % confidence interval in brackets{over}{some + ', of seeds' if any(of_cells) else ''}.")
        notes.append(coverage_note(runs.loc[runs["seeds"] == 1, ["top1", "n"]].itertuples(index=False)))
    if meaning := bold_note(bold, "the best of the data set"):
        notes.append(meaning)
    if evidence.left_out:
        notes.append(f"Tested on other videos and compared unpaired: {', '.join(evidence.left_out)}.")
    notes += [f"Warning: {warning}" for warning in evidence.warnings]
    if several:
        spread = "" if evidence.interval == "ci" else " ± standard deviation over seeds"
        notes.append(f"Several seeds: mean{spread}.")
    elif evidence.interval == "sd":
        notes.append("No model has several seeds, so that there is no standard deviation to print.")
    if "deep_analysis" in set(runs["source"]) and runs["n"].notna().any():
        notes.append("Of published runs n is inferred from their accuracies.")
    more = {"top5": "top-5", "top1_video": "video-level top-1", "best_top1": "best-epoch top-1"}
    more = [text for key, text in more.items() if runs[key].notna().any()]
    if any(outcomes.ece for outcomes in evidence.outcomes.values()):
        more.append(f"the expected calibration error of single-view tests (ece, points, {BINS} equal-width bins)")
    if more:
        notes.append(f"The CSV also contains {' and '.join([', '.join(more[:-1]), more[-1]] if more[1:] else more)}.")
    if runs["pair_top1"].notna().any():
        notes.append("Pair: share of videos assigned to the right pair of classes.")
    if published.rows:
        sources = ", ".join(sorted({row["source"] for row in published.rows.values()}))
        notes.append(f"Published: {sources}, one run each, as its authors selected it.")
    notes = [note for note in (*notes, *use) if note]
    return notes + published_notes(published.notes, evidence.strict) + confound_notes(evidence)


def leakage_notes(rows: pd.DataFrame) -> list[str]:
    """A sentence per data set whose splits share videos; `rows` with the column `factors`."""
    if "factors" not in rows:
        return []
    notes = []
    for dataset, factors in zip(rows["dataset"], rows["factors"], strict=True):
        shared = factors.get("leakage") if isinstance(factors, dict) else None
        if isinstance(shared, Mapping):
            by_id, by_content = (shared.get(key) or 0 for key in ("by id", "by content"))
            notes.append(
                f"{by_id + by_content} validation videos of {dataset} also occur in the training split "
                f"(by id: {by_id}, by content: {by_content})."
            )
    return list(dict.fromkeys(notes))


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


def confound_notes(evidence: Evidence) -> list[str]:
    """What the letters of confounded cells mean, and what is true of the whole table."""
    marks, notes = evidence.marks, []
    if marks.between:
        notes.append(f"The columns differ not only in frames but also in: {marks.between}.")
    if marks.notes:
        what = "Runs withheld" if evidence.strict else "Letters mark runs"
        reason = "that differ within their column, or do not report what others do"
        notes.append(f"{what} {reason}: {'. '.join(marks.notes)}.")
    if marks.minor:
        notes.append(f"Minor differences between runs: {marks.minor}.")
    if marks.unstated:
        notes.append(f"Not reported for any run: {marks.unstated}.")
    return notes


def marks_note(evidence: Evidence, rows: pd.DataFrame) -> str:
    """For tables and figures beside the accuracy table: what the letters mean that `rows` carry, led by a space.

    rows: with the column `id` or, of cells, `ids`.
    """
    if evidence.strict:
        return " Strict report: computed without runs that are confounded; the accuracy table names them."
    ids = rows["id"] if "id" in rows else (i for of_cell in rows["ids"] for i in of_cell)
    used = {evidence.marks.letters[i] for i in ids if i in evidence.marks.letters}
    found = [note for note in evidence.marks.notes if note.partition(":")[0] in used]
    if not found:
        return ""
    what = "Letters mark results of runs that differ within their column of the accuracy table"
    return f" {what}: {'. '.join(found)}."


def published_notes(notes: list[str], strict: bool) -> list[str]:
    """What the numbers of published values mean."""
    if not notes:
        return []
    what = "Published values withheld because they are" if strict else "Published values"
    return [f"{what} confounded with ours, by known differences: {'. '.join(notes)}."]


def describe_dataset(facts: dict[str, float]) -> str:
    """What a score on the data set is to be held against, in a line; `facts` in percent, n in videos."""
    parts = [
        ("{} videos evaluated", facts["n"], 0),
        ("chance {} %", facts["chance"], 1),
        ("upper bound without temporal order {} %", facts["ceiling_blind"], 1),
        ("with temporal order {} %", facts["ceiling_ordered"], 1),
    ]
    known = [text.format(rounded(value, digits)) for text, value, digits in parts if not math.isnan(value)]
    return "; ".join(known).capitalize() + "." if known else ""


def models(runs: pd.DataFrame) -> Iterable[tuple[tuple[str, ...], pd.DataFrame]]:
    """The cells under MODEL and the rows of each model, in the order of the rows; control arms are named as such."""
    groups = runs.groupby(["dataset", "name", "control", "module", "backbone", "pooling"], sort=False)
    for (dataset, name, control, *rest), of_model in groups:
        yield (dataset, f"{name} [{control}]" if control else name, *rest), of_model


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
