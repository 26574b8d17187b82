"""The table of frames in training against frames in the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.collect.evidence import Evidence
from suite.report.tables.names import named_dataset, named_models
from suite.report.tables.notes import marks_note
from suite.report.tables.rendering.table import DEFAULT_PRINTING, Column, Estimate, Part, Printing, Table
from suite.statistics.proportions import wilson

if TYPE_CHECKING:
    import pandas as pd

ROW = ["model", "train_frames", "control", "epochs_seen"]


def frames_table(tests: pd.DataFrame, evidence: Evidence | None = None, printing: Printing = DEFAULT_PRINTING) -> Table:
    """Top-1 in percent with its 95 % Wilson interval: a row per model and train frames, a column per test frames.

    tests: rows of `suite.collect.frames.frames_by_frames`; seeds are averaged.  Models that were tested at no frame
    count but their own are left out, so that the table may have no part at all.  Letters mark confounded runs.
    """
    evidence = evidence or Evidence()
    foreign = tests["train_frames"] != tests["test_frames"]
    named = list(zip(tests["dataset"], tests["model"], strict=True))
    wanted = {key for key, other in zip(named, foreign, strict=True) if other}
    tests = tests[[key in wanted for key in named]]
    frames = sorted(set(tests["test_frames"]))
    several = tests["seed"].nunique() > 1
    columns = [
        Column("dataset", csv_only=True),
        Column("model", "model", text=True),
        Column("train_frames", "frames", "trained at"),
        Column("epochs_seen", "cumulative epochs", "trained at"),
        Column("control", "control", text=True),
        Column("seeds", "seeds", text=True, csv_only=not several),
        *(Column(f"top1_f{f}", f"{f} frames", "top-1 (%), tested at", percent=True, interval=True) for f in frames),
        Column("n", csv_only=True),
    ]
    parts, shown = [], named_models(tests["model"])
    for dataset, of_set in tests.groupby("dataset", sort=False):
        lines = []
        for (model, trained, control, epochs), group in of_set.groupby(ROW, sort=False):
            cells = dict(iter(group.groupby("test_frames")))
            counts = [len(at) for at in cells.values()]
            seeds = str(min(counts)) if min(counts) == max(counts) else f"{min(counts)}–{max(counts)}"
            top1 = [_estimate(cells[f], evidence) if f in cells else None for f in frames]
            head = (dataset, shown[model], int(trained), int(epochs), control, seeds)
            lines.append((*head, *top1, int(group["n"].min())))
        parts.append(Part(named_dataset(dataset), lines))
    note = "Top-1 accuracy (%) per clip, trained and tested at these frame counts"
    if printing.shows_intervals:
        note += f", with its 95 % Wilson interval {printing.where()} (sampling of test videos, not retraining)"
    note += ". Cumulative epochs: over all runs of the chain."
    if (tests["control"] != "").any():
        note += " Control epoch_matched: trained further at the initial number of frames, for as many epochs in total."
    if several:
        spread = " (SD: standard deviation)" if printing.interval == "plus-minus" else " ± standard deviation"
        note += f" Several seeds: mean{'' if printing.spread == 'ci' else spread}"
        note += "; the interval is that of a single run with this mean accuracy." if printing.shows_intervals else "."
    note += marks_note(evidence, tests)
    title = "Frames in training and testing"
    return Table("frames", title, note, tuple(columns), parts, printing=printing)


def _estimate(tests: pd.DataFrame, evidence: Evidence) -> Estimate:
    top1, letters = float(tests["top1"].mean()), evidence.letters(tests["id"])
    return Estimate(top1, *wilson(top1, int(tests["n"].min())), float(tests["top1"].std()), mark=letters)
