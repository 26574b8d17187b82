"""How far an accuracy would move with other videos of the same kind."""

from __future__ import annotations

import math

Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution


def wilson(percent: float, n: float) -> tuple[float, float]:
    """95 % Wilson score interval of an accuracy, both in percent, from `n` videos evaluated.

    It speaks of the videos drawn, not of seeds.  An unknown accuracy or n gives (nan, nan).
    Source: Wilson 1927; equals scipy.stats.binomtest(...).proportion_ci(method="wilson"), which also computes a
    p-value that nobody asks for here and takes a second to import.
    """
    if math.isnan(percent) or math.isnan(n) or n < 1:
        return math.nan, math.nan
    p = percent / 100
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    return max(0.0, 100 * (centre - half)), min(100.0, 100 * (centre + half))
