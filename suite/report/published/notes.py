"""Notes under the papers' tables: counting conventions, data sets, test views and footnotes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from string import ascii_lowercase

from suite.published.record import COUNTS, PERCENT
from suite.report.published.layout import NAMES, Label, Layout, Line, Number, Value, printed_views

MEASURED = (*PERCENT, "phi", "psi_ta", "psi_ta_tp")  # on the videos of a data set
QUIET = ("from_text", "group_label_reread", "header_reread", "views_are_clips")  # how a text was read; told by a head
CONCERNS = {  # notes of a row that are about some of its numbers only
    **dict.fromkeys(("one_clip_256", "two_clips_summed", "tera", "times_30_views", "doubled"), ("gflops",)),
    **{"percent_differs": ("gflops_percent",), "point_lost": ("top1",), "bold_elsewhere": ("top1",)},
    "v100_max_batch": ("clips_per_second", "max_batch"),
}
SPLITS = {"val": "validation", "test": "test", "split1": "split 1", "avg_splits": "mean over the splits"}


def evaluated(numbers: list[Number]) -> str:
    """The data sets, with split and number of videos where these are the same for all numbers."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for number in numbers:
        if number["metric"] in MEASURED and number["dataset"] and "|" not in number["dataset"]:
            splits, videos = found.setdefault(number["dataset"], (set(), set()))
            splits.add(number["split"])
            videos.add(number["n"])
    told = []
    for dataset, (splits, videos) in found.items():
        facts = [SPLITS.get(next(iter(splits)), "")] if len(splits) == 1 else []
        facts += [f"{int(n):,} videos" for n in videos if n and len(videos) == 1]
        known = ", ".join(filter(None, facts))
        told.append(NAMES.get(dataset, dataset) + (f" ({known})" if known else ""))
    return f"Evaluated on {', '.join(told)}." if told else ""


def add_views(layout: Layout, lines: list[Line], numbers: list[Number]) -> str:
    """A sentence on the test views; where they differ between rows without a column for it, the lines get them."""
    columns = [c for section in layout.sections for c in section.columns]
    measured = [number for number in numbers if number["metric"] in MEASURED and number["value"]]
    in_labels = any(isinstance(c, Label) and c.of is printed_views for c in columns)
    if not measured or in_labels or any(isinstance(c, Value) and "views" in c.where for c in columns):
        return ""
    found = {number["views"] for number in measured}
    if len(found) == 1:
        return f"Views (clips × crops): {found.pop().replace('x', '×') or 'not reported'}."
    for line in lines:
        of_cells = [of[0]["views"].replace("x", "×") for of in line.numbers.values() if of[0]["metric"] in MEASURED]
        if any(of_cells):
            told = of_cells if len(set(of_cells)) > 1 else of_cells[:1]
            line.words["test_views"] = ", ".join(view or "?" for view in told)
    in_order = any("," in line.words.get("test_views", "") for line in lines)
    return (
        "Views: clips × crops, or their product"
        + ", in the order of the columns" * in_order
        + "; empty or ? if not reported."
    )


def add_counts(lines: list[Line], numbers: list[Number]) -> str:
    """A sentence on the counting convention of the FLOPs; where it differs between rows, the lines get it."""
    counts = {number["counts"] for number in numbers if number["counts"]}
    if len(counts) == 1:
        what, _, views = counts.pop().partition("/")
        if what == "unknown":
            return f"FLOPs {_of(views)}; counting convention unknown."
        return f"FLOPs: {COUNTS[what]} {_of(views)}."
    if not counts:
        return ""
    several_views = len({count.partition("/")[2] for count in counts}) > 1
    for line in lines:
        told = []
        for count in dict.fromkeys(number["counts"] for number in line.all_numbers() if number["counts"]):
            what, _, views = count.partition("/")
            told.append(COUNTS[what] + f" {_of(views)}" * several_views)
        line.words["flops_count"] = "; ".join(told)
    return "" if several_views else f"FLOPs {_of(counts.pop().partition('/')[2])}."


def _of(views: str) -> str:
    return {"view": "per view", "all_views": "for all views together"}[views]


def add_footnotes(lines: list[Line], notes: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Sentences that explain the notes, and the letters of heads by column; those of rows and cells go to the lines.

    A note of the whole table needs no letter; else it marks whole rows, else whole columns, else single cells.  A cell
    that several numbers share has the notes that all of them have.
    """
    cells = {(i, key): of_cell for i, line in enumerate(lines) for key, of_cell in line.numbers.items()}
    codes = dict.fromkeys(code for of in cells.values() for n in of for code in n["notes"].split())
    throughout: list[str] = []
    explained: list[str] = []
    in_heads: dict[str, str] = {}
    for code in (code for code in codes if code not in QUIET):
        metrics = CONCERNS.get(code)
        marked = {
            cell
            for cell, of in cells.items()
            if (metrics is None or of[0]["metric"] in metrics) and all(code in n["notes"].split() for n in of)
        }
        if not marked:
            continue
        if len(marked) == len(cells):
            throughout.append(notes[code])
            continue
        letter = ascii_lowercase[len(explained)]
        explained.append(f"{letter}: {notes[code]}")
        rows, columns = {i for i, _ in marked}, {key for _, key in marked}
        if all(cell in marked for cell in cells if cell[0] in rows):
            for i in rows:
                _add_row_letter(lines[i], letter)
        elif all(cell in marked for cell in cells if cell[1] in columns):
            for key in columns:
                in_heads[key] = in_heads.get(key, "") + letter
        else:
            for i, key in marked:
                if cells[i, key][0]["value"]:
                    lines[i].marks[key] = lines[i].marks.get(key, "") + letter
                else:  # an empty cell cannot carry a letter
                    _add_row_letter(lines[i], letter)
    return [*(["All values: " + " ".join(throughout)] if throughout else []), *explained], in_heads


def _add_row_letter(line: Line, letter: str) -> None:
    letters = line.words.get("note", "").split()
    line.words["note"] = " ".join(dict.fromkeys([*letters, letter]))


def computed_costs_note(lines: list[Line], keys: list[str], same: bool) -> str:
    """A sentence on the converted costs; "" if there are none, or all are as printed."""
    known = any(not math.isnan(line.computed.get(key, math.nan)) for line in lines for key in keys)
    if not known or same:
        return ""
    counts = {n["counts"].partition("/")[0] for line in lines for n in line.all_numbers() if n["counts"]}
    told = "Computed: printed FLOPs converted to GMACs per view where arithmetic alone is enough"
    if "macs+2block" in counts:
        told += " (the cost of an add-on block is halved if the paper counts it twice)"
    return f"{told}; empty otherwise."


def distinct(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, words)))
