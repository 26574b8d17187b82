"""A strict report withholds confounded runs: a grid with one run that is the best by far, and confounded."""

import re

import numpy as np
import pandas as pd
import pytest

from suite.collect.results_table import ResultsTable
from suite.report.tables.rendering.formats import to_csv, to_html, to_latex, to_markdown
from suite.report.tables.rendering.table import Estimate
from suite.spec import TABLES
from tests.builders import csv_of, factors, summary_row
from tests.from_rows import accuracy_table, finished, gather, make_tables, write_page
from tests.report.strict import BEST, TABLES_WITH_ACCURACIES, frames_tests, grid_rows


@pytest.fixture(scope="module")
def rows():
    return grid_rows()


@pytest.fixture(scope="module")
def odd(rows):
    return set(gather(rows).marks.letters)


def test_a_known_and_an_unknown_factor_that_confounds_mark_their_runs(rows, odd):
    assert odd == {"tam-resnet50.f16.s0", "s3d-resnet18-tp.f8.s0"}


@pytest.fixture(scope="module")
def strict(rows, odd):
    """The tables of a strict report by name, of all rows and of the kept rows alone."""

    def tables(some):
        evidence = gather(some, strict=True, tests=frames_tests(some))
        return {table.name: table for table in make_tables(some, [*TABLES, "frames"], evidence=evidence)}

    return tables(rows), tables(rows[~rows["id"].isin(odd)])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in (*TABLES_WITH_ACCURACIES, "cost") if name != "accuracy"])
def test_a_strict_table_is_that_of_the_kept_runs_alone(strict, name):
    full, alone = (tables[name] for tables in strict)
    for render in (to_csv, to_markdown, to_latex, to_html):
        assert render(full) == render(alone)


def test_a_strict_accuracy_table_is_that_of_the_kept_runs_but_for_the_letters_of_withheld_ones(strict):
    full, alone = (tables["accuracy"] for tables in strict)
    assert re.sub(r" Runs withheld .*?(?= Minor| Not reported|$)", "", full.note) == alone.note
    withheld = 0
    for here, there in zip(full.parts, alone.parts, strict=True):
        kept = {cells[1]: cells for cells in there.rows}
        for cells in here.rows:
            for column, cell, other in zip(full.columns, cells, kept[cells[1]], strict=True):
                if isinstance(cell, Estimate) and cell.mark:
                    assert np.isnan(cell.value), column.key
                    assert other is None, column.key
                    withheld += 1
                else:
                    assert str(cell) == str(other), column.key  # texts, as NaN equals nothing
    assert withheld == 2


def test_a_withheld_run_decides_no_bold(rows, strict):
    full, alone = (to_markdown(tables["accuracy"]) for tables in strict)
    assert full.count("**") == alone.count("**") > 0
    (best,) = re.findall(r"\| TAM-ResNet-50 +\|.*", to_markdown(accuracy_table(rows, evidence=gather(rows))))
    assert f"{BEST:.1f}" in best, "without --strict it is shown"
    assert not any(f"{BEST:.1f}" in to_csv(table) + to_html(table) for table in strict[0].values())


def test_a_strict_page_knows_nothing_of_withheld_runs_but_their_letters(rows, strict, tmp_path):
    evidence = gather(rows, strict=True)
    clocks = pd.DataFrame({"id": rows["id"], "train_seconds": 3600.0, "clips_per_second": 10.0})
    text = write_page("Strict", rows, tmp_path, clocks, strict[0].values(), evidence).read_text()
    assert f"{BEST:.1f}" not in text
    assert "12345" not in text
    assert "withheld" in text
    assert "Accuracy at equal measured cost" in text


def test_figures_of_a_strict_report_get_the_kept_rows_and_draws(rows, odd):
    full, kept = gather(rows, strict=True), rows[~rows["id"].isin(odd)]
    alone = gather(kept, strict=True)
    shown = full.kept(ResultsTable.of(rows)).stages
    assert set(shown.runs["id"]) == set(kept["id"])
    a, b = full.draws(shown.finished), alone.draws(finished(kept))
    assert set(a) == set(b) == {"moving_shapes"}
    assert np.array_equal(a["moving_shapes"], b["moving_shapes"])


def test_of_several_seeds_only_the_confounded_one_is_withheld():
    seeds = [
        summary_row("tam", 70.0 + s, seed=s, factors=factors(**({"batch": 16} if s == 2 else {}))) for s in range(3)
    ]
    rows = pd.DataFrame([summary_row("tsn", 50.0, factors=factors()), *seeds])
    line = csv_of(accuracy_table(rows, evidence=gather(rows, strict=True)))[1]
    assert (float(line["top1_f8"]), line["seeds"], line["top1_f8_mark"]) == (70.5, "2", "a")


def test_a_table_of_which_every_run_of_a_data_set_is_withheld_shows_their_letters(rows):
    alone = rows[rows["id"].isin(gather(rows).marks.letters)].assign(dataset="other")
    alone = alone.assign(factors=[f | {"dropout": i} for i, f in enumerate(alone["factors"])])
    table = pd.concat([rows, alone], ignore_index=True)
    evidence = gather(table, strict=True)
    part = next(p for p in accuracy_table(table, evidence=evidence).parts if p.title == "other")
    assert part.rows
