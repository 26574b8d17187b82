"""What one factor does to accuracy over all others: paired differences, Wilcoxon and Friedman tests."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from suite.spec import BadInput, unknown, without_setting
from suite.statistics.proportions import holm
from suite.statistics.run_table import MODULE_ORDER, POOLING_ORDER, rank
from suite.statistics.significance import ALPHA

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

AXES = {"module": "architecture", "backbone": "body", "pooling": "pooling", "frames": "frames", "setting": "setting"}
FEWEST_BLOCKS = 6  # of five, even all of one sign give an exact two-sided p of 2 / 2**5 > 0.05
DECIMALS = 9  # differences equal up to the rounding of a mean are ties
PAIR = ["source", "dataset", "axis", "a", "b", "blocks", "cells", "dropped"]
DIFFERENCE = ["mean_difference", "median_difference", "wins", "ties", "losses", "wilcoxon_p", "holm_p"]
RANKS = ["rank_a", "rank_b", "friedman_chi2", "friedman_p", "note", "ids"]
COLUMNS = PAIR + DIFFERENCE + RANKS


class PairedEffect(NamedTuple):
    """Level a minus level b over blocks; differences in the unit of what was given, wins and losses are those of a."""

    blocks: int
    mean_difference: float
    median_difference: float
    wins: int
    ties: int
    losses: int
    wilcoxon_p: float  # two-sided, of the signed ranks; NaN below FEWEST_BLOCKS


def paired_effect(a: ArrayLike, b: ArrayLike) -> PairedEffect:
    """Differences of two levels, (blocks,) each, and Wilcoxon's signed-rank test of them.

    Pairs that are equal are left out of the ranks, as Wilcoxon did (1945); where all are, p is 1.
    Raises BadInput when the shapes differ or a value is NaN.
    """
    import numpy as np

    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.ndim != 1 or a.shape != b.shape or np.isnan(a).any() or np.isnan(b).any():
        raise BadInput(
            f"Levels of shapes {a.shape} and {b.shape} cannot be paired: give two lists of the same length without "
            "missing values."
        )
    d = np.round(a - b, DECIMALS)
    p = math.nan
    if len(d) >= FEWEST_BLOCKS:
        p = signed_rank_p(d[d != 0])
    mean, median = (float(d.mean()), float(np.median(d))) if len(d) else (math.nan, math.nan)
    return PairedEffect(len(d), mean, median, int((d > 0).sum()), int((d == 0).sum()), int((d < 0).sum()), p)


def signed_rank_p(differences: ArrayLike) -> float:
    """Two-sided p of Wilcoxon's signed-rank test, exact for any number of differences and for ties in their sizes.

    Differences (D,), none of them 0; 1 without any.  The permutation distribution: each sign is + with probability 1/2.
    Twice the ranks are whole numbers, also where ties share a mean rank, so that sums over all 2^D signs are
    counted one difference at a time.  Source: Pratt and Gibbons 1981, Concepts of Nonparametric Theory, ch. 3.
    """
    import numpy as np

    d = np.asarray(differences, float)
    _, place, counts = np.unique(np.abs(d), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(counts) - counts + 1)[place]  # twice the mean rank
    share = np.ones(1)  # of the sign assignments, by twice the sum of the positive ranks
    for step in doubled:
        share = (np.pad(share, (0, step)) + np.pad(share, (step, 0))) / 2
    positive = int(doubled[d > 0].sum())
    smaller = min(positive, int(doubled.sum()) - positive)
    return min(1.0, 2 * float(share[: smaller + 1].sum()))


def smallest_holm_p(blocks: int, pairs: int) -> float:
    """The smallest p that any of `pairs` signed-rank tests over `blocks` blocks can have after Holm's correction.

    All blocks of one sign have a two-sided p of 2 / 2^blocks, and the smallest of the pairs is multiplied by their
    number.  Blocks without a difference count less, so that p may be larger still.
    """
    return min(1.0, pairs * 2.0 ** (1 - blocks))


def blocks_needed(pairs: int, alpha: float = ALPHA) -> int:
    """The fewest blocks with which one of `pairs` tests can be significant at `alpha` after Holm's correction."""
    return next(blocks for blocks in range(1, 1_000) if smallest_holm_p(blocks, pairs) < alpha)


def main_effects(
    cells: pd.DataFrame, axis: str, by_dataset: bool = True, collapse: str | None = "chain"
) -> pd.DataFrame:
    """Differences in top-1 (percentage points) between the levels of an axis, over all other cells.

    `cells` are those of `run_table.mean_over_seeds`: seeds are averaged first.

    `axis` is module (its options and add-on blocks included), backbone, pooling, frames or setting (the values of the
    protocol keys that are axes of the grid).  A block is a combination
    of the other axes (and of the data set, unless `by_dataset`) that was run at every level; others are `dropped`, as
    is a level whose blocks are so few that more cells remain without it (`note` names it).  Sources
    are never mixed.

    The test takes blocks as independent.  They are so at best as a sample of models: all share their test videos, and
    where a model at more frames starts from the weights at fewer, the frame counts of such a chain are one training
    seen four times.  `collapse="chain"` (no effect on the axis frames) therefore averages a block over its frame
    counts before the test; None leaves each frame count a block of its own, and p too small.  Along such chains the
    axis frames is one of epochs seen as well.

    One row per source, data set ("" unless `by_dataset`) and pair of levels, a the later in the order of the tables:
    `blocks` (tested), `cells` (runs in them at all levels), `dropped` (incomplete combinations, before frames are
    averaged), the fields of PairedEffect, `holm_p` (over the pairs of the axis), `rank_a` and `rank_b` (mean over
    blocks among all levels, 1 the most accurate), and with three levels or more Friedman's chi2 and p (asymptotic,
    rough below ten blocks); `ids`, the runs in the blocks at the two levels.  With fewer than FEWEST_BLOCKS blocks the
    p are NaN and `note` says so.
    Raises BadInput for an unknown axis or way to collapse.
    """
    import pandas as pd

    if axis not in AXES:
        raise unknown("axis", axis, AXES)
    if collapse not in ("chain", None):
        raise unknown("way to collapse", str(collapse), ["chain"])
    runs = cells[cells["control"] == ""].copy()  # control arms are no cells of the grid
    split = [without_setting(name) for name in runs["architecture"]]
    runs["architecture"] = [name for name, _ in split]
    runs["setting"] = [setting.strip(" ()") for _, setting in split]
    # Standalone architectures may share module and backbone; each is then a level of its own, never a mean of two.
    cell = ["source", "dataset", *AXES.values()]
    runs["architecture"] = (
        runs["name"]
        .map(lambda name: without_setting(name)[0])
        .where(runs.duplicated(cell, keep=False), runs["architecture"])
    )
    others = ["dataset"] + [column for column in AXES.values() if column != AXES[axis]]
    kept = [column for column in others if column != "frames"] if collapse and axis != "frames" else others
    found = []
    for key, group in runs.groupby(["source", "dataset"] if by_dataset else ["source"], sort=True):
        where = {"source": key[0], "dataset": key[1] if by_dataset else "", "axis": axis}
        wide = group.pivot(index=others, columns=AXES[axis], values="top1")
        blocks = _complete(wide[sorted(wide.columns, key=_ORDER[axis])])
        absent = [str(level) for level in wide.columns if level not in blocks.columns]
        of_levels = wide[blocks.columns]
        where["cells"] = blocks.size
        where["dropped"] = int(of_levels.notna().any(axis=1).sum()) - len(blocks)
        notes = [f"left out, no common cells: {', '.join(absent)}"] if absent else []
        ids = group.pivot(index=others, columns=AXES[axis], values="ids").loc[blocks.index]
        of_level = {str(level): [i for of_cell in ids[level] for i in of_cell] for level in blocks.columns}
        effects = _compare(blocks.groupby(level=kept, sort=False).mean(), where, notes)
        found += [effect | {"ids": of_level[effect["a"]] + of_level[effect["b"]]} for effect in effects]
    return pd.DataFrame(found, columns=COLUMNS)


def _complete(wide: pd.DataFrame) -> pd.DataFrame:
    """The blocks (rows) run at all levels (columns), without the rarest levels where that keeps more cells."""
    best = wide.dropna()
    while wide.shape[1] > 2:
        counts = list(wide.notna().sum())
        rarest = max(i for i, count in enumerate(counts) if count == min(counts))
        wide = wide.drop(columns=wide.columns[rarest])
        if wide.dropna().size > best.size:
            best = wide.dropna()
    return best


def _compare(blocks: pd.DataFrame, where: dict[str, object], notes: list[str]) -> list[dict[str, object]]:
    """Rows of `main_effects` for one data set, from top-1 (blocks, levels)."""
    pairs = list(combinations(reversed(blocks.columns), 2))
    if blocks.empty or not pairs:
        return []
    ranks = blocks.round(DECIMALS).rank(axis=1, ascending=False).mean()
    chi2, friedman_p = _friedman(blocks)
    if len(blocks) < FEWEST_BLOCKS:
        notes = [*notes, f"no p-value with fewer than {FEWEST_BLOCKS} blocks"]
    effects = [paired_effect(blocks[a], blocks[b]) for a, b in pairs]
    adjusted = holm([effect.wilcoxon_p for effect in effects])
    return [
        where
        | {"a": str(a), "b": str(b), **effect._asdict(), "holm_p": float(p), "rank_a": ranks[a], "rank_b": ranks[b]}
        | {"friedman_chi2": chi2, "friedman_p": friedman_p, "note": "; ".join(notes)}
        for (a, b), effect, p in zip(pairs, effects, adjusted, strict=True)
    ]


def _friedman(blocks: pd.DataFrame) -> tuple[float, float]:
    """Friedman's chi2 and its asymptotic p over (blocks, levels); NaN for two levels or too few blocks."""
    if blocks.shape[1] < 3 or len(blocks) < FEWEST_BLOCKS:
        return math.nan, math.nan
    values = blocks.round(DECIMALS)
    if values.nunique(axis=1).eq(1).all():  # no order at all, where scipy divides by zero
        return 0.0, 1.0
    from scipy.stats import friedmanchisquare

    test = friedmanchisquare(*(values[level] for level in values.columns))
    return float(test.statistic), float(test.pvalue)


_ORDER = {
    "module": lambda name: (rank(MODULE_ORDER, name.partition("+")[0].partition("@")[0]), name),
    "backbone": lambda name: (name == "", name),
    "pooling": lambda name: rank(POOLING_ORDER, name),
    "frames": lambda frames: frames,
    "setting": lambda setting: setting,
}
