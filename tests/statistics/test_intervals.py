"""Intervals over seeds and videos."""

import numpy as np
import pytest
from scipy import stats

from suite.statistics import intervals
from suite.statistics.proportions import (
    equivalence,
    paired,
    wilson,
)
from suite.statistics.seeds import components as seed_components
from tests.statistics.builders import runs


def test_an_interval_says_what_it_speaks_of():
    correct = runs(np.random.default_rng(10), [60] * 12)
    said = [intervals.accuracy_interval(correct[:s])[2] for s in (1, 2, 9, 10)]
    assert said == ["videos only", *["videos and seeds (t)"] * 2, "videos and seeds (bootstrap)"]
    assert intervals.accuracy_interval(correct[:1])[:2] == wilson(100 * correct[0].mean(), 1_000)
    assert "where there are several" in intervals.difference_interval(correct[:3], correct[3:4])[3]
    assert intervals.contribution_interval([correct, correct], [(0, 1)])["how"] == "videos and seeds (t)"
    assert intervals.contribution_interval([correct[:1], correct[1:2]], [(0, 1)])["how"] == "videos only"


@pytest.mark.parametrize("seeds", [4, 12])
def test_equal_seeds_are_as_good_as_one_and_seeds_that_differ_widen_the_interval(seeds):
    rng = np.random.default_rng(11)
    one = runs(rng, [60])
    low, high = wilson(100 * one.mean(), 1_000)
    assert intervals.accuracy_interval(np.repeat(one, seeds, axis=0))[:2] == pytest.approx((low, high), abs=0.2)
    unlike = intervals.accuracy_interval(runs(rng, 60 + 15 * np.linspace(-1, 1, seeds)))
    assert unlike[1] - unlike[0] > 1.5 * (high - low)


def test_matched_seeds_cancel_what_they_share():
    rng = np.random.default_rng(12)
    shift = np.array([-8, -3, 1, 4, 6])
    a, b = runs(rng, 65 + shift), runs(rng, 55 + shift)
    apart, matched = (intervals.difference_interval(a, b, matched=m) for m in (False, True))
    assert matched[0] == apart[0]
    assert matched[2] - matched[1] < 0.7 * (apart[2] - apart[1])


def test_variance_components_are_those_of_the_two_way_analysis_of_variance():
    correct = runs(np.random.default_rng(13), [55, 60, 65], videos=400)
    s, n = correct.shape
    rest = correct - correct.mean(axis=1, keepdims=True) - correct.mean(axis=0) + correct.mean()
    mean_squares = (rest**2).sum() / (s - 1) / (n - 1)
    values, ((_, between, residual),) = seed_components.components([1.0], [correct])
    assert residual == pytest.approx(mean_squares / (s * n))
    assert between == pytest.approx(correct.mean(axis=1).var(ddof=1) / s)
    assert values == pytest.approx(correct.mean(axis=0))


@pytest.mark.parametrize(("seeds", "of_seeds", "of_rest"), [(3, 0.9, 0.0), (3, 0.1, 0.2), (5, 0.0, 0.4), (5, 0.6, 0.1)])
def test_t_intervals_of_normal_outcomes_cover(seeds, of_seeds, of_rest):
    # shares of the variance of the mean; the rest of it is of videos
    rng, n, hits = np.random.default_rng(15), 200, []
    for _ in range(3_000):
        outcome = rng.standard_normal((seeds, n)) * np.sqrt(of_rest * seeds * n)
        outcome += rng.standard_normal(n) * np.sqrt((1 - of_seeds - of_rest) * n)
        outcome += rng.standard_normal((seeds, 1)) * np.sqrt(of_seeds * seeds)
        hits.append(abs(outcome.mean()) <= seed_components.half_width([1.0], [outcome]))
    assert 0.93 <= np.mean(hits) <= 0.97


def test_resampled_seeds_and_videos_vary_as_the_components_say():
    correct = runs(np.random.default_rng(16), 60 + 3 * np.linspace(-1, 1, 10))
    values, ((_, between, residual),) = seed_components.components([1.0], [correct])
    stretch = stats.t.ppf(0.975, 9) / stats.norm.ppf(0.975)
    drawn = seed_components.two_level([1.0], [correct], 40_000, 0)
    assert drawn.var() == pytest.approx(values.var() / 1_000 + (between - residual) * stretch**2, rel=0.03)
    assert drawn.mean() == pytest.approx(0, abs=4 * drawn.std() / 200)


def test_the_order_of_videos_does_not_matter_and_that_of_models_only_turns_the_sign():
    rng = np.random.default_rng(6)
    a, b = runs(rng, [60, 55])
    order = rng.permutation(len(a))
    assert paired(a[order], b[order]) == paired(a, b)
    assert equivalence(a[order], b[order], 2) == equivalence(b, a, 2)
    there, back = paired(a, b), paired(b, a)
    assert (there.difference, there.p_mcnemar) == (-back.difference, back.p_mcnemar)
    seeds = runs(rng, [60] * 6)
    some = intervals.difference_interval(seeds[:3], seeds[3:])
    assert some == pytest.approx(intervals.difference_interval(seeds[:3, order], seeds[3:, order])[:3] + some[3:])
