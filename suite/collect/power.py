"""Which difference in accuracy a test set of n videos and s seeds resolves, and how many of each a difference needs.

Shares are fractions (0..1), differences and the seed deviation percentage points.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.collect.evidence import Evidence
from suite.spec import BadInput
from suite.statistics.proportions import minimal_detectable_difference
from suite.statistics.seeds.components import seed_variances
from suite.statistics.significance import ALPHA

if TYPE_CHECKING:
    import pandas as pd

POWER = 0.8
DISCORDANCE = 0.2  # assumed where nothing is measured: the middle of 10 to 30 %
SEED_SD = 0.5  # assumed where nothing is measured
SEEDS = (3, 5, 10, 20)  # for which a plan says what they would resolve
MOST = 10**9  # videos or seeds beyond which none are enough
NODES = 16  # of the quadrature over the variance between seeds of each model


@dataclass(frozen=True)
class PowerSetting:
    """What the resolution depends on.

    discordance: share of videos that exactly one of two models (one seed each) has right.  seed_sd: standard deviation
    of the accuracy over seeds beyond what the sampling of test videos explains.  seed_discordance: share of videos that
    exactly one of two seeds of a model has right; 0, where it is not known, is conservative with several seeds.
    """

    videos: int
    seeds: int
    discordance: float = DISCORDANCE
    seed_sd: float = SEED_SD
    seed_discordance: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.discordance <= 1 and 0 <= self.seed_discordance <= 1):
            raise BadInput(
                f"The discordance, a share of videos, must be above 0 and at most 1, not {self.discordance:g}."
            )
        if not (self.seed_sd >= 0 and math.isfinite(self.seed_sd)):
            raise BadInput(f"The standard deviation over seeds must be at least 0 points, not {self.seed_sd:g}.")

    @property
    def largest(self) -> float:
        """The largest difference in points that two models can have: all discordant videos in favour of one.

        Where seeds of one model are more often discordant than the models measured, theirs is the share of a pair.
        """
        return 100 * max(self.discordance, self.seed_discordance)

    @property
    def discordance_of_means(self) -> float:
        """q of `detectable`: seeds average out what the seeds of a model differ in."""
        return self.largest / 100 - self.seed_discordance * (1 - 1 / self.seeds)


def detectable(setting: PowerSetting, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """The difference in points between two models, each a mean over seeds, that a two-sided test finds; None: none.

    Standard error of the difference of means over s seeds on the same n videos, as `suite.statistics.intervals` models
    it: sqrt((q - d^2) / n + 2 sd^2 / s), where q = discordance - seed_discordance (1 - 1/s).  Two or more seeds: the t
    test of `difference_error`, averaged over what it may estimate as variance between seeds.  One seed: the normal
    distribution with seed_sd taken as known, since one seed cannot estimate it.
    """
    return _smallest(lambda d: _power(setting, d, alpha) >= power, setting.largest)


def detectable_of_weights(setting: PowerSetting, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """The difference in points between two trained models, one seed each, that exact McNemar finds; None: none.

    Connor 1987; it speaks of these weights on other videos, not of training again.
    """
    found = minimal_detectable_difference(setting.videos, setting.discordance, power, alpha)
    return None if math.isnan(found) else found


def needed_videos(setting: PowerSetting, difference: float, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Test videos from which `difference` (points) is found with the seeds of the setting; or None."""
    if difference > setting.largest:
        return None
    return _least(lambda n: _power(_with(setting, videos=n), difference, alpha) >= power)


def needed_videos_of_weights(
    setting: PowerSetting, difference: float, alpha: float = ALPHA, power: float = POWER
) -> int | None:
    """Test videos from which McNemar finds `difference` (points) between two trained models, or None."""
    if difference > 100 * setting.discordance:
        return None

    def enough(videos: int) -> bool:
        found = detectable_of_weights(_with(setting, videos=videos), alpha, power)
        return found is not None and found <= difference

    return _least(enough)


def needed_seeds(setting: PowerSetting, difference: float, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Seeds per model, at least 2, from which `difference` (points) is found on the videos of the setting; or None."""
    if difference > setting.largest:
        return None
    return _least(lambda s: _power(_with(setting, seeds=s), difference, alpha) >= power, 2, 10_000)


def _with(setting: PowerSetting, **changes: int) -> PowerSetting:
    return replace(setting, **changes)


def _power(setting: PowerSetting, difference: float, alpha: float) -> float:
    """Probability that the test finds a true difference in points, in its direction."""
    from scipy.special import ndtr, ndtri, stdtrit

    n, s, d = setting.videos, setting.seeds, difference / 100
    q = setting.discordance_of_means
    of_videos, of_seeds = max(q - d * d, 0.0) / n, (setting.seed_sd / 100) ** 2 / s
    error = math.sqrt(of_videos + 2 * of_seeds)
    if error == 0:
        return 1.0
    if s == 1:
        # under the null hypothesis the variance is that without a difference
        null = math.sqrt(q / n + 2 * of_seeds)
        return float(ndtr((d + ndtri(alpha / 2) * null) / error))
    # As seed_components.standard_error: the estimated variance of a mean over seeds holds a residual over videos.
    residual = setting.seed_discordance / 2 / (n * s)
    weights, one, other = _estimates(s - 1)
    one, other = (of_seeds + residual) * one, (of_seeds + residual) * other
    variance = of_videos + np.maximum(0, one + other - 2 * residual)
    uncertain = (1 + 1 / (2 * (s - 1))) * (one**2 + other**2) / (s - 1)
    degrees = np.clip(variance**2 / np.maximum(uncertain, 1e-300), s - 1, 1e9)
    critical = stdtrit(degrees, 1 - alpha / 2) * np.sqrt(variance)
    return float(weights @ ndtr((d - critical) / error))


@lru_cache(maxsize=64)
def _estimates(free: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (M,) and estimated over true variances (M,) of two models, each with `free` degrees of freedom.

    Gauss-Legendre quadrature over the quantiles of two chi-squared distributions; pairs that are mirrored count once.
    """
    from scipy.special import chdtri

    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    ratio = chdtri(free, (1 - nodes) / 2) / free
    i, j = np.triu_indices(NODES)
    return weights[i] * weights[j] / 4 * np.where(i == j, 1, 2), ratio[i], ratio[j]


def _smallest(enough: Callable[[float], bool], most: float) -> float | None:
    """The least value in (0, most] that is enough, by bisection; None without one."""
    if not enough(most):
        return None
    low, high = 0.0, most
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _least(enough: Callable[[int], bool], least: int = 1, most: int = MOST) -> int | None:
    if not enough(most):
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


# --- what a grid resolves -----------------------------------------------------------------------------------------


def comparisons(models: int) -> dict[str, int]:
    """The number of tests behind each claim about `models` models."""
    return {"one pair": 1, "with the best": max(models - 1, 1), "all pairs": max(models * (models - 1) // 2, 1)}


def resolution(setting: PowerSetting, models: int, difference: float = 1.0, power: float = POWER) -> dict[str, Any]:
    """What a grid of `models` resolves per claim of `comparisons`, and what `difference` points would need.

    With m tests a pair is judged at 0.05 / m, the first step of Holm: a lower bound of its power.  `by_seeds` is for
    one pair: what these and more seeds resolve, and the videos that `difference` points would need with them.
    `possible`: whether as many videos are discordant as `difference` needs.
    """
    claims = []
    for claim, tests in comparisons(models).items():
        alpha = ALPHA / tests
        claims.append(
            {
                "claim": claim,
                "tests": tests,
                "alpha": alpha,
                "detectable_weights": detectable_of_weights(setting, alpha, power),
                "detectable": detectable(setting, alpha, power),
                "videos_needed_weights": needed_videos_of_weights(setting, difference, alpha, power),
                "videos_needed": needed_videos(setting, difference, alpha, power),
                "seeds_needed": needed_seeds(setting, difference, alpha, power),
            }
        )
    by_seeds = [
        {
            "seeds": seeds,
            "detectable": detectable(_with(setting, seeds=seeds), power=power),
            "videos_needed": needed_videos(_with(setting, seeds=seeds), difference, power=power),
        }
        for seeds in sorted({setting.seeds, *SEEDS})
    ]
    shared = {**vars(setting), "models": models, "power": power, "target": difference}
    shared["possible"] = difference <= setting.largest
    return {**shared, "claims": claims, "by_seeds": by_seeds}


# --- measured -----------------------------------------------------------------------------------------------------


def measured(cells: pd.DataFrame, evidence: Evidence) -> dict[str, float]:
    """discordance, seed_sd and seed_discordance of the runs behind `cells`, as far as their predictions tell.

    The discordance is the median over pairs of models on a data set at the same frames; the two of seeds are pooled
    over models with several.  seed_sd is without the share of the sampling of videos (`seed_variances`).
    """
    between_models, variances, same_model, free = [], [], [], []
    for (dataset, _), group in cells.groupby(["dataset", "frames"], sort=False):
        outcomes = evidence.outcomes.get(dataset)
        of_cells = [] if outcomes is None else [outcomes.of(ids) for ids in group["ids"]]
        correct = [c for c in of_cells if c is not None]
        between_models += [float((a[0] != b[0]).mean()) for a, b in combinations(correct, 2)]
        for c in (c for c in correct if len(c) > 1):
            between, residual = seed_variances(c)
            variances.append(max(0.0, between - residual) * len(c))
            same_model.append(2 * residual * c.size)
            free.append(len(c) - 1)
    found = {}
    if between_models and np.median(between_models) > 0:
        found["discordance"] = float(np.median(between_models))
    if free:
        found["seed_sd"] = 100 * math.sqrt(np.average(variances, weights=free))
        found["seed_discordance"] = float(np.average(same_model, weights=free))
    return found
