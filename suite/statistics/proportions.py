"""What videos of the same kind would have given: one accuracy, two on the same videos, p-values of many tests.

Accuracies and differences are in percent and percentage points; intervals are of 95 %.  All of it speaks of the videos
drawn, not of seeds (`suite.statistics.intervals` does both).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from suite.spec import BadInput
from suite.statistics.significance import ALPHA, Z95


def wilson(percent: float, n: float, z: float = Z95) -> tuple[float, float]:
    """95 % Wilson score interval of an accuracy, both in percent, from `n` videos evaluated.

    It speaks of the videos drawn, not of seeds.  An unknown accuracy or n gives (nan, nan).  `z`: the normal quantile
    of another level.
    Source: Wilson 1927; equals scipy.stats.binomtest(...).proportion_ci(method="wilson"), which also computes a
    p-value that nobody asks for here and takes a second to import.
    """
    if math.isnan(percent) or math.isnan(n) or n < 1:
        return math.nan, math.nan
    p = percent / 100
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max(0.0, 100 * (centre - half)), min(100.0, 100 * (centre + half))


def newcombe(a: float, n_a: float, b: float, n_b: float, z: float = Z95) -> tuple[float, float]:
    """95 % interval of the difference a - b of two accuracies on different videos, in percentage points.

    `a`, `b` in percent, `n_a`, `n_b` videos; (nan, nan) where one is unknown.  Too wide for models tested on the same
    videos: take `paired`.  `z`: the normal quantile of another level.
    Source: Newcombe 1998, Statistics in Medicine 17:873, method 10 (hybrid score).
    """
    low_a, high_a = wilson(a, n_a, z)
    low_b, high_b = wilson(b, n_b, z)
    return a - b - math.hypot(a - low_a, high_b - b), a - b + math.hypot(high_a - a, b - low_b)


def mean_interval(percents: Sequence[float], n: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean of accuracies on different videos, in percent; (nan, nan) where one is unknown.

    The distances of the limits of each Wilson interval add up as squares.
    Source: Zou and Donner 2008, Statistics in Medicine 27:1693 (MOVER), as `newcombe` for a difference.
    """
    limits = [wilson(percent, count) for percent, count in zip(percents, n, strict=True)]
    mean = sum(percents) / len(percents)
    below = math.hypot(*(percent - low for percent, (low, _) in zip(percents, limits, strict=True)))
    above = math.hypot(*(high - percent for percent, (_, high) in zip(percents, limits, strict=True)))
    return mean - below / len(percents), mean + above / len(percents)


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value of McNemar's test: `only_a` videos only a has right, `only_b` only b; 1 without any.

    Source: McNemar 1947; the binomial test of only_a among only_a + only_b at one half.
    """
    return float(mcnemar_p_values(np.asarray(only_a), np.asarray(only_b)))


def mcnemar_p_values(only_a: np.ndarray, only_b: np.ndarray) -> np.ndarray:
    """`mcnemar` of each pair of counts, arrays of one shape."""
    from scipy.special import bdtr

    return np.minimum(1.0, 2 * bdtr(np.minimum(only_a, only_b).astype(float), only_a + only_b, 0.5))


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values (M,) of M tests; NaN stays NaN and does not count as a test.

    Source: Holm 1979.
    """
    p = np.array(p_values, dtype=float)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN sorts last
    p[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return p


def minimal_detectable_difference(n: float, discordant: float, power: float = 0.8, alpha: float = ALPHA) -> float:
    """The difference in percentage points that McNemar's test finds with probability `power`.

    `n` videos on which both models are tested, `discordant` the share (0..1) of videos that exactly one of them has
    right.  NaN where even a difference as large as that share would escape, or a number is unknown.
    Source: Connor 1987, Biometrics 43:207: n d = z(1 - alpha/2) sqrt(n s) + z(power) sqrt(n (s - d^2)) for share s and
    difference d, solved for d; one video more on the right is the continuity correction, as the test is the exact one.
    """
    if math.isnan(n) or math.isnan(discordant) or n < 1:
        return math.nan
    if not (0 <= discordant <= 1 and 0 < power < 1 and 0 < alpha < 1):
        raise BadInput("The share of discordant videos, the power and alpha are fractions between 0 and 1.")
    from scipy.special import ndtri

    reach, z = 1 + ndtri(1 - alpha / 2) * math.sqrt(n * discordant), ndtri(power)
    # (n d - reach)^2 = z^2 n (s - d^2), a quadratic in d of which the larger root has n d > reach
    room = reach**2 - (1 + z**2 / n) * (reach**2 - z**2 * n * discordant)
    found = (reach + math.copysign(math.sqrt(room), z)) / (n + z**2) if room >= 0 else math.inf
    return float(100 * found) if found <= discordant else math.nan


def least_detectable_difference(n: float, power: float = 0.8, alpha: float = ALPHA) -> float | None:
    """The smallest difference in percentage points that `n` videos can show at all, with probability `power`.

    A difference d needs a share of discordant videos of at least d.  It is shown most easily when the share is no
    larger: every discordant video in favour of the same model.  None when n is too small for any difference.
    """
    for only_one in range(1, math.floor(n) + 1):  # about ten
        found = minimal_detectable_difference(n, only_one / n, power, alpha)
        if not math.isnan(found):
            return found
    return None


@dataclass(frozen=True)
class Paired:
    """Two models on the same videos; differences a - b in percentage points."""

    n: int
    difference: float
    low: float  # 95 % score interval, see `tango_interval`
    high: float
    p_mcnemar: float  # exact, two-sided
    only_a: int  # videos that only a has right
    only_b: int
    detectable: float | None  # at 80 % power, with this n and share of discordant videos; None: n is too small for any


def paired(correct_a: np.ndarray, correct_b: np.ndarray) -> Paired:
    """Compares two models by which of the same videos, bool (N,), each has right; videos in the same order.

    The interval (Tango's) holds 0 exactly where the p-value (McNemar's) is 0.05 or more.  `detectable` is
    `minimal_detectable_difference` at the observed share of discordant videos; where that share is too small for any
    difference to be detected, it is `least_detectable_difference`.  Raises BadInput when the shapes differ.
    """
    n, only_a, only_b = _discordant_counts(correct_a, correct_b)
    low, high = tango_interval(only_a, only_b, n)
    detectable: float | None = minimal_detectable_difference(n, (only_a + only_b) / n)
    return Paired(
        n=n,
        difference=100 * (only_a - only_b) / n,
        low=low,
        high=high,
        p_mcnemar=mcnemar(only_a, only_b),
        only_a=only_a,
        only_b=only_b,
        detectable=least_detectable_difference(n) if math.isnan(detectable) else detectable,
    )


def tango_interval(only_a: int, only_b: int, n: int) -> tuple[float, float]:
    """95 % score interval of the difference a - b on the same n videos, in percentage points.

    `only_a` videos only a has right, `only_b` only b.  The interval holds the differences that Tango's score test does
    not reject.  At a difference of 0 that is McNemar's test without continuity correction, which rejects more often
    than the exact one: where the exact p is 0.05 or more the interval is extended to 0, so that it never contradicts
    the p-value beside it.  (Where the exact test rejects, the score test does.)  No discordant video gives an
    interval around 0 of positive width.
    Source: Tango 1998, Statistics in Medicine 17:891.
    """
    estimate = (only_a - only_b) / n
    low = _root(lambda delta: _tango(only_a, only_b, n, delta) > Z95, -1.0, estimate)
    high = _root(lambda delta: _tango(only_a, only_b, n, delta) >= -Z95, estimate, 1.0)
    if mcnemar(only_a, only_b) >= ALPHA:
        low, high = min(low, 0.0), max(high, 0.0)
    return 100 * low, 100 * high


def _root(before: Callable[[float], bool], low: float, high: float) -> float:
    """Where `before` turns from true to false between low and high, by bisection."""
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if before(middle) else (low, middle)
    return (low + high) / 2


def _discordant_counts(correct_a: np.ndarray, correct_b: np.ndarray) -> tuple[int, int, int]:
    a, b = np.asarray(correct_a, dtype=bool), np.asarray(correct_b, dtype=bool)
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        raise BadInput(f"Two models are compared on the same videos, not on {a.shape} and {b.shape} outcomes.")
    return len(a), int((a & ~b).sum()), int((b & ~a).sum())


def equivalence(correct_a: np.ndarray, correct_b: np.ndarray, margin: float) -> float:
    """p-value of the claim that two models differ by less than `margin` percentage points on the same videos.

    `correct_*` bool (N,), margin > 0.  Two one-sided tests (Schuirmann 1987) with Tango's score statistic for paired
    proportions (Tango 1998, Statistics in Medicine 17:891): unlike a t test of the differences, its variance is that at
    the margin, so that few or no discordant videos do not count as certainty.
    """
    if not margin > 0:
        raise BadInput(f"The margin of an equivalence test must be above 0 percentage points, not {margin}.")
    if margin >= 100:
        return 0.0
    from scipy.special import ndtr

    n, only_a, only_b = _discordant_counts(correct_a, correct_b)
    above = _tango(only_a, only_b, n, -margin / 100)  # large when a is not worse by the margin
    below = _tango(only_b, only_a, n, -margin / 100)
    return float(ndtr(-min(above, below)))


def _tango(only_a: int, only_b: int, n: int, delta: float) -> float:
    """Score statistic of "a - b = delta" (a fraction), with the discordant share that is likeliest under it."""
    b = -only_a - only_b + (2 * n - only_a + only_b) * delta
    share_b = (math.sqrt(max(0.0, b**2 + 8 * n * only_b * delta * (1 - delta))) - b) / (4 * n)
    excess, variance = only_a - only_b - n * delta, n * (2 * share_b + delta * (1 - delta))
    return excess / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, excess) if excess else 0.0
