"""The table of accuracies over the official splits of a data set, and their mean, as papers print it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.collect.evidence import Evidence
from suite.collect.results_table import ResultsTable
from suite.data.dataset_info import divisions_of
from suite.published.beside import mean_over_splits
from suite.report.names import dataset_title
from suite.report.tables.names import named_models
from suite.report.tables.notes import marks_note
from suite.report.tables.rendering.table import DEFAULT_PRINTING, Column, Estimate, Named, Part, Printing, Table
from suite.statistics.proportions import mean_interval

if TYPE_CHECKING:
    import pandas as pd


def splits_table(
    table: ResultsTable,
    evidence: Evidence | None = None,
    printing: Printing = DEFAULT_PRINTING,
    reference: pd.DataFrame | None = None,
) -> Table | None:
    """Top-1 in percent on each official split of a data set and their mean: a row per model and frames.

    Of our runs alone; a model needs a result on every split.  None where no data set has several splits in the table.
    Each split trains and tests a model of its own; a model's accuracies are averaged over seeds first.  Beside the mean
    stands the one that `reference` rows give for the model.
    """
    evidence = evidence or Evidence()
    cells = table.cells
    cells = cells[(cells["source"] == "suite") & (cells["control"] == "")]
    families = {
        names[0]: names for dataset in dict.fromkeys(cells["dataset"]) if len(names := divisions_of(dataset)) > 1
    }
    parts, ids, shown, published = [], [], named_models(cells["name"]), False
    first_runs = {(run["dataset"], run["name"], run["frames"]): run for run in table.finished.to_dict("records")}
    most = max(map(len, families.values()), default=0)
    for first, names in families.items():
        lines = []
        for (model, frames), group in cells[cells["dataset"].isin(names)].groupby(["name", "frames"], sort=False):
            rows = {row["dataset"]: row for row in group.to_dict("records")}
            if set(rows) != set(names):
                continue
            runs = [rows[name] for name in names]
            top1, behind = [run["top1"] for run in runs], [i for run in runs for i in run["ids"]]
            ids += behind
            interval = mean_interval(top1, [run["n"] for run in runs])
            mean = Estimate(sum(top1) / len(top1), *interval, mark=evidence.letters(behind))
            printed = mean_over_splits(reference, first_runs.get((first, model, frames), {}))
            published |= printed is not None
            lines.append((first, shown[model], int(frames), *top1, *[None] * (most - len(top1)), mean, printed))
        if lines:
            title = dataset_title(first).replace(", split 1", "")
            parts.append(Part(Named(first, title), lines))
    if not parts:
        return None
    columns = (
        Column("dataset", csv_only=True),
        Column("model", "model", text=True),
        Column("frames", "frames"),
        *(Column(f"top1_split{i}", f"split {i}", "top-1 (%)", percent=True) for i in range(1, most + 1)),
        Column("top1_mean", "mean", "top-1 (%)", percent=True, interval=True),
        Column("published_top1_mean", "published mean (%)", "top-1 (%)", percent=True),
    )
    note = "Top-1 accuracy (%) on each official split, for which a model of its own was trained, and their mean"
    if printing.shows_intervals:
        note += f", with its 95 % confidence interval {printing.where()} (sampling of test videos, not retraining; "
        note += "it assumes that the splits test different videos)"
    note += ". Published: mean of one run per split." if published else "."
    note += f"{marks_note(evidence, table.finished[table.finished['id'].isin(ids)])}"
    return Table("splits", "Official splits", note, columns, parts, printing=printing)
