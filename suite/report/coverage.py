"""What `suite bench intervals` prints."""

from __future__ import annotations

from typing import Any

from suite.report.listing import _print, _table
from suite.sweep.progress import duration


def print_coverage(found: dict[str, Any]) -> None:
    """A line a case of `suite.analysis.coverage.study`."""
    table = _table("quantity", "setting", ">truth", ">mean width", ">coverage (%)", ">required (%)", "holds")
    for row in found["rows"]:
        digits = 3 if "P" in row["quantity"] else 1  # Phi and Psi are fractions, the others percent
        table.add_row(
            row["quantity"],
            row["setting"],
            f"{row['truth']:.{digits}f}",
            f"{row['width']:.{digits}f}",
            f"{row['coverage']:.1f} ± {row['error']:.1f}",
            f"{row['least']:.0f} to {row['most']:.0f}",
            "yes" if row["holds"] else "NO",
        )
    missed = sum(not row["holds"] for row in found["rows"])
    _print(
        table,
        f"\nCoverage of the 95 % intervals, with its Monte-Carlo standard error, over {found['sweeps']:,} simulated "
        f"sweeps of {found['videos']:,} videos; took {duration(found['seconds'])}.\n"
        + (f"{missed} of {len(found['rows'])} do not hold." if missed else "All hold."),
    )
