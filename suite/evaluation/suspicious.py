"""Predictions that look wrong in themselves: one class for every video, or classes in another order."""

from __future__ import annotations

import numpy as np

GAIN = 5.0  # points by which relabelling must raise the accuracy on videos that did not choose it
ALPHA = 1e-4  # of the one-sided sign test on the same videos


def suspicions(
    label: str, predicted: np.ndarray, labels: np.ndarray, classes: tuple[str, ...] | None = None
) -> list[str]:
    """Warnings, one sentence each, about predictions (N,) of videos with true classes (N,), class numbers both."""
    if len(np.unique(predicted)) == 1 and len(np.unique(labels)) > 1:
        only = int(predicted[0])
        name = f"'{classes[only]}'" if classes else f"number {only}"
        return [f"{label} predicts one class ({name}) for all {len(predicted)} videos."]
    before, after, p = relabelled(predicted, labels)
    if after - before < GAIN or p > ALPHA:
        return []
    return [
        f"{label}: its classes seem to be in another order: relabelled one to one its accuracy rises from "
        f"{before:.1f} to {after:.1f} % (the relabelling is chosen on one half of the videos and tested on the other); "
        "check 'classes' against the code that made the predictions."
    ]


def relabelled(predicted: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """Accuracy as it is and after the best one-to-one relabelling of the predicted classes (percent), and p.

    Two-fold cross-validation over videos: each half is relabelled by the assignment that is best on the other one, so
    that a relabelling which only fits noise gains nothing.  p: one-sided sign test of the videos that it changes.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.stats import binom

    order = np.random.default_rng(0).permutation(len(labels))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    known, numbers = np.unique(np.concatenate([predicted, labels]), return_inverse=True)
    ours, truth = numbers[: len(predicted)], numbers[len(predicted) :]
    changed = np.zeros(len(labels), dtype=np.int64)
    for chosen_on, tested_on in (halves, halves[::-1]):
        counts = np.zeros((len(known), len(known)))
        np.add.at(counts, (ours[chosen_on], truth[chosen_on]), 1)
        counts[np.diag_indices(len(known))] += 0.5  # of equal assignments the one that changes least
        _, assigned = linear_sum_assignment(counts, maximize=True)
        changed[tested_on] = assigned[ours[tested_on]]
    was, is_now = ours == truth, changed == truth
    gained, lost = int((is_now & ~was).sum()), int((was & ~is_now).sum())
    p = float(binom.sf(gained - 1, gained + lost, 0.5)) if gained + lost else 1.0
    return 100 * float(was.mean()), 100 * float(is_now.mean()), p
