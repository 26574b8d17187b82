"""How often an interval of one seed covers the expected accuracy."""

import numpy as np
import pytest


@pytest.mark.parametrize(("top1", "n", "sd"), [(60.0, 10_000, 1.2), (60.0, 10_000, 0.0), (75.0, 1_000, 1.2)])
def test_the_coverage_of_one_seed_is_that_of_simulated_seeds(top1, n, sd):
    from suite.statistics.proportions import wilson
    from suite.statistics.seeds.retraining import one_seed_coverage

    rng = np.random.default_rng(0)
    expected = top1 + sd * rng.standard_normal(4000)
    seen = 100 * rng.binomial(n, expected / 100) / n
    covered = np.mean([low <= top1 <= high for low, high in (wilson(value, n) for value in seen)])
    assert one_seed_coverage(top1, n, sd) == pytest.approx(covered, abs=0.02)


def test_no_caption_says_95_percent_instead_of_95_percent():
    from suite.statistics.seeds.retraining import coverage_note

    assert coverage_note([(60.0, 50)]) == ""
    assert "54 % of cases instead of 95 %" in coverage_note([(60.0, 10_000)])
    assert "54 to 95 %" in coverage_note([(60.0, 10_000), (60.0, 50)])
