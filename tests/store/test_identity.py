"""What a run is: two spellings of one configuration are one run, another configuration is another."""

import hashlib
import json
import math
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from suite.__main__ import main
from suite.collect.resolve import contender
from suite.fairness.run_factors import read_run
from suite.models import build, canonical_name, spelled_out
from suite.models.registry import ADD_ON_BLOCKS, find_add_on_block
from suite.report.build import write_report
from suite.report.console.explain import explain_run
from suite.spec import BadInput, load_protocol
from suite.store.cells import find_runs
from suite.store.earlier import run_folder
from suite.store.evaluations import result_of
from suite.store.find import need_run
from suite.store.folder import RunFolder
from suite.store.identity import EvaluationSpec, RunSpec
from suite.sweep.plan import Selection, make_plan
from suite.training.schedule import learning_rate

EARLIER = Path(__file__).parents[1] / "files" / "scheme_1"  # a small sweep of commit 835ba14, without its checkpoints


def spec(model="tsm-resnet18+rcca", parent=None, **changes):
    return RunSpec(model, "calib_order", 8, 0, load_protocol("smoke").stage(False, changes), parent)


# --- model names --------------------------------------------------------------------------------------------------

SPELLINGS = [
    ("tsm-resnet50+rcca", "tsm-resnet50+rcca@r=3,at=conv3_3"),
    ("tsn-resnet50+gta", "tsn-resnet50+gta@at=res4:3/res3:2,regions=8"),
    ("tsn-resnet50+nl@at=res3:2", "tsn-resnet50+nl@at=conv3_3/conv3_1"),
    ("tsm-resnet18+arc", "tsm-resnet18+arc@stages=res5/res4/res3,cell=fc"),
    ("tsm-resnet50+msm", "tsm-resnet50+msm@transform=separable"),
    ("slowfast-resnet101@clip=16x8", "slowfast-resnet101@res4=6,clip=16x8"),
    ("slowfast-resnet101", "slowfast-resnet101@res4=all,clip=8x8"),
    ("cstransformer-v2", "cstransformer-v2@head=class,ratio=1"),
    ("i3d-resnet50-tp", "i3d-resnet50-tp@tp=published,sites=all"),
]


@pytest.mark.parametrize(("short", "long"), SPELLINGS)
def test_two_spellings_of_a_model_are_one_model(short, long):
    assert canonical_name(long) == canonical_name(short) == canonical_name(spelled_out(short)) == short
    assert spelled_out(long) == spelled_out(short)


@pytest.mark.parametrize(
    "name",
    [
        "slowfast-resnet101@clip=16x8,res4=all",
        "i3d-resnet50-tp@tp=max",
        "tsm-resnet50+msm+arc",
        "tam-resnet18@init=shift",
    ],
)
def test_what_is_no_default_stays_in_the_name(name):
    assert canonical_name(name) == name


@pytest.mark.parametrize(
    "name", ["tsm-resnet18+rcca@r=2", "cstransformer-v1-baseline", "slowfast-resnet50", "mfnet+nl"]
)
def test_the_name_in_full_builds_the_same_network(name):
    with torch.device("meta"):
        short, full = (build(text, 10, 32, 64).state_dict() for text in (name, spelled_out(name)))
    assert {key: value.shape for key, value in short.items()} == {key: value.shape for key, value in full.items()}


def test_names_that_no_model_has_are_refused():
    for name in (
        "tsm-resnet18+rcca@r=9",
        "tsm-resnet18+rcca@q=1",
        "tsm-inception_v1+nl",
        "mfnet@r=1",
        "tsm-resnet18@tp=max",
    ):
        with pytest.raises(BadInput):
            canonical_name(name)


def test_a_changed_default_gives_another_run_and_leaves_the_old_name_in_full_as_it_was(monkeypatch):
    before, written = spec(), spec().resolved()
    block = find_add_on_block("rcca")
    monkeypatch.setitem(ADD_ON_BLOCKS, "rcca", replace(block, options={**block.options, "r": ("2", "1", "3", "4")}))
    for cached in (canonical_name, spelled_out):
        cached.cache_clear()
    try:
        assert spec().id != before.id
        again = RunSpec.from_resolved(written)  # what was run stays what it was
        assert again.id == before.id
        assert "r=3" in again.network
        assert spec("tsm-resnet18+rcca@r=3").id.rpartition("-")[2] == before.id.rpartition("-")[2]
    finally:
        monkeypatch.undo()
        for cached in (canonical_name, spelled_out):
            cached.cache_clear()


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


# --- files by another hand ------------------------------------------------------------------------------------------


def changed_spec(folder, change):
    data = yaml.safe_load(folder.spec_file.read_text())
    change(data)
    folder.spec_file.write_text(yaml.safe_dump(data, sort_keys=False))


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


# --- runs of identity scheme 1 --------------------------------------------------------------------------------------


@pytest.fixture
def earlier(tmp_path):
    """results/ with the finished sweep of an earlier version, and its plan by this one."""
    results = tmp_path / "results"
    shutil.copytree(EARLIER, results / "old_scheme")
    grid = tmp_path / "old_scheme.yaml"
    shutil.copy(EARLIER / "grid.yaml", grid)
    return results, make_plan(str(grid), Selection(), results, costs=False)


def test_runs_of_scheme_1_are_found_under_their_new_ids(earlier):
    results, plan = earlier
    assert [run.state() for run in plan.runs] == ["done"] * 6
    assert all(run.id != run.folder.id for run in plan.runs)
    assert {run.spec.model for run in plan.runs} == {"tsn-resnet18", "tam-resnet18", "tsm-resnet18+rcca"}
    for run in plan.runs:
        assert need_run(run.id, results).path == run.folder.path
        assert need_run(run.folder.id, results).path == run.folder.path
        assert run.result()["top1"] == json.loads(run.folder.result_file.read_text())["top1"]
        assert explain_run(run.folder)["id_now"] == run.id
    cell = "old_scheme:calib_order/tsm-resnet18+rcca/f8"
    assert [run.id for run in find_runs(cell, results)] == [plan.runs[3].folder.id]


def test_scheme_1_is_checked_by_its_own_scheme(earlier):
    _, plan = earlier
    folder = RunFolder(plan.runs[0].folder.path)
    assert folder.spec().scheme == 1
    assert folder.spec().id == folder.id
    changed_spec(folder, lambda data: data["protocol"].update(lr=0.5))
    with pytest.raises(BadInput, match="was changed"):
        RunFolder(folder.path).spec()


def test_a_new_stage_goes_on_from_a_run_of_scheme_1(earlier, tmp_path):
    results, plan = earlier
    shutil.rmtree(plan.runs[1].folder.path)
    again = make_plan(plan.name, Selection(), results, costs=False).runs
    assert (again[0].state(), again[1].state()) == ("done", "todo")
    assert again[1].folder.id == again[1].id  # a new run, under its new id
    assert run_folder(again[1].folder.path.parent, again[1].spec.parent).path == again[0].folder.path


def test_the_report_of_an_earlier_sweep_has_the_same_accuracies(earlier):
    results, plan = earlier
    write_report(plan)
    old = (EARLIER / "summary.csv").read_text().splitlines()
    new = (results / "old_scheme" / "summary.csv").read_text().splitlines()
    place = [line.split(",").index("top1") for line in (old[0], new[0])]
    assert [row.split(",")[place[0]] for row in old] == [row.split(",")[place[1]] for row in new]


def test_what_scheme_1_did_not_record_is_unknown(earlier):
    results, plan = earlier
    run = plan.runs[0]
    factors = read_run(run.spec, run.folder)
    assert factors["weights"] == "none"  # from scratch: known
    found = contender(run.id, results)
    assert math.isclose(found.top1, run.result()["top1"])


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
        assert "which does not exist" in capsys.readouterr().err


def test_earlier_runs_that_fit_no_run_of_today_are_named(earlier):
    from suite.report.console.listing import notes

    results, plan = earlier
    assert notes(plan) == []
    shutil.rmtree(plan.runs[0].folder.path)  # the first stage of plan.runs[1]
    lost = plan.runs[1].folder.id
    again = make_plan(plan.name, Selection(), results, costs=False)
    assert again.runs[1].state() == "todo"
    assert any(lost in note for note in notes(again))


def test_models_are_selected_by_the_name_that_is_printed_and_by_the_one_that_is_typed(earlier):
    results, plan = earlier
    for name in ("tsm-resnet18+rcca", "tsm-resnet18+rcca@r=3", "tsm-*"):
        chosen = make_plan(plan.name, Selection(only=(name,)), results, costs=False)
        assert {run.spec.model for run in chosen.runs} == {"tsm-resnet18+rcca"}
