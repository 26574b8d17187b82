"""Draws of spatial contribution and temporal improvement."""

import numpy as np
import pytest
from statsmodels.stats import proportion

from suite.statistics import intervals
from suite.statistics.contribution import spatial_contribution, temporal_improvement
from tests.statistics.builders import runs


def test_contributions_of_draws_are_those_of_equation_1():
    drawn = np.array([[60.0, 40.0], [30.0, 40.0], [100.0, 99.0], [0.0, 0.0], [10.0, 100.0]])
    phi, psi = intervals.contribution_draws(drawn, [(0, 1)])
    assert phi[:, 0] == pytest.approx([spatial_contribution(*row) for row in drawn], nan_ok=True)
    assert psi[:, 0] == pytest.approx([temporal_improvement(*row) for row in drawn], nan_ok=True)


def test_the_mean_over_one_cell_is_that_cell_and_unknown_cells_are_left_out():
    correct = runs(np.random.default_rng(8), [60, 62])
    top1, drawn = 100 * correct.mean(axis=1), intervals.bootstrap_accuracies(correct)
    found = intervals.mean_contribution_interval(top1, drawn, [(0, 1)])
    for name, draws in zip(("phi", "psi"), intervals.contribution_draws(drawn, [(0, 1)]), strict=True):
        assert found[name][1:] == pytest.approx(intervals.interval_of(draws[:, 0]))
    lacking = np.full((len(drawn), 1), np.nan)
    more = intervals.mean_contribution_interval([*top1, np.nan], np.hstack([drawn, lacking]), [(0, 1), (2, 1)])
    assert more == found
    nothing = intervals.mean_contribution_interval([np.nan], lacking, [(0, 0)])
    assert np.isnan([*nothing["phi"], *nothing["psi"]]).all()


def test_a_mean_of_contributions_is_bounded_by_its_capped_and_its_uncapped_ratios():
    correct = runs(np.random.default_rng(18), [60, 62, 60, 50, 40, 60])  # near TSN, clear of it, far below it
    top1, drawn = 100 * correct.mean(axis=1), intervals.bootstrap_accuracies(correct)
    ratio = top1[1::2] / top1[::2]
    assert 1 < ratio[0] < 1.05
    error = (drawn[:, 1] / drawn[:, 0] + drawn[:, 3] / drawn[:, 2] - ratio[:2].sum()) / 3
    below, above = np.quantile(error, (0.025, 0.975))
    value, low, high = intervals.mean_contribution_interval(top1, drawn, [(0, 1), (2, 3), (4, 5)])["phi"]
    assert value == pytest.approx((1 + ratio[1] + 1) / 3)
    assert low == pytest.approx(value + below)
    assert high == pytest.approx((ratio[0] + ratio[1] + 1) / 3 + above)


@pytest.mark.parametrize("right", [0, 3, 600])
def test_draws_from_an_accuracy_are_those_of_jeffreys(right):
    (drawn,) = intervals.binomial_accuracies([right / 10], [1_000], draws=50_000).T
    theirs = 100 * np.array(proportion.proportion_confint(right, 1_000, method="jeffreys"))
    assert np.quantile(drawn, (0.025, 0.975)) == pytest.approx(theirs, abs=0.03 * drawn.std() + 1e-4)


def test_accuracies_alone_give_wider_contributions_than_the_same_videos():
    correct = runs(np.random.default_rng(9), [60, 50, 62, 52])
    top1, pairs = 100 * correct.mean(axis=1), [(0, 1), (2, 3)]
    alone = intervals.binomial_accuracies(top1, [1_000] * 4)
    on_same = intervals.mean_contribution_interval(top1, intervals.bootstrap_accuracies(correct), pairs)
    apart = intervals.mean_contribution_interval(top1, alone, pairs)
    at_once = intervals.mean_contribution_interval(top1, alone, pairs, together=False)
    for name in ("phi", "psi"):
        widths = [found[name][2] - found[name][1] for found in (on_same, apart, at_once)]
        assert widths[0] < widths[1] < widths[2]
    assert np.isnan(intervals.binomial_accuracies([50, np.nan, 50], [100, 100, np.nan])[:, 1:]).all()
