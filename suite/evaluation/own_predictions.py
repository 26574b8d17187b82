"""The predictions.parquet of our runs: reading it, and checking the stored accuracies against it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite.evaluation.predictions import Outcome
from suite.spec import BadInput, shown
from suite.statistics.calibration import confidence_of


def read_own(path: Path, classes: list[str] | tuple[str, ...] | None = None, keep_logits: bool = False) -> Outcome:
    """The predictions.parquet that this suite wrote, read column by column; classes: their names; keep_logits: the
    outcome has the logits, (N, K).

    Raises BadInput when the file is missing or damaged, or a logit is not finite: NaN would be the largest of all.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=None)
        ids, logits = np.asarray(table["id"].to_pylist()), table["logits"].combine_chunks()
        values = logits.values.to_numpy(zero_copy_only=False).reshape(len(logits), -1)
    except (OSError, pa.ArrowException, KeyError, ValueError, AttributeError) as error:
        raise BadInput(f"{path} is {_state(error)}; restore it, or move its folder away to run it again.") from None
    if not np.isfinite(values).all():
        odd = np.flatnonzero(~np.isfinite(values).all(1))
        raise BadInput(f"{path}: the logits of video '{ids[odd[0]]}' are not finite ({len(odd)} such videos).")
    labels = table["label"].to_numpy() if "label" in table.column_names else None
    order = np.argsort(ids, kind="stable")
    names = tuple(classes) if classes else None
    predicted = values.argmax(1)
    top5 = None if labels is None else _top5(values, predicted, labels, path)
    confidence = confidence_of(values)[order]
    labels = None if labels is None else labels[order]
    kept = values[order] if keep_logits else None
    return Outcome(ids[order], predicted[order], labels, names, confidence=confidence, top5=top5, logits=kept)


def _top5(logits: np.ndarray, predicted: np.ndarray, labels: np.ndarray, path: Path) -> float:
    """Percent of videos whose class is among the five highest; of equal logits the lower class stands first."""
    if len(labels) and not (labels.dtype.kind in "iu" and labels.min() >= 0 and labels.max() < logits.shape[1]):
        raise BadInput(f"{path} has a label that is not one of its {logits.shape[1]} classes.")
    own = logits[np.arange(len(labels)), labels][:, None]
    before = (logits > own).sum(1, dtype=np.uint8 if logits.shape[1] < 256 else np.int64)
    near = np.flatnonzero((before < 5) & (predicted != labels))  # where equal logits of lower classes may matter
    earlier = np.arange(logits.shape[1]) < labels[near, None]
    before[near] += ((logits[near] == own[near]) & earlier).sum(1, dtype=before.dtype)
    return 100 * float((before < 5).mean())


def check_stored(
    stored: Mapping[str, Any], outcome: Outcome, where: str, class_pairs: Sequence[tuple[str, str]] = ()
) -> None:
    """Raises BadInput when accuracies that are stored beside predictions do not follow from them.

    stored: `n`, `top1`, `top5`, `pair_top1` (percent) and `per_class` (class name -> percent), as far as they are
    there; class_pairs: what `pair_top1` is of.
    """
    if outcome.labels is None:
        return
    right = outcome.predicted == outcome.labels
    pairs = [("n", stored.get("n"), len(right)), ("top-1", stored.get("top1"), 100 * float(right.mean()))]
    pairs += [("top-5", stored.get("top5"), outcome.top5)]
    if class_pairs and outcome.classes and set(outcome.classes) >= {name for pair in class_pairs for name in pair}:
        pairs += [("pair accuracy", stored.get("pair_top1"), _pair_accuracy(outcome, class_pairs))]
    per_class = stored.get("per_class")
    if outcome.classes and isinstance(per_class, Mapping):
        counts = np.bincount(outcome.labels, minlength=len(outcome.classes))
        hits = np.bincount(outcome.labels[right], minlength=len(outcome.classes))
        found = {name: 100 * hits[i] / counts[i] for i, name in enumerate(outcome.classes) if counts[i]}
        pairs += [(f"top-1 of class '{name}'", per_class.get(name), found.get(name)) for name in {**found, **per_class}]
    for name, said, found in pairs:
        if said is None or (isinstance(said, float) and math.isnan(said)) or (name == "top-5" and found is None):
            continue  # not stored; or not to be computed
        if not isinstance(said, int | float) or found is None or abs(said - found) > 1e-6:
            shown = "nothing" if found is None else f"{found:.10g}"
            raise BadInput(
                f"{where}: the result states {name} {said if not isinstance(said, float) else f'{said:.10g}'}, but the "
                f"predictions give {shown}; the folder of the run was edited or is damaged."
            )


def _pair_accuracy(outcome: Outcome, class_pairs: Sequence[tuple[str, str]]) -> float:
    """Percent of videos whose predicted class is in the pair of the true one."""
    pair_of = np.arange(len(outcome.classes))
    for first, second in class_pairs:
        pair_of[outcome.classes.index(second)] = outcome.classes.index(first)
    return 100 * float((pair_of[outcome.predicted] == pair_of[outcome.labels]).mean())


def _state(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "missing"
    return f"damaged ({shown(' '.join(str(error).split()))})"
