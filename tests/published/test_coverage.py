"""The list of which grid runs which printed number: complete, of grids that are there, and as the docs have it."""

import re
from pathlib import Path

import pytest

from suite.published import coverage as covering
from suite.published.references import REFERENCES, published_rows
from suite.report.published.coverage import coverage_page
from suite.spec import grid_files, load_grid
from suite.sweep.plan import Selection, make_plan

pytestmark = pytest.mark.slow  # all grids are planned

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
PLACES = {
    file.stem if file.parent.name == "experiments" else f"{file.parent.name}/{file.stem}": name
    for name, file in grid_files().items()
}


@pytest.fixture(scope="module")
def found():
    return covering.coverage()


@pytest.fixture(scope="module")
def specs():
    """All runs that the shipped grids plan, by id."""
    plans = [make_plan(name, Selection(), Path("results"), costs=False) for name in PLACES.values()]
    return {run.id: run.spec for plan in plans for run in plan.runs}


def test_every_printed_row_of_the_authors_own_has_a_planned_run_or_a_reason(found):
    assert [row.row for row in found if not row.run and not row.why] == []
    without = [row.row for row in found if not row.run and not row.grid]
    assert without == ["published.arc.3.14.ssv1"], "a module that the suite does not have"


def test_no_own_row_of_the_record_is_left_out(found):
    own = []
    for source in REFERENCES:
        rows = published_rows(source)
        own += list((rows[rows["origin"] == "own"] if "origin" in rows else rows)["id"])
    assert [row.row for row in found] == own
    assert len(set(own)) == len(own) > 600


def test_every_grid_that_the_list_names_is_there(found):
    named = {place for row in found for place in row.grid.split()}
    named |= {place for reading in covering.readings().figures.values() for place in reading.grid.split()}
    assert named <= set(PLACES)


def test_every_reading_is_of_a_row_and_says_something(found):
    said = covering.readings().rows
    ids = [row.row for row in found]
    for start, reading in said.items():
        fitting = [row for row in ids if row.startswith(start)]
        assert fitting, start
        assert all(next(s for s in said if row.startswith(s)) == start for row in fitting), f"{start} hides another"
        assert reading.how, start
    assert all(reading.how for reading in covering.readings().figures.values())


def test_a_run_that_is_not_as_printed_comes_with_a_word_on_what_differs(found):
    differing = {row.row: (row.differs, row.why) for row in found if row.differs}
    word = "from released Kinetics-400 weights: --set init=pytorchvideo:FILE"
    assert set(differing.values()) == {("pretraining", word)}
    assert all(re.match(r"published\.gta\.1\.(9|1[0-6])\.", row) for row in differing)


def test_printed_ensembles_are_fused_by_the_grid_that_is_named_for_them(found):
    rows = [row for row in found if "ensemble" in row.why and "test split" not in row.why]
    assert {(row.paper, row.grid) for row in rows} == {("gta", "gta/frames"), ("arc", "arc/frames")}
    for row in rows:
        grid = load_grid(PLACES[row.grid])
        assert {8, 16} in [set(ensemble.frames) for ensemble in grid.fuse]
        assert row.dataset in grid.data
        assert row.printed
    assert {ensemble.views for ensemble in load_grid("gta_frames").fuse} == {"2x3"}


def test_printed_means_over_splits_are_of_grids_with_all_splits(found):
    for row in (row for row in found if "three splits" in row.why):
        data = load_grid(PLACES[row.grid]).data
        assert {row.dataset, f"{row.dataset}@split=2", f"{row.dataset}@split=3"} <= set(data), row.row


def test_the_page_is_what_the_command_prints(found):
    assert PAGE.read_text().rstrip() == coverage_page(found, covering.figures()).rstrip()


def test_a_grid_that_does_not_test_the_printed_views_is_not_named(found):
    grids = {row.views: row.grid for row in found if (row.paper, row.table) == ("cstransformer", "2a")}
    assert set(grids) == {"1x3", "4x3", "10x3"}
    assert grids["4x3"] == grids["10x3"] == "cstransformer/views"
    assert "cstransformer/variants" in grids["1x3"]


def test_the_page_tells_rows_apart_and_marks_the_missing_one():
    lines = PAGE.read_text().splitlines()
    assert ["ABM" in line for line in lines if "**none**" in line] == [True]
    means = [line.split(" | ") for line in lines if "mean over the three splits" in line]
    assert {(line[2], line[5]) for line in means} == {
        *((f"{name}, mean of 3 splits", top1) for name, top1 in (("UCF101", "95.1"), ("HMDB51", "70.2"))),
        *((f"{name}, mean of 3 splits", top1) for name, top1 in (("UCF101", "86.3"), ("HMDB51", "52.6"))),
    }
    at = lines.index("## deep_analysis")
    tables = [line.split(" | ")[0] for line in lines[at : lines.index("## rcca3d")] if re.match(r"\| (text )?\d", line)]
    assert list(dict.fromkeys(tables)) == [f"| {one}" for one in ("2", "3", "4", "5", "6", "8", "9", "10", "text 6")]


def test_a_run_stands_for_a_row_of_its_own_data_set(found, specs):
    assert {row.run for row in found} - {""} <= set(specs)
    for row in found:
        if row.run:
            assert specs[row.run].dataset == row.dataset, row.row
            assert row.grid, row.row
