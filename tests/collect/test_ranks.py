"""Ranks with intervals, groups, and the stability of rankings."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from suite.collect.ranks import group_letters, groups, kendall_tau, rank_intervals, tau_interval
from tests.collect.builders import MODELS, fabricate, outcomes_of, pairs_of
from tests.from_rows import all_pairs, gather, stability

# --- ranks --------------------------------------------------------------------------------------------------------


def test_rank_intervals_count_the_significant_differences(rows, evidence):
    for found in all_pairs(rows, evidence):
        k = len(found.cells)
        for i, (low, high) in enumerate(rank_intervals(found)):
            better = [p for p in found.pairs if p.j == i and p.adjusted < 0.05]
            worse = [p for p in found.pairs if p.i == i and p.adjusted < 0.05]
            assert (low, high) == (1 + len(better), k - len(worse))
        assert rank_intervals(found)[0][0] == 1


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.04])
def test_rank_intervals_cover_all_true_ranks_together_in_95_of_100_tables(spread):
    rng, missed, k = np.random.default_rng(7), 0, 6
    for _ in range(200):
        found = pairs_of(outcomes_of(rng, [0.6 - spread * i for i in range(k)], 300))
        true = [(i + 1, i + 1) if spread else (1, k) for i in range(k)]
        covered = zip(rank_intervals(found), true, strict=True)
        missed += not all(low <= first and last <= high for (low, high), (first, last) in covered)
    assert missed <= stats.binom.ppf(0.999, 200, 0.05)


@pytest.mark.parametrize("seed", range(6))
def test_groups_are_all_maximal_sets_without_a_significant_pair(seed):
    k = 7
    different = np.triu(np.random.default_rng(seed).random((k, k)) < 0.4, 1)
    different = different | different.T
    alike = [
        set(some)
        for size in range(1, k + 1)
        for some in combinations(range(k), size)
        if not any(different[i, j] for i, j in combinations(some, 2))
    ]
    brute = [some for some in alike if not any(some < other for other in alike)]
    assert sorted(map(sorted, brute)) == groups(different)


def test_models_share_a_letter_exactly_where_they_do_not_differ(rows, evidence):
    for found in all_pairs(rows, evidence):
        letters = [set(text.split()) for text in group_letters(found)]
        for i, j in combinations(range(len(letters)), 2):
            assert bool(letters[i] & letters[j]) == (not found.different[i, j])


# --- stability ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_tau_is_scipys_also_with_ties(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 5, (20, 8)).astype(float), rng.integers(0, 5, (20, 8)).astype(float)
    assert kendall_tau(a, b) == pytest.approx([stats.kendalltau(x, y).statistic for x, y in zip(a, b, strict=True)])


def test_the_interval_of_tau_holds_every_order_that_the_tests_leave_open():
    rng, k = np.random.default_rng(5), 5
    for _ in range(200):
        a, b = rng.normal(size=(2, k))
        signs = []
        for values in (a, b):
            sign = np.sign(values[:, None] - values[None])
            shown = np.triu(rng.random((k, k)) < 0.5, 1)
            signs.append(sign * (shown | shown.T))
        found = tau_interval(a, b, *signs)
        assert found["low"] - 1e-9 <= kendall_tau(a, b)[0] <= found["high"] + 1e-9
        assert found["low"] <= found["tau"] <= found["high"]
    sure = np.sign(a[:, None] - a[None])
    assert tau_interval(a, a, sure, sure) == {"decided": 10, "pairs": 10, "tau": 1.0, "low": 1.0, "high": 1.0}


@pytest.mark.slow
def test_the_interval_of_tau_covers_the_true_one_where_resampled_videos_do_not():
    rng, k, n, covered, resampled = np.random.default_rng(6), 8, 600, 0, 0
    for _ in range(60):
        values, signs, drawn = [], [], []
        for _ in range(2):  # the same order in both: tau is 1
            right = outcomes_of(rng, np.sort(rng.normal(0.6, 0.03, k)), n)
            found = pairs_of(right)
            values.append(right.mean(axis=1))
            signs.append(np.where(found.matrix("adjusted") < 0.025, np.sign(found.matrix("difference")), 0))
            drawn.append(rng.multinomial(n, np.full(n, 1 / n), size=200) @ right.T.astype(float))
        found = tau_interval(*values, *signs)
        covered += found["low"] <= 1 <= found["high"]
        resampled += np.quantile(kendall_tau(*drawn), 0.975) >= 1
    assert covered >= 57
    assert resampled <= 30, "why a bootstrap interval will not do"


@pytest.mark.slow
def test_stability_is_between_data_sets_frames_and_seeds(rows, evidence):
    found = stability(rows, evidence)
    assert [row["between"] for row in found] == ["data sets", "data sets", "frames", "frames"]
    top1 = {(r["dataset"], r["frames"], r["name"]): r["top1"] for r in rows.to_dict("records")}
    for row in found[:2]:
        frames = int(row["fixed"].split()[0])
        a, b = ([top1[dataset, frames, name] for name in MODELS] for dataset in (row["a"], row["b"]))
        assert row["tau"] == pytest.approx(stats.kendalltau(a, b).statistic)
    seeds = fabricate(MODELS, seeds=(0, 1, 2))
    assert [row["between"] for row in stability(seeds, gather(seeds))] == ["seeds"] * 3
    two = rows[rows["name"].isin(list(MODELS)[:2])]
    assert stability(two, evidence) == [], "fewer than three models are no ranking"
