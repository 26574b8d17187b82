"""Runs whose code, videos or initial weights have changed since are stale: shown, and never run by themselves."""

import json

import pytest

from suite.store import changes
from suite.store.changes import record_videos
from suite.store.folder import dump_json, sealed, write_atomic
from suite.sweep.stale import stale_runs
from suite.sweep.summary import status
from tests.made_up_runs import change_code, made_up_plan, note_session

GRID = """
title: Stages
protocol: smoke
data: calib_order
models: [tsn-resnet18, tam-resnet18]
chain: {frames: [4, 8]}
set: {epochs: 1}
"""


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "stages.yaml").write_text(GRID)
    made = made_up_plan(str(tmp_path / "stages.yaml"), tmp_path / "results")
    for run in made.runs:
        note_session(run)
    return made


def test_nothing_is_stale_while_nothing_has_changed(plan):
    assert stale_runs(plan) == {}
    assert status(plan)["stale"] == 0


def test_a_run_of_other_code_is_stale_and_each_run_counts_once(plan):
    change_code(plan.runs[2], "code_train", "temporal/tam")
    found = status(plan)
    assert found["stale"] == 2
    assert found["done"] == 2
    assert sum(value for value in found.values() if isinstance(value, int)) == len(plan.runs)
    entry = found["runs"][2]
    assert entry["state"] == "stale"
    assert entry["changes"] == ["training code: suite.models.temporal.tam"]
    assert entry["top1"] is not None  # its result still counts
    assert plan.runs[2].state() == "done"  # so nothing trains it again


def test_a_stage_is_stale_where_the_training_before_it_changed_and_not_for_its_test(plan):
    change_code(plan.runs[2], "code_train", "training")
    assert stale_runs(plan)[plan.runs[3].id] == [f"{plan.runs[2].id}, which it starts from, is stale"]
    change_code(plan.runs[2], "code_test", "evaluation")
    assert list(stale_runs(plan)) == [plan.runs[2].id]


def test_changed_videos_are_named_by_split(plan):
    known = {"train": ["a" * 64, "e" * 64], "val": ["b" * 64, "e" * 64]}
    record_videos(plan.folder, "calib_order", known)
    assert stale_runs(plan) == {}
    record_videos(plan.folder, "calib_order", known | {"val": ["f" * 64, "e" * 64]})
    assert set(map(tuple, stale_runs(plan).values())) == {("videos of val",)}


def test_a_stage_is_stale_when_the_run_before_it_was_trained_again(plan):
    parent, child = plan.runs[:2]
    content = parent.folder.result() | {"checkpoint_sha256": "1" * 64}
    parent.folder.result_file.write_text(json.dumps(sealed(content)))
    found = child.folder.read_provenance() | {"weights": {"source": "x", "sha256": "1" * 64}}
    write_atomic(child.folder.provenance, dump_json(sealed(found)))
    assert stale_runs(plan) == {}
    parent.folder.result_file.write_text(json.dumps(sealed(content | {"checkpoint_sha256": "2" * 64})))
    assert stale_runs(plan) == {child.id: [f"initial weights: {parent.id} was trained again"]}


def test_what_was_not_recorded_is_no_change(plan):
    found = plan.runs[0].folder.read_provenance()
    early = {key: value for key, value in found["sessions"][0].items() if not key.startswith("code_")}
    write_atomic(plan.runs[0].folder.provenance, dump_json(sealed(found | {"sessions": [early]})))
    (plan.folder / changes.VIDEOS).write_text("{")
    assert stale_runs(plan) == {}


def test_kept_digests_hold_for_one_state_of_the_code(plan, monkeypatch):
    monkeypatch.setattr(changes, "TODAY", {})
    stale_runs(plan)
    kept = json.loads((plan.folder / changes.CODE).read_text())
    assert set(kept["digests"]) == {"tsn-resnet18", "tam-resnet18"}
    wrong = {"code_train": {"training": "0" * 10}, "code_test": {}}
    for state, stale in (("another state", 0), (kept["code"], 4)):
        monkeypatch.setattr(changes, "TODAY", {})
        changes.code_today.cache_clear()
        content = {"code": state, "digests": dict.fromkeys(kept["digests"], wrong)}
        (plan.folder / changes.CODE).write_text(json.dumps(content))
        assert len(stale_runs(plan)) == stale
    changes.code_today.cache_clear()
