"""Numbers as text: one rounding rule for everything that is printed or stored as CSV.

An accuracy is 100 k / n of whole numbers, and a mean over seeds is one too; as a binary number it is off by some
1e-14 (58 % may be 57.99999999999999, 1.005 is less than itself).  Rounded to SIGNIFICANT decimal digits first, the
number is the exact ratio wherever that has few decimals, and so ties are found: a ratio that is no tie is at least
1 / (20 n) away from one, far more than the twelfth digit for any n of videos.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

SIGNIFICANT = 12
FINEST = 11  # decimals
PERCENT_DECIMALS = 6  # of percentages in summary.csv: enough to tell k / n from (k + 1) / n up to a million videos


def decimal_of(value: float) -> Decimal:
    """The number that a binary one stands for, to SIGNIFICANT digits."""
    return Decimal(f"{value:.{SIGNIFICANT - 1}e}")


def _without_last_bits(value: float) -> Decimal:
    """To SIGNIFICANT digits and FINEST decimals: small differences of accuracies are off by the bits of those."""
    number = decimal_of(value)
    return number.quantize(Decimal(1).scaleb(-FINEST)) if number.as_tuple().exponent < -FINEST else number


def rounded(value: float, digits: int) -> str:
    """`value` with so many decimals, ties away from zero (half up): 96.25 is 96.3; no negative zero; "nan" for NaN."""
    if not math.isfinite(value):
        return str(float(value))
    text = f"{_without_last_bits(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def signed(value: float, digits: int) -> str:
    """`rounded` with the sign of a difference: +1.3, -0.5, +0.0."""
    text = rounded(value, digits)
    return text if text.startswith("-") else f"+{text}"


def to_decimals(value: float, digits: int = PERCENT_DECIMALS) -> float:
    """`rounded` as a number, for CSV: 57.99999999999999 is 58.0, a third of 100 is 33.333333."""
    return float(rounded(value, digits))


def without_noise(value: float) -> float:
    """The number itself, or the shorter decimal that it misses by its last bits: 57.99999999999999 is 58.0.

    For CSV that keeps all digits: a number that needs SIGNIFICANT digits or more is as it was.
    """
    if not math.isfinite(value):
        return value
    short = decimal_of(value)
    return float(short) if len(short.normalize().as_tuple().digits) < SIGNIFICANT - 1 else value
