"""What an interval from one seed leaves out: the same model trained again with another seed."""

from __future__ import annotations

import math
from collections.abc import Iterable

from suite.statistics.significance import Z95

SEED_SD = 1.2  # percentage points; an assumption for the example, stated wherever a number rests on it


def one_seed_coverage(top1: float, n: float, seed_sd: float = SEED_SD) -> float:
    """How often the 95 % interval of one seed covers the expected accuracy over seeds, as a fraction.

    top1 in percent of n videos, seed_sd the standard deviation of the accuracy over seeds in percentage points.  The
    interval has a half width of z * se with se the binomial standard error; the accuracy of one seed scatters about the
    expected one with variance se^2 + seed_sd^2, so that the coverage is 2 Phi(z * se / sqrt(se^2 + seed_sd^2)) - 1
    (normal approximation).  NaN where the number of videos is unknown or the accuracy is 0 or 100 %.
    """
    variance = top1 * (100 - top1) / n if n > 0 else math.nan
    if not variance > 0:
        return math.nan
    return math.erf(Z95 * math.sqrt(variance / (variance + seed_sd**2)) / math.sqrt(2))


def coverage_note(cells: Iterable[tuple[float, float]], seed_sd: float = SEED_SD) -> str:
    """A sentence for a caption: what the one-seed intervals of cells, (top1, n) each, do not cover.

    "" without any, and where the number of videos is so small that they cover training again in 95 % of cases, too.
    """
    shares = [100 * share for share in (one_seed_coverage(*cell, seed_sd) for cell in cells) if not math.isnan(share)]
    if not any(f"{share:.0f}" != "95" for share in shares):
        return ""
    low, high = f"{min(shares):.0f}", f"{max(shares):.0f}"
    span = low if low == high else f"{low} to {high}"
    return (
        "Intervals from one seed are for these weights on other test videos and do not cover training again: if the "
        f"standard deviation over seeds were {seed_sd:g} points, they would cover the expected accuracy in {span} % of "
        "cases instead of 95 %."
    )
