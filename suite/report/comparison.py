"""A comparison of two results, for a person."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from suite.analysis.factors import FACTORS, text


def print_comparison(found: dict[str, Any]) -> None:
    """Verdict first, then what differs, what is not known, and the difference."""
    console = Console(highlight=False, markup=False)
    console.print(f"A: {found['a']}\nB: {found['b']}\n")
    console.print(f"Studied: {found['axis']}. Verdict: {found['verdict']}.\n")
    table = Table(box=None, pad_edge=False, header_style="")
    for head in ("", "factor", "A", "B"):
        table.add_column(head, overflow="fold")
    for what, key in (("studied", "studied"), ("CONFOUND", "confounds"), ("unknown", "unknown")):
        for d in found[key]:
            table.add_row(what, FACTORS[d["field"]], text(d["a"]), text(d["b"]))
    if table.row_count:
        console.print(table)
    console.print(
        f"The same: {', '.join(FACTORS[f] for f in found['same']) or 'nothing that is known'}.\n", style="dim"
    )
    low, high = found["ci95"]
    n = f"{found['n']:.0f} videos" if found["n"] else "videos not the same or not known"
    console.print(f"Top-1: A {found['top1_a']:.2f} %, B {found['top1_b']:.2f} %, on {n}.")
    interval = (
        f"95 % interval [{low:+.2f}, {high:+.2f}]" if low == low else "no interval: the number of videos is unknown"
    )
    console.print(f"Difference A - B: {found['difference']:+.2f} points, {interval} ({found['interval']}).")
    if found["p_mcnemar"] is not None:
        console.print(
            f"McNemar (exact): p = {found['p_mcnemar']:.2g}; A alone is right on {found['only_a']} videos, B alone on "
            f"{found['only_b']}. {_detectable(found['detectable'])}"
        )
    if "p_equivalence" in found:
        word = "" if found["p_equivalence"] < 0.05 else "not "
        console.print(
            f"Equivalence within {found['margin']:g} points is {word}shown (TOST, p = {found['p_equivalence']:.2g})."
        )


def _detectable(points: float | None) -> str:
    if points is None:
        return "No difference is detectable with 80 % power on so few videos."
    return f"Detectable with 80 % power: {points:.2f} points."
