"""Who was right on which video, for all runs of a table at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.data.dataset_info import info
from suite.evaluation.predictions import Outcome, check_stored, read_own
from suite.spec import BadInput
from suite.statistics.calibration import expected_calibration_error
from suite.store.folder import stored_beside

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Outcomes:
    """The runs of one data set that were tested on the same N videos."""

    place: dict[str, int]  # run id -> row of `correct`
    correct: np.ndarray  # (R, N) bool
    left_out: tuple[str, ...] = ()  # ids of runs that were tested on other videos
    ece: dict[str, float] = field(default_factory=dict)  # run id -> expected calibration error, where scores are known

    def of(self, ids: list[str]) -> np.ndarray | None:
        """(len(ids), N) bool, or None when one of the runs is not here."""
        if not ids or any(i not in self.place for i in ids):
            return None
        return self.correct[[self.place[i] for i in ids]]


def load_outcomes(rows: pd.DataFrame, threads: int = 2) -> dict[str, Outcomes]:
    """Per data set, from the column `predictions` (a path, or an `Outcome`, "" where there is none) of finished rows.

    Where runs were tested on different videos the largest group with the same ids and labels is taken.
    Raises BadInput when the accuracies of a row, or of the result.json beside its predictions, do not follow from them.
    """
    if "predictions" not in rows:
        return {}
    known = rows["predictions"].map(lambda source: isinstance(source, Outcome) or bool(source))
    done = rows[(rows["state"] == "done") & known]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(_read, done.to_dict("records")))
    out = {}
    for dataset in dict.fromkeys(done["dataset"]):
        runs = [(i, o) for i, d, o in zip(done["id"], done["dataset"], found, strict=True) if d == dataset]
        groups: dict[int, list[tuple[str, Outcome]]] = {}
        for run in runs:
            groups.setdefault(_fingerprint(run[1]), []).append(run)
        best = max(groups.values(), key=len)
        chosen = {i for i, _ in best}
        labels = next((o.labels for _, o in best if o.labels is not None), None)
        correct = np.stack([o.correct(labels) for _, o in best])
        left = tuple(i for i, _ in runs if i not in chosen)
        calibrated = ((i, o.confidence, c) for (i, o), c in zip(best, correct, strict=True) if o.confidence is not None)
        ece = {i: expected_calibration_error(confidence, c) for i, confidence, c in calibrated}
        out[dataset] = Outcomes({i: k for k, (i, _) in enumerate(best)}, correct, left, ece)
    return out


def _read(row: dict[str, Any]) -> Outcome:
    source = row["predictions"]
    if isinstance(source, Outcome):
        return source
    result = stored_beside(Path(source))
    outcome = read_own(Path(source), result.get("class_names"))
    if outcome.labels is None:
        raise BadInput(f"The predictions of {row['id']} have no labels, so its accuracy cannot be checked.")
    name, pairs = str(row["id"]), _pairs(row["dataset"])
    for stored in ({key: row.get(key) for key in ("n", "top1", "top5", "pair_top1")}, result):
        check_stored(stored, outcome, name, pairs)
    if video := row.get("video_predictions"):
        at_video = read_own(Path(video), result.get("class_names"))
        check_stored({"top1": row.get("top1_video")}, at_video, f"{name}, video level")
    return outcome


def _pairs(dataset: str) -> Sequence[tuple[str, str]]:
    try:
        return info(dataset).pairs
    except BadInput:  # a data set of another codebase
        return ()


def _fingerprint(outcome: Outcome) -> int:
    return hash((outcome.ids.tobytes(), None if outcome.labels is None else outcome.labels.tobytes()))
