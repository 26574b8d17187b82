"""Which models of a table are not significantly different from the best, at a family-wise error rate of 5 %.

A model is out when it is significantly worse than some other model.  All pairs are tested; their differences are
correlated (the same videos, a common model), so the critical value is a quantile of the largest of all studentised
differences (max-T), drawn from a normal distribution with the estimated covariance of the accuracies.  When all models
are equally good, any of them is out with a probability of at most 5 %; when they are not, that holds for the best.
"Good" is said of the trained weights where models have one seed, of training where they have several.

With several seeds a difference must be significant twice: with the variance between the seeds of its two models, since
seeds may differ more for some models than for others, and with that pooled over all models, since that of two models
with few seeds may be small by chance.  In simulations of eight models with three seeds, pooling alone errs in 14 to
19 % of tables in which two models differ ten times as much between seeds as the others, and the variance of the two
models alone in 10 % of tables in which seeds matter more than videos; both together in at most 5 %.

Sources: Hsu 1984, Annals of Statistics 12:1136 (comparisons with the best); Romano and Wolf 2005, JASA 100:94 (max-T in
steps).  `suite.benchmarks.bold` simulates error rates and power.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from suite.statistics.proportions import mcnemar_p_values
from suite.statistics.seeds.components import seed_variances
from suite.statistics.seeds.spread import SeedSpread, normal_to_t
from suite.statistics.significance import ALPHA

DRAWS = 5_000
BLOCK = 500  # draws at a time, so that those of a few hundred models stay in the cache
MCNEMAR = "exact McNemar test"
PAIRED_T = "paired t test over seeds and videos"
UNPAIRED = "Newcombe interval for independent samples"
UNPAIRED_T = "Newcombe interval for independent samples, widened by the variance between seeds"
ONE_SEED = (MCNEMAR, UNPAIRED)  # about the trained weights, not about training again


@dataclass(frozen=True)
class Measured:
    """What is known of the accuracy of one model on one data set."""

    top1: float  # percent, mean over seeds
    n: float  # test videos
    seeds: int = 1
    sd: float = math.nan  # sample standard deviation over seeds in percentage points
    correct: np.ndarray | None = None  # (seeds, N) bool; the same N videos in all models that have it


@dataclass(frozen=True)
class BestSet:
    """The models (k,) bool that are not significantly worse than any other, and the tests that said so."""

    members: np.ndarray
    tests: tuple[str, ...]
    borrowed: bool = False  # models with one seed were given the variance between seeds of others


def best_set(models: Sequence[Measured], draws: int = DRAWS, seed: int = 0, alpha: float = ALPHA) -> BestSet:
    """Which of k models are not significantly different from the best.

    Each pair is tested with what both have: predictions of one seed each, exact McNemar; predictions of several seeds,
    the variance of the paired difference; an accuracy alone, Newcombe's interval for independent samples, which is
    conservative on shared videos.  Where some model has several seeds, every difference also gets a
    variance between seeds and a t distribution; a model with one seed borrows the variance of the others, pooled.

    All pairs of a table are one family, whatever their tests; an accuracy alone counts as independent of all others.
    Step-down: once models are out, the critical value is that of the remaining ones against all models.  The most
    accurate model is never out.  top1 and n must be known where there are no predictions.
    """
    if len(models) < 2:
        return BestSet(np.ones(len(models), dtype=bool), ())
    pairs = _Pairs(models, alpha)
    # The critical value lies between those of a single pair and of Bonferroni, which often leave nothing open.
    members = ~pairs.worse_than_some(_normal(1 - alpha / (len(models) * (len(models) - 1))))
    if len(models) == 2 or not (pairs.worse_than_some(0.0) & members).any():
        return BestSet(members, pairs.tests(), pairs.spread.borrowed)
    rows = np.flatnonzero(members)
    largest = pairs.largest_differences(rows, draws, seed)
    while True:
        drawn = np.sort(largest[:, members[rows]].max(axis=1))
        rank = min(math.ceil((draws + 1) * (1 - alpha)), draws)  # makes the test exact for any number of draws
        worse = pairs.worse_than_some(float(drawn[rank - 1])) & members
        if not worse.any():
            return BestSet(members, pairs.tests(), pairs.spread.borrowed)
        members &= ~worse


def _normal(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))


class _Pairs:
    """All pairs (i, j) of k models; accuracies are fractions, a difference is that of j minus that of i."""

    def __init__(self, models: Sequence[Measured], alpha: float = ALPHA):
        known = np.array([m.correct is not None for m in models])
        seeds = np.array([m.seeds if m.correct is None else len(m.correct) for m in models])
        self.accuracy = np.array([m.top1 / 100 if m.correct is None else m.correct.mean() for m in models], dtype=float)
        self.n = np.array([m.n if m.correct is None else m.correct.shape[1] for m in models], dtype=float)
        self.paired = np.logical_and.outer(known, known)
        self.exact = np.logical_and.outer(known & (seeds == 1), known & (seeds == 1))
        self.z = _mcnemar_z(models, known & (seeds == 1))

        of_videos = np.zeros((len(models), len(models)))
        if known.any():
            of_videos[np.ix_(known, known)] = _covariance_of_videos(
                [m.correct for m in models if m.correct is not None]
            )
        shrunk = (self.accuracy * self.n + 0.5) / (self.n + 1)  # no variance of 0 at an accuracy of 0 or 1
        of_videos[~known, ~known] = (shrunk * (1 - shrunk) / self.n)[~known]
        self.spread = SeedSpread(*zip(*map(_seed_variances, models), strict=True), seeds)
        # Of the covariances that means over seeds can have, equal variances make the largest of all differences largest
        # (Hayter 1984, Annals of Statistics 12:61); that of a few seeds is too uncertain to draw from.
        self.covariance = np.eye(len(models)) if self.spread.several else of_videos  # (k, k), of the accuracies
        self.video_variance = _of_differences(of_videos)
        # (variance between seeds, degrees of freedom), (k, k) each: of the two models, and pooled over all
        self.spreads = [self.spread.of_pairs(self.video_variance, pooled) for pooled in (False, True)]
        self.least = _normal(1 - alpha / 2)  # the critical value of a pair alone

    def tests(self) -> tuple[str, ...]:
        """Those in use, for the note under a table."""
        off = ~np.eye(len(self.n), dtype=bool)
        paired, unpaired = (PAIRED_T, UNPAIRED_T) if self.spread.several else (MCNEMAR, UNPAIRED)
        return (paired,) * bool((self.paired & off).any()) + (unpaired,) * bool((~self.paired & off).any())

    def largest_differences(self, rows: np.ndarray, draws: int, seed: int) -> np.ndarray:
        """(draws, len(rows)): by how many standard errors a model is below some other when all are equally good."""
        rng, variance = np.random.default_rng(seed), _of_differences(self.covariance)
        scale = np.divide(1, np.sqrt(variance), out=np.zeros_like(variance), where=variance > 1e-15).astype(np.float32)
        values, vectors = np.linalg.eigh(self.covariance)
        root = (vectors * np.sqrt(np.maximum(0, values))).astype(np.float32)
        out = np.empty((draws, len(rows)), dtype=np.float32)
        for start in range(0, draws, BLOCK):
            block = out[start : start + BLOCK]
            drawn = root @ rng.standard_normal((len(root), len(block)), dtype=np.float32)
            for column, i in enumerate(rows):
                block[:, column] = ((drawn - drawn[i]) * scale[i, :, None]).max(axis=0)
        return out

    def worse_than_some(self, critical: float) -> np.ndarray:
        """(k,): which models are below some other by more than the half-width of the interval at a critical value.

        critical: a normal value, of which each pair takes the t of its degrees of freedom; at least that of one pair.
        """
        z = max(critical, self.least)
        with np.errstate(divide="ignore", invalid="ignore"):
            exact = np.where(self.z > 0, np.abs(self._differences()) / self.z, np.inf)
        # 1 / n^2 is the variance of one discordant video more: where they are few they do not count as certainty
        paired = np.sqrt(self.video_variance + 1 / self.n**2)
        # far in the tails Newcombe's interval is 1 % too narrow at 1,000 videos, which would make 6 % of 5 %
        unpaired = np.maximum(self._newcombe(z) / z, np.sqrt(self.video_variance))
        error = np.where(self.exact, exact, np.where(self.paired, paired, unpaired))
        (own, free), (pooled, free_of_all) = self.spreads
        half = (
            # degrees between the two: those of the models alone leave little power, those of all err in 6 % of tables
            normal_to_t(z, 2 / np.maximum(1e-9, 1 / free + 1 / free_of_all)) * np.hypot(error, np.sqrt(own)),
            normal_to_t(z, free_of_all) * np.hypot(error, np.sqrt(pooled)),
        )
        return (self._differences() > np.maximum(*half)).any(axis=1)

    def _differences(self) -> np.ndarray:
        return self.accuracy[None, :] - self.accuracy[:, None]

    def _newcombe(self, z: float) -> np.ndarray:
        """How far the lower limit of Newcombe's interval is below j - i, from the Wilson limits at z."""
        p, n = self.accuracy, self.n
        centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        return np.hypot((centre + half - p)[:, None], (p - centre + half)[None, :])


def _of_differences(covariance: np.ndarray) -> np.ndarray:
    own = np.diag(covariance)
    return np.maximum(0, own[:, None] + own[None, :] - 2 * covariance)


def _covariance_of_videos(correct: Sequence[np.ndarray]) -> np.ndarray:
    """(P, P) covariance of the mean accuracies of P models over other videos, from their outcomes (S_p, N)."""
    values = np.stack([c.mean(axis=0, dtype=np.float32) for c in correct])
    values -= values.mean(axis=1, keepdims=True)
    return (values @ values.T).astype(float) / values.shape[1] ** 2


def _mcnemar_z(models: Sequence[Measured], single: np.ndarray) -> np.ndarray:
    """(k, k): the normal quantile of McNemar's exact p for pairs of models with one seed each; 0 for others."""
    from scipy.special import ndtri

    out = np.zeros((len(models), len(models)))
    if single.sum() > 1:
        right = np.concatenate([m.correct for m, of_one in zip(models, single, strict=True) if of_one]).astype(
            np.float32
        )
        both = right @ right.T
        upper = np.triu_indices(len(right), 1)
        only = np.diag(both)[:, None] - both  # (P, P): videos that the first has right and the second has not
        z = np.zeros(both.shape)
        z[upper] = -ndtri(mcnemar_p_values(only[upper], only.T[upper]) / 2)
        out[np.ix_(single, single)] = z + z.T
    return out


def _seed_variances(model: Measured) -> tuple[float, float]:
    """Of the accuracy (a fraction) of one run: the variance between seeds, and that part of it which is of the videos.

    Of accuracies alone the second part is unknown and taken as 0; NaN with one seed.
    """
    if model.correct is None:
        return ((model.sd / 100) ** 2 if model.seeds > 1 else math.nan), 0.0
    if len(model.correct) == 1:
        return math.nan, 0.0
    between, residual = seed_variances(model.correct)
    return between * len(model.correct), residual * len(model.correct)
