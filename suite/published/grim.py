"""GRIM: can a printed accuracy be a share of n videos at all?  (Brown and Heathers 2017, for percentages)

An accuracy is a count over n.  With enough decimals few counts round to the printed value, so that the values of many
runs give n away, and a value that no n explains was not made like the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

CHANCE = 1e-6  # an n counts as found when as many values would fit a wrong n this rarely, over all n that were tried


def fits(value: float, decimals: int, n: int | np.ndarray) -> np.ndarray:
    """Whether round(100 k / n, decimals) is `value` (percent) for an integer k; for one n or an array of them."""
    n = np.asarray(n, float)
    count = np.round(value * n / 100)
    off = np.abs(100 * count / n - value)
    return off <= 0.5 * 10.0**-decimals * (1 + 1e-9) + 1e-12


def explain(values: Sequence[float], decimals: int, low: int, high: int) -> list[tuple[int, list[int]]]:
    """The n in [low, high] that explain the values, most values first: [(n, indices of values that fit it), …].

    Greedy: the n that most of the values fit, then the n that most of the rest fit, while more fit than chance allows.
    """
    candidates = np.arange(low, high + 1)
    matrix = (
        np.stack([fits(value, decimals, candidates) for value in values]) if len(values) else np.zeros((0, 1), bool)
    )
    left, found = np.ones(len(values), bool), []
    while left.any():
        counts = matrix[left].sum(0)
        best = int(counts.argmax())
        by_chance = min(1.0, 10.0**-decimals * candidates[best] / 100)
        if len(candidates) * _tail(int(counts[best]), int(left.sum()), by_chance) > CHANCE:
            break
        explained = matrix[:, best] & left
        found.append((int(candidates[best]), [int(i) for i in np.flatnonzero(explained)]))
        left &= ~explained
    return found


def _tail(k: int, n: int, p: float) -> float:
    """P(X >= k) of a binomial X."""
    return math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))
