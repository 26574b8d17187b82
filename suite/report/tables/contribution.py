"""The table of Phi and Psi: contributions of space and time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from suite.collect.evidence import Evidence, confounded
from suite.collect.results_table import ResultsTable
from suite.published.beside import Pair, known_factors, number
from suite.report.tables.names import listed, named_architecture, named_dataset
from suite.report.tables.notes import marks_note, published_notes
from suite.report.tables.rendering.table import DEFAULT_PRINTING, Column, Estimate, Part, Printing, Table
from suite.spec import display_architecture
from suite.statistics.contribution import contribution

if TYPE_CHECKING:
    import pandas as pd


def contribution_table(
    table: ResultsTable,
    reference: pd.DataFrame | None = None,
    evidence: Evidence | None = None,
    printing: Printing = DEFAULT_PRINTING,
) -> Table:
    """Phi, Psi_ta and Psi_ta+tp as fractions with 95 % intervals and the number of cells (deep_analysis, Table 7).

    Beside them the same means of the `reference` rows of the same cells.  A cell without its baseline counts
    nowhere; a mean of none is empty.  `confounded` counts the cells that differ from their baseline in a factor that
    confounds; letters name what the runs behind a mean differ in, numbers what the published runs differ in from ours.
    A strict table is computed without confounded runs and withholds published means of confounded ones.
    """
    evidence = evidence or Evidence()
    keys = ("phi", "psi_ta", "psi_ta_tp")
    heads = ("Φ", "Ψ ta", "Ψ ta+tp")
    table = evidence.kept(table)
    cells, odd = table.contribution_cells, confounded(table)
    found, intervals, behind = contribution(cells), evidence.contribution(table), _runs_behind(cells)
    theirs, numbers, differences = {}, {}, []
    if reference is not None:
        counterparts = _counterparts(table.finished, reference)
        theirs = _by_module(contribution(counterparts.contribution_cells))
        numbers, differences = number(_pairs(table.finished, behind, counterparts.runs))
    columns = [Column("dataset", "data set", text=True), Column("module", "module", text=True)]
    columns.append(Column("source", "source", text=True, csv_only=found["source"].nunique() < 2))
    for key, head in zip(keys, heads, strict=True):
        columns += [Column(key, "mean", head, digits=3, interval=True), Column(f"n_{key}", "cells", head)]
        columns += [Column(f"confounded_{key}", "confounded", head)]
        columns += [Column(f"published_{key}", "published", head, digits=3)]
    columns += [Column(f"published_{key}_mark", csv_only=True) for key in keys]
    columns.append(Column("frame_wise", csv_only=True))
    counts = _confounded_cells(cells, odd)
    runs_of = cells.groupby(["source", "dataset", "label"])["id"].agg(" ".join)
    lines, sources = [], []
    for row in found.to_dict("records"):
        dataset, module = row["dataset"], row["module"]
        line: list[Any] = [named_dataset(dataset), named_architecture(module), row["source"]]
        marks = []
        for key in keys:
            pooled = "pooled" if key == "psi_ta_tp" else "none"
            cell = (row["source"], dataset, module, pooled)
            known = intervals.get(cell, {})
            low, high = known.get(key.partition("_")[0], (math.nan, math.nan))
            count = int(row[f"n_{key}"])
            line += [
                Estimate(row[key], low, high, mark=evidence.letters(behind.get(cell, ())) if count else ""),
                count or None,
                counts.get(cell) if count else None,
            ]
            value = theirs.get((dataset, module), {}).get(key)
            marks.append(numbers.get(cell, "") if value is not None and not math.isnan(value) else "")
            if marks[-1]:
                value = Estimate(math.nan if evidence.strict else value, mark=marks[-1])
            line.append(value)
        lines.append((*line, *marks, row["frame_wise"]))
        sources.append(runs_of[row["source"], dataset, module])
    several = table.finished["seed"].nunique() > 1
    note = (
        "Φ = S(TSN) / max(S, S(TSN)) and Ψ = (S − S(TSN)) / (100 − S(TSN)), with S the top-1 accuracy (%) and TSN the "
        "frame-wise network of the same backbone and frames, without temporal pooling (tp). Means over cells: "
        "backbones and frames that have this TSN"
    )
    details = ""
    if intervals and printing.interval != "none":
        seeds = several and bool(evidence.outcomes)
        covers = "test videos, and of seeds where several are stored" if seeds else "test videos, not retraining"
        note += f"; 95 % confidence intervals {printing.where()} (sampling of {covers})"
        alone = "from accuracies alone, assuming fully correlated errors"
        details = f"Intervals: paired on videos where predictions of all runs are stored, else {alone}."
        note += "" if evidence.outcomes else f", {alone}"
    note += ". Ψ ta: temporal aggregation, the module alone; Ψ ta+tp: the module with temporal pooling."
    own = found[found["frame_wise"] != ""].groupby("frame_wise", sort=False)["module"].unique()
    if len(own):
        pairs = [f"{name} for {listed(display_architecture(m) for m in models)}" for name, models in own.items()]
        note += f" The frame-wise network is {'; '.join(pairs)} (and TSN for the other models)."
    if several:
        details += " Several seeds: means over seeds, of the baseline with the same seeds."
    if counts:
        note += " Confounded: cells that differ from their baseline in more than the module and pooling."
    note += "".join(f" {text}" for text in published_notes(differences, evidence.strict))
    note += marks_note(evidence, table.runs)
    title = "Spatial contribution and temporal improvement"
    parts = [Part("", lines, sources=sources)] if lines else []
    return Table("contribution", title, note, tuple(columns), parts, details.strip(), printing)


def _runs_behind(cells: pd.DataFrame) -> dict[tuple[str, str, str, str], list[str]]:
    """The runs behind each mean, baselines included, by source, data set, label and "none" or "pooled"."""
    found = cells[cells["baseline"].notna()]
    of_mean = found.groupby(["source", "dataset", "label", "pooled"])
    return {cell: [*group["id"], *group["baseline_id"]] for cell, group in of_mean}


def _pairs(
    done: pd.DataFrame, behind: dict[tuple[str, str, str, str], list[str]], counterparts: pd.DataFrame
) -> dict[tuple[str, str, str, str], list[Pair]]:
    """The factors of our runs and of the published ones behind each mean, by the keys of `_runs_behind`."""
    printed = {
        (row["dataset"], row["name"], row["frames"]): known_factors(row) for row in counterparts.to_dict("records")
    }
    ours = {row["id"]: row for row in done.to_dict("records")}
    found: dict[tuple[str, str, str, str], list[Pair]] = {}
    for cell, ids in behind.items():
        for row in (ours[i] for i in ids):
            theirs = printed.get((row["dataset"], row["name"], row["frames"]))
            if theirs is not None:
                found.setdefault(cell, []).append((known_factors(row), theirs))
    return found


def _confounded_cells(cells: pd.DataFrame, odd: set[str]) -> dict[tuple[str, str, str, str], int]:
    """Cells, whatever their seeds, by source, data set, label and "none" or "pooled"."""
    cell = ["source", "dataset", "label", "pooled", "backbone", "pooling", "frames"]
    of_all = cells[cells["id"].isin(odd)].drop_duplicates(cell)
    return dict(of_all.groupby(cell[:4]).size())


def _counterparts(done: pd.DataFrame, reference: pd.DataFrame) -> ResultsTable:
    """The published rows of the models that we have, and their baselines: means over other cells are not ours."""
    ours = set(zip(done["dataset"], done["name"], done["frames"], strict=True))
    ours |= set(zip(done["dataset"], done["frame_wise"], done["frames"], strict=True))
    kept = [key in ours for key in zip(reference["dataset"], reference["name"], reference["frames"], strict=True)]
    return ResultsTable.of(reference[kept])


def _by_module(table: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["dataset"], row["module"]): row for row in table.to_dict("records")}
