"""All pairs of models, ranks with intervals, groups, stability of rankings, and their tables and figures."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import ndtri
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from suite.collect.evidence import Evidence
from suite.collect.pairs import Pairs, _pair, adjusted, newcombe_p, over_datasets
from suite.collect.ranks import group_letters, groups, kendall_tau, rank_intervals, tau_interval
from suite.evaluation.predictions import Outcome
from suite.published.references import published_rows
from suite.report.figures.pairs import pairwise_plot
from suite.report.tables.formats import to_markdown
from suite.statistics.proportions import newcombe
from tests.from_rows import (
    accuracy_table,
    all_pairs,
    gather,
    make_tables,
    matrix_table,
    pairwise_table,
    ranks_table,
    split_use,
    stability,
    stability_table,
    write_page,
    write_pairwise,
    write_tables,
)
from tests.report.test_report import csv_of, run

CLASSES = 20


def fabricate(accuracies, sets=("one",), frames=(8,), seeds=(0,), n=400, seed=0, alike=0.7, logits=False):
    """Rows with predictions of models of these accuracies (fractions), which fail mostly on the same videos."""
    rng, rows = np.random.default_rng(seed), []
    ids, labels = np.array([f"v{i:05d}" for i in range(n)]), np.arange(n) % CLASSES
    for dataset in sets:
        shared = rng.normal(size=n) * math.sqrt(alike)
        for f in frames:
            for name, accuracy in accuracies.items():
                for s in seeds:
                    right = shared + rng.normal(size=n) * math.sqrt(1 - alike) + ndtri(accuracy) > 0
                    predicted = np.where(right, labels, (labels + 1) % CLASSES)
                    confidence = np.full(n, 0.9) if logits else None
                    row = run("tsn", 100 * right.mean(), frames=f, seed=s, n=n, views=1)
                    row |= {"id": f"{dataset}.{name}.f{f}.s{s}", "name": name, "dataset": dataset}
                    outcome = Outcome(ids, predicted, labels, confidence=confidence)
                    rows.append(row | {"module": name.split("-")[0], "predictions": outcome})
    return pd.DataFrame(rows)


MODELS = {"tsn-resnet18": 0.5, "tam-resnet18": 0.7, "tsm-resnet18": 0.71, "i3d-resnet18": 0.85}


@pytest.fixture(scope="module")
def rows():
    return fabricate(MODELS, sets=("one", "two"), frames=(8, 16))


@pytest.fixture(scope="module")
def evidence(rows):
    return gather(rows)


def of_model(rows, name, dataset="one", frames=8):
    chosen = rows[(rows["name"] == name) & (rows["dataset"] == dataset) & (rows["frames"] == frames)]
    return chosen["predictions"].iloc[0].correct()


def pairs_of(correct):
    """`all_pairs` of models with these outcomes, bool (k, N), in their order."""
    cells = [{"name": str(i), "top1": 100 * c.mean(), "n": len(c)} for i, c in enumerate(correct)]
    seeds = [c[None] for c in correct]
    return Pairs(
        "d", 8, cells, adjusted([_pair(i, j, cells, seeds, False) for i, j in combinations(range(len(cells)), 2)])
    )


def outcomes_of(rng, accuracies, n, alike=0.7):
    """Bool (k, N) of models of these accuracies (fractions), which fail mostly on the same videos."""
    latent = rng.normal(size=n) * math.sqrt(alike) + rng.normal(size=(len(accuracies), n)) * math.sqrt(1 - alike)
    return latent + ndtri(np.array(accuracies))[:, None] > 0


# --- pairs --------------------------------------------------------------------------------------------------------


def test_pairs_have_the_p_values_of_statsmodels_and_holm_over_all_of_them(rows, evidence):
    for found in all_pairs(rows, evidence):
        assert len(found.pairs) == 6
        for pair in found.pairs:
            a, b = (of_model(rows, found.cells[i]["name"], found.dataset, found.frames) for i in (pair.i, pair.j))
            table = [[(a & b).sum(), (a & ~b).sum()], [(b & ~a).sum(), (~a & ~b).sum()]]
            assert pair.p == pytest.approx(mcnemar(table, exact=True).pvalue)
            assert pair.difference == pytest.approx(100 * (a.mean() - b.mean()))
            assert pair.low <= pair.difference <= pair.high
        theirs = multipletests([pair.p for pair in found.pairs], method="holm")[1]
        assert [pair.adjusted for pair in found.pairs] == pytest.approx(list(theirs))


def test_several_seeds_are_a_t_test_whose_interval_agrees_with_its_p():
    rows = fabricate(MODELS, seeds=(0, 1, 2))
    (found,) = all_pairs(rows, gather(rows))
    assert found.kinds == ["seeds"]
    assert {(pair.p < 0.05) == (pair.low > 0 or pair.high < 0) for pair in found.pairs} == {True}
    assert {pair.p < 0.05 for pair in found.pairs} == {True, False}


@pytest.mark.parametrize("n", [(240, 240), (1_000, 5_000)])
def test_accuracies_alone_are_tested_as_their_interval_says_and_about_as_two_proportions(n):
    for b in np.linspace(60, 75, 31):
        p, (low, high) = newcombe_p(60, n[0], b, n[1]), newcombe(60, n[0], b, n[1])
        assert (p < 0.05) == (low > 0 or high < 0)
        theirs = proportions_ztest([0.6 * n[0], b / 100 * n[1]], n)[1]
        assert p == pytest.approx(theirs, rel=0.25, abs=0.01)
    assert newcombe_p(60, 100, 60, 100) == pytest.approx(1)
    assert newcombe_p(100, 100, 0, 100) < 1e-10
    assert math.isnan(newcombe_p(60, math.nan, 50, 100))


def seeded(rng, k, seeds, sd, n, sets=("one",)):
    """Rows of k equally good models of which accuracies alone are known, on test videos of their own."""
    expected = 60 + sd * rng.standard_normal((len(sets), k, seeds))
    top1 = 100 * rng.binomial(n, expected / 100) / n
    return pd.DataFrame(
        [
            run("tsn", top1[d, m, s], seed=s, n=n)
            | {"id": f"{d}.{m}.{s}", "name": f"tsn-resnet18+m{m}", "dataset": name}
            for d, name in enumerate(sets)
            for m in range(k)
            for s in range(seeds)
        ]
    )


@pytest.mark.parametrize("over_sets", [False, True])
def test_seeds_count_where_there_are_accuracies_alone(over_sets):
    rng, wrong = np.random.default_rng(11), 0
    for _ in range(60):
        rows = seeded(rng, 8, 3, 1.2, 10_000, ("one", "two") if over_sets else ("one",))
        found = all_pairs(rows, Evidence())
        (found,) = over_datasets(found, Evidence()) if over_sets else found
        assert found.kinds == ["unpaired_seeds"]
        assert all((pair.p < 0.05) == (pair.low > 0 or pair.high < 0) for pair in found.pairs)
        wrong += bool(found.different.any())
    assert wrong <= stats.binom.ppf(0.999, 60, 0.05), "with the test videos alone it is 25 of 60"


def test_many_seeds_of_accuracies_alone_are_welchs_test():
    rng = np.random.default_rng(12)
    rows = seeded(rng, 2, 8, 2.0, 10**7)
    (found,) = all_pairs(rows, Evidence())
    a, b = (rows[rows["name"] == cell["name"]]["top1"] for cell in found.cells)
    theirs = stats.ttest_ind(a, b, equal_var=False)
    assert found.pairs[0].p == pytest.approx(theirs.pvalue, rel=0.1), "Satterthwaite with the factor of intervals"
    one = rows[(rows["name"] != found.cells[0]["name"]) | (rows["seed"] == 0)]
    assert all_pairs(one, Evidence())[0].kinds == ["unpaired_seeds"], "a model with one seed varies like the other"


def test_models_without_predictions_are_compared_unpaired_beside_the_others(rows):
    lacking = rows[rows["dataset"] == "one"].copy()
    lacking.loc[lacking["name"] == "tsn-resnet18", "predictions"] = ""
    found = all_pairs(lacking, gather(lacking))[0]
    kinds = {frozenset((found.cells[p.i]["name"], found.cells[p.j]["name"])): p.kind for p in found.pairs}
    for names, kind in kinds.items():
        assert (kind == "unpaired") == ("tsn-resnet18" in names)


def test_the_mean_over_data_sets_is_tested_with_the_sum_of_their_variances(rows, evidence):
    found = over_datasets(all_pairs(rows, evidence), evidence)
    assert [group.frames for group in found] == [8, 16]
    for pair in found[0].pairs:
        names = [found[0].cells[i]["name"] for i in (pair.i, pair.j)]
        differences, variance = [], 0.0
        for dataset in ("one", "two"):
            a, b = (of_model(rows, name, dataset).astype(float) for name in names)
            differences.append(100 * (a - b).mean())
            variance += (100 * (a - b)).var() / len(a) / 4
        assert pair.difference == pytest.approx(np.mean(differences))
        assert pair.p == pytest.approx(2 * stats.norm.sf(abs(pair.difference) / variance**0.5), rel=0.2, abs=1e-6)
    assert over_datasets(all_pairs(rows[rows["dataset"] == "one"], evidence), evidence) == []


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


# --- tables and figures -------------------------------------------------------------------------------------------


def test_the_list_and_the_matrix_say_the_same_and_name_test_and_correction(rows, evidence):
    listed, matrix = pairwise_table(rows, evidence), matrix_table(rows, evidence)
    lines = {(r["dataset"], r["frames"], r["a"], r["b"]): float(r["difference"]) for r in csv_of(listed)}
    assert len(lines) == 4 * 6
    cells = csv_of(matrix)
    for i, row in enumerate(cells):
        of_part = cells[4 * (i // 4) : 4 * (i // 4) + 4]
        for j, other in enumerate(of_part):
            if row[f"model_{j + 1}"]:
                key = (row["dataset"], row["frames"], row["model"], other["model"])
                assert lines[key] == float(row[f"model_{j + 1}"])
    for table in (listed, matrix, ranks_table(rows, evidence)):
        assert "exact McNemar test (test videos only, not retraining)" in table.note
        assert "Holm over all pairs of a data set and number of frames (6 pairs)" in table.note
    assert "each pair alone, not simultaneous" in listed.note


def test_ranks_need_three_models_and_show_the_mean_over_data_sets(rows, evidence):
    table = ranks_table(rows, evidence)
    assert [part.title for part in table.parts] == ["one", "two", "all data sets"]
    line = csv_of(table)[0]
    assert line["model"] == "i3d-resnet18"
    assert (line["rank_f8"], line["rank_low_f8"], line["rank_high_f8"]) == ("1", "1", "1")
    assert ranks_table(rows[rows["name"].isin(list(MODELS)[:2])], evidence).parts == []
    assert "Kendall" in stability_table(rows, evidence).note


def test_the_notes_name_the_tests_that_are_used(rows, evidence):
    assert "z test for models with one seed, with half a video added" in ranks_table(rows, evidence).note
    assert "; t test" not in ranks_table(rows, evidence).note
    assert "alpha = 0.025 each" in stability_table(rows, evidence).note
    seeds = fabricate(MODELS, sets=("one", "two"), seeds=(0, 1))
    of_seeds = gather(seeds)
    assert "t test over seeds and test videos" in ranks_table(seeds, of_seeds).note
    assert "z test" not in ranks_table(seeds, of_seeds).note
    assert "between two seeds, other test videos only" in stability_table(seeds, of_seeds).note


def test_published_accuracies_alone_have_pairs_and_ranks():
    rows = published_rows()
    rows = rows[(rows["dataset"] == "mini_ssv2") & (rows["frames"] == 8)]
    table = ranks_table(rows)
    assert len(table.parts[0].rows) == 24
    assert "independent samples" in table.note
    unknown = ranks_table(rows.assign(n=math.nan))
    assert {row["ranks_f8"] for row in csv_of(unknown)} == {"1–24"}, "nothing is known without a number of videos"


def test_confounded_models_carry_their_letters_and_a_strict_report_leaves_them_out(rows, evidence):
    odd = "one.tam-resnet18.f8.s0"
    marked = Evidence(evidence.outcomes)
    marked.marks.letters[odd] = "a"
    marked.marks.notes.append("a: batch 16 instead of 32")
    for table in (pairwise_table(rows, marked), matrix_table(rows, marked), ranks_table(rows, marked)):
        assert "batch 16 instead of 32" in table.note
        assert "<sup>a</sup>" in to_markdown(table) or "(a)" in to_markdown(table)
    marked.strict = True
    kept = rows[rows["id"] != odd]
    for make in (pairwise_table, matrix_table, ranks_table, stability_table):
        assert csv_of(make(rows, marked)) == csv_of(make(kept, evidence))


def test_tables_do_not_depend_on_the_order_of_the_rows(rows, tmp_path):
    names = ("ranks", "rank_stability", "pairwise_matrix", "pairwise")
    mixed = rows.sample(frac=1, random_state=1)
    once = write_tables(rows, tmp_path / "a", names, evidence=gather(rows))
    twice = write_tables(mixed, tmp_path / "b", names, evidence=gather(mixed))
    assert len(once) == 12
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in twice]


def test_heat_maps_are_readable_at_24_models_and_old_ones_go(rows, evidence, tmp_path):
    from matplotlib.text import Text

    (tmp_path / "figures").mkdir()
    old = tmp_path / "figures" / "pairwise_gone_f8.png"
    old.write_bytes(b"old")
    written = write_pairwise(rows[rows["frames"] == 8], tmp_path, evidence)
    assert sorted(path.name for path in written) == [
        f"pairwise_{d}_f8.{e}" for d in ("one", "two") for e in ("pdf", "png")
    ]
    assert not old.exists()
    write_tables(rows, tmp_path, ("pairwise", "pairwise_matrix"), evidence=evidence)
    page = write_page("Demo", rows, tmp_path, tables=make_tables(rows, ("pairwise", "pairwise_matrix"), None, evidence))
    text = page.read_text()
    assert 'id="pairwise_matrix"' in text
    assert 'id="pairwise"' not in text
    published = published_rows()
    published = published[(published["dataset"] == "mini_ssv2") & (published["frames"] == 8)]
    figure = pairwise_plot(all_pairs(published, Evidence())[0])
    figure.draw_without_rendering()
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 8
    labels = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == 24
    assert not any(a.overlaps(b) for a, b in combinations(labels, 2))


def test_a_pair_without_a_p_value_is_not_significant():
    cells = [{"top1": 60.0, "ids": ["a"]}, {"top1": 50.0, "ids": ["b"]}]
    rows = pd.DataFrame([run("tsn", 50.0, n=math.nan), run("tam", 60.0, n=math.nan)])
    (found,) = all_pairs(rows, Evidence())
    assert not found.different.any()
    assert rank_intervals(found) == [(1, 2), (1, 2)]
    assert Pairs("d", 8, cells, adjusted([])).pairs == []


# --- what stands beside a mean over seeds -------------------------------------------------------------------------


@pytest.mark.parametrize(("interval", "sd", "ci"), [("both", True, True), ("ci", False, True), ("sd", True, False)])
def test_a_table_over_seeds_prints_what_was_asked_for_and_says_which(interval, sd, ci):
    rows = fabricate(MODELS, seeds=(0, 1, 2))
    evidence = gather(rows, interval=interval)
    (table,) = make_tables(rows, ["accuracy"], None, evidence)
    line = next(line for line in to_markdown(table).splitlines() if line.startswith("| i3d"))
    assert ("±" in line, "[" in line) == (sd, ci)
    assert "± standard deviation" in table.note if sd else "±" not in table.note
    assert ("interval" in table.note.split("Bold")[0]) == ci
    first = csv_of(table)[0]
    assert first["top1_f8_sd"]
    assert first["top1_f8_low"]


def test_the_calibration_error_is_in_the_csv_where_scores_are_known():
    rows = fabricate(MODELS, logits=True)
    table = accuracy_table(rows, evidence=gather(rows))
    for line in csv_of(table):
        gap = abs(90 - float(line["top1_f8"]))  # every prediction has a confidence of 90 %
        assert float(line["ece_f8"]) == pytest.approx(gap)
    assert "expected calibration error" in table.note
    assert "ece" not in to_markdown(table).replace("(ece,", "")
    several = rows.assign(views=30)
    assert {line["ece_f8"] for line in csv_of(accuracy_table(several, evidence=gather(several)))} == {""}


def test_a_table_says_how_often_its_split_was_used(rows):
    factors = [
        {"selection": "last epoch", "held_out": 0.0, "tuning": 0},
        {"selection": "best epoch on training videos held out", "held_out": 0.1, "tuning": 3},
        {"selection": "last epoch", "held_out": 0.0, "tuning": None},
        {"selection": "last epoch", "held_out": 0.0, "tuning": 0},
    ]
    of_one = rows[(rows["dataset"] == "one") & (rows["frames"] == 8)]
    (said,) = split_use(of_one.assign(factors=factors))
    assert "videos of one evaluated 4 runs of 4 models; 1 selected their epoch on held-out" in said
    assert "up to 3 other configurations were tried per model, not reported for 1 runs" in said
    assert split_use(of_one) == []
