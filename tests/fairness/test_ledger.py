"""The ledger: which factors two runs share."""

import pandas as pd
import pytest

from suite.fairness.factors import FACTORS, agree, judge
from suite.fairness.ledger import mark
from suite.fairness.run_factors import of_run
from suite.published.references import published_rows, run_table
from tests.builders import RESULT, SESSION, factors, spec


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


def test_the_sampling_rule_is_studied_in_training_and_test_together():
    verdict = judge(factors(), factors(sampling={"rule": "dense"}), "sampling")
    assert verdict.comparable
    assert [d.field for d in verdict.studied] == ["sampling", "test_sampling"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lr": 0.2}, "schedule"),
        ({"weight_decay": 0.1}, "optimiser"),
        ({"norm_decay": False}, "optimiser"),
        ({"augmentation": {"crop": "diagonal"}}, "augmentation"),
        ({"augmentation": {"crop": "random_resized"}}, "augmentation"),
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


@pytest.mark.parametrize(
    ("init", "pretraining"),
    [
        ("timm:vit_base_patch16_224.augreg_in21k.pth", "imagenet-21k"),
        ("timm:vit_base_patch16_224.augreg_in21k_ft_in1k.pth", "timm checkpoint"),
        ("mfnet:MFNet2D_ImageNet1k-0000.pth", "imagenet"),
        ("mfnet:MFNet3D_Kinetics-400_72.8.pth", "mfnet checkpoint"),
    ],
)
def test_released_weights_are_known_by_the_name_of_their_file(init, pretraining):
    assert factors(model="mfnet", init=init)["pretraining"] == pretraining


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
