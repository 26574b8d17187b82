"""A comparison of two results, for a person."""

from __future__ import annotations

from typing import Any

from suite.fairness.factors import FACTORS, text, titles
from suite.fairness.grades import MINOR, grade_of, known_of
from suite.report.console.plain import PlainConsole, show, table
from suite.spec import one_line
from suite.statistics.calibration import BINS
from suite.statistics.rounding import rounded, signed


def print_comparison(found: dict[str, Any]) -> None:
    """Verdict first, then what differs, what is not known, what is known of minor differences, and the difference."""
    console = PlainConsole()
    console.print(f"A: {one_line(found['a'])}\nB: {one_line(found['b'])}\n", soft_wrap=True)
    console.print(f"Factor under study: {found['axis']}. Verdict: {found['verdict']}.\n", soft_wrap=True)
    made = table("", "~factor", "~A", "~B")
    for key in ("studied", "confounds", "unknown"):
        for d in found[key]:
            made.add_row(_state(key, d), FACTORS[d["field"]], text(d["a"]), text(d["b"]))
    if made.row_count:
        show(made)
    for d in (*found["confounds"], *found["unknown"]):
        if d["grade"] == MINOR:
            console.print(f"{FACTORS[d['field']]}: {d['known']}", style="dim", soft_wrap=True)
    if "the same in" not in found["verdict"]:
        console.print(f"\nSame in A and B: {titles(found['same'])}.", style="dim")
    console.print()
    low, high = found["ci95"]
    n = f"{found['n']:.0f} test videos" if found["n"] else "different or unknown numbers of test videos"
    console.print(f"Top-1 accuracy: A {rounded(found['top1_a'], 2)} %, B {rounded(found['top1_b'], 2)} % ({n}).")
    interval = (
        f"95 % confidence interval [{signed(low, 2)}, {signed(high, 2)}]"
        if low == low
        else "no interval: unknown number of videos"
    )
    difference = f"{signed(found['difference'], 2)} percentage points"
    console.print(f"Difference A - B: {difference}, {interval} ({found['interval']}).")
    if low == low and found.get("seeds", [1, 1]) == [1, 1]:
        console.print("The interval covers the sampling of test videos for these weights, not retraining.")
    if found["p_mcnemar"] is not None:
        console.print(
            f"McNemar test (exact): p = {found['p_mcnemar']:.2g}; only A is correct on {found['only_a']} "
            "videos, only B on "
            f"{found['only_b']}. {_detectable(found['detectable'])}"
        )
    _print_seeds(console, found)
    for warning in found["warnings"]:
        console.print(f"Warning: {one_line(warning)}")
    if "p_equivalence" in found:
        word = "" if found["p_equivalence"] < 0.05 else "not "
        console.print(
            f"Equivalence within {found['margin']:g} points is {word}shown (TOST, p = {found['p_equivalence']:.2g})."
        )
    _print_calibration(console, found)
    if "per_class" in found:
        _print_classes(console, found)


def _print_seeds(console: PlainConsole, found: dict[str, Any]) -> None:
    if max(found.get("seeds", [1])) == 1:
        return
    sides = []
    for side, count in zip("ab", found["seeds"], strict=True):
        spread = found[f"sd_{side}"]
        sides.append(
            f"{side.upper()}: {count} seed{'s' * (count > 1)}" + (f", sd {rounded(spread, 2)}" if spread else "")
        )
    console.print(f"Means over seeds ({'; '.join(sides)}); t test over seeds and test videos: p = {found['p']:.2g}.")


def _print_calibration(console: PlainConsole, found: dict[str, Any]) -> None:
    """One line on both sides, where one of them has the scores of all classes of a single view."""
    if not any(found.get("ece", {}).values()):
        return
    sides = []
    for side in "ab":
        ece = found["ece"][side]
        known = f"{rounded(ece['equal_width'], 2)} ({rounded(ece['equal_mass'], 2)})" if ece else "not known"
        sides.append(f"{side.upper()} {known}")
    console.print(
        f"Expected calibration error in percentage points, {BINS} bins of equal width (of equal mass): "
        f"{', '.join(sides)}."
    )


def _print_classes(console: PlainConsole, found: dict[str, Any], most: int = 20) -> None:
    rows = found["per_class"]
    made = table("~class", ">videos", ">A (%)", ">B (%)", ">A - B", ">p", ">q")
    for row in rows[:most]:
        made.add_row(
            row["class"],
            str(row["n"]),
            *(rounded(row[key], 1) for key in ("a", "b")),
            signed(row["difference"], 1),
            *(f"{row[key]:.2g}" for key in ("p", "q")),
        )
    console.print()
    show(made)
    more = f" The other {len(rows) - most} classes are in --json." if len(rows) > most else ""
    console.print(
        f"\n{len(found['discoveries'])} of {len(rows)} classes differ at a false discovery rate of 0.05 (exact McNemar "
        f"per class; q: Benjamini-Hochberg over {len(rows)} classes). This covers the sampling of test "
        f"videos for these weights, not retraining.{more}",
    )


def _detectable(points: float | None) -> str:
    if points is None:
        return "No difference is detectable with 80 % power on so few test videos."
    return f"Smallest difference detectable with 80 % power: {points:.2f} percentage points."


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
    """The table of factors, confounding ones first."""
    made = table("grade", "factor", "~meaning", "~effect of a difference")
    for row in sorted(factor_list(), key=lambda row: row["grade"]):
        made.add_row(row["grade"], row["factor"], row["title"], row["known"])
    show(made)
