"""All pairs of models of a table."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from suite.collect.evidence import Evidence
from suite.collect.pairs import Pairs, adjusted, newcombe_p, over_datasets
from suite.collect.ranks import rank_intervals
from suite.statistics.proportions import newcombe
from tests.builders import summary_row
from tests.collect.builders import MODELS, fabricate, of_model
from tests.from_rows import all_pairs, gather


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
            summary_row("tsn", top1[d, m, s], seed=s, n=n)
            | {"id": f"{d}.{m}.{s}", "name": f"tsn-resnet18+m{m}", "dataset": name}
            for d, name in enumerate(sets)
            for m in range(k)
            for s in range(seeds)
        ]
    )


@pytest.mark.slow
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


def test_a_pair_without_a_p_value_is_not_significant():
    cells = [{"top1": 60.0, "ids": ["a"]}, {"top1": 50.0, "ids": ["b"]}]
    rows = pd.DataFrame([summary_row("tsn", 50.0, n=math.nan), summary_row("tam", 60.0, n=math.nan)])
    (found,) = all_pairs(rows, Evidence())
    assert not found.different.any()
    assert rank_intervals(found) == [(1, 2), (1, 2)]
    assert Pairs("d", 8, cells, adjusted([])).pairs == []
