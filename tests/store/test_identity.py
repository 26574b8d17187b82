"""What is in the id of a run, and files that were changed by hand."""

import hashlib
import json
import shutil
import sys

import pytest

from suite.__main__ import main
from suite.spec import BadInput, load_protocol
from suite.store.evaluations import result_of
from suite.store.folder import RunFolder
from suite.store.identity import EvaluationSpec, RunSpec
from suite.sweep.plan import Selection, make_plan
from suite.training.schedule import learning_rate
from tests.store.builders import changed_spec, spec

# --- identity -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluation.clips": 4},
        {"evaluation.fusion": "softmax"},
        {"evaluation.video_clips": 10},
        {"sampling.dense_clip": "first"},
        {"name": "of_another_name"},
        {"allow_missing": 3},
    ],
)
def test_what_does_not_train_is_not_in_the_id(changes):
    protocol = load_protocol("smoke").stage(False, {k: v for k, v in changes.items() if k != "name"})
    changed = protocol.model_copy(update={"name": changes.get("name", protocol.name)})
    assert RunSpec("tsm-resnet18", "calib_order", 8, 0, changed).id == spec("tsm-resnet18").id


@pytest.mark.parametrize(
    "changes", [{"lr": 0.03}, {"epochs": 7}, {"sampling.variant": "published"}, {"dropout": 0.1}, {"precision": "bf16"}]
)
def test_what_trains_is_in_the_id(changes):
    assert spec(**changes).id != spec().id


CROPS = [
    {"augmentation.crop": "short_side"},
    {"augmentation.crop": "diagonal"},
    {"augmentation.crop": "random_resized"},
    {"augmentation.picture": "240x320"},
    {"augmentation.crop": "short_side", "augmentation.short_side": [256, 340]},
    {"augmentation.crop": "random_resized", "augmentation.area": [0.2, 1.0]},
    {"augmentation.crop": "random_resized", "augmentation.aspect": [1.0, 1.0]},
    {"norm_decay": False},
    {"compile": True},
]


def test_later_settings_of_training_are_in_the_id_where_they_have_an_effect():
    assert len({spec(**changes).id for changes in [{}, *CROPS]}) == 1 + len(CROPS)
    unused = {"augmentation.short_side": [256, 340], "augmentation.area": [0.2, 1.0], "augmentation.aspect": [1.0, 1.0]}
    assert spec(**unused).id == spec().id  # the crop of TSN looks at none of them
    other = {"augmentation.crop": "short_side", "augmentation.scales": [1.0]}
    assert spec(**other).id == spec(**CROPS[0]).id


def test_later_settings_are_written_where_they_are_not_at_their_default_and_read_again():
    written = spec().resolved()["protocol"]
    assert set(written["augmentation"]) == {"scales", "flip"}
    assert "norm_decay" not in written
    for changes in CROPS:
        one = spec(**changes)
        again = RunSpec.from_resolved(json.loads(json.dumps(one.resolved())))
        assert again.id == one.id
        assert again.protocol.augmentation == one.protocol.augmentation
        assert again.protocol.norm_decay == one.protocol.norm_decay


def test_the_test_has_an_id_of_its_own():
    ids = {spec(**changes).evaluation().id for changes in ({}, {"evaluation.clips": 4}, {"precision": "bf16"})}
    assert len(ids) == 3
    assert (
        spec(**{"evaluation.fusion": "softmax"}).evaluation().id == spec().evaluation().id
    )  # of one view there is none
    facts = spec().evaluation().content() | {"sampling": {"rule": "uniform", "stride": 1, "dense_clip": "middle"}}
    assert EvaluationSpec.from_facts(facts).id == spec().evaluation().id


def test_selection_on_dev_makes_the_test_settings_part_of_training():
    best = {"dev": 0.2, "selection": "best", "evaluation.every_epochs": 1}
    assert spec(**best).id != spec(**best, **{"evaluation.clips": 4}).id


def test_starting_weights_are_known_by_content(tmp_path):
    def planned(path):
        return spec(init=str(path))

    first, other = tmp_path / "start.pt", tmp_path / "moved.pt"
    first.write_bytes(b"one")
    a = planned(first)
    shutil.copy(first, other)
    assert planned(other).id == a.id  # the same file elsewhere
    first.write_bytes(b"two")
    assert planned(first).id != a.id  # another file in its place
    assert a.weights_sha256 == hashlib.sha256(b"one").hexdigest()
    with pytest.raises(BadInput, match="does not exist"):
        planned(tmp_path / "none.pt")


def test_a_release_named_without_a_folder_is_planned_and_found_in_suite_weights(tmp_path, monkeypatch):
    provisional = spec(init="ibm:model.pth")
    assert provisional.missing_weights == "model.pth"
    (tmp_path / "model.pth").write_bytes(b"weights")
    monkeypatch.setenv("SUITE_WEIGHTS", str(tmp_path))
    found = spec(init="ibm:model.pth")
    assert found.missing_weights is None
    assert found.weights_sha256 == hashlib.sha256(b"weights").hexdigest()


# --- milestones ---------------------------------------------------------------------------------------------------


def test_epochs_that_are_set_keep_the_shape_of_the_schedule():
    protocol = load_protocol("mini_ssv2")
    published, shorter = protocol.stage(True, {}), protocol.stage(True, {"epochs": 20})
    assert (published.milestones, published.epochs) == ((10, 20, 30), 35)
    for share in (0.1, 0.28, 0.29, 0.5, 0.58, 0.8, 0.86, 0.99):  # of training
        rates = [learning_rate(p, int(share * p.epochs * 700), 700) for p in (published, shorter)]
        assert rates[0] == pytest.approx(rates[1])
    assert protocol.stage(True, {"epochs": 70}).milestones == (20, 40, 60)
    assert protocol.stage(True, {"epochs": 20, "milestones": [5, 10]}).milestones == (5, 10)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schedule": "multistep", "epochs": 20, "milestones": [10, 20, 30]}, "lie within the 20 epochs"),
        ({"schedule": "multistep", "milestones": [3, 2]}, "must increase"),
        ({"epochs": 2, "warmup_epochs": 2}, "leaves nothing"),
    ],
)
def test_a_schedule_that_is_cut_short_is_refused(changes, words):
    with pytest.raises(BadInput, match=words):
        spec(**changes)


# --- files that were changed by hand ----------------------------------------------------------------------------------


def test_an_edited_spec_is_refused(tmp_path):
    folder = RunFolder(tmp_path / spec().id)
    folder.create(spec())
    assert folder.spec().id == folder.id
    changed_spec(folder, lambda data: data["protocol"].update(lr=0.5))
    with pytest.raises(BadInput, match="was changed"):
        folder.spec()


def test_an_edited_test_setting_of_a_finished_run_is_refused(tmp_path):
    folder = RunFolder(tmp_path / spec().id)
    folder.create(spec())
    folder.result_file.write_text(
        json.dumps({"id": folder.id, "spec_sha256": folder.spec_sha256(), "top1": 50.0, "n": 2})
    )
    assert result_of(folder, folder.spec())["top1"] == 50.0
    changed_spec(folder, lambda data: data["protocol"]["evaluation"].update(clips=10))
    with pytest.raises(BadInput, match="was changed after the run was tested"):
        result_of(folder, folder.spec())


def test_a_spec_of_a_later_version_is_said(tmp_path):
    folder = RunFolder(tmp_path / spec().id)
    folder.create(spec())
    changed_spec(folder, lambda data: data.update(scheme=3))
    with pytest.raises(BadInput, match="scheme 3"):
        folder.spec()


# --- weights on this machine --------------------------------------------------------------------------------------


def test_other_imagenet_weights_make_finished_runs_stale(tmp_path, monkeypatch):
    from suite.app.data import refuse_other_weights

    monkeypatch.setenv("SUITE_WEIGHTS", str(tmp_path))
    grid = tmp_path / "one.yaml"
    grid.write_text(
        "protocol: smoke\ndata: calib_order\nmodels: [tsn-resnet18]\nchain: {frames: [4]}\nset: {init: imagenet}\n"
    )
    plan = make_plan(str(grid), Selection(), tmp_path / "results", costs=False)
    file, (run,) = tmp_path / "resnet18-f37072fd.pth", plan.runs
    file.write_bytes(b"first")
    run.folder.create(run.spec)
    result = {"id": run.id, "spec_sha256": run.folder.spec_sha256(), "top1": 50.0, "n": 2}
    run.folder.result_file.write_text(json.dumps(result))
    run.folder.provenance.write_text(json.dumps({"weights": {"sha256": hashlib.sha256(b"first").hexdigest()}}))
    refuse_other_weights(plan)
    file.write_bytes(b"second")
    with pytest.raises(BadInput, match="other ImageNet weights"):
        refuse_other_weights(plan)
    file.unlink()  # nothing to compare with
    refuse_other_weights(plan)


def test_a_missing_weights_file_is_one_sentence(tmp_path, capsys, monkeypatch):
    for command in ("plan", "sweep"):
        args = ["suite", command, "demo", "--set", f"init={tmp_path / 'none.pt'}", "--results", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", args)
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 2
        assert "does not exist" in capsys.readouterr().err
