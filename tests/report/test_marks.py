"""Without --strict, every table and figure marks confounded runs."""

import re

import pandas as pd
import pytest

from suite.report.tables.rendering.formats import to_markdown
from suite.report.tables.rendering.table import Estimate
from tests.builders import csv_of, factors, summary_row
from tests.from_rows import accuracy_table, contribution_table, gather, make_tables, mean_over_seeds
from tests.report.strict import TABLES_WITH_ACCURACIES, frames_tests, grid_rows


@pytest.fixture(scope="module")
def rows():
    return grid_rows()


@pytest.fixture(scope="module")
def odd(rows):
    return set(gather(rows).marks.letters)


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES_WITH_ACCURACIES)
def test_every_table_with_accuracies_marks_what_rests_on_a_confounded_run(rows, name):
    evidence = gather(rows, tests=frames_tests(rows))
    (table,) = make_tables(rows, [name], evidence=evidence)
    letters = evidence.marks.letters
    odd = letters["tam-resnet50.f16.s0"]
    text = to_markdown(table)
    # behind a number, alone or with another letter, or behind the name of the model
    assert re.search(rf"<sup>([a-z],)?{odd}|\({odd}\)", text)
    assert f"{odd}: effective batch size 16 instead of 32" in table.note
    cells = [cell for part in table.parts for row in part.rows for cell in row if isinstance(cell, Estimate)]
    # an effect is over all other cells and a ranking over all models, so that each rests on a confounded run here
    rests_on_all = name in ("effects", "rank_stability")
    assert rests_on_all or not all(cell.mark for cell in cells), "runs that are as their column have no letter"


@pytest.mark.slow
def test_without_a_ledger_no_table_has_a_mark(rows):
    evidence = gather(rows.assign(factors=None, predictions=""), tests=frames_tests(rows))
    made = make_tables(rows, TABLES_WITH_ACCURACIES, evidence=evidence)
    assert [table.name for table in made] == TABLES_WITH_ACCURACIES
    assert not any("<sup>" in to_markdown(table) for table in made)


def test_a_mean_is_marked_when_its_baseline_is_confounded():
    rows = pd.DataFrame(
        [
            summary_row("tsn", 50.0, factors=factors(batch=16)),
            *(summary_row(m, 70.0, factors=factors()) for m in ("tam", "s3d", "i3d")),
        ]
    )
    lines = csv_of(contribution_table(rows, evidence=gather(rows)))
    assert [line["phi_mark"] for line in lines] == ["a", "a", "a"]


def crosses(figure):
    """The points of a figure that carry a cross."""
    lines = [line for axes in figure.axes for line in axes.lines if line.get_label() == "confounded"]
    return sum(len(line.get_xdata()) for line in lines)


@pytest.mark.slow
def test_every_figure_crosses_confounded_runs_and_says_what_a_cross_is(rows, odd):
    from suite.report.figures import scatter as plots
    from suite.report.figures.marks import with_marks
    from tests.from_rows import pareto_plot

    letters = gather(rows).marks.letters
    runs = with_marks(mean_over_seeds(rows), letters)
    figures = [draw(runs) for draw in (plots.accuracy_vs_gflops, plots.accuracy_vs_frames)]
    figures.append(pareto_plot(rows, letters=letters))
    for figure in figures:
        assert crosses(figure) == len(odd)
        entries = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        assert "confounded (other settings differ)" in entries
    assert crosses(plots.gain_by_temporal_pooling(runs)) == 2, "one bar for each of the two runs"
    plain = [draw(mean_over_seeds(rows)) for draw in (plots.accuracy_vs_gflops, plots.gain_by_temporal_pooling)]
    assert [crosses(figure) for figure in [*plain, pareto_plot(rows)]] == [0, 0, 0]
    named = [text.get_text() for axes in figures[-1].axes for text in axes.texts]
    letter = letters["tam-resnet50.f16.s0"]
    assert any(f"TAM-ResNet-50 [{letter}]" in text for text in named), "on the front the name has the letter"


def test_minor_differences_mark_no_cell_and_are_named_once():
    devices = {"tsn": "cpu", "tam": "another"}
    rows = pd.DataFrame([summary_row(m, 50.0, factors=factors() | {"device": device}) for m, device in devices.items()])
    table = accuracy_table(rows, evidence=gather(rows, strict=True))
    assert "withheld" not in to_markdown(table)
    assert table.note.count("Minor differences between runs: device.") == 1


@pytest.mark.slow
def test_captions_say_that_one_seed_does_not_cover_training_again(rows):
    one = {t.name: t.note for t in make_tables(rows, ["accuracy", "contribution", "pareto"], evidence=gather(rows))}
    for name in ("accuracy", "contribution", "pareto"):
        assert "not retraining" in one[name], name
    again = rows.assign(seed=1, id=rows["id"] + "1")
    several = accuracy_table(pd.concat([rows, again], ignore_index=True))
    assert "do not cover training again" not in several.note + several.details
