"""Published numbers beside ours: which row stands beside which cell, and in what the two are known to differ."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from suite.fairness.factors import FACTORS, agree, judge, text
from suite.fairness.grades import CONFOUND
from suite.published.names import canonical, namesake

if TYPE_CHECKING:
    import pandas as pd

# what a published row is looked up by; its paper may call the same module by another name
MATCHED = frozenset(("dataset", "module", "backbone", "pooling", "frames"))

Pair = tuple[Mapping[str, Any], Mapping[str, Any]]  # factors of ours, factors of the published row


@dataclass
class Beside:
    """Published rows by the cell they stand beside, with numbers for those that are confounded with ours."""

    rows: dict[Hashable, dict[str, Any]] = field(default_factory=dict)
    marks: dict[Hashable, str] = field(default_factory=dict)  # "1", "2", …; cells with the same differences share one
    notes: list[str] = field(default_factory=list)  # what each number means


def beside(reference: pd.DataFrame | None, done: pd.DataFrame) -> Beside:
    """(data set, `canonical` model, frames) of our finished cells -> the published row of the same.

    `done` are finished runs.  Of several printed values, that of the same pretraining, sampling and views is taken;
    none where these leave two.
    """
    if reference is None:
        return Beside()
    printed: dict[Hashable, list[dict[str, Any]]] = {}
    for row in reference.to_dict("records"):
        if name := row.get("suite_name", row["name"]):
            printed.setdefault((row["dataset"], canonical(name), row["frames"]), []).append(row)
    chosen: dict[Hashable, dict[str, Any]] = {}
    pairs: dict[Hashable, list[Pair]] = {}
    for ours in done.to_dict("records"):
        key = (ours["dataset"], canonical(ours["name"]), ours["frames"])
        if key in printed and key not in chosen and (row := namesake(printed[key], known_factors(ours))):
            chosen[key] = row
        if key in chosen:
            pairs.setdefault(key, []).append((known_factors(ours), known_factors(chosen[key])))
    return Beside(chosen, *number(pairs))


def mean_over_splits(reference: pd.DataFrame | None, ours: Mapping[str, Any]) -> float | None:
    """The printed mean over the official splits of the model of a run of ours on the first split; None without one."""
    if not ours or reference is None or "mean_of" not in reference:
        return None
    rows = reference[(reference["dataset"] == ours["dataset"]) & (reference["frames"] == ours["frames"])]
    rows = [
        row
        for row in rows.to_dict("records")
        if row["mean_of"] and canonical(row["mean_of"]) == canonical(ours["name"])
    ]
    found = namesake(rows, known_factors(ours)) if rows else None
    return found["top1"] if found else None


def known_factors(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The factors of a row, none where it has no ledger."""
    return row["factors"] if isinstance(row.get("factors"), Mapping) else {}


def number(pairs: Mapping[Hashable, Iterable[Pair]]) -> tuple[dict[Hashable, str], list[str]]:
    """Numbers for cells whose published value is known to be confounded with ours, and what each number means.

    pairs: per cell the factors of our runs and of the published rows behind it.  Only known differences in factors
    that confound count: what a paper does not report is the same for all its numbers and marks none of them.
    """
    differing = {cell: _differing(of_cell) for cell, of_cell in pairs.items()}
    groups = dict.fromkeys(tuple(found) for found in differing.values() if found)
    numbers = {fields: str(i) for i, fields in enumerate(groups, start=1)}
    notes = []
    for fields in groups:
        alike = [found for found in differing.values() if tuple(found) == fields]
        notes.append(f"{numbers[fields]}: {'; '.join(_phrase(name, alike) for name in fields)}")
    return {cell: numbers[tuple(found)] for cell, found in differing.items() if found}, notes


def _differing(pairs: Iterable[Pair]) -> dict[str, set[str]]:
    """Factors that are known to differ in one of the pairs, each with how they differ, in words."""
    found: dict[str, set[str]] = {}
    for ours, theirs in pairs:
        for d in judge(ours, theirs).confounds:
            if d.grade == CONFOUND and d.field not in MATCHED:
                found.setdefault(d.field, set()).add(_how(d.a, d.b))
    return {name: found[name] for name in FACTORS if name in found}


def _how(ours: Any, theirs: Any) -> str:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        parts = [key for key in {**theirs, **ours} if agree(ours.get(key), theirs.get(key)) is False]
        return ", ".join(f"{key} {text(ours.get(key))}, published {text(theirs.get(key))}" for key in parts)
    return f"{text(ours)}, published {text(theirs)}"


def _phrase(name: str, alike: Iterable[Mapping[str, set[str]]]) -> str:
    """A factor with both values where these are the same for all cells of a number, else its title alone."""
    ways = set().union(*(found[name] for found in alike))
    short = len(ways) == 1 and name not in ("chain", "schedule")
    return FACTORS[name] + (f" ({ways.pop()})" if short else "")
