"""Whether simultaneous rank intervals, intervals of pairs over seeds and that of Kendall's tau keep their promise."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.benchmarks.bold import Rate
from suite.benchmarks.simulation import AT_LEAST, Case, outcomes
from suite.collect.pairs import Pairs, pairs_of
from suite.collect.ranks import agreement, kendall_tau, rank_intervals

K = 8
SPREAD = [63.0, 62.0, 61.0, 60.0, 59.0, 58.0, 57.0, 56.0]
OTHER = [62.0, 63.0, 60.0, 61.0, 55.0, 58.0, 57.0, 59.0]  # on a second data set
RANKS = "rank intervals, error"
SHARE = 0.2  # sweeps of the study of intervals: pairs of several seeds take long


def ranks_and_pairs(rng: np.random.Generator, sweeps: int, videos: int) -> list[Case | Rate]:
    """Rank intervals of 8 models, all true ranks inside; differences of pairs over seeds; tau of two rankings."""
    sweeps, out = max(1, round(SHARE * sweeps)), []
    tau = Case(
        "Kendall's tau", f"{K} models, 1 seed", float(kendall_tau(np.array(SPREAD), np.array(OTHER))[0]), AT_LEAST
    )
    for seeds, sd in ((1, 0.0), (3, 1.2)):
        for name, top1 in (("equally good", [60.0] * K), ("1 point apart", SPREAD)):
            what = f"{name}, {_seed_text(seeds, sd)}"
            shared, alone = (
                Rate(RANKS, f"{what}, {kind}", K, (0, 5)) for kind in ("predictions", "accuracies alone, own videos")
            )
            pair = Case(
                "difference", f"{_seed_text(seeds, sd)}, accuracies alone, own videos", top1[0] - top1[-1], AT_LEAST
            )
            first = _groups(rng, top1, seeds, sweeps, videos, sd)
            second = _groups(rng, OTHER, seeds, sweeps, videos, sd)
            for found, other, lone in zip(first, second, _alone(rng, top1, seeds, sweeps, videos, sd), strict=True):
                shared.add(not _all_inside(found, top1))
                alone.add(not _all_inside(lone, top1))
                ends = next(pair for pair in lone.pairs if (pair.i, pair.j) == (0, K - 1))
                pair.limits.append((ends.low, ends.high))
                if seeds == 1 and top1 is SPREAD:
                    (agreed,) = agreement(found, other)
                    tau.limits.append((agreed["low"], agreed["high"]))
            out += [shared, alone] + [pair] * (seeds > 1)
    return [*out, tau]


def _seed_text(seeds: int, sd: float) -> str:
    return "1 seed" if seeds == 1 else f"{seeds} seeds of sd {sd:g}"


def _all_inside(found: Pairs, top1: list[float]) -> bool:
    """Whether every rank that a model can have by its true accuracy, equal ones in any order, is in its interval."""
    true = np.array(top1)
    ranks = [(1 + (true > value).sum(), (true >= value).sum()) for value in true]
    return all(
        low <= first and last <= high for (low, high), (first, last) in zip(rank_intervals(found), ranks, strict=True)
    )


def _groups(rng: np.random.Generator, top1: list[float], seeds: int, sweeps: int, videos: int, sd: float):
    """A `Pairs` per sweep of models on the same videos with predictions, in the order of `top1`."""
    for block in outcomes(rng, list(zip(top1[::2], top1[1::2], strict=True)), seeds, sweeps, videos, sd):
        for table in block:
            cells = [_model_cell(i, 100 * run.mean(axis=1), videos) for i, run in enumerate(table)]
            yield Pairs("simulated", 8, cells, pairs_of(cells, list(table), intervals=False))


def _alone(rng: np.random.Generator, top1: list[float], seeds: int, sweeps: int, videos: int, sd: float):
    """A `Pairs` per sweep of models on videos of their own, known by their accuracies alone."""
    for _ in range(sweeps):
        expected = np.array(top1)[:, None] + sd * rng.standard_normal((len(top1), seeds))
        right = 100 * rng.binomial(videos, expected / 100) / videos
        cells = [_model_cell(i, of_model, videos) for i, of_model in enumerate(right)]
        yield Pairs("simulated", 8, cells, pairs_of(cells, [None] * len(cells)))


def _model_cell(i: int, top1: np.ndarray, videos: int) -> dict[str, Any]:
    """What `mean_over_seeds` says of a model with these accuracies in percent, one per seed."""
    sd = float(top1.std(ddof=1)) if len(top1) > 1 else float("nan")
    ids = [f"{i}.{s}" for s in range(len(top1))]
    return {"source": "suite", "name": str(i), "top1": float(top1.mean()), "top1_sd": sd, "n": videos, "ids": ids}
