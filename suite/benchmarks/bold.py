"""How often bold errs: simulated tables in which it is known which models are the best.

The family-wise error rate is the share of tables in which any of the best models is not bold, which must be at most
5 %; the power is the share of tables in which a worse model is not bold.  Power is required at 17 % discordant videos;
with more of them 5 points are shown less often, and that is printed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from suite.benchmarks.simulation import EFFECTS, outcomes
from suite.statistics.best import Measured, best_set

ALIKE = {"all": 0.8, "module": 0.05, "backbone": 0.05, "run": 0.05, "seed": 0.05}  # models of one kind
DRAWS = 199  # any number is exact, see `best_set`
SHARE = {4: 0.8, 16: 0.4, 64: 0.16, 96: 0.1}  # tables per sweep of the intervals' study: large ones take long
OUTCOMES = 4_000_000  # simulated at a time
ERROR, POWER = "family-wise error", "power"


@dataclass
class Rate:
    """In how many of the tables of one setting a model was not bold: one of the best, or a worse one."""

    quantity: str  # ERROR or POWER
    setting: str
    models: int
    required: tuple[float, float]  # percent
    tables: int = 0
    hits: int = 0

    def add(self, hit: bool) -> None:
        self.tables += 1
        self.hits += bool(hit)

    def row(self) -> dict[str, Any]:
        """The rate in percent with its Monte-Carlo standard error; it holds within three of these.

        The tests are exact, so that most true error rates are at 5 %: of some 25 such rows one is above it by two
        standard errors in two studies of five, by three in one of thirty.
        """
        share = self.hits / self.tables
        error = 100 * math.sqrt(max(share * (1 - share), 0.25 / self.tables) / self.tables)
        least, most = self.required
        return {
            "quantity": self.quantity,
            "setting": self.setting,
            "models": self.models,
            "tables": self.tables,
            "rate": 100 * share,
            "error": error,
            "least": least,
            "most": most,
            "holds": least - 3 * error <= 100 * share <= most + 3 * error,
        }


def bold(rng: np.random.Generator, sweeps: int, videos: int, models: int) -> list[Rate]:
    """Error rates for `models` equally good models and all kinds of evidence, then models of different accuracy."""
    tables = math.ceil(SHARE[models] * sweeps)
    return _equally_good(rng, models, tables, videos) + _unequal(rng, models, math.ceil(tables / 2), videos)


def _equally_good(rng: np.random.Generator, k: int, tables: int, videos: int) -> list[Rate]:
    paired, shared, own = (
        Rate(ERROR, setting, k, (0, 5))
        for setting in ("1 seed, predictions", "accuracies alone, same videos", "accuracies alone, own videos")
    )
    for table in _tables(rng, [60.0] * k, 1, tables, videos):
        paired.add(_any_out(rng, [Measured(60, videos, correct=run) for run in table]))
        shared.add(_any_out(rng, [Measured(100 * run.mean(), videos) for run in table]))
        right = rng.binomial(videos, 0.6, size=k)
        own.add(_any_out(rng, [Measured(100 * count / videos, videos) for count in right]))
    rates = [paired, shared, own]
    for sd in (0.5, 1.2):
        rates.append(Rate(ERROR, f"3 seeds of sd {sd:g}, predictions", k, (0, 5)))
        for table in _tables(rng, [60.0] * k, 3, tables, videos, sd):
            rates[-1].add(_any_out(rng, [Measured(60, videos, correct=run) for run in table]))
    return rates


def bold_in_other_tables(rng: np.random.Generator, sweeps: int, videos: int) -> list[Rate]:
    """Few videos, few mistakes, seeds that differ more for some models, evidence of several kinds in one table.

    16 equally good models, or 8 where the standard deviation over seeds differs; `videos` is that of the latter.
    """
    rates, tables = [], math.ceil(SHARE[16] * sweeps)
    for name, sds in (
        ("0.3 and, of 2 models, 3", [0.3] * 6 + [3.0] * 2),
        ("0.3 and, of 1 model, 3", [0.3] * 7 + [3.0]),
        ("0.5, 1, 2 and 4", [0.5, 0.5, 1, 1, 2, 2, 4, 4]),
    ):
        rates.append(Rate(ERROR, f"3 seeds of sd {name}, predictions", 8, (0, 5)))
        for table in _tables(rng, [60.0] * 8, 3, tables, videos, sds):
            rates[-1].add(_any_out(rng, [Measured(60, videos, correct=run) for run in table]))
    for videos, top1 in ((50, 60.0), (240, 60.0), (240, 96.0)):
        rates.append(Rate(ERROR, f"1 seed, predictions, {videos} videos, {top1:.0f} %", 16, (0, 5)))
        for table in _tables(rng, [top1] * 16, 1, tables, videos):
            rates[-1].add(_any_out(rng, [Measured(top1, videos, correct=run) for run in table]))
    mixed = Rate(ERROR, "half with predictions, half accuracies alone, 1 or 3 seeds of sd 0.5", 16, (0, 5))
    for table in _tables(rng, [60.0] * 16, 3, tables, 1_000, 0.5):
        models = [Measured(60, 1_000, correct=run if i % 4 else run[:1]) for i, run in enumerate(table[:8])]
        models += [Measured(100 * r.mean(), 1_000, 3, 100 * r.mean(axis=1).std(ddof=1)) for r in table[8:]]
        mixed.add(_any_out(rng, models))
    return [*rates, mixed]


def _unequal(rng: np.random.Generator, k: int, tables: int, videos: int) -> list[Rate]:
    """One model 5 points below k - 1 equal ones; and k models of which each is 0.5 points below the one before."""
    low = [55.0, *[60.0] * (k - 1)]
    rates = [
        Rate(POWER, "5 points worse, 1 seed, predictions, 17 % discordant", k, (80, 100)),
        Rate(POWER, "5 points worse, 3 seeds of sd 0.5, predictions, 17 % discordant", k, (80, 100)),
        Rate(POWER, "5 points worse, 3 seeds of sd 1.2, predictions, 17 % discordant", k, (0, 100)),
        Rate(POWER, "5 points worse, 1 seed, predictions, 26 % discordant", k, (0, 100)),
        Rate(POWER, "10 points worse, accuracies alone, own videos", k, (80, 100)),
        Rate(ERROR, "the best of models 0.5 points apart, 1 seed, predictions", k, (0, 5)),
    ]
    kinds = ((1, 0.0, ALIKE), (3, 0.5, ALIKE), (3, 1.2, ALIKE), (1, 0.0, EFFECTS))
    for rate, (seeds, sd, effects) in zip(rates[: len(kinds)], kinds, strict=True):
        for table in _tables(rng, low, seeds, tables, videos, sd, effects):
            rate.add(not _members(rng, [Measured(60, videos, correct=run) for run in table])[0])
    for _ in range(tables):
        right = rng.binomial(videos, [0.5, *[0.6] * (k - 1)])
        rates[4].add(not _members(rng, [Measured(100 * count / videos, videos) for count in right])[0])
    for table in _tables(rng, [max(5.0, 60 - 0.5 * i) for i in range(k)], 1, tables, videos):
        rates[5].add(not _members(rng, [Measured(60, videos, correct=run) for run in table])[0])
    return rates


def _tables(
    rng: np.random.Generator,
    top1: Sequence[float],
    seeds: int,
    tables: int,
    videos: int,
    sd: float | Sequence[float] = 0,
    effects: Mapping[str, float] = EFFECTS,
) -> Iterator[np.ndarray]:
    """Tables (k, S, N) bool of an even number of models with these accuracies in percent."""
    step = max(1, OUTCOMES // (len(top1) * seeds * videos))
    cells = list(zip(top1[::2], top1[1::2], strict=True))
    for start in range(0, tables, step):
        for block in outcomes(rng, cells, seeds, min(step, tables - start), videos, sd, effects):
            yield from block


def _members(rng: np.random.Generator, models: Sequence[Measured]) -> np.ndarray:
    return best_set(models, DRAWS, int(rng.integers(2**32))).members


def _any_out(rng: np.random.Generator, models: Sequence[Measured]) -> bool:
    return not _members(rng, models).all()
