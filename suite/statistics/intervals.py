"""95 % intervals where seeds, or Phi and Psi, come in: resampled videos, and variance components.

`suite.benchmarks.coverage` holds them against simulated sweeps with known truth; choices below that look arbitrary are
those that cover there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from suite.spec import BadInput
from suite.statistics.clusters import class_sums
from suite.statistics.proportions import paired, wilson
from suite.statistics.seeds.components import half_width, standard_error, two_level
from suite.statistics.significance import Z95

DRAWS = 2_000
SEEDS_TO_RESAMPLE = 10  # below, resampled seeds cover too little
NEAR = 2.5  # standard errors above the baseline within which a model may in truth be below it

Pairs = Sequence[tuple[int, int]]  # (run, its TSN baseline), as indices
Estimate = tuple[float, float, float]  # value, low, high
UNKNOWN = (math.nan,) * 3


# --- draws: what the accuracies of R runs could have been ------------------------------------------------------------


def bootstrap_accuracies(correct: np.ndarray, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Accuracies (D, R) in percent of R runs, bool (R, N), on D resamples of their N videos, the same for all runs."""
    correct = np.asarray(correct)
    if correct.ndim != 2 or not correct.shape[1]:
        raise BadInput(f"A bootstrap needs the outcomes of runs on the same videos (R, N), not {correct.shape}.")
    rng, n = np.random.default_rng(seed), correct.shape[1]
    values = np.ascontiguousarray(correct.T, dtype=np.float32)  # sums of up to 2^24 videos are exact
    out = np.empty((draws, correct.shape[0]))
    step = max(1, 4_000_000 // n)  # resamples at a time: 16 MB of weights
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        videos = rng.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]
        weights = np.bincount(videos.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float32)
        out[start : start + rows] = weights @ values
    return out * (100 / n)


def binomial_accuracies(top1: Sequence[float], n: Sequence[float], draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Draws (D, R) in percent for runs of which only the accuracy top1 (R,) on n (R,) videos is known, independent.

    From the Jeffreys posterior, Beta(right + 1/2, wrong + 1/2), whose quantiles cover also near 0 and 100 %, where
    Binomial(n, p) does not.  Unknown accuracy or n: a column of NaN.  The difference or ratio of two models tested on
    the same videos varies less than these draws; a mean over such pairs may vary more (`mean_contribution_interval`).
    """
    top1, n = np.array(top1, dtype=float), np.array(n, dtype=float)
    known = ~np.isnan(top1) & (n >= 1)
    right = top1[known] * n[known] / 100
    out = np.full((draws, len(top1)), np.nan)
    rng = np.random.default_rng(seed)
    out[:, known] = 100 * rng.beta(right + 0.5, n[known] - right + 0.5, size=(draws, len(right)))
    return out


def interval_of(draws: np.ndarray) -> tuple:
    """2.5 % and 97.5 % quantiles of draws (D,), or of each column of (D, P); NaN draws are left out."""
    draws = np.asarray(draws, dtype=float)
    if not np.isnan(draws).any():
        low, high = np.quantile(draws, (0.025, 0.975), axis=0)
    else:
        drawn = ~np.isnan(draws).all(axis=0)
        bounds = np.full((2, *draws.shape[1:]), np.nan)
        bounds[:, drawn] = np.nanquantile(draws[:, drawn], (0.025, 0.975), axis=0)
        low, high = bounds
    return (float(low), float(high)) if draws.ndim == 1 else (low, high)


# --- Phi and Psi of runs with one seed -------------------------------------------------------------------------------


def _ratio_and_psi(top1: np.ndarray, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """baseline / top1, capped at 2 only (NaN where both are 0), and Psi (NaN at a baseline of 100), both (..., P)."""
    cells = np.array(pairs, dtype=int).reshape(-1, 2)
    model, baseline = np.asarray(top1, dtype=float)[..., cells[:, 0]], np.asarray(top1, dtype=float)[..., cells[:, 1]]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.minimum(baseline / model, 2), np.where(baseline < 100, (model - baseline) / (100 - baseline), np.nan)


def contribution_draws(draws: np.ndarray, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Phi and Psi (D, P), fractions, of each (run, baseline) in each of the draws (D, R); see `contribution`."""
    ratio, psi = _ratio_and_psi(draws, pairs)
    return np.minimum(ratio, 1), psi


def mean_contribution_interval(
    top1: Sequence[float], draws: np.ndarray, pairs: Pairs, together: bool = True
) -> dict[str, Estimate]:
    """Mean Phi and Psi over cells (run, baseline) of top1 (R,) in percent, 95 % intervals from draws (D, R).

    together=True: the draws say how cells move together (`bootstrap_accuracies`, or `binomial_accuracies` of cells on
    different videos).  together=False: they do not; cells are then taken to err in the same direction all at once, the
    widest their mean can be.  That is for `binomial_accuracies` on shared videos: models of one kind fail on the same
    videos, so that independent draws would make a mean over them look too certain.
    Cells with an unknown accuracy are left out; NaN without any.

    Psi and a single Phi: quantiles of the draws.  A mean of several Phi has no such interval, because each is capped at
    1 and at the cap draws only fall: for six models as good as TSN their quantiles cover 17 %.  For a ratio r and its
    estimate e, E min(e, 1) <= min(r, 1) <= r.  So the capped mean less the spread of the ratios bounds it from below,
    and the mean with cells near the cap uncapped, plus that spread, from above.  Cells far above the cap are 1.
    """
    ratio, psi = _ratio_and_psi(top1, pairs)
    drawn_ratio, drawn_psi = _ratio_and_psi(draws, pairs)
    if not together:
        drawn_ratio, drawn_psi = np.sort(drawn_ratio, axis=0), np.sort(drawn_psi, axis=0)
    near = _near(ratio, drawn_ratio.std(axis=0))
    spread = interval_of((drawn_ratio - ratio)[:, near].sum(axis=1))
    known = ~np.isnan(psi)
    if not known.any():
        return {"phi": _mean_phi(ratio, near, *spread), "psi": UNKNOWN}
    psi_limits = interval_of(drawn_psi[:, known].mean(axis=1))
    return {"phi": _mean_phi(ratio, near, *spread), "psi": (float(psi[known].mean()), *psi_limits)}


def _near(ratio: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Which ratios (P,) with these standard errors may in truth be below 1; a single one always counts."""
    known = ~np.isnan(ratio)
    return known & ((ratio < 1 + NEAR * error) | (known.sum() == 1))


def _mean_phi(ratio: np.ndarray, near: np.ndarray, below: float, above: float) -> Estimate:
    """Mean of the capped ratios (P,) and its limits, from those of the error of the sum of the ratios that are near."""
    known = ~np.isnan(ratio)
    if not known.any():
        return UNKNOWN
    cells, uncapped = known.sum(), np.where(near, ratio, 1)[known].mean()
    value = np.minimum(ratio[known], 1).mean()
    lowest = uncapped if cells == 1 else value  # capping one ratio keeps the order of its draws: their quantiles hold
    return float(value), min(1.0, float(lowest + below / cells)), min(1.0, float(uncapped + above / cells))


# --- several seeds ---------------------------------------------------------------------------------------------------


def accuracy_interval(
    correct: np.ndarray, draws: int = DRAWS, seed: int = 0, clusters: np.ndarray | None = None
) -> tuple[float, float, str]:
    """95 % interval of the mean accuracy in percent of S seeds on the same videos, bool (S, N), and what it speaks of.

    One seed: Wilson, "videos only".  2 to 9: t on variance components, on the logit scale so that it stays within
    0..100, "videos and seeds (t)".  From 10: two-level bootstrap, "videos and seeds (bootstrap)".
    With two seeds that differ more than the videos explain it covers less than it says (down to about 90 %).

    `clusters` (N,), the class of each video: whole classes are resampled instead of videos (`statistics.clusters`),
    "classes only (bootstrap)" or "classes and seeds (...)".  At 0 or 100 %: Wilson with the number of classes as n.
    """
    correct = _checked_outcomes([correct])[0]
    p, (seeds, n) = float(correct.mean()), correct.shape
    how = _sampled_units([seeds], clusters=clusters is not None)
    if p in (0, 1):
        return *wilson(100 * p, n if clusters is None else len(class_sums(correct[0], clusters)[1])), how
    if seeds == 1 and clusters is None:
        return *wilson(100 * p, n), how
    if seeds == 1 or seeds >= SEEDS_TO_RESAMPLE:
        low, high = interval_of(two_level([1.0], [correct], draws, seed, clusters))
        return max(0.0, 100 * (p + low)), min(100.0, 100 * (p + high)), how
    from scipy.special import expit, logit

    half = half_width([1.0], [correct], clusters) / (p * (1 - p))
    return float(100 * expit(logit(p) - half)), float(100 * expit(logit(p) + half)), how


def difference_interval(
    correct_a: np.ndarray,
    correct_b: np.ndarray,
    matched: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
    clusters: np.ndarray | None = None,
) -> tuple[float, float, float, str]:
    """Difference a - b of mean accuracies in percentage points, 95 % interval, and what it speaks of.

    Outcomes are bool (S_a, N) and (S_b, N) on the same videos; matched=True: seed s of a belongs to seed s of b.
    One seed each: Tango's score interval (`paired`); else as `accuracy_interval`, without the logit.
    `clusters` (N,), the class of each video, as in `accuracy_interval`; with one seed each the interval also holds the
    score interval, which has a width where no class differs.
    """
    a, b = outcomes = _checked_outcomes([correct_a, correct_b])
    difference, seeds = float(100 * (a.mean() - b.mean())), [len(a), len(b)]
    how = _sampled_units(seeds, clusters=clusters is not None)
    score = None
    if max(seeds) == 1:
        found = paired(a[0], b[0])
        score = found.low, found.high
    if score and clusters is None:
        return difference, *score, how
    weights, outcomes = _match([1.0, -1.0], outcomes, matched)
    if score or min(seeds) >= SEEDS_TO_RESAMPLE:
        low, high = (difference + 100 * x for x in interval_of(two_level(weights, outcomes, draws, seed, clusters)))
        if score:
            low, high = min(low, score[0]), max(high, score[1])
        return difference, low, high, how
    half = 100 * half_width(weights, outcomes, clusters)
    return difference, difference - half, difference + half, how


def difference_error(correct_a: np.ndarray, correct_b: np.ndarray) -> tuple[float, float, float]:
    """Difference a - b in percentage points, its standard error and degrees of freedom, for a t test.

    Outcomes as in `difference_interval`, several seeds of at least one of the two; its t interval is this one.
    """
    a, b = outcomes = _checked_outcomes([correct_a, correct_b])
    error, degrees = standard_error([1.0, -1.0], outcomes)
    return float(100 * (a.mean() - b.mean())), 100 * error, degrees


def contribution_interval(
    correct: Sequence[np.ndarray], pairs: Pairs, matched: bool = False, draws: int = DRAWS, seed: int = 0
) -> dict[str, Estimate | str]:
    """Mean Phi and Psi over cells (run, baseline) with 95 % intervals, from R runs with outcomes bool (S_r, N).

    {"phi": (value, low, high), "psi": (value, low, high), "how": what it speaks of}; Phi and Psi are of the means over
    seeds.  One seed each: bootstrap over videos; else, however many, t on variance components by the delta method.
    """
    outcomes = _checked_outcomes(correct)
    seeds = [len(c) for c in outcomes]
    top1 = np.array([100 * c.mean() for c in outcomes])
    if max(seeds) == 1:
        drawn = bootstrap_accuracies(np.concatenate(outcomes), draws, seed)
        return {**mean_contribution_interval(top1, drawn, pairs), "how": _sampled_units(seeds)}
    ratio, psi = _ratio_and_psi(top1, pairs)
    cells = np.array(pairs, dtype=int).reshape(-1, 2)
    (model, baseline), cell = top1[cells.T] / 100, np.arange(len(cells))
    of_ratio, of_psi = np.zeros((2, len(cells), len(top1)))  # derivatives of each cell by each accuracy
    with np.errstate(divide="ignore", invalid="ignore"):
        of_ratio[cell, cells[:, 0]], of_ratio[cell, cells[:, 1]] = -baseline / model**2, 1 / model
        of_psi[cell, cells[:, 0]], of_psi[cell, cells[:, 1]] = 1 / (1 - baseline), -(1 - model) / (1 - baseline) ** 2
    of_ratio[model == 0] = 0  # as bad as can be: Phi is 1

    def half(weights: np.ndarray) -> float:
        return half_width(*_match(weights, outcomes, matched))

    near = _near(ratio, np.array([half(weights) / Z95 for weights in of_ratio]))
    error = half(of_ratio[near].sum(axis=0))
    found = {
        "phi": _mean_phi(ratio, near, -error, error),
        "psi": UNKNOWN,
        "how": _sampled_units(seeds, resampled=False),
    }
    if (known := ~np.isnan(psi)).any():
        value, error = float(psi[known].mean()), half(of_psi[known].mean(axis=0))
        found["psi"] = (value, value - error, value + error)
    return found


def _checked_outcomes(correct: Sequence[np.ndarray]) -> list[np.ndarray]:
    out = [np.asarray(c, dtype=bool) for c in correct]
    shapes = [c.shape for c in out]
    if any(len(s) != 2 or not all(s) for s in shapes) or len({s[1] for s in shapes}) != 1:
        raise BadInput(f"Outcomes are (seeds, videos) on the same videos, not {', '.join(map(str, shapes))}.")
    return out


def _sampled_units(seeds: Sequence[int], resampled: bool = True, clusters: bool = False) -> str:
    sampled = "classes" if clusters else "videos"
    if max(seeds) == 1:
        return "classes only (bootstrap)" if clusters else "videos only"
    if min(seeds) == 1:
        return f"{sampled}, and seeds where there are several (t)"
    return f"{sampled} and seeds ({'bootstrap' if resampled and min(seeds) >= SEEDS_TO_RESAMPLE else 't'})"


def _match(weights: Sequence[float], correct: list[np.ndarray], matched: bool) -> tuple[Sequence[float], list]:
    """Runs whose seeds belong together become one: its "outcome" per seed and video is their weighted sum."""
    if not matched:
        return weights, correct
    if len({len(c) for c in correct}) > 1:
        raise BadInput("Seeds are matched one to one: give the same number of seeds of every run.")
    return [1.0], [sum(w * c for w, c in zip(weights, correct, strict=True))]
