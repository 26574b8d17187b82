"""Power before a sweep: formulas against statsmodels, simulations and each other."""

import json
import math
import re

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower, TTestPower

from suite.benchmarks import coverage
from suite.collect.evidence import Evidence
from suite.collect.outcomes import Outcomes
from suite.collect.power import (
    PowerSetting,
    _power,
    comparisons,
    detectable,
    detectable_of_weights,
    needed_seeds,
    needed_videos,
    needed_videos_of_weights,
    resolution,
)
from suite.spec import BadInput
from suite.statistics.intervals import difference_error
from suite.statistics.proportions import minimal_detectable_difference, paired
from suite.statistics.significance import t_test
from tests.builders import said_by, summary_row
from tests.from_rows import measured


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 276])
def test_many_videos_and_many_seeds_are_the_t_test_of_statsmodels(alpha):
    for seeds in (30, 100):
        for effect in (0.3, 0.5, 1.0):
            theirs = TTestPower().power(effect, seeds, alpha / 2, df=2 * (seeds - 1), alternative="larger")
            ours = _power(PowerSetting(10**9, seeds, 0.2, 0.5), effect * 0.5 * math.sqrt(2), alpha)
            assert ours == pytest.approx(theirs, abs=0.02)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("videos", [800, 10_000])
def test_80_percent_power_is_that_of_the_test_with_few_seeds(seeds, videos):
    """The variance between seeds, and with it the degrees of freedom, is estimated anew in every experiment."""
    from scipy.special import stdtrit

    setting = PowerSetting(videos, seeds, 0.2, 0.5, 0.1)
    rng, d, f = np.random.default_rng(4), detectable(setting) / 100, seeds - 1
    residual = 0.1 / 2 / (videos * seeds)
    of_videos, of_seeds = (0.2 - 0.1 * (1 - 1 / seeds) - d * d) / videos, 0.005**2 / seeds
    between = (of_seeds + residual) * rng.chisquare(f, size=(2, 40_000)) / f
    variance = of_videos + np.maximum(0, between.sum(axis=0) - 2 * residual)
    degrees = np.maximum(f, variance**2 / ((1 + 1 / (2 * f)) * (between**2).sum(axis=0) / f))
    drawn = d + math.sqrt(of_videos + 2 * of_seeds) * rng.standard_normal(40_000)
    assert np.mean(drawn > stdtrit(degrees, 0.975) * np.sqrt(variance)) == pytest.approx(0.8, abs=0.008)


def test_seeds_that_differ_more_than_models_do_not_make_the_videos_agree():
    """q = discordance - seed_discordance (1 - 1/s) was 0, so that a single video was enough."""
    setting = PowerSetting(1_000, 10, 0.1, 0.5, 0.2)
    assert setting.discordance_of_means == pytest.approx(0.2 - 0.2 * 0.9)
    assert needed_videos(setting, 1.0) > 100
    values = [needed_videos(PowerSetting(1_000, 10, share, 0.5, 0.2), 1.0) for share in (0.05, 0.1, 0.2, 0.3)]
    assert values == sorted(values)


def test_a_difference_above_the_share_of_discordant_videos_is_not_possible():
    setting = PowerSetting(1_000, 3, 0.005, 0.1)
    assert needed_videos(setting, 1.0) is needed_seeds(setting, 1.0) is needed_videos_of_weights(setting, 1.0) is None
    assert not resolution(setting, 4)["possible"]
    assert resolution(PowerSetting(1_000, 3, 0.01, 0.1), 4)["possible"]


def test_one_seed_of_known_deviation_is_the_normal_test_of_statsmodels():
    for difference in (1.0, 2.0, 4.0):
        theirs = NormalIndPower().power(difference / 0.7, 1, 0.025, alternative="larger")
        assert _power(PowerSetting(10**9, 1, 0.2, 0.7), difference, 0.05) == pytest.approx(theirs, abs=1e-4)


def test_without_a_deviation_over_seeds_it_is_nearly_the_test_of_two_trained_models():
    for videos, discordance in ((400, 0.2), (4_000, 0.1), (12_000, 0.2)):
        theirs = minimal_detectable_difference(videos, discordance)
        setting = PowerSetting(videos, 1, discordance, 0.0)
        assert detectable_of_weights(setting) == theirs
        assert detectable(setting) == pytest.approx(theirs, abs=110 / videos)  # the continuity correction of one video


@pytest.mark.parametrize(("seeds", "sd", "gap"), [(3, 1.2, 4.5), (5, 0.5, 2.5), (3, 0.0, 3.0)])
def test_the_predicted_power_is_that_of_the_test_in_simulated_sweeps(seeds, sd, gap):
    found, discordant, same = [], [], []
    for block in coverage.outcomes(np.random.default_rng(1), [(60 + gap, 60)], seeds, 400, 800, sd):
        for a, b in block:
            found.append(t_test(*difference_error(a, b)) < 0.05)
            discordant.append((a[0] != b[0]).mean())
            same.append((a[0] != a[1]).mean() / 2 + (b[0] != b[1]).mean() / 2)
    # `sd` of the simulation is that at 50 %; at 60 % the same effect on the latent scale moves the accuracy less
    setting = PowerSetting(800, seeds, float(np.mean(discordant)), 0.97 * sd, float(np.mean(same)))
    assert np.mean(found) == pytest.approx(_power(setting, gap, 0.05), abs=0.08)
    assert _power(PowerSetting(800, seeds, setting.discordance, sd), gap, 0.05) <= np.mean(found) + 0.03, "conservative"


def test_what_is_detectable_is_found_with_the_power_asked_for_and_the_numbers_needed_are_the_least():
    setting = PowerSetting(4_000, 3, 0.2, 0.5, 0.1)
    for power in (0.5, 0.8, 0.95):
        assert _power(setting, detectable(setting, power=power), 0.05) == pytest.approx(power, abs=1e-6)
    videos = needed_videos(setting, 2.0)
    assert (
        _power(PowerSetting(videos, 3, 0.2, 0.5, 0.1), 2.0, 0.05)
        >= 0.8
        > _power(PowerSetting(videos - 1, 3, 0.2, 0.5, 0.1), 2.0, 0.05)
    )
    seeds = needed_seeds(setting, 1.8)
    assert (
        _power(PowerSetting(4_000, seeds, 0.2, 0.5, 0.1), 1.8, 0.05)
        >= 0.8
        > _power(PowerSetting(4_000, seeds - 1, 0.2, 0.5, 0.1), 1.8, 0.05)
    )
    needed = needed_videos_of_weights(setting, 1.0)
    assert minimal_detectable_difference(needed, 0.2) <= 1.0 < minimal_detectable_difference(needed - 1, 0.2)


def test_more_evidence_resolves_less_and_more_comparisons_more():
    base = PowerSetting(1_000, 3)
    assert detectable(PowerSetting(4_000, 3)) < detectable(base) < detectable(PowerSetting(1_000, 3, seed_sd=1.0))
    assert detectable(PowerSetting(1_000, 5)) < detectable(base) < detectable(base, 0.05 / 10)
    assert needed_videos(PowerSetting(1_000, 1, seed_sd=0.5), 0.5) is None, "one seed never resolves its own deviation"
    assert detectable(PowerSetting(20, 1, 0.01, 0.0)) is None
    assert comparisons(24) == {"one pair": 1, "with the best": 23, "all pairs": 276}
    for wrong in ({"discordance": 20.0}, {"discordance": 0.0}, {"seed_sd": -1.0}):
        with pytest.raises(BadInput):
            PowerSetting(100, 1, **wrong)


def test_discordance_and_deviation_are_measured_from_simulated_runs():
    import pandas as pd

    sd = 3.0
    (block,) = coverage.outcomes(np.random.default_rng(2), [(60, 60)] * 20, 3, 1, 2_000, sd)
    rows, place, correct = [], {}, []
    for r, of_run in enumerate(block[0]):
        for s, c in enumerate(of_run):
            rows.append(summary_row("i3d", 100 * c.mean(), seed=s) | {"id": f"{r}.{s}", "name": f"i3d-resnet18+m{r}"})
            place[f"{r}.{s}"] = len(correct)
            correct.append(c)
    found = measured(pd.DataFrame(rows), Evidence({"moving_shapes": Outcomes(place, np.stack(correct))}))
    pairs = [(block[0][i, 0] != block[0][j, 0]).mean() for i in range(40) for j in range(i)]
    assert found["discordance"] == pytest.approx(np.median(pairs), abs=0.01)
    assert found["seed_sd"] == pytest.approx(sd, rel=0.15)
    same = np.mean([(c[0] != c[1]).mean() for c in block[0]])
    assert found["seed_discordance"] == pytest.approx(same, rel=0.1)
    assert measured(pd.DataFrame(rows), Evidence()) == {}


def test_two_trained_models_that_differ_by_what_is_detectable_are_told_apart_in_four_of_five_tests():
    rng, n, discordance = np.random.default_rng(3), 1_000, 0.2
    d = detectable_of_weights(PowerSetting(n, 1, discordance)) / 100
    hits = 0
    for _ in range(500):
        kind = rng.choice(3, n, p=[(discordance + d) / 2, (discordance - d) / 2, 1 - discordance])
        hits += paired(kind == 0, kind == 1).p_mcnemar < 0.05
    assert hits / 500 == pytest.approx(0.8, abs=0.06)


@pytest.mark.slow
def test_a_plan_says_what_it_can_show(tmp_path, capsys):
    words = ("plan", "mini_ssv2", "--results", tmp_path, "--only", "*-resnet18", "--frames", "8")
    found = json.loads(said_by(capsys, *words, "--json"))
    assert {"runs", "totals", "power"} <= set(found)
    (about,) = found["power"]["datasets"]
    assert (about["models"], about["seeds"], about["videos"]) == (4, 1, 11799)
    assert found["power"]["ranking_with_one_seed"]
    assert [claim["tests"] for claim in about["claims"]] == [1, 3, 6]
    assert found["power"]["sources"] == {"discordance": "assumed", "seed_sd": "assumed"}
    said = said_by(capsys, *words, "--discordance", "0.1", "--seed-sd", "0.3")
    assert "This grid ranks 4 models with one seed" in said
    assert "10 % (stated)" in said
    impossible = said_by(capsys, *words, "--discordance", "0.005")
    assert "for one pair: not possible: a difference of 1 point needs at least 1 % discordant videos." in impossible
    pair = minimal_detectable_difference(11799, 0.1)
    assert re.search(rf"one pair +{pair:.2f} ", said)
