"""The ledger, the findings, and comparisons of single results."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from suite.__main__ import main
from suite.collect.resolve import contender
from suite.evaluation.inference import parquet_bytes
from suite.evaluation.predictions import Outcome, aligned, read_predictions
from suite.fairness.compare import compare
from suite.fairness.contender import Contender
from suite.fairness.factors import FACTORS, agree, judge
from suite.fairness.ledger import mark
from suite.fairness.run_factors import of_run
from suite.published.findings import FINDINGS, findings
from suite.published.findings_printed import one_convention
from suite.published.grim import explain, fits
from suite.published.references import published_rows, run_table
from suite.spec import BadInput, Protocol
from suite.store.identity import RunSpec


@pytest.fixture(scope="module")
def found():
    return {f.key: f for f in findings()}


# --- findings: the counts of the published grid -------------------------------------------------------------------


def test_table_7_agrees_in_all_27_values_once_two_columns_are_exchanged(found):
    rows = found["table_7"].rows
    assert len(rows) == 27
    assert [row[-1] for row in rows] == ["yes"] * 27
    differing = {(row[0], row[1]) for row in rows if row[5] == "no"}
    assert differing == {
        *(("mini_ssv2", "psi_ta"), ("mini_kinetics", "psi_ta"), ("mini_mit", "phi"), ("mini_mit", "psi_ta")),
    }
    assert "19 of 27" in found["table_7"].statement


def test_confounds_inside_the_published_grid(found):
    assert [row[1:] for row in found["confounds"].rows] == [(432, 90, 96, 6), (144, 30, 32, 2), (216, 97, None, 216)]


def test_grim_finds_both_sizes_of_the_validation_set_and_names_what_fits_neither(found):
    rows = [row for row in found["grim"].rows if row[0] == "mini_ssv2" and row[1] != "none"]
    assert [row[1] for row in rows] == [11799, 11808]
    assert rows[0][2] == "63 of 64"
    lost = [row for row in found["grim"].rows if row[1] == "none"]
    assert len(lost) == 23
    assert all(row[4] for row in lost)


def test_every_finding_speaks_and_names_its_command(found):
    assert set(found) == set(FINDINGS)
    for finding in found.values():
        assert finding.statement.endswith(".")
        assert finding.command == f"suite reproduce --finding {finding.key}"
        assert finding.rows
        assert all(len(row) == len(finding.columns) for row in finding.rows)


def test_margins_count_the_cells_whose_interval_holds_zero(found):
    rows = found["margins"].rows
    assert len(rows) == 72
    assert all((low <= 0) == (verdict == "no") for *_, low, _, verdict in rows)


def test_costs_in_one_convention():
    row = {"counts": "macs+2block/view", "number": 49.3, "views": ""}
    assert one_convention(row, 33.0)[0] == pytest.approx(41.15)
    assert one_convention({"counts": "2macs/all_views", "number": 4100.0, "views": "1x3"})[0] == pytest.approx(2050 / 3)
    assert np.isnan(one_convention({"counts": "unknown/view", "number": 5.0, "views": ""})[0])


@pytest.mark.parametrize("n", [11799, 9837, 400])
def test_a_share_of_n_fits_n_and_its_neighbours_do_not_explain_as_much(n):
    rng = np.random.default_rng(0)
    values = [round(100 * k / n, 4) for k in rng.integers(0, n, 60)]
    assert all(fits(value, 4, n) for value in values)
    best = explain(values, 4, round(0.95 * n), round(1.05 * n))
    assert (best[0][0], len(best[0][1])) == (n, 60)


def test_values_of_no_single_n_explain_nothing():
    values = list(np.round(np.random.default_rng(1).uniform(20, 80, 60), 4))
    assert explain(values, 4, 11000, 12600) == []


# --- the ledger ---------------------------------------------------------------------------------------------------


def spec(model="tsn-resnet18", frames=8, seed=0, parent=None, **changes):
    protocol = {"name": "p", "init": "scratch", "epochs": 6, "batch": 32, "lr": 0.1} | changes
    return RunSpec(model, "calib_order", frames, seed, Protocol(**protocol), parent)


PARTS = {split: {"list": "a" * 64, "content": "b" * 64} for split in ("train", "val")}
RESULT = {"manifests": {"train": "c" * 64, "val": "d" * 64}, "manifest_parts": PARTS, "missing": 0}
RESULT["leakage"] = {"by_id": 0, "by_content": 0}
SESSION = {"sessions": [{"device": "cpu", "code": "c0ffee", "packages": {"torch": "2", "torchvision": "0"}}]}
DECODED = {"backends": ["decord 0.6.0"], "ffmpeg": [], "fallbacks": {}}
SESSION["decoding"] = {"backends": ["decord"], "splits": {"train": DECODED, "val": DECODED}}


def factors(chain=(), **kind):
    return of_run(spec(**{"tuning": 0} | kind), chain, RESULT, SESSION)


def test_every_run_has_every_factor_ours_or_published():
    assert set(factors()) == set(FACTORS)
    for source in ("deep_analysis", "gta", "deep_analysis_tables"):
        assert all(set(f) == set(FACTORS) for f in published_rows(source)["factors"])


def test_modules_under_one_protocol_are_comparable_and_the_module_is_what_is_studied():
    verdict = judge(factors(), factors(model="tam-resnet18"))
    assert verdict.comparable
    assert [d.field for d in verdict.studied] == ["module"]


def test_an_8_and_a_16_frame_run_differ_in_frames_and_in_epochs_seen():
    first = spec(tuning=0)
    verdict = judge(factors(), factors((first,), frames=16, parent=first.id, epochs=2, lr=0.02))
    assert {"frames", "test_frames", "epochs_seen", "schedule", "chain", "chain_frames"} == {
        d.field for d in verdict.confounds
    }
    by_frames = judge(factors(), factors((first,), frames=16, parent=first.id, epochs=2, lr=0.02), "frames")
    assert "frames" not in {d.field for d in by_frames.confounds}
    assert "epochs_seen" in {d.field for d in by_frames.confounds}


def test_an_epoch_matched_control_leaves_frames_alone_to_differ():
    first = spec(tuning=0)
    later = {"parent": first.id, "epochs": 2, "lr": 0.02}
    verdict = judge(factors((first,), frames=8, **later), factors((first,), frames=16, **later), "frames")
    assert verdict.comparable
    assert [d.field for d in verdict.studied] == ["frames", "test_frames"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lr": 0.2}, "schedule"),
        ({"weight_decay": 0.1}, "optimiser"),
        ({"batch": 16}, "batch"),
        ({"step_batch": 8}, "batch_norm"),
        ({"size": 64}, "resolution"),
        ({"precision": "bf16"}, "precision"),
        ({"tuning": 5}, "tuning"),
        ({"seed": 1}, "seed"),
        ({"evaluation": {"clips": 2}}, "views"),
        ({"init": "imagenet"}, "pretraining"),
        ({"dev": 0.5}, "held_out"),
        ({"dev": 0.1, "selection": "best", "evaluation": {"every_epochs": 1}}, "selection"),
        ({"model": "tsn-inception_v1"}, "backbone"),
        ({"model": "tsn-resnet18-tp"}, "pooling"),
    ],
)
def test_whatever_else_differs_is_a_confound(change, field):
    verdict = judge(factors(), factors(**change))
    assert field in {d.field for d in verdict.confounds}
    assert not verdict.comparable


def test_unknown_is_equal_to_nothing():
    assert agree(None, None) is None
    assert agree(1, None) is None
    assert agree({"a": 1, "b": 2}, {"a": 1}) is None
    assert agree({"a": 1, "b": 2}, {"a": 3}) is False
    rows = published_rows()
    verdict = judge(*rows["factors"][:2], axis="frames")
    assert not verdict.comparable
    assert "seed" in {d.field for d in verdict.unknown}


def test_two_sessions_of_different_versions_equal_neither():
    mixed = {**SESSION, "sessions": [*SESSION["sessions"], {**SESSION["sessions"][0], "code": "other"}]}
    verdict = judge(factors(), of_run(spec(tuning=0), (), RESULT, mixed))
    assert [d.field for d in verdict.confounds] == ["code_train", "code_test"]


def test_cells_that_differ_from_their_column_get_letters():
    rows = published_rows()
    marks = mark(rows)
    batch = run_table()["batch_size"]
    for (_, _), column in rows.groupby(["dataset", "frames"]):
        usual = batch[column.index].mode()[0]
        odd = set(column.index[batch[column.index] != usual])
        assert odd <= set(marks.letters)
    assert "cumulative epochs" in marks.between
    assert "device" in marks.unstated
    assert set(marks.letters.values()) == {note.partition(":")[0] for note in marks.notes}


def test_a_table_of_equal_factors_has_no_letters():
    same = factors()
    rows = pd.DataFrame({"dataset": "d", "frames": 8, "factors": [same, same, {**same, "module": "tam"}]})
    assert mark(rows).letters == {}


def test_on_a_tie_nothing_is_usual_and_the_note_lists_who_has_which_value():
    names, rates = ["tsn", "tam", "s3d", "i3d"], [0.01, 0.01, 0.02, 0.02]
    rows = pd.DataFrame({"dataset": "d", "frames": 8, "name": names, "factors": [factors(lr=rate) for rate in rates]})
    for order in ([0, 1, 2, 3], [2, 3, 0, 1]):
        marks = mark(rows.iloc[order])
        assert set(marks.letters) == {0, 1, 2, 3}, "a 2:2 split confounds both halves, whichever comes first"
        assert len(marks.notes) == 1
        assert "schedule differs within the column: lr 0.0" in marks.notes[0]
        assert "lr 0.01 (tsn, tam)" in marks.notes[0]
        assert "lr 0.02 (s3d, i3d)" in marks.notes[0]
    marks = mark(pd.concat([rows, rows.iloc[:1].assign(name="tsm")], ignore_index=True))
    assert set(marks.letters) == {2, 3}
    assert "0.02 instead of 0.01" in marks.notes[0]


# --- comparisons --------------------------------------------------------------------------------------------------


def outcome(predicted, labels=None, ids=None):
    ids = [f"v{i:03d}" for i in range(len(predicted))] if ids is None else ids
    return Outcome(np.array(ids), np.array(predicted), None if labels is None else np.array(labels))


def result(predicted, labels, **kind):
    return Contender("x", 50.0, len(predicted), factors(**kind), outcome(predicted, labels))


def test_the_difference_of_two_results_and_its_sign():
    labels = [0] * 200
    a, b = [0] * 150 + [1] * 50, [0] * 120 + [1] * 80
    found = compare(result(a, labels), result(b, labels, model="tam-resnet18"))
    assert (found["comparable"], found["n"], found["difference"]) == (True, 200, pytest.approx(15.0))
    assert (found["only_a"], found["only_b"]) == (30, 0)
    assert found["ci95"][0] < 15 < found["ci95"][1]
    assert found["p_mcnemar"] == pytest.approx(2 * 0.5**30)
    back = compare(result(b, labels), result(a, labels))
    assert back["difference"] == pytest.approx(-15.0)


def test_other_videos_are_refused_and_labels_may_come_from_the_other_side():
    labels = [0, 1, 2, 3]
    a = result([0, 1, 2, 0], labels)
    theirs = Contender("t", float("nan"), 4, factors(), outcome([0, 1, 0, 0]))
    assert compare(a, theirs)["difference"] == pytest.approx(25.0)
    other = Contender("o", 1.0, 4, factors(), outcome([0, 1, 2, 0], labels, ["v000", "v001", "v002", "w"]))
    with pytest.raises(BadInput, match="not tested on the same videos"):
        compare(a, other)
    wrong = Contender("o", 1.0, 4, factors(), outcome([0, 1, 2, 0], [1, 0, 2, 3]))
    with pytest.raises(BadInput, match="disagree on the label of 2 videos"):
        compare(a, wrong)


def test_published_rows_are_compared_from_accuracies_alone(tmp_path):
    a = contender("published.mini_ssv2.tsn-resnet50.f8", tmp_path)
    b = contender("published.mini_ssv2.tam-resnet50.f8", tmp_path)
    found = compare(a, b)
    assert found["p_mcnemar"] is None
    assert found["difference"] == pytest.approx(33.9351 - 65.4378)
    assert not found["comparable"]
    assert not found["confounds"]
    with pytest.raises(BadInput, match="did you mean"):
        contender("published.mini_ssv2.tsn-resnet50.f9", tmp_path)


# --- predictions of other codebases -------------------------------------------------------------------------------

NUM = 8  # classes of calib_order


@pytest.fixture
def theirs(tmp_path):
    """Writes a predictions file and its spec; gives the path."""

    def write(table, suffix=".csv", **about):
        path = tmp_path / f"mynet{suffix}"
        if suffix == ".csv":
            pd.DataFrame(table).to_csv(path, index=False)
        else:
            path.write_bytes(parquet_bytes(pd.DataFrame(table)))
        spec = {"name": "MyNet", "dataset": "calib_order", "frames": 8, "backbone": "resnet18"} | about
        path.with_suffix(".yaml").write_text(yaml.safe_dump(spec))
        return path

    return write


IDS = ["a", "b", "c"]


def test_the_three_forms_of_a_predictions_file_say_the_same(theirs, tmp_path):
    logits = np.eye(NUM)[[3, 1, 2]]
    forms = [
        {"id": IDS, "label": [3, 1, 0], "logits": list(logits)},
        {"id": IDS, "label": [3, 1, 0], "prediction": [3, 1, 2]},
        {"id": IDS, "label": [3, 1, 0], **{f"logit_{k}": logits[:, k] for k in range(NUM)}},
        {"id": IDS, "label": [3, 1, 0], "logits": [json.dumps(list(row)) for row in logits]},
    ]
    for form, suffix in zip(forms, (".parquet", ".csv", ".csv", ".csv"), strict=True):
        read = contender(str(theirs(form, suffix)), tmp_path)
        assert read.top1 == pytest.approx(200 / 3)
        assert read.factors["backbone"] == "resnet18"
        assert read.factors["batch"] is None
    classes = [f"class {k}" for k in range(NUM)]
    only = contender(str(theirs({"id": IDS, "label": [3, 1, 2]}, classes=classes)), tmp_path)
    assert only.outcome.labels is None
    assert list(only.outcome.predicted) == [3, 1, 2]


def test_class_names_stand_for_their_numbers(theirs):
    names = [f"class {k}" for k in range(NUM)]
    path = theirs(
        {"id": IDS, "prediction": ["class 3", "class 1", "class 0"], "label": ["class 3", "class 1", "class 2"]}
    )
    read = read_predictions(path, names, NUM)
    assert list(read.predicted) == [3, 1, 0]
    assert list(read.labels) == [3, 1, 2]


def test_classes_are_matched_by_name_where_the_orders_differ():
    ours = Outcome(np.array(IDS), np.array([0, 1, 1]), np.array([0, 1, 2]), ("x", "y", "z"))
    theirs = Outcome(np.array(IDS), np.array([2, 0, 0]), None, ("y", "z", "x"))
    assert [list(right) for right in aligned(ours, theirs)] == [[True, True, False]] * 2
    assert [list(right) for right in aligned(theirs, ours)] == [[True, True, False]] * 2
    with pytest.raises(BadInput, match="Unknown class in B 'w'"):
        aligned(ours, Outcome(np.array(IDS), np.array([0, 0, 0]), None, ("w",)))


def test_names_alone_say_the_classes(theirs, tmp_path):
    path = theirs({"id": IDS, "prediction": ["cat", "dog", "dog"], "label": ["cat", "dog", "cat"]}, dataset="elsewhere")
    read = contender(str(path), tmp_path)
    assert read.outcome.classes == ("cat", "dog")
    assert read.top1 == pytest.approx(200 / 3)


NAN = float("nan")
BAD = {
    "more than once": {"id": ["a", "a", "b"], "label": [0, 1, 2]},
    "row 2 has no label": {"id": IDS, "label": [0, NAN, 2]},
    "row 3 has no id": {"id": ["a", "b", None], "label": [0, 1, 2]},
    "no column 'id'": {"video": IDS, "label": [0, 1, 2]},
    "not a finite number": {"id": IDS, **{f"logit_{k}": [0.0, NAN if k == 2 else 1.0, 2.0] for k in range(NUM)}},
    "has 5 logits per video, but the data set has 8 classes": {
        "id": IDS,
        **{f"logit_{k}": [0.0] * 3 for k in range(5)},
    },
    "'8' is not one of the 8 classes": {"id": IDS, "label": [0, 1, 8]},
    "none of the columns 'logits', 'prediction' and 'label'": {"id": IDS, "score": [0, 1, 2]},
    "'inf' is not one of the 8 classes": {"id": IDS, "label": [0.0, 1.0, float("inf")]},
    "row 2 has no list of logits": {"id": IDS, "logits": ["[1, 2]", "[1, 2", "[1, 2]"]},
    "logits that are not numbers": {"id": IDS, "logits": ['["a", 2]', "[1, 2]", "[1, 2]"]},
    "are not numbered from logit_0": {"id": IDS, "logit_1": [0.0] * 3, "logit_2": [0.0] * 3},
    "contains no predictions": {"id": [], "label": []},
}


@pytest.mark.parametrize("why", BAD)
def test_malformed_predictions_are_refused_in_one_sentence(theirs, capsys, why):
    path = theirs(BAD[why])
    with pytest.raises(SystemExit) as stopped:
        run("compare", path, path)
    assert stopped.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert why in said[0]


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"bachbone": "resnet18"}, "did you mean 'backbone'"),
        ({"classes": ["a", "b"]}, "classes has 2 names; calib_order has 8"),
        ({"dataset": None}, "lacks the key 'dataset'"),
    ],
)
def test_a_wrong_spec_of_predictions_is_refused(theirs, tmp_path, about, why):
    with pytest.raises(BadInput, match=why):
        contender(str(theirs({"id": IDS, "label": [0, 1, 2]}, **about)), tmp_path)


def run(*words):
    import sys
    from unittest import mock

    with mock.patch.object(sys, "argv", ["suite", *map(str, words)]):
        main()
