"""Notes under tables of accuracies: what is left out, choice of epochs, confounded cells, data sets."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from suite.collect.evidence import Evidence
from suite.data.remarks import LABEL_AWARE, SHARED
from suite.fairness.data_factors import BEFORE
from suite.fairness.factors import THE_SAME
from suite.published.references import REFERENCES
from suite.report.names import dataset_title
from suite.report.tables.names import listed
from suite.spec import display_name
from suite.statistics.rounding import rounded

if TYPE_CHECKING:
    import pandas as pd


# a sentence of `suite.data.datasets`, of which a table has one for all data sets
COUNT = re.compile(r"Split '(\w+)' of \S+ lists (\d+) videos; (\d+) are expected\.")


def leakage_notes(rows: pd.DataFrame) -> list[str]:
    """A sentence per data set whose splits share videos; `rows` with the column `factors`."""
    if "factors" not in rows:
        return []
    notes = []
    for dataset, factors in zip(rows["dataset"], rows["factors"], strict=True):
        shared = factors.get("leakage") if isinstance(factors, dict) else None
        if isinstance(shared, Mapping):
            by_id, by_content = (shared.get(key) or 0 for key in ("by id", "by content"))
            if by_id + by_content:
                notes.append(
                    f"{by_id + by_content} validation videos of {dataset_title(dataset)} also occur in the training "
                    f"split (by id: {by_id}, by content: {by_content})."
                )
            for source in (key.removeprefix(BEFORE) for key in shared if key.startswith(BEFORE)):
                notes.append(
                    f"{shared[BEFORE + source]} validation videos of {dataset_title(dataset)} are training videos of "
                    f"{dataset_title(source)}, on which models were pretrained."
                )
    return list(dict.fromkeys(notes))


def pretraining_notes(runs: pd.DataFrame) -> list[str]:
    """A sentence per data set that runs were pretrained on by the suite: how, and what they were trained on then."""
    if "factors" not in runs:
        return []
    found: dict[tuple[str, str], dict[str, set[Any]]] = {}
    for name, dataset, factors in zip(runs["name"], runs["dataset"], runs["factors"], strict=True):
        source = factors.get("pretraining") if isinstance(factors, Mapping) else None
        if not isinstance(source, Mapping) or not source.get("model"):  # a printed row tells the data set alone
            continue
        about = found.setdefault((source.get("data set"), _start_text(source.get("start"))), {})
        about.setdefault("frames", set()).add(source.get("frames"))
        about.setdefault("then", set()).add(dataset)
        if source.get("of") != THE_SAME:
            about.setdefault("others", set()).add(f"{display_name(name)} as {display_name(source['model'])}")
    notes = []
    for (data, start), about in found.items():
        frames = " or ".join(str(count) for count in sorted(about["frames"], key=str))
        parts = [f"{frames} frames", start, *sorted(about.get("others", ()))]
        then = listed(sorted(map(dataset_title, about["then"])))
        notes.append(f"Pretrained on {dataset_title(data)} ({', '.join(parts)}), then trained on {then}.")
    return notes


def _start_text(start: Any) -> str:
    """What a run that pretrains others started from itself; `start`: of the factor "pretraining"."""
    if isinstance(start, Mapping):
        return f"itself pretrained on {dataset_title(start.get('data set'))}"
    return {"scratch": "from scratch", "imagenet": "from ImageNet weights"}.get(start, "from a checkpoint")


def tuning_notes(runs: pd.DataFrame) -> list[str]:
    """What the models were tuned over, by the factor `tuning` of finished runs; nothing where none was."""
    if "factors" not in runs:
        return []
    budgets = [f.get("tuning") for f in runs["factors"] if isinstance(f, Mapping)]
    found = dict.fromkeys(budget for budget in budgets if isinstance(budget, str))
    return [
        f"Each model was tuned over {budget}; the best run on held-out (dev) training videos is shown."
        for budget in found
    ]


def chosen_by_cell(runs: pd.DataFrame) -> dict[tuple[str, str, float], str]:
    """(data set, name, frames) -> the values that were chosen for that model, by seed where these differ."""
    if "chosen" not in runs:
        return {}
    rows = runs[runs["chosen"].notna() & (runs["chosen"] != "")]
    found = {}
    for key, of_cell in rows.groupby(["dataset", "name", "frames"], sort=False):
        values = list(dict.fromkeys(of_cell["chosen"]))
        seeds = zip(of_cell["seed"], of_cell["chosen"], strict=True)
        found[key] = values[0] if len(values) == 1 else "; ".join(f"seed {s:.0f}: {value}" for s, value in seeds)
    return found


def chosen_settings(runs: pd.DataFrame) -> list[str]:
    """The values that were chosen for each model, a sentence; nothing where none was tuned."""
    each = [
        f"{display_name(name)} on {dataset_title(dataset)}, {frames:.0f} frames: {values}"
        for (dataset, name, frames), values in chosen_by_cell(runs).items()
    ]
    return [f"Chosen on dev: {'; '.join(each)}."] if each else []


def data_notes(rows: pd.DataFrame) -> list[str]:
    """A sentence per data set and way in which its videos were left out, held out or relabelled.

    rows: with the columns `factors` and `data_notes`, the sentences of each run's record.
    """
    if "data_notes" not in rows:
        return []
    notes, counts = [], []
    for dataset, factors, recorded in zip(rows["dataset"], rows["factors"], rows["data_notes"], strict=True):
        factors, title = factors if isinstance(factors, dict) else {}, dataset_title(dataset)
        recorded = recorded if isinstance(recorded, list) else []
        flip = (factors.get("augmentation") or {}).get("flip")
        told = [note for note in recorded if SHARED not in note]  # see `leakage_notes`
        told = [note for note in told if flip == "label_aware" or not note.startswith(LABEL_AWARE)]
        missing, held_out = factors.get("missing"), factors.get("held_out")
        if isinstance(missing, int) and missing and not any("left out" in note for note in told):
            told.append(f"{missing} training and validation videos are missing or undecodable, and left out.")
        if isinstance(held_out, float) and held_out:
            told.append(f"{100 * held_out:g} % of the training videos are held out (dev split) and not trained on.")
        counts += [f"{title}: {match[1]} {match[2]} of {match[3]}" for note in told if (match := COUNT.fullmatch(note))]
        told = [note for note in told if not COUNT.fullmatch(note)]
        notes += [note if note.startswith(title) else f"{title}: {note}" for note in told]
    counts = list(dict.fromkeys(counts))
    grouped = [f"Other numbers of videos than expected: {'; '.join(counts)}."] if counts else []
    return [*grouped, *dict.fromkeys(notes)]


def chosen_epochs_notes(runs: pd.DataFrame) -> list[str]:
    """Which epoch's weights the accuracies are of, by where they come from."""
    sources, kinds = set(runs["source"]), []
    if "suite" in sources:
        chosen = runs["selected_epoch"].notna() & (runs["source"] == "suite")
        kinds += ["after the last epoch"] if not chosen[runs["source"] == "suite"].all() else []
        kinds += ["of the epoch selected on held-out training videos"] if chosen.any() else []
    if any(source.split()[0] in REFERENCES for source in sources):
        kinds.append("as published, of the epoch selected by the authors")
    if any(source != "suite" and source.split()[0] not in REFERENCES for source in sources):
        kinds.append("of other codebases, from their predictions")
    return kinds


def confound_notes(evidence: Evidence) -> list[str]:
    """What the letters of confounded cells mean, and what is true of the whole table."""
    marks, notes = evidence.marks, []
    if marks.between:
        notes.append(f"The columns differ not only in frames but also in: {marks.between}.")
    if marks.notes:
        what = "Runs withheld" if evidence.strict else "Letters mark runs"
        reason = "that differ from others in their column, or do not report what others report"
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
    what = "Letters mark results of runs that differ from others in their column of the accuracy table"
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
        ("{} test videos", facts["n"], 0),
        ("chance {} %", facts["chance"], 1),
        ("upper bound without temporal order {} %", facts["ceiling_blind"], 1),
        ("with temporal order {} %", facts["ceiling_ordered"], 1),
    ]
    known = [text.format(rounded(value, digits)) for text, value, digits in parts if not math.isnan(value)]
    return "; ".join(known).capitalize() + "." if known else ""
