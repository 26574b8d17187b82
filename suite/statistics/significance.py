"""The level at which everything is tested, and t tests of a difference with a known standard error."""

from __future__ import annotations

import math

ALPHA = 0.05  # of every test and of 1 - the level of every interval
Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution


def t_test(difference: float, error: float, degrees: float, side: int = 0) -> float:
    """p-value of a t test of `difference` = 0; side 1 or -1: of the one-sided test that it is above or below 0.

    error: the standard error of the difference; degrees: of freedom, inf for the normal distribution.
    """
    from scipy.special import ndtr, stdtr

    if error == 0:
        return 1.0 if difference * (side or 1) <= 0 and (side or difference == 0) else 0.0
    t = difference / error

    def below(x: float) -> float:
        return float(ndtr(x) if math.isinf(degrees) else stdtr(degrees, x))

    return below(-side * t) if side else min(1.0, 2 * below(-abs(t)))


def t_quantile(degrees: float) -> float:
    """97.5 % quantile of the t distribution; of the normal one for inf."""
    from scipy.special import stdtrit

    return Z95 if math.isinf(degrees) else float(stdtrit(degrees, 0.975))
