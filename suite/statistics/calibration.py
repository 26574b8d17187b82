"""Expected calibration error: how far the confidence of a prediction is from the share of correct ones."""

from __future__ import annotations

import numpy as np

BINS = 15


def confidence_of(scores: np.ndarray) -> np.ndarray:
    """Largest class probability (N,) from scores (N, K): the softmax of logits, or probabilities as they are.

    Rows that are not negative and sum to one are probabilities: other codebases store either.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.shape[1] > 1 and (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-4):
        return scores.max(axis=1)
    with np.errstate(invalid="ignore"):  # scores that are not finite give NaN; who reads them refuses them
        return 1 / np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1)


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, bins: int = BINS, equal_mass: bool = False
) -> float:
    """Sum over bins of the share of videos times |accuracy - mean confidence|, in percentage points.

    confidence (N,) in 0..1, correct (N,) bool.  Bins of equal width, (0, 1/bins], …, (1 - 1/bins, 1] (Guo et al. 2017),
    or with equal_mass of equal numbers of videos in the order of confidence (Nguyen and O'Connor 2015).
    """
    confidence, correct = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    n = len(confidence)
    if equal_mass:
        member = np.empty(n, dtype=int)
        member[np.argsort(confidence, kind="stable")] = np.arange(n) * bins // n
    else:
        member = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(member, weights=correct - confidence, minlength=bins)
    return float(100 * np.abs(gaps).sum() / n)
