"""Bold: the models that are not significantly different from the best, and what is printed of them."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from suite.benchmarks import bold as best_study
from suite.benchmarks import coverage
from suite.collect.evidence import Evidence, bold_scope
from suite.collect.outcomes import Outcomes
from suite.report.tables.rendering.formats import to_markdown
from suite.report.tables.rendering.table import Estimate
from suite.statistics import best
from suite.statistics.best import Measured, best_set
from suite.statistics.intervals import bootstrap_accuracies
from suite.statistics.proportions import holm, mcnemar, newcombe
from suite.statistics.seeds import spread as seed_spread
from tests.builders import summary_row
from tests.from_rows import accuracy_table, contribution_table, equal_cost_table, mean_over_seeds


def tables(rng, top1, count, *, seeds=1, videos=1_000, sd=0.0, effects=best_study.EFFECTS):
    return best_study._tables(rng, top1, seeds, count, videos, sd, effects)


def known(table):
    return [Measured(math.nan, math.nan, correct=of_run) for of_run in table]


def alone(table):
    return [Measured(100 * of_run.mean(), table.shape[-1]) for of_run in table]


def pair(only_a, only_b, videos):
    """Outcomes (2, 1, N) of two models."""
    video = np.arange(videos)
    return np.stack([video >= only_b, (video < only_b) | (video >= only_b + only_a)])[:, None]


# --- oracles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [3, 10, 40])
def test_the_critical_value_of_independent_models_is_that_of_the_studentised_range(k):
    seeds = [Measured(60.0, 1_000, 3, 0.1 * (i + 1)) for i in range(k)]
    for models in ([Measured(60.0, 1_000)] * k, seeds):
        drawn = best._Pairs(models).largest_differences(np.arange(k), 40_000, 0).max(axis=1)
        theirs = stats.studentized_range.ppf(0.95, k, 1e5) / math.sqrt(2)
        assert np.quantile(drawn, 0.95) == pytest.approx(theirs, rel=0.015)


def test_critical_values_over_seeds_have_the_p_of_the_normal_ones():
    degrees = np.array([1, 1.5, 2, 3.7, 10, 400, np.inf])
    for z in (1.96, 3.0, 4.5):
        assert stats.t.sf(seed_spread.normal_to_t(z, degrees), degrees) == pytest.approx(stats.norm.sf(z), rel=0.01)


def test_the_variance_of_a_pair_over_seeds_is_welchs_and_pooled_it_is_students():
    rng = np.random.default_rng(8)
    a, b = rng.normal(0, 1, 4), rng.normal(0, 3, 7)
    none, g = np.zeros((2, 2)), 1 + 1 / 9
    for pooled, equal in ((False, False), (True, True)):
        if pooled:  # estimates that differ leave fewer degrees of freedom than the 9 of the t test
            b *= a.std(ddof=1) / b.std(ddof=1)
        spread = seed_spread.SeedSpread([a.var(ddof=1), b.var(ddof=1)], [0, 0], [4, 7])
        variance, degrees = spread.of_pairs(none, pooled)
        theirs = stats.ttest_ind(a, b, equal_var=equal)
        assert variance[0, 1] ** 0.5 == pytest.approx(abs((a.mean() - b.mean()) / theirs.statistic))
        assert degrees[0, 1] == pytest.approx(max(theirs.df / g, 3))


@pytest.mark.slow
def test_the_critical_value_of_models_on_the_same_videos_is_that_of_the_paired_bootstrap():
    (table,) = tables(np.random.default_rng(0), [70.0, 60, 60, 55, 50, 40, 60, 62], 1)
    drawn = bootstrap_accuracies(table[:, 0], 20_000)
    drawn -= drawn.mean(axis=0)
    differences = drawn[:, :, None] - drawn[:, None, :]
    deviation = differences.std(axis=0)
    theirs = np.quantile((np.abs(differences) / np.where(deviation > 0, deviation, 1)).max(axis=(1, 2)), 0.95)
    ours = best._Pairs(known(table)).largest_differences(np.arange(8), 20_000, 0).max(axis=1)
    assert np.quantile(ours, 0.95) == pytest.approx(theirs, rel=0.02)


def test_two_models_are_told_apart_exactly_where_mcnemars_test_does():
    for only_a in range(25):
        for only_b in range(25):
            members = best_set(known(pair(only_a, only_b, 200))).members
            assert members.all() == (mcnemar(only_a, only_b) >= 0.05), (only_a, only_b)


@pytest.mark.parametrize("n", [50, 1_000, 12_000])
def test_two_accuracies_alone_are_told_apart_where_newcombes_interval_excludes_0(n):
    agree = []
    for b in np.linspace(0, 100, 101):
        members = best_set([Measured(60.0, n), Measured(b, n)]).members
        low, high = newcombe(60.0, n, b, n)
        agree.append(members.all() == (low <= 0 <= high))
        assert members.all() or not low <= 0 <= high, "never where the interval holds 0"
    assert np.mean(agree) > 0.97


# --- the promise -----------------------------------------------------------------------------------------------------


def rate(hits):
    return np.mean(hits), 3 * math.sqrt(0.05 * 0.95 / len(hits))


@pytest.mark.slow
def test_equally_good_models_all_stay_bold_in_95_percent_of_tables():
    rng, found, by_holm = np.random.default_rng(1), {"predictions": [], "own videos": [], "3 seeds": []}, []
    for table in tables(rng, [60.0] * 16, 250):
        found["predictions"].append(not best_set(known(table), 199).members.all())
        right = 100 * rng.binomial(1_000, 0.6, size=16) / 1_000
        found["own videos"].append(not best_set([Measured(p, 1_000) for p in right], 199).members.all())
        top = table.mean(axis=(1, 2)).argmax()
        only = [((table[top] & ~run).sum(), (~table[top] & run).sum()) for run in np.delete(table, top, axis=0)]
        by_holm.append((holm([mcnemar(*counts) for counts in only]) < 0.05).any())
    for table in tables(rng, [60.0] * 16, 250, seeds=3, sd=1.2):
        found["3 seeds"].append(not best_set(known(table), 199).members.all())
    found["2 of 8 models with seeds 10 times as far apart"] = [
        not best_set(known(table), 199).members.all()
        for table in tables(rng, [60.0] * 8, 300, seeds=3, sd=[0.3] * 6 + [3.0] * 2)
    ]
    for kind, hits in found.items():
        share, error = rate(hits)
        assert share <= 0.05 + error, kind
    assert np.mean(by_holm) > 0.1, "why tests against the observed best with Holm's correction will not do"


@pytest.mark.slow
def test_the_best_stays_bold_and_a_model_5_points_below_does_not():
    rng, lost, shown = np.random.default_rng(2), [], []
    for table in tables(rng, [55.0, *[60.0] * 15], 100, effects=best_study.ALIKE):
        shown.append(not best_set(known(table), 199).members[0])
    for table in tables(rng, [60.0, *[60 - i / 2 for i in range(1, 16)]], 150):
        lost.append(not best_set(known(table), 199).members[0])
    assert np.mean(shown) > 0.85
    assert np.mean(lost) <= 0.05


def test_more_discordant_seeds_widen_the_set():
    rng = np.random.default_rng(3)
    top1 = [66.0, 64, 62, 60, 58, 56]
    sizes = [
        np.mean([best_set(known(table), 199).members.sum() for table in tables(rng, top1, 40, seeds=3, sd=sd)])
        for sd in (0.0, 3.0)
    ]
    assert sizes[0] + 1 < sizes[1]


@pytest.mark.slow
def test_the_quick_study_of_bold_holds_and_has_a_row_per_kind_of_evidence(monkeypatch):
    monkeypatch.setattr(best_study, "SHARE", {4: 1, 16: 0.3})
    parts = ["bold, 4 models", "bold, 16 models", "bold, other tables", "ranks and pairs", "few discordant", "classes"]
    found = coverage.study(sweeps=60, parts=parts)
    assert {row["models"] for row in found["bold"]} == {4, 8, 16}
    assert {row["quantity"] for row in found["bold"]} == {"family-wise error", "power", "rank intervals, error"}
    for row in found["bold"]:
        most = 5 + 3 * 100 * math.sqrt(0.05 * 0.95 / row["tables"])
        assert row["quantity"] == "power" or row["rate"] <= most, row
    for row in found["rows"]:
        assert row["least"] - 3 * row["error"] <= row["coverage"] <= row["most"] + 3 * row["error"], row
    over = {row["setting"]: row["coverage"] for row in found["rows"] if row["quantity"] == "accuracy"}
    assert over["1 seed, 60 %, over 60 classes"] > over["1 seed, 60 %, 60 classes drawn, interval over videos"]


@pytest.mark.slow
def test_the_study_is_the_same_in_any_number_of_processes():
    one, two = (coverage.study(20, parts=["few discordant", "own videos"], processes=n) for n in (1, 2))
    assert one["rows"] == two["rows"]


def test_a_rate_of_errors_above_5_percent_does_not_hold():
    for hits, holds in ((5, True), (6, True), (20, False)):
        assert best_study.Rate("family-wise error", "", 4, (0, 5), tables=100, hits=hits).row()["holds"] == holds


# --- properties ------------------------------------------------------------------------------------------------------


def test_the_most_accurate_model_is_a_member_whatever_the_evidence():
    rng = np.random.default_rng(4)
    for _ in range(20):
        k = int(rng.integers(1, 12))
        seeds = rng.integers(1, 4, size=k)
        models = [
            Measured(math.nan, math.nan, correct=rng.random((s, 60)) < rng.random())
            if rng.random() < 0.5
            else Measured(100 * rng.random(), 60, int(s), float(rng.random()) if s > 1 else math.nan)
            for s in seeds
        ]
        accuracy = [m.top1 / 100 if m.correct is None else m.correct.mean() for m in models]
        assert best_set(models, 199).members[int(np.argmax(accuracy))]


def test_equal_predictions_share_their_fate_and_certainty_needs_no_variance():
    (table,) = tables(np.random.default_rng(5), [60.0, 50, 60, 50], 1)
    twice = best_set(known(np.concatenate([table, table]))).members
    assert twice[:4].tolist() == twice[4:].tolist()
    right, wrong = np.ones((1, 100), bool), np.zeros((1, 100), bool)
    assert best_set(known([right, wrong, wrong])).members.tolist() == [True, False, False]
    assert best_set(known([right, right, right])).members.all()
    assert best_set([Measured(100.0, 100), Measured(0.0, 100), Measured(100.0, 100)]).members.tolist() == [
        True,
        False,
        True,
    ]
    assert best_set(known(np.repeat([right, wrong, wrong], 3, axis=1))).members.tolist() == [True, False, False]
    assert best_set([]).members.shape == (0,)
    assert best_set([Measured(50.0, 10)]).members.all()


def test_seeds_of_other_models_count_for_a_model_with_one():
    (table,) = tables(np.random.default_rng(6), [60.0, 60, 60, 60], 1, seeds=3, sd=5.0)
    models = [Measured(0, 0, correct=c) for c in (*table[:2], table[2][:1], table[3][:1])]
    pairs = best._Pairs(models)
    for variance, degrees in pairs.spreads:
        assert variance[2, 3] == pytest.approx(3 * variance[0, 1])
        assert np.isfinite(degrees).all()
    assert best_set(models).borrowed
    assert not best_set(known(table)).borrowed
    assert all(np.isinf(degrees).all() for _, degrees in best._Pairs(known(table[:, :1])).spreads)


def test_of_96_equally_good_models_on_12000_videos_nearly_all_are_bold():
    """`suite bench report` measures how long that takes."""
    correct = np.random.default_rng(7).random((96, 1, 12_000)) < 0.6
    assert best_set(known(correct)).members.mean() > 0.9


# --- what is printed -------------------------------------------------------------------------------------------------


def test_tied_says_which_tests_it_used_and_nothing_where_the_best_cannot_be_tested():
    rows = pd.DataFrame([summary_row(m, t) for m, t in (("tsn", 50.0), ("tam", 70.0), ("i3d", 72.0))])
    found = Evidence().bold_cells(mean_over_seeds(rows))
    assert found.tests == (best.UNPAIRED,)
    assert found.labels == {1, 2}
    rows.loc[2, "n"] = math.nan
    assert Evidence().bold_cells(mean_over_seeds(rows)).labels == frozenset()
    rows.loc[2, "n"], rows.loc[1, "n"] = 240, math.nan
    assert Evidence().bold_cells(mean_over_seeds(rows)).labels == {2}, "a model without n cannot be tested"
    seeds = pd.DataFrame([summary_row(m, t + s, seed=s) for m, t in (("tsn", 50.0), ("tam", 70.0)) for s in (0, 1, 2)])
    assert Evidence().bold_cells(mean_over_seeds(seeds)).tests == (best.UNPAIRED_T,)


def test_bold_says_what_it_is_about():
    def note(*results):
        rows = pd.DataFrame([summary_row(m, t + s, seed=s) for m, t, seeds in results for s in range(seeds)])
        return bold_scope([Evidence().bold_cells(mean_over_seeds(rows))])

    assert "about these weights on other test videos" in note(("tsn", 50.0, 1), ("tam", 70.0, 1))
    assert "these weights" not in note(("tsn", 50.0, 3), ("tam", 70.0, 3))
    assert "Models with one seed are assumed to vary between seeds" in note(("tsn", 50.0, 3), ("tam", 70.0, 1))


def test_the_accuracy_note_claims_seeds_for_cells_with_predictions_only():
    rows = pd.DataFrame([summary_row(m, t + s, seed=s) for m, t in (("tsn", 50.0), ("tam", 70.0)) for s in range(3)])
    assert "in brackets (sampling of test videos, not retraining)" in accuracy_table(rows).note
    correct = np.random.default_rng(0).random((6, 240)) < 0.6
    some = Evidence({"moving_shapes": Outcomes({i: n for n, i in enumerate(rows["id"][:3])}, correct[:3])})
    note = accuracy_table(rows, None, some).note
    assert "for models with several seeds and stored predictions of all of them, of seeds too" in note
    known = Evidence({"moving_shapes": Outcomes({i: n for n, i in enumerate(rows["id"])}, correct)})
    assert "(sampling of test videos and of seeds)" in accuracy_table(rows, None, known).note
    assert "(sampling of test videos, not retraining)" in contribution_table(rows).note
    assert "of test videos, and of seeds where several are stored" in contribution_table(rows, None, known).note


def test_at_equal_cost_bold_is_the_family_of_all_runs_within_the_budget():
    rows = pd.DataFrame(
        [
            summary_row("tsn", 50.0, gmacs=1.0, conv_gmacs=1.0),
            summary_row("tam", 72.0, gmacs=1.0, conv_gmacs=1.0),
            summary_row("i3d", 73.0, gmacs=1.0, conv_gmacs=1.0),
            summary_row("s3d", 95.0, gmacs=20.0, conv_gmacs=20.0),
        ]
    )
    table = equal_cost_table(rows)
    (part,) = table.parts
    bold = {row[1]: [cell.bold for cell in row if isinstance(cell, Estimate)] for row in part.rows}
    assert bold["i3d-resnet18"] == [True, False]
    assert bold["tam-resnet18"] == [True, False]
    assert bold["tsn-resnet18"] == [False, False]
    assert bold["s3d-resnet18"] == [True]
    assert "1 GMACs: I3D-ResNet-18 at 8 frames (not significantly different: 1 other)" in part.note
    assert "20 GMACs: S3D-ResNet-18 at 8 frames." in part.note
    assert "Bold: not significantly different from the most accurate run within the budget" in table.note
    correct = np.zeros((4, 240), bool)
    for i, top1 in enumerate((50, 72, 73, 95)):
        correct[i, : round(2.4 * top1)] = True
    paired = Evidence({"moving_shapes": Outcomes({i: n for n, i in enumerate(rows["id"])}, correct)})
    assert best.MCNEMAR in equal_cost_table(rows, paired).note
    assert "**" in to_markdown(table)
