"""The one rounding rule: half up on the exact ratio of counts."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.statistics.rounding import rounded, signed, to_decimals, without_noise


def half_up(ratio: Fraction, digits: int) -> str:
    """By integers alone."""
    scaled = ratio * 10**digits
    whole = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    text = str(Decimal(whole).scaleb(-digits).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))
    return f"-{text}" if ratio < 0 and whole else text


@st.composite
def counts(draw):
    n = draw(st.integers(1, 200_000))
    return draw(st.integers(0, n)), n


@given(counts(), st.integers(0, 4))
def test_an_accuracy_is_rounded_half_up_on_the_ratio_of_its_counts(count, digits):
    k, n = count
    exact = half_up(Fraction(100 * k, n), digits)
    for accuracy in (100 * k / n, 100 * (k / n), 100 * float(np.float64(k) / n)):
        assert rounded(accuracy, digits) == exact


@given(counts(), counts(), st.integers(0, 4))
def test_a_difference_is_rounded_away_from_zero_on_both_sides(a, b, digits):
    exact = Fraction(100 * a[0], a[1]) - Fraction(100 * b[0], a[1])
    value = 100 * (a[0] / a[1]) - 100 * (b[0] / a[1])
    if abs(exact) > Fraction(1, 10**9):  # a difference of two that are equal is noise of any size
        assert rounded(value, digits) == half_up(exact, digits)
        assert rounded(-value, digits) == half_up(-exact, digits)


@pytest.mark.parametrize(
    ("value", "text"),
    [(96.25, "96.3"), (91.75, "91.8"), (0.05, "0.1"), (-0.25, "-0.3"), (100 * (37 / 160), "23.1"), (-0.04, "0.0")],
)
def test_ties_go_up_whatever_their_last_bit(value, text):
    assert rounded(value, 1) == text
    assert signed(value, 1) == (text if text.startswith("-") else f"+{text}")


@given(counts())
def test_csv_has_no_binary_noise_and_tells_counts_apart(count):
    k, n = count
    assert to_decimals(100 * (k / n)) == to_decimals(100 * k / n)
    assert round(to_decimals(100 * (k / n)) * n / 100) == k
    assert len(repr(to_decimals(100 * (k / n))).partition(".")[2]) <= 6


@given(counts())
def test_all_digits_stay_where_they_say_something(count):
    k, n = count
    assert without_noise(100 * (k / n)) == pytest.approx(100 * k / n, rel=1e-11)
    assert without_noise(100 * (29 / 50)) == 58.0
    assert without_noise(100 * 115 / 240) == 100 * 115 / 240


def test_a_small_difference_of_accuracies_is_a_tie_too():
    assert rounded(57.9505 - 57.95, 3) == "0.001"
    assert rounded(57.95 - 57.9505, 3) == "-0.001"


def test_unknown_numbers_stay_unknown():
    assert rounded(float("nan"), 1) == "nan"
    assert np.isnan(to_decimals(float("nan")))
    assert np.isnan(without_noise(float("nan")))
