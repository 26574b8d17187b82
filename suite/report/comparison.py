"""A comparison of two results, for a person."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from suite.analysis.factors import FACTORS, text, titles
from suite.analysis.grades import MINOR, grade_of, known_of


def print_comparison(found: dict[str, Any]) -> None:
    """Verdict first, then what differs, what is not known, what is known of minor differences, and the difference."""
    console = Console(highlight=False, markup=False)
    console.print(f"A: {found['a']}\nB: {found['b']}\n")
    console.print(f"Studied: {found['axis']}. Verdict: {found['verdict']}.\n", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="")
    for head in ("", "factor", "A", "B"):
        table.add_column(head, overflow="fold")
    for key in ("studied", "confounds", "unknown"):
        for d in found[key]:
            table.add_row(_state(key, d), FACTORS[d["field"]], text(d["a"]), text(d["b"]))
    if table.row_count:
        console.print(table)
    for d in (*found["confounds"], *found["unknown"]):
        if d["grade"] == MINOR:
            console.print(f"{FACTORS[d['field']]}: {d['known']}", style="dim", soft_wrap=True)
    if "the same in" not in found["verdict"]:
        console.print(f"The same in: {titles(found['same'])}.", style="dim", soft_wrap=True)
    console.print()
    low, high = found["ci95"]
    n = f"{found['n']:.0f} videos" if found["n"] else "videos not the same or not known"
    console.print(f"Top-1: A {found['top1_a']:.2f} %, B {found['top1_b']:.2f} %, on {n}.")
    interval = (
        f"95 % interval [{low:+.2f}, {high:+.2f}]" if low == low else "no interval: the number of videos is unknown"
    )
    console.print(f"Difference A - B: {found['difference']:+.2f} points, {interval} ({found['interval']}).")
    if low == low and found.get("seeds", [1, 1]) == [1, 1]:
        console.print("The interval is of these weights on other test videos; training again is not covered.")
    if found["p_mcnemar"] is not None:
        console.print(
            f"McNemar (exact): p = {found['p_mcnemar']:.2g}; A alone is right on {found['only_a']} videos, B alone on "
            f"{found['only_b']}. Detectable with 80 % power: {found['detectable']:.2f} points."
        )
    if "p_equivalence" in found:
        word = "" if found["p_equivalence"] < 0.05 else "not "
        console.print(
            f"Equivalence within {found['margin']:g} points is {word}shown (TOST, p = {found['p_equivalence']:.2g})."
        )


def _state(key: str, difference: dict[str, Any]) -> str:
    """The word before a factor that is not the same."""
    if key == "studied":
        return "studied"
    word = "differs" if key == "confounds" else "not known"
    return f"{word} (minor)" if difference["grade"] == MINOR else word.upper() if key == "confounds" else word


def factor_list() -> list[dict[str, str]]:
    """Every factor of the ledger with its title, its grade and what is known of the effect of a difference."""
    return [
        {"factor": name, "title": title, "grade": grade_of(name), "known": known_of(name)}
        for name, title in FACTORS.items()
    ]


def print_factors() -> None:
    """The table of factors, those that confound first."""
    console = Console(highlight=False, markup=False)
    table = Table(box=None, pad_edge=False, header_style="")
    for head in ("grade", "factor", "what it is", "effect of a difference"):
        table.add_column(head, overflow="fold")
    for row in sorted(factor_list(), key=lambda row: row["grade"]):
        table.add_row(row["grade"], row["factor"], row["title"], row["known"])
    console.print(table)
