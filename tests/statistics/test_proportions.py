"""Intervals and tests of accuracies and of their differences: other libraries as oracles, and general properties."""

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats import contingency_tables, multitest, proportion, weightstats

from suite.spec import BadInput
from suite.statistics import intervals
from suite.statistics import proportions as statistics
from suite.statistics.proportions import (
    equivalence,
    holm,
    least_detectable_difference,
    mcnemar,
    minimal_detectable_difference,
    newcombe,
    paired,
    tango_interval,
    wilson,
)
from tests.statistics.builders import runs

# --- oracles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("right", "n"), [(0, 40), (3, 40), (611, 1000), (11_998, 12_000), (50, 50)])
def test_wilson_is_that_of_scipy_and_statsmodels(right, n):
    ours = wilson(100 * right / n, n)
    theirs = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert ours == pytest.approx((100 * theirs.low, 100 * theirs.high), abs=1e-9)
    assert ours == pytest.approx(100 * np.array(proportion.proportion_confint(right, n, method="wilson")), abs=1e-9)


@pytest.mark.parametrize(("a", "n_a", "b", "n_b"), [(56, 70, 48, 80), (0, 10, 0, 20), (9_000, 12_000, 600, 1_000)])
def test_newcombe_is_that_of_statsmodels(a, n_a, b, n_b):
    theirs = proportion.confint_proportions_2indep(a, n_a, b, n_b, method="newcomb", compare="diff")
    assert newcombe(100 * a / n_a, n_a, 100 * b / n_b, n_b) == pytest.approx(100 * np.array(theirs), abs=1e-9)
    assert np.isnan(newcombe(np.nan, n_a, 50, n_b)).all()
    assert np.isnan(newcombe(50, n_a, 50, np.nan)).all()


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 5), (12, 30), (700, 800)])
def test_mcnemar_is_the_exact_test_of_statsmodels(only_a, only_b):
    theirs = contingency_tables.mcnemar([[10, only_a], [only_b, 10]], exact=True).pvalue
    assert mcnemar(only_a, only_b) == pytest.approx(theirs)


def test_holm_is_that_of_statsmodels_and_lets_nan_pass():
    p = np.random.default_rng(0).random(40) ** 3
    assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1])
    with_gap = np.insert(p, 7, np.nan)
    assert holm(with_gap) == pytest.approx(np.insert(holm(p), 7, np.nan), nan_ok=True)
    assert len(holm([])) == 0


def test_the_bootstrap_of_a_difference_is_that_of_scipy():
    a, b = runs(np.random.default_rng(1), [60, 55])

    def difference(x, y, axis):
        return 100 * (np.mean(x, axis=axis) - np.mean(y, axis=axis))

    theirs = stats.bootstrap(
        *((a * 1.0, b * 1.0), difference), paired=True, method="percentile", n_resamples=5_000, batch=500, rng=2
    )
    # a quantile of 5,000 draws has a standard error of 0.0022 / density = 3.8 % of the standard deviation
    tolerance = 4 * 0.04 * theirs.standard_error + 0.1
    drawn = intervals.bootstrap_accuracies(np.stack([a, b]), 5_000)
    assert intervals.interval_of(drawn[:, 0] - drawn[:, 1]) == pytest.approx(theirs.confidence_interval, abs=tolerance)
    score = paired(a, b)
    assert (score.low, score.high) == pytest.approx(theirs.confidence_interval, abs=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(("only_a", "only_b", "n"), [(30, 12, 100), (9, 0, 50), (7, 40, 400)])
def test_tangos_interval_is_the_brute_force_inversion_of_the_score_test(only_a, only_b, n):
    differences = np.linspace(-0.399, 0.599, 999)

    def score(delta):
        """With the likeliest share of videos that only b has right, found by search instead of by formula."""

        def unlikelihood(share_b):
            shares = np.array([share_b + delta, share_b, 1 - 2 * share_b - delta])
            counts = np.array([only_a, only_b, n - only_a - only_b])
            return -float(np.sum(counts[counts > 0] * np.log(np.maximum(shares[counts > 0], 1e-300))))

        bounds = (max(0, -delta), (1 - delta) / 2)
        share_b = optimize.minimize_scalar(unlikelihood, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x
        return (only_a - only_b - n * delta) / np.sqrt(n * (2 * share_b + delta - delta**2))

    kept = [delta for delta in differences if abs(score(delta)) <= statistics.Z95]
    low, high = tango_interval(only_a, only_b, n)
    assert (low, high) == pytest.approx((100 * kept[0], 100 * kept[-1]), abs=0.11)  # the step of the search


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 40, 250, 1_000])
def test_the_interval_of_a_difference_holds_0_exactly_where_mcnemars_p_is_at_least_5_percent(n):
    for only_a in range(min(n, 40) + 1):
        for only_b in range(min(n - only_a, 40) + 1):
            low, high = tango_interval(only_a, only_b, n)
            assert (low <= 0 <= high) == (mcnemar(only_a, only_b) >= 0.05), (only_a, only_b)
            assert low <= 100 * (only_a - only_b) / n <= high
            assert low < high
            assert tango_interval(only_b, only_a, n) == pytest.approx((-high, -low), abs=1e-9)


def test_where_the_exact_test_rejects_the_score_test_does():
    for discordant in [*range(1, 300), 1_000, 5_000]:
        fewer = np.arange(discordant // 2 + 1)
        rejected = statistics.mcnemar_p_values(discordant - fewer, fewer) < 0.05
        assert np.all((discordant - 2 * fewer[rejected]) / np.sqrt(discordant) > statistics.Z95)


def test_no_discordant_video_is_no_certainty_that_there_is_none():
    low, high = tango_interval(0, 0, 1_000)
    assert high == -low == pytest.approx(100 * statistics.Z95**2 / (1_000 + statistics.Z95**2))  # its closed form
    for share in (0.0, 0.004, 0.009, 0.0101):
        found = paired(np.ones(1_000, bool), np.arange(1_000) >= round(1_000 * share)).detectable
        assert 0.9 < found < 1.1  # ten videos of 1,000, all of them in favour of the same model
    assert paired(np.ones(5, bool), np.zeros(5, bool)).detectable is None
    assert least_detectable_difference(5) is None


@pytest.mark.slow
def test_resampled_accuracies_vary_as_the_videos_do():
    correct = runs(np.random.default_rng(2), [60, 55, 90], videos=2_000)
    drawn = intervals.bootstrap_accuracies(correct, draws=20_000)
    assert drawn.mean(axis=0) == pytest.approx(100 * correct.mean(axis=1), abs=0.05)
    assert np.cov(drawn.T) == pytest.approx(1e4 * np.cov(correct, ddof=0) / 2_000, rel=0.05)


@pytest.mark.parametrize("margin", [1.0, 2.0, 3.0])
def test_equivalence_agrees_with_tost_where_many_videos_are_discordant(margin):
    a, b = runs(np.random.default_rng(3), [60, 59], videos=12_000)
    theirs = weightstats.ttost_paired(100.0 * a, 100.0 * b, -margin, margin)[0]
    assert equivalence(a, b, margin) == pytest.approx(theirs, rel=0.05, abs=1e-6)


def test_the_score_of_equivalence_has_the_variance_of_the_likeliest_outcomes_at_the_margin():
    only_a, only_b, n, delta = 30, 40, 500, -0.03

    def unlikelihood(share_b):
        same = 1 - 2 * share_b - delta
        return -only_a * np.log(share_b + delta) - only_b * np.log(share_b) - (n - only_a - only_b) * np.log(same)

    share_b = optimize.minimize_scalar(unlikelihood, bounds=(0.0301, 0.5), method="bounded").x
    score = (only_a - only_b - n * delta) / np.sqrt(n * (2 * share_b + delta - delta**2))
    assert statistics._tango(only_a, only_b, n, delta) == pytest.approx(score, rel=1e-4)


# --- properties ------------------------------------------------------------------------------------------------------


def test_equivalence_is_claimed_wrongly_in_at_most_five_percent_at_the_margin():
    rng, n, margin = np.random.default_rng(4), 1_000, 0.02
    for discordant in (0.02, 0.05, 0.3):
        shares = [(discordant + margin) / 2, (discordant - margin) / 2, 1 - discordant]
        claims = []
        for only_a, only_b, _ in rng.multinomial(n, shares, size=1_000):
            a, b = np.arange(n) < only_a, np.arange(n) >= n - only_b
            claims.append(equivalence(a, b, 100 * margin) <= 0.05)
        assert np.mean(claims) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1_000)


def test_equal_predictions_are_no_certainty_of_equivalence():
    a = np.arange(1_000) < 600
    assert equivalence(a, a, 1) > 0.99**1_000  # the chance of no discordant video where one in a hundred is
    with pytest.raises(BadInput, match="margin"):
        equivalence(a, a, 0)


@pytest.mark.parametrize(("n", "discordant"), [(300, 0.2), (1_000, 0.2), (4_000, 0.05), (12_000, 0.15)])
def test_the_detectable_difference_is_found_in_four_of_five_comparisons(n, discordant):
    d = minimal_detectable_difference(n, discordant) / 100
    m = np.arange(*stats.binom.interval(1 - 1e-9, n, discordant)).astype(int)  # discordant videos
    least = stats.binom.ppf(0.025, m, 0.5)  # the smaller count up to which the exact test rejects
    least -= 2 * stats.binom.cdf(least, m, 0.5) > 0.05
    share = (discordant + d) / 2 / discordant
    rejects = stats.binom.cdf(least, m, share) + stats.binom.sf(m - least - 1, m, share)
    assert 0.795 <= float((rejects * stats.binom.pmf(m, n, discordant)).sum()) <= 0.825


def test_no_difference_is_detectable_among_too_few_discordant_videos():
    assert np.isnan(minimal_detectable_difference(1_000, 0.0))
    assert np.isnan(minimal_detectable_difference(1_000, 0.004))
    assert np.isnan(minimal_detectable_difference(float("nan"), 0.1))
    assert minimal_detectable_difference(4_000, 0.1) < minimal_detectable_difference(1_000, 0.1)
    with pytest.raises(BadInput, match="share"):
        minimal_detectable_difference(1_000, 20)


def test_a_run_does_not_differ_from_itself():
    run = runs(np.random.default_rng(5), [60])
    found = paired(run[0], run[0])
    assert (found.difference, found.p_mcnemar, found.only_a, found.only_b) == (0, 1, 0, 0)
    assert -found.low == found.high > 0
    assert intervals.difference_interval(run, run)[:3] == (0, found.low, found.high)
    drawn = intervals.bootstrap_accuracies(np.concatenate([run, run]), 100)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    phi, psi = intervals.contribution_draws(drawn, [(0, 1)])
    assert (phi == 1).all()
    assert (psi == 0).all()


def test_outcomes_on_other_videos_are_refused():
    a, b = np.ones(10, bool), np.ones(11, bool)
    with pytest.raises(BadInput, match="same videos"):
        paired(a, b)
    with pytest.raises(BadInput, match="same videos"):
        intervals.difference_interval(a[None], b[None])
    with pytest.raises(BadInput, match="matched"):
        intervals.difference_interval(np.ones((2, 10)), np.ones((3, 10)), matched=True)
