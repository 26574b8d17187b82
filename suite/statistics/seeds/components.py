"""Accuracies over seeds and videos taken apart: how much of their spread is due to each, and what follows for sums.

Outcomes are bool (S, N): S seeds of a run on the same N videos.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from suite.statistics.clusters import class_variance, resampled_classes
from suite.statistics.significance import Z95


def components(weights: Sequence[float], correct: list[np.ndarray]) -> tuple[np.ndarray, list[tuple]]:
    """Per-video values (N,) of sum_r w_r accuracy_r, and per run with seeds (deviations (S,), between, residual).

    Seeds and videos are crossed random effects: outcome = mean + seed_s + video_i + residual_si, hence
    Var(mean) = var_seed / S + var_video / N + var_residual / (S N).  The variance of the values over N holds the last
    two terms of all runs, with what they share; `between`, the variance of a run's accuracies over S, holds the first
    and the last; `residual` is the last, from the two-way analysis of variance, to be counted once.
    """
    values, seeds = np.zeros(correct[0].shape[1]), []
    for weight, c in zip(weights, correct, strict=True):
        if not weight:
            continue
        by_video, (s, n) = c.mean(axis=0), c.shape
        values += weight * by_video
        if s > 1:
            deviations = weight * (c.mean(axis=1) - by_video.mean())
            squares = weight**2 * (np.einsum("si,si->", c, c, dtype=float) - s * (by_video**2).sum())
            residual = max(0.0, squares - n * (deviations**2).sum()) / ((s - 1) * max(1, n - 1)) / (s * n)
            seeds.append((deviations, deviations.var(ddof=1) / s, residual))
    return values, seeds


def seed_variances(correct: np.ndarray) -> tuple[float, float]:
    """Of the mean accuracy (a fraction) of a run, bool (S, N), S > 1: `between` and `residual` of `components`."""
    _, ((_, between, residual),) = components([1.0], [correct])
    return between, residual


def half_width(weights: Sequence[float], correct: list[np.ndarray], clusters: np.ndarray | None = None) -> float:
    """Half the 95 % t interval of sum_r w_r accuracy_r, a fraction, on the variance components.

    Degrees of freedom after Satterthwaite 1946, with the share of seeds in the variance estimated.  From few seeds that
    share is often too small and the degrees too many (92.7 % at three seeds): g divides them, and goes to 1 with more.
    """
    from scipy.special import stdtrit

    error, degrees = standard_error(weights, correct, clusters)
    return Z95 * error if math.isinf(degrees) else float(stdtrit(degrees, 0.975)) * error


def standard_error(
    weights: Sequence[float], correct: list[np.ndarray], clusters: np.ndarray | None = None
) -> tuple[float, float]:
    """Standard error of sum_r w_r accuracy_r, a fraction, and its degrees of freedom: inf with one seed each."""
    values, seeds = components(weights, correct)
    if clusters is not None:
        variance, classes = class_variance(values, clusters)
    else:
        variance, classes = values.var(ddof=1) / len(values) if len(values) > 1 else 0.0, math.inf
    if not seeds:
        return math.sqrt(variance), math.inf
    free = [len(deviations) - 1 for deviations, _, _ in seeds]
    g = 1 + 1 / sum(free)
    uncertain = g * sum(between**2 / f for (_, between, _), f in zip(seeds, free, strict=True))
    uncertain += variance**2 / classes
    variance += max(0.0, sum(between - residual for _, between, residual in seeds))
    degrees = max(min(free), variance**2 / uncertain) if uncertain else math.inf
    return math.sqrt(variance), min(degrees, 1e9)


def two_level(
    weights: Sequence[float], correct: list[np.ndarray], draws: int, seed: int, clusters: np.ndarray | None = None
) -> np.ndarray:
    """Deviations (D,), fractions, of sum_r w_r accuracy_r when seeds and videos (or classes) are both resampled.

    The two levels add up, as the variance components do.  Deviations of resampled seeds are scaled: S / (S - 1) for the
    mean they are taken from, less the residual that the videos' level holds already, and by t over normal quantiles.
    """
    from scipy.special import stdtrit

    rng = np.random.default_rng(seed)
    values, seeds = components(weights, correct)
    if clusters is not None:
        out = resampled_classes(values, clusters, draws, rng)
    else:
        levels, counts = np.unique(values.round(9), return_counts=True)  # few: a resample of them is a multinomial draw
        out = rng.multinomial(len(values), counts / len(values), size=draws) @ levels / len(values) - values.mean()
    for deviations, between, residual in seeds:
        s = len(deviations)
        scale = max(0.0, 1 - residual / between) * s / (s - 1) if between else 0.0
        drawn = deviations[rng.integers(0, s, size=(draws, s))].mean(axis=1)
        out += drawn * math.sqrt(scale) * stdtrit(s - 1, 0.975) / Z95
    return out
