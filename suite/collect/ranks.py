"""Ranks that the evidence supports: intervals, groups that cannot be told apart, and stability between settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from suite.collect.evidence import Evidence
from suite.collect.pairs import Pairs, adjusted, all_pairs
from suite.collect.results_table import ResultsTable
from suite.statistics.significance import ALPHA

FEWEST = 3  # models of which a ranking is made


def rank_intervals(found: Pairs) -> list[tuple[int, int]]:
    """95 % simultaneous rank intervals (lowest, highest) of the models of `found`, in its order; 1 is the best.

    From 1 + the number of models that are significantly better to k - the number that are significantly worse, by tests
    that hold family-wise: then all intervals cover the true ranks together, also those of tied models.
    Source: Al Mohamad, Goeman and van Zwet 2019, "Simultaneous confidence intervals for ranks", with Holm's tests.
    """
    different, difference, k = found.different, found.matrix("difference"), len(found.cells)
    worse = (different & (difference > 0)).sum(axis=1)
    better = (different & (difference < 0)).sum(axis=1)
    return [(1 + int(b), k - int(w)) for b, w in zip(better, worse, strict=True)]


def ranks(found: Pairs) -> list[int]:
    """Ranks by the accuracies alone; equal accuracies share the better one."""
    top1 = np.array([cell["top1"] for cell in found.cells])
    return [1 + int((top1 > value + 1e-9).sum()) for value in top1]


def groups(different: np.ndarray, most: int = 200) -> list[list[int]]:
    """Maximal sets of models (k,) of which no two differ significantly, by `different` (k, k); the first models first.

    Maximal cliques by Bron and Kerbosch 1973, with pivots; at most `most`, which orderings by accuracy do not reach.
    """
    k = len(different)
    alike = [{j for j in range(k) if j != i and not different[i, j]} for i in range(k)]
    out: list[list[int]] = []

    def extend(chosen: set[int], open_: set[int], done: set[int]) -> None:
        if len(out) >= most:
            return
        if not open_ and not done:
            out.append(sorted(chosen))
            return
        pivot = max(open_ | done, key=lambda v: len(alike[v] & open_))
        for v in sorted(open_ - alike[pivot]):
            extend(chosen | {v}, open_ & alike[v], done & alike[v])
            open_ = open_ - {v}
            done = done | {v}

    extend(set(), set(range(k)), set())
    return sorted(out)


def group_letters(found: Pairs) -> list[str]:
    """Per model the letters of its groups: two models that share a letter do not differ significantly.

    The compact letter display of Piepho 2004.
    """
    sets = groups(found.different)
    return [" ".join(_letter(g) for g, members in enumerate(sets) if i in members) for i in range(len(found.cells))]


def _letter(number: int) -> str:
    more, last = divmod(number, 26)
    return (_letter(more - 1) if more else "") + chr(ord("A") + last)


# --- stability ----------------------------------------------------------------------------------------------------


def kendall_tau(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Kendall's tau-b (D,) between rows of a and b (D, k): accuracies of the same k models in two settings.

    NaN where all of a row are equal.  Source: Kendall 1945; equals scipy.stats.kendalltau.
    """
    a, b = np.atleast_2d(a), np.atleast_2d(b)
    i, j = np.triu_indices(a.shape[1], 1)
    x, y = (np.sign(np.round(v[:, i] - v[:, j], 9)).astype(np.float32) for v in (a, b))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.einsum("dp,dp->d", x, y) / np.sqrt((x != 0).sum(axis=1) * (y != 0).sum(axis=1))


def stability(table: ResultsTable, groups: Sequence[Pairs], evidence: Evidence) -> list[dict[str, Any]]:
    """Kendall's tau-b between the rankings of two settings that share at least three models, with a 95 % interval.

    Settings: two data sets at the same frames, two frame counts on a data set, two seeds on a data set at the same
    frames.  `groups`: `all_pairs` of the table.
    {"between", "fixed", "a", "b", "models", "ids" of the runs, "decided", "pairs", "tau", "low", "high"}: as
    `tau_interval`.
    """
    out = []
    for one, other in combinations(groups, 2):
        if one.frames == other.frames and one.dataset != other.dataset:
            what = {"between": "data sets", "fixed": f"{one.frames} frames", "a": one.dataset, "b": other.dataset}
        elif one.dataset == other.dataset:
            frames = {"a": f"{one.frames} frames", "b": f"{other.frames} frames"}
            what = {"between": "frames", "fixed": one.dataset, **frames}
        else:
            continue
        out += [what | found for found in agreement(one, other)]
    seeds = sorted(table.finished["seed"].dropna().unique())
    by_seed = [
        (seed, pairs)
        for seed in (seeds if len(seeds) > 1 else ())
        for pairs in all_pairs(table.where(table.runs["seed"] == seed).cells, evidence, intervals=False)
    ]
    for (seed_a, one), (seed_b, other) in combinations(by_seed, 2):
        if (one.dataset, one.frames) == (other.dataset, other.frames):
            fixed = f"{one.dataset}, {one.frames} frames"
            what = {"between": "seeds", "fixed": fixed, "a": f"seed {seed_a:.0f}", "b": f"seed {seed_b:.0f}"}
            out += [what | found for found in agreement(one, other)]
    order = ("data sets", "frames", "seeds")
    return sorted(out, key=lambda row: (order.index(row["between"]), row["fixed"] if row["between"] == "seeds" else ""))


def agreement(one: Pairs, other: Pairs) -> list[dict[str, Any]]:
    """`tau_interval` over the models that both have, in a list; none where they share fewer than FEWEST."""
    place = [{(cell["source"], cell["name"]): i for i, cell in enumerate(found.cells)} for found in (one, other)]
    common = [key for key in place[0] if key in place[1]]
    if len(common) < FEWEST:
        return []
    values, signs = [], []
    for found, at in zip((one, other), place, strict=True):
        keep = [at[key] for key in common]
        shared = replace(found, pairs=adjusted([pair for pair in found.pairs if pair.i in keep and pair.j in keep]))
        values.append(np.array([found.cells[i]["top1"] for i in keep]))
        # half of alpha to each setting
        sign = np.where(shared.matrix("adjusted") < ALPHA / 2, np.sign(shared.matrix("difference")), 0)
        signs.append(sign[np.ix_(keep, keep)])
    ids = [
        i for found, at in zip((one, other), place, strict=True) for key in common for i in found.cells[at[key]]["ids"]
    ]
    return [{"models": len(common), "ids": ids} | tau_interval(*values, *signs)]


def tau_interval(a: np.ndarray, b: np.ndarray, sign_a: np.ndarray, sign_b: np.ndarray) -> dict[str, Any]:
    """tau-b between accuracies a and b (k,) of k models in two settings, and limits of the tau-b of the true ones.

    sign_* (k, k): 1 or -1 where a model is shown to be better or worse than another, 0 where the order is open, by
    tests that hold family-wise over both settings.  Pairs that are decided in both settings count as they are, all
    others as any value from -1 to 1: conservative, and valid with near ties.  A bootstrap over videos is not: in
    simulations its percentile and basic intervals covered the true tau in 0 to 96 % of cases, because resampling noise
    reorders models that are close (`tests/collect/test_pairs.py`).
    """
    i, j = np.triu_indices(len(a), 1)
    product = sign_a[i, j] * sign_b[i, j]
    free = int((product == 0).sum())
    total = float(product.sum())
    return {
        "decided": len(i) - free,
        "pairs": len(i),
        "tau": float(kendall_tau(a, b)[0]),
        "low": (total - free) / len(i),
        "high": (total + free) / len(i),
    }
