"""The table of accuracy by the number of test views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.collect.evidence import Evidence
from suite.report.tables.names import named_dataset, named_models
from suite.report.tables.notes import marks_note
from suite.report.tables.rendering.table import DEFAULT_PRINTING, Column, Estimate, Part, Printing, Table
from suite.statistics.proportions import wilson

if TYPE_CHECKING:
    import pandas as pd

ROW = ["model", "frames", "clips", "crops"]


def views_table(tests: pd.DataFrame, evidence: Evidence | None = None, printing: Printing = DEFAULT_PRINTING) -> Table:
    """Top-1 in percent with its 95 % Wilson interval: a part per data set, a row per model, frames and test geometry.

    tests: rows of `suite.collect.views.tests_by_views`; seeds are averaged.  Letters mark confounded runs.
    """
    evidence = evidence or Evidence()
    several = tests["seed"].nunique() > 1
    fewer = bool((tests["distinct_views"] < tests["clips"] * tests["crops"]).any())
    columns = [
        Column("dataset", csv_only=True),
        Column("model", "model", text=True),
        Column("frames", "frames"),
        Column("clips", "clips", "test views"),
        Column("crops", "crops", "test views"),
        Column("distinct_views", "different", "test views", digits=1, csv_only=not fewer),
        Column("gmacs", "GMACs/video", digits=2),
        Column("seeds", "seeds", csv_only=not several),
        Column("top1", "top-1 (%)", percent=True, interval=True),
        Column("n", csv_only=True),
    ]
    parts, shown = [], named_models(tests["model"])
    for dataset, of_set in tests.groupby("dataset", sort=False):
        lines = []
        for (model, frames, clips, crops), group in of_set.groupby(ROW, sort=False):
            top1, n = float(group["top1"].mean()), int(group["n"].min())
            estimate = Estimate(top1, *wilson(top1, n), float(group["top1"].std()), mark=evidence.letters(group["id"]))
            views = (int(clips), int(crops), float(group["distinct_views"].mean()))
            head = (dataset, shown[model], int(frames), *views, float(group["gmacs"].mean()))
            lines.append((*head, len(group), estimate, n))
        parts.append(Part(named_dataset(dataset), lines))
    note = "Top-1 accuracy (%) of the same weights with these test views, averaged over the views"
    if printing.shows_intervals:
        note += f", with its 95 % Wilson interval {printing.where()} (sampling of test videos, not retraining)"
    note += ". GMACs/video: multiply-adds of one clip and crop times the number of views."
    note += " Different: mean number of different views per video." if fewer else ""
    note += marks_note(evidence, tests)
    return Table("views", "Test views", note, tuple(columns), parts, printing=printing)
