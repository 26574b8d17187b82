"""All pairs of models on one data set: differences, their intervals, and p-values adjusted over the pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.collect.evidence import Evidence
from suite.statistics.intervals import difference_error
from suite.statistics.proportions import holm, mcnemar, newcombe, paired, wilson
from suite.statistics.seeds.spread import SeedSpread
from suite.statistics.significance import ALPHA, Z95, t_quantile, t_test

if TYPE_CHECKING:
    import pandas as pd

TESTS = {  # which evidence a pair has -> the test, and what its interval covers
    "paired": "exact McNemar test (test videos only, not retraining)",
    "seeds": "t test on variance components (test videos and seeds)",
    "unpaired": "score test for independent samples (accuracies alone: test videos only, not retraining; too wide "
    "where the test videos are shared)",
    "unpaired_seeds": "score test for independent samples, widened by the variance between seeds (accuracies alone: "
    "test videos and seeds; too wide where the test videos are shared; a model with one seed is assumed to vary "
    "between seeds as much as the other)",
}


@dataclass(frozen=True)
class Pair:
    """Model i minus model j in percentage points; `kind` is the key of TESTS."""

    i: int
    j: int
    difference: float
    low: float  # 95 %, of this pair alone
    high: float
    p: float
    kind: str
    adjusted: float = math.nan  # Holm over all pairs of the group


@dataclass(frozen=True)
class Pairs:
    """Models on one data set at one number of frames, the most accurate first, and all their pairs i < j.

    `cells` are those of `ResultsTable`; a pair without a p-value (accuracies with an unknown n) has NaN.
    """

    dataset: str
    frames: int | None  # None: over several data sets
    cells: list[dict[str, Any]]
    pairs: list[Pair]

    def matrix(self, name: str) -> np.ndarray:
        """(k, k) of a field of the pairs: i minus j above the diagonal, NaN on it; differences change sign below."""
        k = len(self.cells)
        out, sign = np.full((k, k), math.nan), -1 if name == "difference" else 1
        for pair in self.pairs:
            out[pair.i, pair.j] = getattr(pair, name)
            out[pair.j, pair.i] = sign * getattr(pair, name)
        return out

    @property
    def different(self) -> np.ndarray:
        """(k, k) bool: which models differ at a family-wise error rate of ALPHA."""
        return self.matrix("adjusted") < ALPHA

    @property
    def kinds(self) -> list[str]:
        return [kind for kind in TESTS if any(pair.kind == kind for pair in self.pairs)]


def all_pairs(cells: pd.DataFrame, evidence: Evidence, intervals: bool = True) -> list[Pairs]:
    """A `Pairs` per data set and number of frames with at least two models, of cells of `ResultsTable`.

    intervals=False leaves out those of pairs with one seed each, for which p-values alone are quicker.
    """
    out = []
    for (dataset, frames), group in cells.groupby(["dataset", "frames"], sort=True):
        if len(group) < 2:
            continue
        models = group.sort_values("top1", ascending=False, kind="stable").to_dict("records")
        outcomes = evidence.outcomes.get(dataset)
        correct = [None if outcomes is None else outcomes.of(model["ids"]) for model in models]
        out.append(Pairs(dataset, int(frames), models, pairs_of(models, correct, intervals)))
    return out


def pairs_of(cells: list[dict[str, Any]], correct: Sequence[np.ndarray | None], intervals: bool = True) -> list[Pair]:
    """All pairs of cells with "top1", "n", "ids" and "top1_sd" and of outcomes (S, N) bool or None, adjusted."""
    return adjusted([_pair(i, j, cells, correct, intervals) for i, j in combinations(range(len(cells)), 2)])


def adjusted(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs with Holm's adjusted p-values over all of them."""
    p_values = holm([pair.p for pair in pairs])
    return [replace(pair, adjusted=float(p)) for pair, p in zip(pairs, p_values, strict=True)]


def _pair(i: int, j: int, cells: list[dict[str, Any]], correct: Sequence[np.ndarray | None], intervals: bool) -> Pair:
    a, b = correct[i], correct[j]
    if a is None or b is None:
        return _unpaired(i, j, cells[i], cells[j])
    if len(a) == len(b) == 1:
        if not intervals:
            only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
            difference = 100 * (only_a - only_b) / a.size
            return Pair(i, j, difference, math.nan, math.nan, mcnemar(only_a, only_b), "paired")
        found = paired(a[0], b[0])
        return Pair(i, j, found.difference, found.low, found.high, found.p_mcnemar, "paired")
    difference, error, degrees = difference_error(a, b)
    half = t_quantile(degrees) * error
    return Pair(i, j, difference, difference - half, difference + half, t_test(difference, error, degrees), "seeds")


def _unpaired(i: int, j: int, a: dict[str, Any], b: dict[str, Any]) -> Pair:
    """From accuracies alone: Newcombe's interval, of several seeds with the variance between them and a t quantile."""
    of_both = (a["top1"], a["n"], b["top1"], b["n"])
    error, degrees = _error_of_seeds(a, b)
    t, difference = t_quantile(degrees), a["top1"] - b["top1"]
    low, high = (math.hypot(limit - difference, t * error) for limit in newcombe(*of_both, t))
    p, kind = newcombe_p(*of_both, error, degrees), "unpaired_seeds" if error else "unpaired"
    return Pair(i, j, difference, difference - low, difference + high, p, kind)


def _error_of_seeds(a: dict[str, Any], b: dict[str, Any]) -> tuple[float, float]:
    """Standard error between seeds of the difference of two means in points, from `top1_sd`, and degrees of freedom.

    The degrees are those of the whole difference, test videos included.  (0, inf) with one seed each; where only one of
    the two has several, the other is taken to vary as much.
    """
    cells = [{"top1_sd": math.nan, "ids": ["one"], **cell} for cell in (a, b)]
    spread = SeedSpread([(c["top1_sd"] / 100) ** 2 for c in cells], [0.0, 0.0], [len(c["ids"]) for c in cells])
    of_videos = sum(c["top1"] * (100 - c["top1"]) / c["n"] for c in cells) / 100**2
    variance, degrees = spread.of_pairs(np.full((2, 2), of_videos))
    return 100 * math.sqrt(variance[0, 1]), float(degrees[0, 1])


def newcombe_p(a: float, n_a: float, b: float, n_b: float, error: float = 0.0, degrees: float = math.inf) -> float:
    """p-value of a = b for accuracies in percent on different videos: the level at which `newcombe` reaches zero.

    error, degrees: the standard error between seeds in points, and the degrees of freedom of the t test.  The 95 %
    interval excludes zero exactly where p < 0.05.  NaN where an accuracy or n is unknown.
    """
    from scipy.special import ndtr, stdtr

    if math.isnan(newcombe(a, n_a, b, n_b)[0]):
        return math.nan
    (high, n_high), (low, n_low) = sorted(((a, n_a), (b, n_b)), reverse=True)
    gap, least, most = high - low, 0.0, 40.0 if math.isinf(degrees) else 1_000.0
    for _ in range(60):  # the wider the interval, the larger z: bisection
        z = (least + most) / 2
        reach = math.hypot(high - wilson(high, n_high, z)[0], wilson(low, n_low, z)[1] - low, z * error)
        least, most = (z, most) if reach < gap else (least, z)
    return float(2 * (ndtr(-least) if math.isinf(degrees) else stdtr(degrees, -least)))


def over_datasets(found: Sequence[Pairs], evidence: Evidence) -> list[Pairs]:
    """Per number of frames the pairs of mean accuracies over all data sets, of models that were run on every one.

    Data sets count equally and are independent samples of videos: variances add.  A paired variance with one seed adds
    half a video to each cell of the 2 x 2 table (Agresti and Min 2005), so that no discordant video is no certainty.
    """
    datasets, out = sorted({group.dataset for group in found}), []
    for frames in sorted({group.frames for group in found}):
        groups = [group for group in found if group.frames == frames]
        if len(groups) < 2 or len(groups) < len(datasets):
            continue
        by_name = [{(cell["source"], cell["name"]): cell for cell in group.cells} for group in groups]
        common = [key for key in by_name[0] if all(key in cells for cells in by_name)]
        if len(common) < 2:
            continue
        models = [[cells[key] for cells in by_name] for key in common]
        models.sort(key=lambda cells: -float(np.mean([cell["top1"] for cell in cells])))
        cells = [
            {**of_model[0], "top1": float(np.mean([c["top1"] for c in of_model])), "ids": _ids(of_model)}
            for of_model in models
        ]
        pairs = [_mean_pair(i, j, models, evidence) for i, j in combinations(range(len(models)), 2)]
        out.append(Pairs("all data sets", frames, cells, adjusted(pairs)))
    return out


def _ids(cells: Sequence[dict[str, Any]]) -> list[str]:
    return [run for cell in cells for run in cell["ids"]]


def _mean_pair(i: int, j: int, models: Sequence[Sequence[dict[str, Any]]], evidence: Evidence) -> Pair:
    differences, variances, uncertain, kinds = [], [], 0.0, set()
    for a, b in zip(models[i], models[j], strict=True):
        difference, error, degrees, kind = _error(a, b, evidence)
        differences.append(difference)
        variances.append(error**2)
        uncertain += 0.0 if math.isinf(degrees) else error**4 / degrees
        kinds.add(kind)
    difference, error = float(np.mean(differences)), math.sqrt(sum(variances)) / len(variances)
    degrees = sum(variances) ** 2 / uncertain if uncertain else math.inf  # Satterthwaite 1946
    half = t_quantile(degrees) * error
    p = math.nan if math.isnan(error) else t_test(difference, error, degrees)
    kind = next(kind for kind in reversed(TESTS) if kind in kinds)  # the weakest evidence among the data sets
    return Pair(i, j, difference, difference - half, difference + half, p, kind)


def _error(a: dict[str, Any], b: dict[str, Any], evidence: Evidence) -> tuple[float, float, float, str]:
    """Difference and standard error in percentage points, degrees of freedom and kind of evidence on one data set."""
    outcomes = evidence.outcomes.get(a["dataset"])
    correct = [None if outcomes is None else outcomes.of(cell["ids"]) for cell in (a, b)]
    difference = a["top1"] - b["top1"]
    if correct[0] is None or correct[1] is None:
        half = [np.subtract(*reversed(wilson(cell["top1"], cell["n"]))) / 2 for cell in (a, b)]
        of_seeds, degrees = _error_of_seeds(a, b)
        return (
            difference,
            math.hypot(*half, Z95 * of_seeds) / Z95,
            degrees,
            "unpaired_seeds" if of_seeds else "unpaired",
        )
    if len(correct[0]) == len(correct[1]) == 1:
        x, y = correct[0][0], correct[1][0]
        n, only_a, only_b = len(x) + 2, (x & ~y).sum() + 0.5, (y & ~x).sum() + 0.5
        variance = (only_a + only_b - (only_a - only_b) ** 2 / n) / n**2
        return difference, 100 * math.sqrt(variance), math.inf, "paired"
    return *difference_error(*correct), "seeds"
