"""CSV files: exact numbers, and no text that a spreadsheet runs."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.report.build import csv_text
from suite.report.tables.rendering.formats import to_csv, to_markdown
from suite.report.tables.rendering.table import Column, Estimate, Part, Table
from suite.spec.spreadsheets import FORMULA, escape_formula, unescape_formula
from suite.sweep.summary import PERCENT

HOSTILE = ['=HYPERLINK("http://x","y")', "+cmd|' /C calc'!A0", "-cmd", "@SUM(1)", "\t=1", "\r=1", "＝1+1", "-1+2"]


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("text", HOSTILE)
def test_formulas_in_the_names_of_others_do_not_run(text):
    columns = (Column("name", "name", text=True), Column("top1", "top-1"), Column("change", "change", text=True))
    table = Table("t", "T", "", columns, [Part("", [(text, -12.5, "-0.5")])])
    (line,) = read(to_csv(table))[1:]
    assert not line[0].startswith(FORMULA)
    assert line[0].startswith("'")
    assert line[1:] == ["-12.5", "-0.5"], "numbers stay numbers"
    (row,) = read(csv_text(pd.DataFrame([{"id": text, "top1": -12.5}])))[1:]
    assert unescape_formula(row[0]) == text.replace("\r", "\n")
    assert row[1] == "-12.5"


@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("=+-@'\t0.1e")))
def test_escaped_text_never_starts_a_formula_and_comes_back_whole(text):
    escaped = escape_formula(text)
    assert unescape_formula(escaped) == text
    if escaped.startswith(FORMULA):
        assert float(escaped) == float(text)


def test_the_summary_holds_exact_ratios_and_the_tables_are_rounded_half_up():
    top1 = [100 * (29 / 50), 96.25, 91.75, 100 * (1 / 3), None]
    assert repr(top1[0]) == "57.99999999999999"
    frame = pd.DataFrame({"id": list("abcde"), "top1": top1, "n": [50, 80, 80, 3, np.nan], "gmacs": 1 / 3})
    lines = read(csv_text(frame, PERCENT))[1:]
    assert [line[1] for line in lines] == ["58.0", "96.25", "91.75", "33.333333", ""]
    assert lines[0][3] == repr(1 / 3), "what is no percentage keeps its digits"
    cells = [(Estimate(value, value - 0.5, value + 0.5, 0.25),) for value in top1[:3]]
    table = Table("t", "T", "", (Column("top1", "top-1"),), [Part("", cells)])
    text = to_markdown(table)
    assert "58.0 ± 0.3 [57.5, 58.5]" in text
    assert "96.3 ± 0.3 [95.8, 96.8]" in text
    assert "91.8 ± 0.3 [91.3, 92.3]" in text
    assert [line[0] for line in read(to_csv(table))[1:]] == ["58.0", "96.25", "91.75"]


def test_a_frame_without_rows_is_written_as_before():
    assert csv_text(pd.DataFrame([])) == pd.DataFrame([]).to_csv(index=False)
    empty = pd.DataFrame(columns=["id", "top1"])
    assert csv_text(empty, PERCENT) == empty.to_csv(index=False)
