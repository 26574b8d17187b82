"""Tables and figures of pairs and ranks, and what stands beside a mean over seeds."""

import math
from itertools import combinations

import pytest

from suite.collect.evidence import Evidence
from suite.published.references import published_rows
from suite.report.figures.pairs import pairwise_plot
from suite.report.tables.rendering.formats import to_markdown
from suite.report.tables.rendering.table import Printing
from tests.builders import csv_of
from tests.collect.builders import MODELS, fabricate
from tests.from_rows import (
    accuracy_table,
    all_pairs,
    gather,
    make_tables,
    matrix_table,
    pairwise_table,
    ranks_table,
    split_use,
    stability_table,
    write_page,
    write_pairwise,
    write_tables,
)


@pytest.fixture(scope="module")
def rows():
    return fabricate(MODELS, sets=("one", "two"), frames=(8, 16))


@pytest.fixture(scope="module")
def evidence(rows):
    return gather(rows)


def test_the_list_and_the_matrix_say_the_same_and_name_test_and_correction(rows, evidence):
    listed, matrix = pairwise_table(rows, evidence), matrix_table(rows, evidence)
    lines = {(r["dataset"], r["frames"], r["a"], r["b"]): float(r["difference"]) for r in csv_of(listed)}
    assert len(lines) == 4 * 6
    cells = csv_of(matrix)
    for i, row in enumerate(cells):
        of_part = cells[4 * (i // 4) : 4 * (i // 4) + 4]
        for j, other in enumerate(of_part):
            if row[f"model_{j + 1}"]:
                key = (row["dataset"], row["frames"], row["model"], other["model"])
                assert lines[key] == float(row[f"model_{j + 1}"])
    for table in (listed, matrix, ranks_table(rows, evidence)):
        assert "exact McNemar test (test videos only, not retraining)" in table.note
        assert "Holm over the 6 pairs of a data set and frame count" in table.note
    assert "per pair, not simultaneous" in listed.note


def test_ranks_need_three_models_and_show_the_mean_over_data_sets(rows, evidence):
    table = ranks_table(rows, evidence)
    assert [part.title for part in table.parts] == ["one", "two", "all data sets"]
    line = csv_of(table)[0]
    assert line["model"] == "i3d-resnet18"
    assert (line["rank_f8"], line["rank_low_f8"], line["rank_high_f8"]) == ("1", "1", "1")
    assert ranks_table(rows[rows["name"].isin(list(MODELS)[:2])], evidence).parts == []
    assert "Kendall" in stability_table(rows, evidence).note


@pytest.mark.slow
def test_the_notes_name_the_tests_that_are_used(rows, evidence):
    assert "z test for models with one seed, with half a video added" in ranks_table(rows, evidence).details
    assert "; t test" not in ranks_table(rows, evidence).details
    assert "alpha = 0.025 each" in stability_table(rows, evidence).note
    seeds = fabricate(MODELS, sets=("one", "two"), seeds=(0, 1))
    of_seeds = gather(seeds)
    assert "t test over seeds and test videos" in ranks_table(seeds, of_seeds).details
    assert "z test" not in ranks_table(seeds, of_seeds).details
    assert "between two seeds, sampling of test videos only" in stability_table(seeds, of_seeds).details


def test_published_accuracies_alone_have_pairs_and_ranks():
    rows = published_rows()
    rows = rows[(rows["dataset"] == "mini_ssv2") & (rows["frames"] == 8)]
    table = ranks_table(rows)
    assert len(table.parts[0].rows) == 24
    assert "independent samples" in table.note
    unknown = ranks_table(rows.assign(n=math.nan))
    assert {row["ranks_f8"] for row in csv_of(unknown)} == {"1–24"}, "nothing is known without a number of videos"


@pytest.mark.slow
def test_confounded_models_carry_their_letters_and_a_strict_report_leaves_them_out(rows, evidence):
    odd = "one.tam-resnet18.f8.s0"
    marked = Evidence(evidence.outcomes)
    marked.marks.letters[odd] = "a"
    marked.marks.notes.append("a: batch 16 instead of 32")
    for table in (pairwise_table(rows, marked), matrix_table(rows, marked), ranks_table(rows, marked)):
        assert "batch 16 instead of 32" in table.note
        assert "<sup>a</sup>" in to_markdown(table) or "(a)" in to_markdown(table)
    marked.strict = True
    kept = rows[rows["id"] != odd]
    for make in (pairwise_table, matrix_table, ranks_table, stability_table):
        assert csv_of(make(rows, marked)) == csv_of(make(kept, evidence))


def test_tables_do_not_depend_on_the_order_of_the_rows(rows, tmp_path):
    names = ("ranks", "rank_stability", "pairwise_matrix", "pairwise")
    mixed = rows.sample(frac=1, random_state=1)
    once = write_tables(rows, tmp_path / "a", names, evidence=gather(rows))
    twice = write_tables(mixed, tmp_path / "b", names, evidence=gather(mixed))
    assert len(once) == 12
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in twice]


@pytest.mark.slow
def test_heat_maps_are_readable_at_24_models_and_old_ones_go(rows, evidence, tmp_path):
    from matplotlib.text import Text

    (tmp_path / "figures").mkdir()
    old = tmp_path / "figures" / "pairwise_gone_f8.png"
    old.write_bytes(b"old")
    written = write_pairwise(rows[rows["frames"] == 8], tmp_path, evidence)
    assert sorted(path.name for path in written) == [
        f"pairwise_{d}_f8.{e}" for d in ("one", "two") for e in ("pdf", "png")
    ]
    assert not old.exists()
    write_tables(rows, tmp_path, ("pairwise", "pairwise_matrix"), evidence=evidence)
    page = write_page("Demo", rows, tmp_path, tables=make_tables(rows, ("pairwise", "pairwise_matrix"), None, evidence))
    text = page.read_text()
    assert 'id="pairwise_matrix"' in text
    assert 'id="pairwise"' not in text
    published = published_rows()
    published = published[(published["dataset"] == "mini_ssv2") & (published["frames"] == 8)]
    figure = pairwise_plot(all_pairs(published, Evidence())[0])
    figure.draw_without_rendering()
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 8
    labels = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == 24
    assert not any(a.overlaps(b) for a, b in combinations(labels, 2))


# --- what stands beside a mean over seeds -------------------------------------------------------------------------


@pytest.mark.parametrize(("spread", "sd", "ci"), [("both", True, True), ("ci", False, True), ("sd", True, False)])
def test_a_table_over_seeds_prints_what_was_asked_for_and_says_which(spread, sd, ci):
    rows = fabricate(MODELS, seeds=(0, 1, 2))
    (table,) = make_tables(rows, ["accuracy"], None, gather(rows), Printing(spread=spread))
    line = next(line for line in to_markdown(table).splitlines() if line.startswith("| I3D"))
    assert ("±" in line, "[" in line) == (sd, ci)
    assert "± standard deviation" in table.note if sd else "±" not in table.note
    assert ("interval" in table.note.split("Bold")[0]) == ci
    first = csv_of(table)[0]
    assert first["top1_f8_sd"]
    assert first["top1_f8_low"]


def test_the_calibration_error_is_in_the_csv_where_scores_are_known():
    rows = fabricate(MODELS, logits=True)
    table = accuracy_table(rows, evidence=gather(rows))
    for line in csv_of(table):
        gap = abs(90 - float(line["top1_f8"]))  # every prediction has a confidence of 90 %
        assert float(line["ece_f8"]) == pytest.approx(gap)
    assert "expected calibration error" in table.details
    assert "ece" not in to_markdown(table)
    several = rows.assign(views=30)
    assert {line["ece_f8"] for line in csv_of(accuracy_table(several, evidence=gather(several)))} == {""}


def test_a_table_says_how_often_its_split_was_used(rows):
    factors = [
        {"selection": "last epoch", "held_out": 0.0, "tuning": 0},
        {"selection": "best epoch on training videos held out", "held_out": 0.1, "tuning": 3},
        {"selection": "last epoch", "held_out": 0.0, "tuning": None},
        {"selection": "last epoch", "held_out": 0.0, "tuning": 0},
    ]
    of_one = rows[(rows["dataset"] == "one") & (rows["frames"] == 8)]
    (said,) = split_use(of_one.assign(factors=factors))
    assert "Validation split of one: evaluated 4 runs of 4 models; 1 selected their epoch on held-out" in said
    assert "up to 3 other configurations were tried per model, not reported for 1 run." in said
    assert split_use(of_one) == []


def test_all_tuned_runs_count_as_evaluated_while_ensembles_and_settings_are_no_models(rows):
    of_one = rows[(rows["dataset"] == "one") & (rows["frames"] == 8)].reset_index(drop=True)
    known = of_one.assign(factors=[{"selection": "last epoch", "held_out": 0.2, "tuning": "4 settings on dev"}] * 4)
    (said,) = split_use(known.assign(tested=[4, 4, 1, 1]))
    assert "evaluated 10 runs of 4 models (4 chosen on dev and shown);" in said
    first = known["name"][0]
    names = [f"{first} (lr=0.1)", f"{first} (lr=0.2)", "TSN + TSM", "TSN + TAM"]
    modules = ["tsn", "tsn", "ensemble", "ensemble"]
    (said,) = split_use(known.assign(name=names, module=modules, seed=0))
    assert "evaluated 2 runs of 1 model in 2 settings, and 2 ensembles of them;" in said
