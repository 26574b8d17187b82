"""A comparison of two results, for a person."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from suite.fairness.factors import FACTORS, text, titles
from suite.fairness.grades import MINOR, grade_of, known_of
from suite.statistics.calibration import BINS
from suite.statistics.rounding import rounded, signed


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
    console.print(f"Top-1: A {rounded(found['top1_a'], 2)} %, B {rounded(found['top1_b'], 2)} %, on {n}.")
    interval = (
        f"95 % interval [{signed(low, 2)}, {signed(high, 2)}]"
        if low == low
        else "no interval: the number of videos is unknown"
    )
    console.print(f"Difference A - B: {signed(found['difference'], 2)} points, {interval} ({found['interval']}).")
    if low == low and found.get("seeds", [1, 1]) == [1, 1]:
        console.print("The interval is of these weights on other test videos; training again is not covered.")
    if found["p_mcnemar"] is not None:
        console.print(
            f"McNemar (exact): p = {found['p_mcnemar']:.2g}; A alone is right on {found['only_a']} videos, B alone on "
            f"{found['only_b']}. {_detectable(found['detectable'])}"
        )
    _print_seeds(console, found)
    for warning in found["warnings"]:
        console.print(f"Warning: {warning}")
    if "p_equivalence" in found:
        word = "" if found["p_equivalence"] < 0.05 else "not "
        console.print(
            f"Equivalence within {found['margin']:g} points is {word}shown (TOST, p = {found['p_equivalence']:.2g})."
        )
    _print_calibration(console, found)
    if "per_class" in found:
        _print_classes(console, found)


def _print_seeds(console: Console, found: dict[str, Any]) -> None:
    if max(found.get("seeds", [1])) == 1:
        return
    said = []
    for side, count in zip("ab", found["seeds"], strict=True):
        spread = found[f"sd_{side}"]
        said.append(f"{side.upper()}: {count} seed{'s' * (count > 1)}" + (f", sd {spread:.2f}" if spread else ""))
    console.print(f"Means over seeds ({'; '.join(said)}); t test over seeds and videos: p = {found['p']:.2g}.")


def _print_calibration(console: Console, found: dict[str, Any]) -> None:
    """One line on both sides, where one of them has the scores of all classes of a single view."""
    if not any(found.get("ece", {}).values()):
        return
    said = []
    for side in "ab":
        ece = found["ece"][side]
        known = f"{ece['equal_width']:.2f} ({ece['equal_mass']:.2f})" if ece else "not known"
        said.append(f"{side.upper()} {known}")
    console.print(
        f"Expected calibration error in points, {BINS} bins of equal width (equal mass), softmax of one view: "
        f"{', '.join(said)}."
    )


def _print_classes(console: Console, found: dict[str, Any], most: int = 20) -> None:
    rows = found["per_class"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("class", "videos", "A (%)", "B (%)", "A - B", "p", "q"):
        table.add_column(head, justify="left" if head == "class" else "right", overflow="fold")
    for row in rows[:most]:
        table.add_row(
            row["class"],
            str(row["n"]),
            *(rounded(row[key], 1) for key in ("a", "b")),
            signed(row["difference"], 1),
            *(f"{row[key]:.2g}" for key in ("p", "q")),
        )
    console.print()
    console.print(table)
    more = f" The other {len(rows) - most} classes are in --json." if len(rows) > most else ""
    console.print(
        f"\n{len(found['discoveries'])} of {len(rows)} classes differ at a false discovery rate of 0.05 (exact McNemar "
        f"per class; q: Benjamini-Hochberg over {len(rows)} classes). It covers these weights on other videos of each "
        f"class, not retraining.{more}",
    )


def _detectable(points: float | None) -> str:
    if points is None:
        return "No difference is detectable with 80 % power on so few videos."
    return f"Detectable with 80 % power: {points:.2f} points."


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
