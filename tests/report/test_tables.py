"""Tables of accuracy, contribution and cost."""

import math

import numpy as np
import pandas as pd
import pytest

from suite.collect.evidence import Evidence
from suite.collect.outcomes import Outcomes
from suite.collect.results_table import ResultsTable
from suite.report.tables.notes import data_notes
from suite.report.tables.rendering.formats import to_csv, to_html, to_latex, to_markdown
from suite.report.tables.rendering.table import Estimate
from suite.statistics.proportions import newcombe, wilson
from tests.builders import csv_of, summary_row
from tests.from_rows import accuracy_table, cells, contribution_table, cost_table, gather, make_tables, mean_over_seeds
from tests.report.builders import lines_of


def test_bold_is_every_value_that_is_not_significantly_different_from_the_best(rows):
    rows.loc[rows["module"] == "s3d", "top1"] = 69.0
    table = accuracy_table(rows)
    text = to_markdown(table)
    assert ["**" in lines_of(text, f"{m}-")[0] for m in ("TSN", "TAM", "S3D", "I3D")] == [False, True, False, True]
    assert "Bold: not significantly different from the best of the data set (Newcombe interval" in table.note
    # 9 points are significant for two models, and not for two of four
    for others, bold in ((["tsn", "tam"], True), ([], False)):
        kept = rows[rows["module"].isin(["s3d", "i3d", *others])].copy()
        kept.loc[kept["module"] == "s3d", "top1"] = 71.0
        assert ("**" in lines_of(to_markdown(accuracy_table(kept)), "S3D-")[0]) == bold
    assert newcombe(80.0, 240, 71.0, 240)[0] > 0


@pytest.mark.slow
def test_nothing_is_bold_where_the_number_of_videos_is_unknown(published):
    unknown = published.assign(n=float("nan"))
    assert "**" not in to_markdown(accuracy_table(unknown))


@pytest.mark.slow
def test_confounded_cells_carry_letters_and_a_strict_table_withholds_them(published):
    evidence = gather(published)
    table = accuracy_table(published, evidence=evidence)
    cells = {row[1]: row for part in table.parts if part.title == "mini_kinetics" for row in part.rows}
    marked = [cell for row in cells.values() for cell in row if isinstance(cell, Estimate) and cell.mark]
    assert marked
    assert "effective batch size" in table.note
    for text in (to_markdown(table), to_latex(table), to_html(table)):
        assert "cumulative epochs" in text
    strict = accuracy_table(published, evidence=gather(published, strict=True))
    values = [cell for part in strict.parts for row in part.rows for cell in row if isinstance(cell, Estimate)]
    assert all(math.isnan(cell.value) == bool(cell.mark) for cell in values)
    assert "withheld" in to_markdown(strict)


@pytest.mark.slow
def test_contributions_count_the_cells_that_are_confounded(published):
    table = contribution_table(published, evidence=gather(published))
    rows = csv_of(table)
    by = {(row["dataset"], row["module"]): row for row in rows}
    assert by["mini_ssv2", "i3d"]["n_psi_ta"] == "12"
    assert int(by["mini_ssv2", "i3d"]["confounded_psi_ta"]) > 0
    strict = csv_of(contribution_table(published, evidence=gather(published, strict=True)))
    kept = {(row["dataset"], row["module"]): row for row in strict}["mini_ssv2", "i3d"]
    marked = set(gather(published).marks.letters)
    of_i3d = cells(published).query("dataset == 'mini_ssv2' and label == 'i3d' and pooled == 'none'")
    clean = [not marked & {a, b} for a, b in zip(of_i3d["id"], of_i3d["baseline_id"], strict=True)]
    assert int(kept["n_psi_ta"]) == sum(clean) < 12
    assert kept["confounded_psi_ta"] == ""
    for row in rows:
        for key in ("phi", "psi_ta", "psi_ta_tp"):
            if row[key]:
                assert float(row[f"{key}_low"]) <= float(row[key]) <= float(row[f"{key}_high"])


def test_chance_and_ceilings_stand_with_the_data_set_in_every_format(rows):
    table = accuracy_table(rows)
    for text in (to_markdown(table), to_latex(table).replace(r"\%", "%"), to_html(table)):
        assert "chance 12.5 %" in text
        assert "50.0 %" in text
        assert "98.5 %" in text
    assert {(r["chance"], r["ceiling_blind"], r["ceiling_ordered"]) for r in csv_of(table)} == {
        ("12.5", "50.0", "98.5")
    }


def test_csv_has_every_digit_and_the_bounds_that_print_rounds(rows):
    rows.loc[0, "top1"] = 100 * 115 / 240
    line = csv_of(accuracy_table(rows))[0]
    assert float(line["top1_f8"]) == 100 * 115 / 240
    assert (float(line["top1_f8_low"]), float(line["top1_f8_high"])) == wilson(100 * 115 / 240, 240)
    assert "47.9 [41.7, 54.2]" in to_markdown(accuracy_table(rows))


def test_seeds_are_averaged_and_their_number_is_said(rows):
    table = accuracy_table(pd.concat([rows, pd.DataFrame([summary_row("i3d", 84.0, seed=1)])]))
    assert "82.0** ± 2.8" in lines_of(to_markdown(table), "I3D-")[0]
    assert [line["seeds"] for line in csv_of(table)] == ["1", "1", "1", "2"]
    assert "| seeds" in to_markdown(table)
    assert "| seeds" not in to_markdown(accuracy_table(rows))


def test_published_values_stand_beside_ours_for_the_same_model_data_set_and_frames(published):
    ours = pd.DataFrame([summary_row("tsn", 30.0, n=11799), summary_row("tsn", 31.0, frames=4)]).assign(
        dataset="mini_ssv2"
    )
    line = csv_of(accuracy_table(ours, reference=published))[0]
    theirs = published.query("dataset == 'mini_ssv2' and name == 'tsn-resnet18' and frames == 8")["top1"].item()
    assert float(line["published_top1_f8"]) == theirs
    assert line["published_top1_f4"] == ""


def test_runs_that_are_not_done_are_in_no_table(rows):
    rows.loc[rows["module"] == "i3d", "state"] = "failed"
    for table in (accuracy_table(rows), contribution_table(rows), cost_table(rows)):
        assert "i3d" not in to_csv(table)


def test_the_note_names_a_baseline_that_is_not_tsn():
    row = {"dataset": "ucf101", "frames": 16, "seed": 0, "state": "done", "module": "mfnet", "backbone": ""}
    names = {"mfnet": 70.0, "mfnet+rcca": 76.0, "mfnet-2d": 40.0}
    rows = pd.DataFrame([row | {"id": name, "name": name, "top1": top1} for name, top1 in names.items()])
    table = contribution_table(rows)
    assert "The frame-wise network is mfnet-2d for MF-Net and MF-Net + RCCA-3D" in table.note
    lines = {line["module"]: line for line in csv_of(table)}
    assert {key: line["frame_wise"] for key, line in lines.items()} == dict.fromkeys(lines, "mfnet-2d")
    assert sorted(float(line["psi_ta"]) for line in lines.values()) == pytest.approx([0.5, 0.6])
    tsn = pd.DataFrame([row | {"id": n, "name": n, "top1": 50.0} for n in ("tsn-resnet18", "i3d-resnet18")])
    assert "The frame-wise network is" not in contribution_table(tsn).note


def test_a_contribution_without_baseline_is_an_empty_cell(rows):
    line = next(r for r in csv_of(contribution_table(rows[rows["module"] != "tsn"])) if r["module"] == "i3d")
    assert (line["phi"], line["n_phi"], line["psi_ta"]) == ("", "", "")
    line = next(r for r in csv_of(contribution_table(rows)) if r["module"] == "i3d")
    assert (float(line["phi"]), line["n_phi"]) == (0.6, "1")


def test_costs_are_in_millions_and_in_1e9_per_frame_count(rows):
    table = cost_table(pd.concat([rows, rows.assign(frames=16, gmacs=3.62)]))
    line = csv_of(table)[0]
    assert (line["mparams"], line["conv_gmacs_f8"], line["gmacs_f16"]) == ("11.2", "1.8", "3.62")
    assert "parameters (M)" in to_markdown(table)
    table = cost_table(pd.concat([rows, rows.assign(frames=16, params=12e6)]))
    assert csv_of(table)[0]["mparams_f16"] == "12.0", "parameters that depend on the frames have a column each"


def test_published_rows_beside_ours_leave_our_contributions_as_they_are(rows, published):
    ours = rows.assign(dataset="mini_ssv2")
    theirs = published[published["dataset"] == "mini_ssv2"].assign(name=lambda r: r["name"] + " (deep_analysis)")
    alone = {r["module"]: r["phi"] for r in csv_of(contribution_table(ours))}
    both = csv_of(contribution_table(pd.concat([ours, theirs], ignore_index=True)))
    assert {r["module"]: r["phi"] for r in both if r["source"] == "suite"} == alone
    assert {r["source"] for r in both} == {"suite", "deep_analysis"}


@pytest.mark.slow
def test_a_strict_report_shows_confounded_cells_nowhere(published):
    evidence = gather(published, strict=True)
    marked = set(evidence.marks.letters)
    for name in ("pareto", "equal_cost"):
        table = make_tables(published, [name], evidence=evidence)[0]
        names = {(row[0], row[1]) for part in table.parts for row in part.rows}
        assert names
    assert not marked & set(evidence.kept(ResultsTable.of(published)).runs["id"])


def test_seeds_of_a_cell_are_one_confounded_cell():
    from tests.builders import factors

    table = [summary_row(m, t, seed=s) for m, t in (("tsn", 50.0), ("tam", 60.0)) for s in (0, 1, 2)]
    rows = pd.DataFrame(table)
    rows["factors"] = [factors(**({"lr": 0.5} if name.startswith("tam") else {})) for name in rows["name"]]
    line = csv_of(contribution_table(rows, evidence=gather(rows)))[0]
    assert (line["n_psi_ta"], line["confounded_psi_ta"]) == ("1", "1")


def test_one_run_without_predictions_leaves_the_others_paired():
    correct = np.random.default_rng(0).random((2, 240)) < 0.7
    rows = pd.DataFrame([summary_row("tsn", 0.0), summary_row("tam", 0.0), summary_row("s3d", 71.0)])
    evidence = Evidence({"moving_shapes": Outcomes({rows["id"][0]: 0, rows["id"][1]: 1}, correct)})
    rows.loc[:1, "top1"] = 100 * correct.mean(1)
    found = evidence.bold_cells(mean_over_seeds(rows))
    assert found.tests == ("exact McNemar test", "Newcombe interval for independent samples")
    assert found.labels == {0, 1, 2}


def test_a_data_set_of_pretraining_alone_stands_behind_the_others_in_every_table():
    found = []
    for pretrains in (False, True):
        rows = [summary_row(module, top1, dataset="a", n=100) for module, top1 in (("tsn", 40.0), ("tam", 50.0))]
        rows = [row | {"pretrains": pretrains} for row in rows]
        rows += [row | {"dataset": "b", "id": f"b.{row['id']}", "pretrains": False} for row in rows]
        which = ("accuracy", "cost", "equal_cost")
        made = make_tables(pd.DataFrame(rows), which)
        found.append({one.name: [part.rows[0][0] for part in one.parts] for one in made})
    assert all(list(dict.fromkeys(sets)) == ["a", "b"] for sets in found[0].values())
    assert all(list(dict.fromkeys(sets)) == ["b", "a"] for sets in found[1].values())
    assert set(found[0]) == {"accuracy", "cost", "equal_cost"}


def test_notes_on_numbers_of_videos_are_one_sentence_and_repeat_no_title():
    known = {"factors": {"missing": 0}, "data_notes": ["Split 'train' of x lists 8 videos; 9586 are expected."]}
    rows = [summary_row("tsn", 40.0, dataset=name) | known for name in ("ucf101@split=2", "ucf101@split=3")]
    own = {"data_notes": ["mine does not say which videos are for testing."]}
    rows.append(summary_row("tsn", 40.0, dataset="mine") | known | own)
    assert data_notes(pd.DataFrame(rows)) == [
        "Other numbers of videos than expected: UCF101, split 2: train 8 of 9586; UCF101, split 3: train 8 of 9586.",
        "mine does not say which videos are for testing.",
    ]


def test_the_csv_names_the_runs_behind_each_accuracy():
    rows = [summary_row("tsn", 40.0, seed=seed, frames=frames) for seed in (0, 1) for frames in (4, 8)]
    (line,) = csv_of(accuracy_table(pd.DataFrame(rows)))
    assert line["ids_f4"] == "tsn-resnet18.f4.s0 tsn-resnet18.f4.s1"
    assert line["ids_f8"] == "tsn-resnet18.f8.s0 tsn-resnet18.f8.s1"
