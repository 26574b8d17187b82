"""The one table of results: built once, read by everything, never changed."""

import re
from pathlib import Path

import pandas as pd
import pytest

from suite.collect import results_table
from suite.collect.evidence import gather
from suite.collect.pairs import all_pairs
from suite.collect.results_table import ResultsTable
from suite.published.references import published_rows
from suite.report.tables import make
from suite.spec import TABLES
from tests.builders import summary_row as run

SUITE = Path(results_table.__file__).parents[1]


@pytest.fixture(scope="module")
def published():
    rows = published_rows()
    return rows[(rows["dataset"] == "mini_ssv2") & (rows["frames"] <= 16)]


def test_only_the_results_table_and_the_record_make_frames_of_runs():
    calls = re.compile(r"\b(?:tidy|finished|mean_over_seeds)\((?!self)")
    found = {
        path.relative_to(SUITE).as_posix()
        for path in SUITE.rglob("*.py")
        if any(calls.search(line) and "def " not in line and "tracker." not in line for line in path.open())
    }
    assert found == {"collect/results_table.py", "published/references.py"}


@pytest.mark.slow
def test_a_report_tidies_its_rows_once_and_compares_each_pair_once(published, monkeypatch):
    counts = {"tidy": 0, "finished": 0, "mean_over_seeds": 0, "all_pairs": 0}

    def counted(name, function):
        def call(*args, **options):
            counts[name] += 1
            return function(*args, **options)

        return call

    for name in ("tidy", "finished", "mean_over_seeds"):
        original = getattr(results_table.run_table, name)
        monkeypatch.setattr(results_table.run_table, name, counted(name, original))
    monkeypatch.setattr(make, "all_pairs", counted("all_pairs", all_pairs))
    table = ResultsTable.of(published)
    inputs = make.table_inputs(table, TABLES, None, gather(table))
    made = make.make_tables(inputs, TABLES)
    assert {"accuracy", "ranks", "pairwise", "pairwise_matrix", "effects"} <= {one.name for one in made}
    assert inputs.pairs is inputs.pairs
    assert counts == {"tidy": 1, "finished": 1, "mean_over_seeds": 1, "all_pairs": 1}


@pytest.mark.slow
def test_no_table_changes_the_frames_that_the_others_read(published):
    table = ResultsTable.of(published)
    before = {name: getattr(table, name).copy() for name in ("runs", "finished", "cells", "contribution_cells")}
    make.make_tables(make.table_inputs(table, TABLES, None, gather(table)), TABLES)
    for name, frame in before.items():
        assert getattr(table, name).equals(frame), name
        assert list(getattr(table, name).columns) == list(frame.columns), name


def test_a_part_of_the_table_is_the_table_of_that_part():
    rows = [run("tsn", 50.0), run("tam", 60.0), run("tam", 62.0, seed=1), run("tam", 55.0, control="epoch_matched:16")]
    rows = pd.DataFrame([row | {"id": f"r{i}"} for i, row in enumerate(rows)])
    table = ResultsTable.of(rows)
    assert list(table.stages.runs["id"]) == ["r0", "r1", "r2"]
    assert table.stages.cells.equals(ResultsTable.of(rows[:3]).cells)
    part = table.without({"r2", "r3"})
    assert part.cells.equals(ResultsTable.of(rows[:2]).cells)
    assert part.without({"r2"}) is part, "nothing to leave out: the frames are shared"
    assert part.stages is part
