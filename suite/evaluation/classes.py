"""Two models class by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from suite.evaluation.predictions import Outcome
from suite.statistics.proportions import mcnemar


def classes_of(a: Outcome, b: Outcome) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The true class (N,) of each video of two aligned results, and the class names where they are known."""
    known = a if a.labels is not None else b
    return known.labels, known.classes


def benjamini_hochberg(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjusted p-values (M,), q: rejecting where q <= x keeps the expected share of false discoveries at or below x.

    Source: Benjamini and Hochberg 1995, for independent tests; classes share no videos.
    """
    p = np.array(p_values, dtype=float)
    order = np.argsort(p)[::-1]
    q = np.empty_like(p)
    q[order] = np.minimum(1.0, np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1)))
    return q


def compare_classes(
    correct_a: np.ndarray, correct_b: np.ndarray, labels: np.ndarray, names: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Per class of the test videos: n, accuracies and difference (percent), exact McNemar p, q over classes.

    correct_* bool (N,), labels (N,) class numbers.  Sorted by q, then by the size of the difference.
    """
    rows = []
    for label in np.unique(labels):
        of_class = labels == label
        a, b = correct_a[of_class], correct_b[of_class]
        rows.append(
            {
                "class": str(names[label]) if names else str(label),
                "n": len(a),
                "a": 100 * float(a.mean()),
                "b": 100 * float(b.mean()),
                "difference": 100 * float(a.mean() - b.mean()),
                "p": mcnemar(int((a & ~b).sum()), int((b & ~a).sum())),
            }
        )
    for row, q in zip(rows, benjamini_hochberg([row["p"] for row in rows]), strict=True):
        row["q"] = float(q)
    return sorted(rows, key=lambda row: (row["q"], row["p"], -abs(row["difference"]), row["class"]))
