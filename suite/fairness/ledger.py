"""Which cells of a table are confounded: what differs from the other cells beside what the table is about."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

from suite.fairness.code_parts import CodeParts, usual_parts
from suite.fairness.factors import FACTORS, agree, text, without_own_model
from suite.fairness.grades import CONFOUND, grade_of
from suite.spec import without_setting

if TYPE_CHECKING:
    import pandas as pd

STUDIED = ("dataset", "module", "backbone", "normalisation", "pooling", "frames", "test_frames", "seed")  # of a grid
NOT_REPORTED, LISTED = " not reported", 3


@dataclass
class Marks:
    """Letters of confounded rows by their index, what each letter means, and what the whole table should say."""

    letters: dict[Any, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    between: str = ""  # what differs between the columns (frames) beside their frames
    unstated: str = ""  # factors that no row states
    minor: str = ""  # minor factors in which rows of one group differ, or that only some of them state

    def of(self, ids: Iterable[Any]) -> str:
        """The letters of a cell made of these rows, such as "a,c"."""
        return ",".join(sorted({self.letters[i] for i in ids if i in self.letters}, key=_letter_order))


def mark(rows: pd.DataFrame, group: Iterable[str] = ("dataset", "frames"), studied: Iterable[str] = STUDIED) -> Marks:
    """Marks the rows that differ from most of their group in a factor that is not studied.

    rows: with a column `factors` (dictionaries; of a row without one nothing is known), one row per run.  Cells are
    compared within a group: models at the same number of frames on the same data set.  A row that does not state a
    factor that others of its group state is marked too: unknown is not equal.  Minor factors (`suite.fairness.grades`)
    mark no row; those that are not the same throughout a group are named in `minor`.
    """
    if "factors" not in rows or not any(isinstance(f, Mapping) for f in rows["factors"]):
        return Marks()
    known = rows.assign(factors=[f if isinstance(f, Mapping) else {} for f in rows["factors"]])
    others = [f for f in FACTORS if f not in set(studied)]
    names = [f for f in others if grade_of(f) == CONFOUND]
    minor = [f for f in others if f not in names]
    group = list(group) + ["control"] * ("control" in known)  # control arms are compared with each other
    if "name" in known:  # what an axis of the grid sets is studied
        known, group = known.assign(setting=[without_setting(str(n))[1] for n in known["name"]]), [*group, "setting"]
    odd: dict[Any, list[str]] = {}
    usual_of: dict[tuple, dict[str, Any]] = {}
    for key, members in known.groupby(list(group), sort=False):
        usual = {name: _usual(f.get(name) for f in members["factors"]) for name in names}
        usual_of[key] = usual
        split = {name: _split(members, name) for name in names if usual[name] is None}
        for index, factors in members["factors"].items():
            phrases = [split.get(name) or _phrase(name, factors.get(name), usual[name]) for name in names]
            odd[index] = _shortened([phrase for phrase in phrases if phrase])
    groups = [list(members["factors"]) for _, members in known.groupby(list(group), sort=False)]
    marks = Marks(
        unstated=_unstated(known, others), between=_between(usual_of, names), minor=_minor_differences(groups, minor)
    )
    for phrase in dict.fromkeys("; ".join(phrases) for phrases in odd.values() if phrases):
        letter = letter_of(len(marks.notes))
        marks.notes.append(f"{letter}: {phrase}")
        marks.letters |= {index: letter for index, phrases in odd.items() if "; ".join(phrases) == phrase}
    return marks


def _usual(values: Iterable[Any]) -> Any:
    """The commonest known value; None on a tie, where nothing is usual, and when all are unknown."""
    values = [value for value in values if value is not None]
    if values and all(isinstance(value, CodeParts) for value in values):
        return usual_parts(values)
    counts = Counter(map(_key, values)).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return None
    return next(value for value in values if _key(value) == counts[0][0])


def _split(members: pd.DataFrame, name: str) -> str:
    """Which rows of a group have which value of a factor without a usual one, in words; "" when they do not differ."""
    values = [factors[name] for factors in members["factors"]]
    if all(isinstance(value, Mapping) for value in values):  # only the parts that differ
        parts = [key for key in values[0] if len({text(value.get(key)) for value in values}) > 1]
        values = [{key: value.get(key) for key in parts} for value in values]
    runs_of: dict[str, dict[str, None]] = {}
    for label, value in zip(members.get("name", members["factors"].index), values, strict=True):
        runs_of.setdefault(text(value), {})[str(label)] = None
    if len(runs_of) < 2:
        return ""
    if name == "chain":
        return "schedules before this stage differ within the column"
    shown = [f"{value} ({', '.join([*runs][:4])}{' ...' * (len(runs) > 4)})" for value, runs in runs_of.items()]
    return f"{FACTORS[name]} differs within the column: {', '.join(shown)}"


def _key(value: Any) -> str:
    return json.dumps(without_own_model(value), sort_keys=True, default=str)


def _phrase(name: str, value: Any, usual: Any) -> str:
    """How a value differs from the usual one, in words; "" when it does not, or nobody states it."""
    if usual is None or agree(value, usual) or _key(value) == _key(usual):
        return ""
    if value is None:
        return FACTORS[name] + NOT_REPORTED
    if isinstance(value, Mapping) and isinstance(usual, Mapping):
        parts = [k for k in {**usual, **value} if agree(value.get(k), usual.get(k)) is not True]
        shown = ", ".join(f"{k} {text(value.get(k))} instead of {text(usual.get(k))}" for k in parts)
        return f"{FACTORS[name]}: {shown}"
    if name == "chain":
        return "other schedules before this stage"
    return f"{FACTORS[name]} {text(value)} instead of {text(usual)}"


def _shortened(phrases: list[str]) -> list[str]:
    """The phrases, with a long list of what is not reported as one."""
    lacking = [phrase.removesuffix(NOT_REPORTED) for phrase in phrases if phrase.endswith(NOT_REPORTED)]
    if len(lacking) <= LISTED:
        return phrases
    some = f"{len(lacking)} factors{NOT_REPORTED} ({', '.join(lacking[:LISTED])}, …)"
    return [*(phrase for phrase in phrases if not phrase.endswith(NOT_REPORTED)), some]


def _unstated(rows: pd.DataFrame, names: Iterable[str]) -> str:
    return ", ".join(FACTORS[n] for n in names if all(f.get(n) is None for f in rows["factors"]))


def _minor_differences(groups: Iterable[list[Mapping[str, Any]]], names: Iterable[str]) -> str:
    """The factors that are not the same in all rows of some group, and in how many rows they are not reported."""
    groups, found = list(groups), []
    for name in names:
        values = [[factors.get(name) for factors in group] for group in groups]
        if any(not _alike(of_group) for of_group in values):
            absent = sum(value is None for of_group in values for value in of_group)
            found.append(FACTORS[name] + (f" (not reported for {absent} of {sum(map(len, values))})" if absent else ""))
    return ", ".join(found)


def _alike(values: list[Any]) -> bool:
    """Whether no two values are known to differ, and all or none are reported."""
    known = [value for value in values if value is not None]
    if not known:
        return True
    # models have code of their own: they are alike where the parts that they share are
    usual = usual_parts(known) if all(isinstance(value, CodeParts) for value in known) else known[0]
    same = [_key(value) == _key(usual) or agree(value, usual) is True for value in known]
    return len(known) == len(values) and all(same)


def _between(usual: Mapping[tuple, Mapping[str, Any]], names: Iterable[str]) -> str:
    """The factors whose usual value changes from one number of frames to another on the same data set."""
    changing = []
    by_set: dict[Any, list[Mapping[str, Any]]] = {}
    for (dataset, *_, last), values in usual.items():
        by_set.setdefault((dataset, last if isinstance(last, str) else ""), []).append(values)
    for name in names:
        if any(agree(a[name], b[name]) is False for values in by_set.values() for a in values for b in values):
            changing.append(FACTORS[name])
    return ", ".join(changing)


def letter_of(number: int) -> str:
    """a, b, …, z, aa, ab, … for 0, 1, …"""
    more, last = divmod(number, 26)
    return (letter_of(more - 1) if more else "") + ascii_lowercase[last]


def _letter_order(letter: str) -> tuple[int, str]:
    return len(letter), letter
