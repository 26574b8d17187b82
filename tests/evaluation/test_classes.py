"""Comparisons class by class."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from suite.evaluation.classes import benjamini_hochberg, compare_classes
from suite.statistics.proportions import paired

N, CLASSES = 400, 20
LABELS = np.arange(N) % CLASSES


@pytest.mark.parametrize("seed", range(5))
def test_q_values_are_those_of_statsmodels(seed):
    p = np.random.default_rng(seed).random(30) ** 3
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, 0.05, "fdr_bh")[1])


def test_class_accuracies_p_and_q_by_brute_force():
    rng = np.random.default_rng(5)
    a, b = rng.random(N) < 0.7, rng.random(N) < 0.6
    b[LABELS == 3], a[LABELS == 3] = False, True
    rows = compare_classes(a, b, LABELS, [f"c{i}" for i in range(CLASSES)])
    assert rows[0]["class"] == "c3"
    assert len(rows) == CLASSES
    for row in rows:
        of_class = int(row["class"][1:]) == LABELS
        only_a, only_b = int((a & ~b)[of_class].sum()), int((b & ~a)[of_class].sum())
        expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
        assert row["p"] == pytest.approx(expected)
        assert row["difference"] == pytest.approx(100 * (only_a - only_b) / row["n"])
    q = multipletests([row["p"] for row in rows], method="fdr_bh")[1]
    assert [row["q"] for row in rows] == pytest.approx(list(q))
    assert sum(row["difference"] * row["n"] for row in rows) / N == pytest.approx(paired(a, b).difference)


def test_false_discoveries_are_rare_where_no_class_differs_and_a_real_one_is_found():
    rng, any_false = np.random.default_rng(6), 0
    for _ in range(100):
        p = [row["q"] for row in compare_classes(rng.random(N) < 0.7, rng.random(N) < 0.7, LABELS)]
        any_false += min(p) <= 0.05
    assert any_false <= 10
