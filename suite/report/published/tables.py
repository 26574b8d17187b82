"""The papers' result tables from the record, laid out as they are printed, with what can be computed beside."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from suite.published.record import PUBLISHED, read_notes, record
from suite.report.published.layout import Label, Layout, Line, Number, Section, Value
from suite.report.published.notes import (
    add_counts,
    add_footnotes,
    add_views,
    computed_costs_note,
    distinct,
    evaluated,
)
from suite.report.published.papers import LAYOUTS
from suite.report.tables.rendering.table import Cell, Column, Estimate, Part, Printed, Table
from suite.spec import BadInput

WORDS = {
    "test_views": "views",
    "flops_count": "counting convention",
    "note": "note",
}  # text after the numbers, where needed
ORIGIN = ("part", "paper", "table", "line", "origin", "record_counts", "record_views", "notes")  # in CSV


class Marked(Estimate):
    """A printed number with letters of footnotes; CSV, which has the codes of the notes, does without them."""

    def __str__(self) -> str:
        return str(self.value)


def published_tables(folder: Path = PUBLISHED) -> list[Table]:
    """Every table of the five papers that prints numbers, named `<paper>_table_<number>`, a part per printed section.

    Printed numbers keep their decimals; the keys of all other columns of numbers begin with "computed_".  Letters of
    rows, columns and cells are explained beneath; CSV has the codes of notes.csv and each row's line of the paper.
    Raises BadInput when the record is malformed or holds a number that has no place in its table.
    """
    notes = read_notes(folder)
    by_table: dict[tuple[str, str], list[Number]] = {}
    for i, number in enumerate(record(folder).to_dict("records")):
        if not number["table"].startswith("text"):
            by_table.setdefault((number["paper"], number["table"]), []).append(number | {"id": i})
    layouts = {(layout.paper, layout.table): layout for layout in LAYOUTS}
    for paper, table in by_table:
        if (paper, table) not in layouts:
            raise BadInput(f"{paper}.csv has a table {table} that suite/report/published/papers.py has no layout for.")
    runs = Runs(Path(folder))
    return [_table(layout, by_table[key], notes, runs) for key, layout in layouts.items() if key in by_table]


def _table(layout: Layout, numbers: list[Number], notes: dict[str, str], runs: Runs) -> Table:
    sections = [(section, _lines(section, numbers)) for section in layout.sections]
    lines = [line for _, of_section in sections for line in of_section]
    _require_placed(numbers, lines)
    values = {c.key: c for section in layout.sections for c in section.columns if isinstance(c, Value)}
    for line in lines:
        for key, of_cell in line.numbers.items():
            if values[key].beside:
                line.computed[f"computed_{key}"] = runs.beside(of_cell[0], values[key])
    costs = _add_costs(values, lines, numbers)
    same = all(_as_printed(line, *cost) for line in lines for cost in costs.items())
    told = [evaluated(numbers), add_counts(lines, numbers), add_views(layout, lines, numbers)]
    told += [computed_costs_note(lines, list(costs), same), runs.note(values.values()), layout.note]
    footnotes, in_heads = add_footnotes(lines, notes)
    columns = [*_printed_columns(layout, in_heads), *_cost_columns(costs, values, numbers, same)]
    columns += [Column(key, head, text=True) for key, head in WORDS.items() if any(key in x.words for x in lines)]
    columns += [Column(key, csv_only=True) for key in ORIGIN]
    parts = []
    for section, of_section in sections:
        for line in of_section:
            line.words |= {"part": section.title, "paper": layout.paper, "table": layout.table} | _origin(line)
        rows = [tuple(_cell(line, column.key) for column in columns) for line in of_section]
        sources = [f"{layout.paper}, Table {layout.table}, line {x.words['line'] or 'unknown'}" for x in of_section]
        parts.append(Part(section.title, rows, sources=sources))
    note = " ".join(filter(None, ["Values as printed; a cell without a value is empty.", *told, *footnotes]))
    title = f"{layout.paper}, Table {layout.table}: {layout.about}"
    return Table(f"{layout.paper}_table_{layout.table}", title, note, tuple(columns), parts)


def _lines(section: Section, numbers: list[Number]) -> list[Line]:
    labels = [c for c in section.columns if isinstance(c, Label)]
    values = [c for c in section.columns if isinstance(c, Value)]
    lines: dict[tuple[str, ...], Line] = {}
    for number in filter(section.holds, numbers):
        takers = [value.key for value in values if value.takes(number)]
        words = {label.key: label.text(number) for label in labels}
        if takers:
            line = lines.setdefault(tuple(words.values()), Line(words))
            for key in takers:
                line.numbers.setdefault(key, []).append(number)
    return list(lines.values())


def _require_placed(numbers: list[Number], lines: list[Line]) -> None:
    """Every number has its cell, and no cell has two values."""
    placed = {number["id"] for line in lines for number in line.all_numbers()}
    for number in numbers:
        if number["id"] not in placed:
            raise BadInput(f"{_where(number)} has no cell in the layout of suite/report/published/papers.py.")
    for of_cell in (of_cell for line in lines for of_cell in line.numbers.values()):
        for number in of_cell[1:]:
            if number["value"] != of_cell[0]["value"]:
                raise BadInput(
                    f"{_where(number)} is {number['value'] or 'empty'}, but has the cell of row {of_cell[0]['row']}, "
                    f"which is {of_cell[0]['value'] or 'empty'}."
                )


def _where(number: Number) -> str:
    return f"{number['paper']}.csv: the {number['metric']} of table {number['table']}, row {number['row']}"


def _origin(line: Line) -> dict[str, str]:
    numbers = line.all_numbers()
    return {
        "line": distinct(line for number in numbers for line in number["line"].split(",")),
        "origin": distinct(number["origin"] for number in numbers),
        "record_counts": distinct(number["counts"] for number in numbers),
        "record_views": distinct(number["views"] for number in numbers),
        "notes": distinct(code for number in numbers for code in number["notes"].split()),
    }


def _cell(line: Line, key: str) -> Cell:
    if key not in line.numbers:
        return (line.labels | line.words | line.computed).get(key)
    printed = Printed(line.numbers[key][0]["value"], [number["id"] for number in line.numbers[key]])
    return Marked(printed, mark=line.marks[key]) if key in line.marks else printed


def _printed_columns(layout: Layout, in_heads: dict[str, str]) -> list[Column]:
    columns: dict[str, Column] = {}
    for c in (c for section in layout.sections for c in section.columns):
        if isinstance(c, Label):
            columns.setdefault(c.key, Column(c.key, c.head, c.group, text=not c.right))
            continue
        letters = f" ({in_heads[c.key]})" if c.key in in_heads else ""
        columns.setdefault(c.key, Column(c.key, c.head + letters, c.group))
        if c.beside:
            key, head, digits = f"computed_{c.key}", "run (computed)", 1
            if c.beside == "contribution":
                head, digits = "computed", 3
            columns.setdefault(key, Column(key, head, c.group, digits))
    return list(columns.values())


# What is computed


class Runs:
    """The 288 runs of deep_analysis, to be set beside what its tables print of them."""

    def __init__(self, folder: Path) -> None:
        from suite.published.references import published_cells, published_rows
        from suite.statistics.contribution import contribution

        rows = published_rows(folder=folder)
        key = ("dataset", "module", "backbone", "pooling", "frames")
        self.runs = {tuple(run[k] for k in key): run for run in rows.to_dict("records")}
        means = contribution(published_cells(folder)).to_dict("records")
        self.means = {(mean["dataset"], mean["module"]): mean for mean in means}

    def beside(self, number: Number, value: Value) -> float:
        """What belongs beside a printed number, in its unit; NaN where no run has its model, data set and frames."""
        if value.beside == "contribution":
            return self.means.get((number["dataset"], number["module"]), {}).get(number["metric"], math.nan)
        frames = int(number["frames"]) if number["frames"].isdigit() else 0
        key = (number["dataset"], number["module"], number["backbone"], number["pooling"], frames)
        column, unit = {"top1": ("top1", 1), "gflops": ("conv_gmacs", 1), "params_m": ("params", 1e6)}[number["metric"]]
        return self.runs[key][column] / unit if key in self.runs else math.nan

    def note(self, values: Iterable[Value]) -> str:
        values = list(values)
        if any(value.beside == "contribution" for value in values):
            return f"Computed: means over cells of the {len(self.runs)} published runs, as fractions."
        of_runs = {value.metric for value in values if value.beside == "run"}
        if not of_runs:
            return ""
        told = f"Run: the one of the {len(self.runs)} published runs with the same model, data set and frames"
        return told + "; FLOPs: GMACs of its convolutions" * ("gflops" in of_runs) + "."


def _add_costs(values: dict[str, Value], lines: list[Line], numbers: list[Number]) -> dict[str, str]:
    """Adds the multiply-adds per view in 1e9 to the lines; gives the printed FLOPs' column of each new one."""
    from suite.published.findings_printed import one_convention

    costs = {}
    for printed, value in values.items():
        if value.metric == "gflops":
            key = "_".join(["computed_gmacs_a_view", *value.where.values()])
            costs[key] = printed
            for line in lines:
                if printed in line.numbers:
                    number = line.numbers[printed][0]
                    line.computed[key] = one_convention(number, _baseline(number, numbers))[0]
    return costs


def _baseline(number: Number, numbers: list[Number]) -> float:
    """Printed cost of the network without the added block, where the same table prints it in multiply-adds."""
    without = {"module": number["module"].rpartition("+")[0], "counts": "macs/view"}
    wanted = {key: number[key] for key in ("metric", "backbone", "frames", "dataset")} | without
    found = [n["number"] for n in numbers if all(n[key] == value for key, value in wanted.items())]
    return found[0] if found else math.nan


def _as_printed(line: Line, key: str, printed: str) -> bool:
    return printed not in line.numbers or line.computed[key] == line.numbers[printed][0]["number"]


def _cost_columns(costs: dict[str, str], values: dict[str, Value], numbers: list[Number], same: bool) -> list[Column]:
    """Of the costs in one convention; only in CSV where they are the printed ones throughout."""
    decimals = max((number["decimals"] for number in numbers if number["metric"] == "gflops"), default=0)
    halved = any(n["counts"].startswith(("2macs/", "macs+2block/")) for n in numbers)
    columns = []
    for key, printed in costs.items():
        head = "GMACs per view"
        if values[printed].where:
            head += ", " + values[printed].group.rpartition(", ")[2]
        columns.append(Column(key, head, "computed", digits=decimals + halved, csv_only=same))
    return columns
