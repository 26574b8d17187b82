"""Do the 95 % intervals cover, and does bold keep its error rate?  On the sweeps of `suite.benchmarks.simulation`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np

from suite.benchmarks.bold import SHARE, Rate, bold, bold_in_other_tables
from suite.benchmarks.coverage_paired import few_discordant, whole_classes
from suite.benchmarks.ranks import ranks_and_pairs
from suite.benchmarks.simulation import AT_LEAST, COVERS, Case, outcomes
from suite.spec import BadInput
from suite.statistics.contribution import spatial_contribution, temporal_improvement
from suite.statistics.intervals import (
    accuracy_interval,
    binomial_accuracies,
    bootstrap_accuracies,
    contribution_draws,
    contribution_interval,
    difference_interval,
    interval_of,
    mean_contribution_interval,
)
from suite.statistics.proportions import newcombe, paired, wilson

# six cells of one module: (top-1 of the model, of its TSN), percent
CLEAR = ((60, 50), (62, 45), (58, 48), (66, 52), (55, 44), (63, 50))
NEAR = ((60, 56.4), (61, 58.6), (62, 60.1), (60, 59.7), (60, 60), (58, 59.7))  # as on Mini-Kinetics
EQUAL = ((60, 60),) * 6


def study(
    sweeps: int = 2_500, videos: int = 1_000, seed: int = 0, parts: Sequence[str] = (), processes: int = 1
) -> dict[str, Any]:
    """Coverage of every interval, and error rate and power of bold, over simulated sweeps of `videos` videos each.

    {"rows": [{quantity, setting, truth, sweeps, coverage, error, width, least, most, holds}], "bold": [the rows of
    `suite.benchmarks.bold.Rate`], "holds": all of them, sweeps, videos, seconds}; coverage, error, least and most
    in percent.  `parts` of PARTS; none means all.  The result does not depend on the number of processes: each part has
    random numbers of its own.
    """
    if sweeps < 1 or videos < 1_000:
        raise BadInput(f"The coverage study needs at least 1,000 videos and 1 sweep, not {videos:,} and {sweeps:,}.")
    start = time.perf_counter()
    asked = [name for name in PARTS if not parts or name in parts or name.partition(",")[0] in parts]
    simulate = partial(_simulate, sweeps=sweeps, videos=videos, seed=seed)
    found: dict[str, Sequence[Case | Rate]]
    if processes > 1 and len(asked) > 1:
        order = sorted(asked, key=lambda name: name not in LONG)  # long parts first, so that none is left over
        with ProcessPoolExecutor(min(processes, len(asked)), get_context("spawn")) as pool:
            found = dict(zip(order, pool.map(simulate, order), strict=True))
    else:
        found = {name: simulate(name) for name in asked}
    cases = [case for name in asked for case in found[name]]
    rows, rates = ([case.row() for case in cases if isinstance(case, kind)] for kind in (Case, Rate))
    return {
        "rows": rows,
        "bold": rates,
        "holds": all(row["holds"] for row in [*rows, *rates]),
        "sweeps": sweeps,
        "videos": videos,
        "seconds": time.perf_counter() - start,
    }


def _simulate(name: str, sweeps: int, videos: int, seed: int) -> Sequence[Case | Rate]:
    return PARTS[name](np.random.default_rng((seed, list(PARTS).index(name))), sweeps, videos)


def _mean_cases(cells: Sequence[tuple[float, float]], setting: str, capped: bool) -> tuple[Case, Case]:
    """Cases of mean Phi and Psi; `capped`: in some cell the model is not, or hardly, above TSN."""
    phi, psi = (np.mean([f(*c) for c in cells]) for f in (spatial_contribution, temporal_improvement))
    mean = "mean " * (len(cells) > 1)
    return (
        Case(mean + "Phi", setting, float(phi), AT_LEAST if capped else COVERS),
        Case(mean + "Psi", setting, float(psi)),
    )


def _fill(cases: Sequence[Case], found: dict[str, Any]) -> None:
    for case, name in zip(cases, ("phi", "psi"), strict=True):
        case.limits.append(found[name][1:])


def _pairs(cells: int) -> list[tuple[int, int]]:
    return [(2 * i, 2 * i + 1) for i in range(cells)]


def _one_seed(rng: np.random.Generator, sweeps: int, videos: int) -> list[Case]:
    """One run a model, on shared videos: accuracies, differences, Phi and Psi, from predictions and without."""
    cells = ((60.0, 50.0), (51.0, 50.0), (50.0, 50.0), (48.0, 50.0), (96.0, 95.0))
    accuracy = {i: Case("accuracy", f"1 seed, {p:.0f} %", p) for i, p in ((0, 60.0), (8, 96.0))}
    by_cell, unpaired = [], _mean_cases(cells[:1], "60 % over 50 %, accuracies alone, shared videos", True)
    unpaired[1].required = AT_LEAST
    for a, b in cells:
        above = "over" if a > b else "and" if a == b else "under"
        setting = f"1 seed, {a:.0f} % {above} {b:.0f} %"
        by_cell.append((Case("difference", setting, a - b), *_mean_cases([(a, b)], setting, a <= b)))
    for block in outcomes(rng, cells, 1, sweeps, videos):
        correct = block[:, :, 0]
        for sweep in correct:
            for run, case in accuracy.items():
                case.limits.append(wilson(100 * sweep[run].mean(), videos))
            for (a, b), (case, *_) in zip(_pairs(len(cells)), by_cell, strict=True):
                found = paired(sweep[a], sweep[b])
                case.limits.append((found.low, found.high))
        drawn = bootstrap_accuracies(correct.reshape(-1, videos), seed=int(rng.integers(2**32)))
        _fill_single(drawn.reshape(len(drawn), *correct.shape[:2]), [cases[1:] for cases in by_cell])
        top1 = 100 * correct[:, :2].mean(axis=2)
        drawn = binomial_accuracies(top1.ravel(), [videos] * top1.size, seed=int(rng.integers(2**32)))
        _fill_single(drawn.reshape(len(drawn), *top1.shape), [unpaired])
    return [*accuracy.values(), *(case for cases in by_cell for case in cases), *unpaired]


def _fill_single(drawn: np.ndarray, by_cell: Sequence[Sequence[Case]]) -> None:
    """Single cells of many sweeps at once, from draws (D, B, R)."""
    for pair, cases in zip(_pairs(len(by_cell)), by_cell, strict=True):
        for case, of_sweeps in zip(cases, contribution_draws(drawn, [pair]), strict=True):
            case.limits += zip(*interval_of(of_sweeps[:, :, 0]), strict=True)


def _own_videos(rng: np.random.Generator, sweeps: int, videos: int) -> list[Case]:
    """Accuracies alone, every run on videos of its own."""
    setting = "accuracies alone, own videos"
    difference = Case("difference", f"60 % over 50 %, {setting} (Newcombe)", 10.0)
    sets = [
        (cells, _mean_cases(cells, f"{name}, {setting}", capped))
        for cells, name, capped in (
            *((((60.0, 50.0),), "60 % over 50 %", False), (((96.0, 95.0),), "96 % over 95 %", False)),
            *((CLEAR, "6 cells clear of TSN", False), (NEAR, "6 cells, 3 near TSN", True)),
        )
    ]
    for _ in range(sweeps):
        for cells, cases in sets:
            top1 = 100 * rng.binomial(videos, np.ravel(cells) / 100) / videos
            if cells == sets[0][0]:
                difference.limits.append(newcombe(top1[0], videos, top1[1], videos))
            drawn = binomial_accuracies(top1, [videos] * len(top1), seed=int(rng.integers(2**32)))
            _fill(cases, mean_contribution_interval(top1, drawn, _pairs(len(cells))))
    return [difference, *(case for _, cases in sets for case in cases)]


def _means(rng: np.random.Generator, sweeps: int, videos: int) -> list[Case]:
    """Means over six cells of one module on shared videos, one seed."""
    out = []
    for cells, name, capped in (
        *((CLEAR, "6 cells clear of TSN", False), (NEAR, "6 cells, 3 near TSN", True)),
        (EQUAL, "6 cells equal to TSN", True),
    ):
        cases = _mean_cases(cells, f"1 seed, {name}", capped)
        alone = _mean_cases(cells, f"{name}, accuracies alone, shared videos", True)
        alone[1].required = AT_LEAST
        for block in outcomes(rng, cells, 1, sweeps, videos):
            correct = block[:, :, 0]
            drawn = bootstrap_accuracies(correct.reshape(-1, videos), seed=int(rng.integers(2**32)))
            for sweep, draws in zip(correct, drawn.reshape(len(drawn), *correct.shape[:2]).swapaxes(0, 1), strict=True):
                top1, pairs = 100 * sweep.mean(axis=1), _pairs(len(cells))
                _fill(cases, mean_contribution_interval(top1, draws, pairs))
                draws = binomial_accuracies(top1, [videos] * len(top1), seed=int(rng.integers(2**32)))
                _fill(alone, mean_contribution_interval(top1, draws, pairs, together=False))
        out += [*cases, *alone]
    return out


def _several_seeds(rng: np.random.Generator, sweeps: int, videos: int) -> list[Case]:
    """The truth is over seeds and videos; seeds differ by less, or by more, than the draw of videos does."""
    out = []
    for seeds in (3, 5, 12):
        for sd in (0.5, 3.0):
            setting = f"{seeds} seeds of sd {sd:g}"
            accuracy, difference = Case("accuracy", f"{setting}, 60 %", 60.0), Case("difference", setting, 10.0)
            one = _mean_cases(CLEAR[:1], f"{setting}, 60 % over 50 %", False)
            for block in outcomes(rng, CLEAR[:1], seeds, sweeps, videos, sd):
                for sweep in block:
                    draw = {"draws": 1_000, "seed": int(rng.integers(2**32))}
                    accuracy.limits.append(accuracy_interval(sweep[0], **draw)[:2])
                    difference.limits.append(difference_interval(*sweep, **draw)[1:3])
                    _fill(one, contribution_interval(sweep, [(0, 1)]))
            out += [accuracy, difference, *one]
    for cells, name, capped in ((CLEAR, "6 cells clear of TSN", False), (NEAR, "6 cells, 3 near TSN", True)):
        cases = _mean_cases(cells, f"3 seeds of sd 0.5, {name}", capped)
        for block in outcomes(rng, cells, 3, sweeps, videos, 0.5):
            for sweep in block:
                _fill(cases, contribution_interval(sweep, _pairs(len(cells))))
        out += cases
    return out


PARTS: dict[str, Callable[[np.random.Generator, int, int], Sequence[Case | Rate]]] = {
    "one seed": _one_seed,
    "own videos": _own_videos,
    "means": _means,
    "several seeds": _several_seeds,
    "few discordant": few_discordant,
    "classes": whole_classes,
    "ranks and pairs": ranks_and_pairs,
    "bold, other tables": bold_in_other_tables,
    **{f"bold, {models} models": partial(bold, models=models) for models in SHARE},
}
LONG = ("bold, 96 models", "bold, 64 models", "several seeds", "means", "ranks and pairs")
