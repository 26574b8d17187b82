"""The accuracy table, with its intervals, ties and confounded cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from suite.analysis.calibration import BINS
from suite.analysis.evidence import Evidence, Tied, bold_note
from suite.analysis.ledger import Marks
from suite.analysis.namesakes import canonical, namesake
from suite.analysis.references import REFERENCES
from suite.analysis.rows import datasets, mean_over_seeds
from suite.analysis.split_use import split_use
from suite.report.formats import Column, Estimate, Part, Table

if TYPE_CHECKING:
    import pandas as pd

MODEL = (
    Column("dataset", csv_only=True),
    Column("model", "model", text=True),
    *(Column(key, csv_only=True) for key in ("module", "backbone", "pooling")),
)
_CEILINGS = ("chance", "ceiling_blind", "ceiling_ordered")


def accuracy_table(
    rows: pd.DataFrame, reference: pd.DataFrame | None = None, evidence: Evidence | None = None
) -> Table:
    """Top-1 in percent with its 95 % interval: a part per data set, a row per model, columns per frames.

    Beside it pair accuracy where the data set has pairs, and the top-1 that `reference` rows give for the same model,
    data set and frames.  The CSV adds top-5, video-level and best top-1, n, chance and ceilings.  Bold is every top-1
    that is not significantly different from the best of its data set (`Evidence.tied`); letters mark confounded cells.
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
            *(Column(f"{key}_f{f}", csv_only=True) for key in ("top5", "top1_video", "best_top1", "ece")),
        ]
    columns += [Column(key, csv_only=True) for key in ("n", "chance", "ceiling_blind", "ceiling_ordered")]
    parts, bold = [], []
    for dataset, of_set in runs.groupby("dataset", sort=True):
        tied = evidence.tied(of_set)
        bold.append(tied)
        lines, sources = [], []
        for head, of_model in models(of_set):
            at = {
                run["frames"]: (index, run)
                for index, run in zip(of_model.index, of_model.to_dict("records"), strict=True)
            }
            line = [*head, _span(of_model["seeds"])]
            for f in frames:
                index, run = at.get(f, (None, {}))
                shown = _estimate(run, index in tied.labels, evidence)
                if shown is not None and math.isnan(shown.value):
                    run = {}  # withheld, with all that goes with it
                line += [shown, run.get("pair_top1")]
                line += [published.get((dataset, canonical(head[1]), f), {}).get("top1")]
                line += [run.get(key) for key in ("top5", "top1_video", "best_top1")]
                line += [evidence.calibration_error(run) if run else None]
            lines.append((*line, _whole(of_model["n"].min()), *(facts[dataset][k] for k in _CEILINGS)))
            sources.append(" ".join(i for ids in of_model["ids"] for i in ids))
        parts.append(Part(dataset, lines, describe_dataset(facts[dataset]), sources))
    sources = sorted({row["source"] for row in published.values()})
    notes = _accuracy_notes(runs, sources, evidence, bold)
    note = " ".join([*notes, *split_use(rows), *leakage_notes(rows)])
    return Table("accuracy", "Accuracy", note, tuple(columns), parts)


def _accuracy_notes(runs: pd.DataFrame, published: list[str], evidence: Evidence, bold: Iterable[Tied]) -> list[str]:
    """What the numbers of the accuracy table are, a sentence or two each; `published`: sources of what is beside it."""
    several = bool((runs["seeds"] > 1).any())
    notes = [f"Top-1 is {'; '.join(_chosen_epochs(runs))}."]
    if runs["n"].notna().any() and evidence.interval != "sd":
        what = "videos and seeds, where there are several" if several and evidence.outcomes else "videos only"
        notes.append(f"In brackets its 95 % interval ({what}).")
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
    if more:
        notes.append(f"In the CSV besides: {', '.join(more)}.")
    if any(outcomes.ece for outcomes in evidence.outcomes.values()):
        notes.append(
            f"The CSV also contains the expected calibration error (ece) of single-view tests: {BINS} bins of equal "
            "width, softmax of the logits, percentage points."
        )
    if runs["pair_top1"].notna().any():
        notes.append("Pair: the share of videos whose pair of classes is right, whichever of the two is named.")
    if published:
        notes.append(f"Published: {', '.join(published)}, one run each, as its authors selected it.")
    return notes + confound_notes(evidence.marks, evidence.strict)


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


def models(runs: pd.DataFrame) -> Iterable[tuple[tuple[str, ...], pd.DataFrame]]:
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


def _span(seeds: pd.Series) -> str:
    """How many seeds stand behind a row's means."""
    low, high = int(seeds.min()), int(seeds.max())
    return str(low) if low == high else f"{low}–{high}"


def _whole(number: float) -> int | None:
    return None if math.isnan(number) else int(number)
