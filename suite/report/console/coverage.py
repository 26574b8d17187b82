"""What `suite bench intervals` prints."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from suite.report.console.plain import duration, show, table


def print_coverage(found: dict[str, Any]) -> None:
    """A line per case of `suite.benchmarks.coverage.study`: intervals, then bold."""
    made = table("quantity", "setting", ">truth", ">mean width", ">coverage (%)", ">required (%)", "holds")
    for row in found["rows"]:
        digits = 3 if "P" in row["quantity"] else 1  # Phi and Psi are fractions, the others percent
        made.add_row(
            row["quantity"],
            row["setting"],
            f"{row['truth']:.{digits}f}",
            f"{row['width']:.{digits}f}",
            f"{row['coverage']:.1f} ± {row['error']:.1f}",
            _required(row),
            "yes" if row["holds"] else "NO",
        )
    parts: list[Any] = []
    if found["rows"]:
        parts += [
            made,
            "\nCoverage of the 95 % intervals, with its Monte-Carlo standard error, over "
            f"{found['sweeps']:,} simulated sweeps of {found['videos']:,} videos (classes: half as many sweeps; pairs "
            "and tau: a fifth).\n",
        ]
    if found["bold"]:
        parts += [
            _bold(found["bold"]),
            "\nBold: not significantly different from the best, family-wise alpha = 0.05. Family-wise error: share of "
            f"simulated tables (up to {max(row['tables'] for row in found['bold']):,}) in which any of the best models "
            'is not bold; power: share in which the worse model is not bold. With one seed, "best" refers to '
            "these weights on other test videos: after training again, other models may be bold. With several seeds, "
            "it refers to the mean over seeds. Rank intervals, error: share in which any true rank is outside its "
            "interval. A rate holds if it is within three Monte-Carlo standard errors of the required range.\n",
        ]
    rows = [*found["rows"], *found["bold"]]
    missed = sum(not row["holds"] for row in rows)
    end = f"{missed} of {len(rows)} do not hold." if missed else f"All {len(rows)} hold."
    show(*parts, f"{end} Took {duration(found['seconds'])}.")


def _bold(rows: list[dict[str, Any]]) -> Table:
    made = table("bold and ranks", "setting", ">models", ">rate (%)", ">required (%)", "holds")
    for row in rows:
        rate = f"{row['rate']:.1f} ± {row['error']:.1f}"
        holds = "yes" if row["holds"] else "NO"
        made.add_row(row["quantity"], row["setting"], row["models"], rate, _required(row), holds)
    return made


def _required(row: dict[str, Any]) -> str:
    if (row["least"], row["most"]) == (0, 100):
        return "none"
    return f"{row['least']:.0f} to {row['most']:.0f}"
