"""The papers' tables from the record: every printed number in its cell, and no other that is not called computed."""

import csv
import html
import io
import math
import re
from collections import Counter

import pytest

from suite.published.record import COUNTS, METRICS, PAPERS, PUBLISHED, Number, read_notes, record
from suite.published.references import run_table
from suite.report.published.notes import CONCERNS, QUIET
from suite.report.published.papers import LAYOUTS
from suite.report.published.tables import Marked, published_tables
from suite.report.tables.rendering.formats import to_csv, to_html, to_latex, to_markdown
from suite.report.tables.rendering.table import Printed


@pytest.fixture(scope="module")
def tables():
    return {table.name: table for table in published_tables()}


@pytest.fixture(scope="module")
def numbers():
    return record().to_dict("records")


def columns_of(table):
    """Key to the cells of that column, over all parts."""
    rows = [row for part in table.parts for row in part.rows]
    return {column.key: [row[i] for row in rows] for i, column in enumerate(table.columns)}


def printed(cell):
    if isinstance(cell, Marked):
        cell = cell.value
    return cell if isinstance(cell, Printed) else None


def printed_cells(table):
    return [x for cells in columns_of(table).values() for x in map(printed, cells) if x is not None]


def read_back(table):
    return list(csv.DictReader(io.StringIO(to_csv(table))))


def test_every_number_of_the_record_stands_once_in_the_table_it_is_from(tables, numbers):
    of_tables = [i for i, number in enumerate(numbers) if not number["table"].startswith("text")]
    seen, per_paper = Counter(), Counter()
    for name, table in tables.items():
        for cell in printed_cells(table):
            for i in set(cell.numbers):
                assert f"{numbers[i]['paper']}_table_{numbers[i]['table']}" == name
                assert numbers[i]["value"] == cell.text
                per_paper[numbers[i]["paper"]] += bool(cell.text)
            if cell.text:
                seen.update(cell.numbers)
    unassigned = {i for i in of_tables if not numbers[i]["value"]}
    assert set(seen) == set(of_tables) - unassigned
    assert set(seen.values()) == {1}
    expected = Counter(numbers[i]["paper"] for i in of_tables if numbers[i]["value"])
    assert per_paper == expected
    assert set(expected) == set(PAPERS)


def test_no_other_number_stands_there_but_in_columns_called_computed(tables):
    for table in tables.values():
        for column, cells in zip(table.columns, columns_of(table).values(), strict=True):
            assert not any(isinstance(cell, int) for cell in cells), column.key
            alien = [cell for cell in cells if isinstance(cell, float) and printed(cell) is None]
            if column.key.startswith("computed_"):
                assert "computed" in column.head + column.group
                assert all(printed(cell) is None for cell in cells)
            else:
                assert not alien, (table.name, column.key)


def test_the_tables_that_the_issue_names_are_there(tables):
    wanted = {
        "deep_analysis": [str(k) for k in range(2, 11)],
        "rcca3d": [str(k) for k in range(1, 10)],
        "gta": [str(k) for k in range(1, 8)],
        "arc": ["2", "3", "4", "5a", "5b", "5c", "5d", "6", "7", "8"],
        "cstransformer": ["1a", "1b", "1c", "1d", "2a", "2b", "3", "4"],
    }
    assert {f"{paper}_table_{k}" for paper, ks in wanted.items() for k in ks} <= set(tables)
    assert len(tables) == len(LAYOUTS)
    assert all(table.parts and all(part.rows for part in table.parts) for table in tables.values())


def test_table_7_has_27_printed_values_and_27_computed_ones(tables):
    table = tables["deep_analysis_table_7"]
    columns = columns_of(table)
    computed = [x for key, cells in columns.items() if key.startswith("computed_") for x in cells]
    assert len(printed_cells(table)) == len(computed) == 27
    assert not any(map(math.isnan, computed))
    by_row = dict(zip(zip(columns["data_set"], columns["measure"], strict=True), range(9), strict=True))
    here = by_row["Mini-SSV2", "Ψ ta"]
    assert (columns["value_i3d"][here].text, columns["value_s3d"][here].text) == ("0.46", "0.45")
    assert columns["computed_value_i3d"][here] == pytest.approx(0.447, abs=5e-4)
    assert columns["computed_value_s3d"][here] == pytest.approx(0.460, abs=5e-4)


@pytest.mark.parametrize("table", ["5", "10"])
def test_accuracies_of_the_288_runs_stand_unrounded_beside_tables_5_and_10(tables, table):
    runs = run_table()
    runs = runs[~runs["pooled"] & runs["backbone"].isin(["inception_v1", "resnet50"]) & runs["frames"].isin([8, 16])]
    runs = runs[runs["dataset"].isin(["mini_ssv2", "mini_kinetics"]) & runs["module"].isin(["tsn", "i3d", "tam"])]
    columns = columns_of(tables[f"deep_analysis_table_{table}"])
    beside = [x for m in ("tsn", "i3d", "tam") for x in columns[f"computed_top1_{m}"] if x is not None]
    assert sorted(beside) == sorted(runs["top1"])
    assert len(beside) == 24
    assert "computed_top1_conv" not in columns  # its cost is not that of S3D, and its accuracies are none of the runs'
    for module in ("tsn", "i3d", "tam"):
        for cell, run in zip(columns[f"top1_{module}"], columns[f"computed_top1_{module}"], strict=True):
            assert cell is None or abs(printed(cell) - run) < 0.1


def test_decimals_are_those_of_print_in_every_format(tables):
    table = tables["deep_analysis_table_2"]
    assert "30.80" in to_markdown(table)
    assert "30.80" in to_html(table)
    assert "30.80\\textsuperscript{c}" in to_latex(table)
    assert {"30.80", "31.21", ""} <= {row["top1_mit"] for row in read_back(table)}
    assert {"115", "335.3"} <= {row["gflops"] for row in read_back(table)}
    pooled = tables["deep_analysis_table_7"]
    assert "$-$0.10" in to_latex(pooled)
    assert "−0.10" in to_html(pooled)
    assert "-0.10" in {row["value_s3d"] for row in read_back(pooled)}


def test_csv_says_where_each_row_is_from(tables, numbers):
    lines = {(n["paper"], n["table"], line) for n in numbers for line in n["line"].split(",")}
    for table in tables.values():
        for row in read_back(table):
            assert f"{row['paper']}_table_{row['table']}" == table.name
            assert {(row["paper"], row["table"], line) for line in row["line"].split(", ")} <= lines
    assert {row["part"] for row in read_back(tables["deep_analysis_table_5"])} == {"Inception-V1", "ResNet-50"}
    variants = read_back(tables["cstransformer_table_1a"])
    assert {(row["record_counts"], row["record_views"]) for row in variants} == {("2macs/view", "1x3")}
    first = to_latex(tables["deep_analysis_table_2"]).splitlines()
    assert "    % deep_analysis, Table 2, line 156" in first


def test_costs_are_told_in_one_convention_where_arithmetic_alone_gives_it(tables):
    def cost(table, model, **where):
        found = [r for r in read_back(tables[table]) if r["model"] == model and where.items() <= r.items()]
        return found[0]["computed_gmacs_a_view"]

    assert float(cost("cstransformer_table_1a", "CSTransformer-V1")) == pytest.approx(345.2 / 2)
    assert float(cost("cstransformer_table_3", "Ours", gflops="16400")) == pytest.approx(16400 / 12 / 2)
    assert float(cost("arc_table_2", "ARC-TSM", gflops="148.8")) == pytest.approx(74.4)
    assert float(cost("rcca3d_table_5", "TSM+RCCA*1")) == pytest.approx(33.0 + (49.3 - 33.0) / 2)
    assert float(cost("rcca3d_table_5", "MF-Net+RCCA*5")) == pytest.approx(11.1 + (23.1 - 11.1) / 2)
    assert float(cost("deep_analysis_table_2", "I3D-ResNet50")) == 335.3
    assert cost("cstransformer_table_3", "I3D NL (Wang et al. (2018))") == ""
    assert cost("arc_table_6", "TEA[17]") == ""
    assert cost("gta_table_1", "2D backbone + NL") == "61.1"
    assert "computed" not in to_markdown(tables["gta_table_1"])  # print has them in the convention already
    for table in tables.values():
        heads = [column.key for column in table.columns]
        assert ("computed_gmacs_a_view" in heads) == ("gflops" in heads)


def test_what_flops_count_and_the_views_are_said_with_every_cost(tables):
    for name, table in tables.items():
        costs = [column for column in table.columns if column.key.startswith("gflops") and "percent" not in column.key]
        if costs:
            heads = {column.key for column in table.columns}
            assert "FLOPs" in table.note, name
            assert "flops_count" in heads or re.search(r"FLOPs: |FLOPs .*counting convention unknown", table.note), name
    assert "2 × multiply-adds per view" in tables["cstransformer_table_1a"].note
    assert "Views (clips × crops): 1×3." in tables["cstransformer_table_1a"].note
    rows = read_back(tables["deep_analysis_table_2"])
    assert rows[0]["test_views"] == "10×3, 2×3, 10×3"
    assert {row["flops_count"] for row in rows} == {"multiply-adds of convolutions", "unknown", ""}


def test_every_letter_is_explained_and_every_explanation_has_a_letter(tables):
    notes = read_notes()
    for table in tables.values():
        columns = columns_of(table)
        used = {letter for head in table.columns for letter in "".join(re.findall(r" \(([a-h]{1,3})\)$", head.head))}
        used |= {letter for cells in columns.values() for x in cells if isinstance(x, Marked) for letter in x.mark}
        used |= {letter for letters in columns.get("note", []) if letters for letter in letters.split()}
        _, *pieces = re.split(r" ([a-z]): (?=[A-Z])", table.note)
        explained = dict(zip(pieces[::2], pieces[1::2], strict=True))
        assert used == set(explained), table.name
        assert set(explained.values()) <= set(notes.values())
    assert set(QUIET) | set(CONCERNS) <= set(notes)


def test_notes_mark_a_table_a_row_a_column_or_a_cell(tables):
    notes = read_notes()
    assert f"All values: {notes['transfer_unstated']}" in tables["deep_analysis_table_4"].note
    assert "printed (a)" in {column.head for column in tables["deep_analysis_table_5"].columns}
    rows = columns_of(tables["arc_table_5d"])
    assert rows["note"] == [None, None, None, "a", "a", "a", "a"]
    marked = [cell for cells in columns_of(tables["deep_analysis_table_5"]).values() for cell in cells]
    marked = [cell for cell in marked if isinstance(cell, Marked)]
    assert [(cell.value.text, cell.mark) for cell in marked] == [("70.9", "b"), ("70.7", "b")]
    assert f"b: {notes['bold_elsewhere']}" in tables["deep_analysis_table_5"].note


def test_a_value_that_cannot_be_assigned_is_an_empty_cell_with_a_note(tables, numbers):
    rows = read_back(tables["rcca3d_table_9"])
    lost = [row for row in rows if "value_unassigned" in row["notes"]]
    assert len(lost) == sum(n["value"] == "" for n in numbers if n["table"] == "9" and n["paper"] == "rcca3d") == 6
    assert [row["top1_ucf101"] for row in lost] == [""] * 6
    assert all(row["note"] for row in lost)
    assert [row["top1_kinetics400"] for row in lost if row["model"] == "TSM [11]"] == ["72.8"]


def test_every_table_is_rendered_in_every_format(tables):
    for table in tables.values():
        rows = sum(len(part.rows) for part in table.parts)
        texts = [render(table) for render in (to_markdown, to_latex, to_html)]
        assert len(read_back(table)) == rows
        assert all(table.title in html.unescape(text) for text in texts[::2])
        assert not any(re.search(r"\bnan\b|withheld|Marked\(", text) for text in (*texts, to_csv(table)))
        keys = [column.key for column in table.columns]
        assert len(set(keys)) == len(keys)


def test_the_readme_describes_every_column_word_and_file():
    text = (PUBLISHED / "README.md").read_text()
    words = [*Number.model_fields, *METRICS, *COUNTS, *run_table().columns.drop("pooled")]
    words += [path.name for path in PUBLISHED.glob("*.*")]
    assert [word for word in words if f"`{word}`" not in text and word != "README.md"] == []
    assert "/work" not in text
