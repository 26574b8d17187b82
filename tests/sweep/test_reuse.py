"""Finished runs of other grids are used, never where code, videos or tests differ, and what becomes of them is said."""

import json
import shutil

import pytest

from suite.fairness.run_factors import read_run
from suite.report.console.listing import notes
from suite.spec import BadInput
from suite.store.changes import record_videos
from suite.store.earlier import run_folder
from suite.store.find import find_runs
from suite.store.folder import sealed
from suite.store.reused import FILE, record_reuse, reused_runs
from suite.sweep.plan import Selection, make_plan
from suite.sweep.rerun import mark_again, move_marked
from suite.sweep.reuse import reused_from, train_here, use_finished_runs
from suite.sweep.stored import store_plan, stored_plan
from suite.sweep.summary import status
from tests.made_up_runs import change_code, made_up_plan, note_session

GRID = """
title: Stages
protocol: smoke
data: calib_order
models: [{models}]
chain: {{frames: [4, 8]}}
set: {{epochs: 1}}
"""


@pytest.fixture
def place(tmp_path):
    """A folder with the grids `first`, whose two models are finished, and `second`, which has one of them too."""
    (tmp_path / "first.yaml").write_text(GRID.format(models="tsn-resnet18, tam-resnet18"))
    (tmp_path / "second.yaml").write_text(GRID.format(models="tsn-resnet18, tsm-resnet18"))
    for run in made_up_plan(str(tmp_path / "first.yaml"), tmp_path / "results").runs:
        note_session(run)
        run.folder.checkpoint.write_bytes(b"weights")
    return tmp_path


def plan_of(place, grid="second", **options):
    return make_plan(str(place / f"{grid}.yaml"), Selection(**options), place / "results", costs=False)


def taken(place):
    """The plan of the second grid after it has taken what there is, and has recorded it."""
    plan = plan_of(place)
    record_reuse(plan.folder, [run.folder for run in use_finished_runs(plan)])
    return plan


def states(plan):
    return [run.state() for run in plan.runs]


def test_a_run_that_another_grid_has_finished_is_not_trained_again(place):
    assert states(plan_of(place)) == ["todo"] * 4
    plan = plan_of(place)
    assert [run.spec.model for run in use_finished_runs(plan)] == ["tsn-resnet18"] * 2
    assert states(plan) == ["done", "done", "todo", "todo"]
    assert reused_from(plan.runs[0], plan) == str(place / "results" / "first" / "runs" / plan.runs[0].id)
    assert states(plan_of(place)) == ["todo"] * 4, "a plan writes nothing down"


def test_what_was_taken_is_recorded_and_found_by_whoever_asks_for_the_grid(place):
    plan = taken(place)
    again = plan_of(place)
    assert states(again) == ["done", "done", "todo", "todo"]
    store_plan(again)
    stored = stored_plan(again.name, Selection(), place / "results")
    assert [run.folder.path for run in stored.runs] == [run.folder.path for run in again.runs]
    assert run_folder(plan.folder / "runs", plan.runs[0].id).path == plan.runs[0].folder.path
    found = find_runs("second:tsn-resnet18", place / "results")
    assert [run.path for run in found] == [run.folder.path for run in plan.runs[:2]]
    assert find_runs(plan.runs[0].id, place / "results")[0].path == plan.runs[0].folder.path
    shown = status(again)
    assert [bool(run["reused_from"]) for run in shown["runs"]] == [True, True, False, False]
    assert "note: finished runs of other grids are used: 2 of first." in notes(again)
    assert not (plan.folder / "runs" / plan.runs[0].id).exists(), "nothing is copied"


def test_other_code_is_not_used_nor_is_what_starts_from_it(place):
    first = plan_of(place, "first")
    change_code(first.runs[0], "code_train", "training")
    plan = plan_of(place)
    assert use_finished_runs(plan) == []
    assert "changed since: training code: suite.training" in plan.not_reused[plan.runs[0].id]
    assert "started from another run" in plan.not_reused[plan.runs[1].id]
    assert any("1 run finished in another grid is not used: changed since" in note for note in notes(plan))


def test_other_videos_are_not_used(place):
    other = {"train": ["9" * 64], "val": ["b" * 64]}
    record_videos(place / "results" / "second", "calib_order", other)
    plan = plan_of(place)
    assert use_finished_runs(plan) == []
    assert "videos of train" in plan.not_reused[plan.runs[0].id]


@pytest.mark.parametrize("spoil", ["checkpoint", "result", "provenance"])
def test_a_run_that_is_damaged_or_lacks_a_file_is_not_used(place, spoil):
    folder = plan_of(place, "first").runs[0].folder
    if spoil == "checkpoint":
        folder.checkpoint.unlink()
    elif spoil == "result":
        folder.result_file.write_text(json.dumps(folder.result() | {"top1": 99.0}))
    else:
        folder.provenance.unlink()
    plan = plan_of(place)
    assert use_finished_runs(plan) == []
    assert plan.runs[0].id in plan.not_reused


def test_a_run_that_lacks_a_planned_test_is_not_used(place):
    plan = plan_of(place, set={"evaluation.clips": 2})
    assert plan.runs[0].id == plan_of(place).runs[0].id
    assert use_finished_runs(plan) == []
    assert "lacks a test" in plan.not_reused[plan.runs[0].id]


def test_a_run_that_was_begun_here_stays_here(place):
    begun = plan_of(place).runs[0]
    begun.folder.create(begun.spec)
    plan = plan_of(place)
    assert use_finished_runs(plan) == []
    assert states(plan) == ["todo"] * 4


def test_no_reuse_trains_a_chain_here(place):
    taken(place)
    plan = plan_of(place)
    train_here(plan, plan.runs, "--no-reuse")
    assert states(plan) == ["todo"] * 4
    record_reuse(plan.folder, [], dropped=[run.id for run in plan.runs])
    assert reused_runs(plan.folder / "runs") == {}


def test_a_run_that_disappears_is_noticed_and_todo(place):
    plan = taken(place)
    shutil.rmtree(plan.runs[0].folder.path)
    again = plan_of(place)
    assert states(again)[0] == "todo"
    said = [note for note in notes(again) if "has disappeared" in note]
    assert len(said) == 1
    assert plan.runs[0].id in said[0]


def test_a_run_with_another_result_is_noticed(place):
    plan = taken(place)
    folder = plan.runs[0].folder
    folder.result_file.write_text(json.dumps(sealed(folder.result() | {"top1": 12.5})))
    again = plan_of(place)
    assert states(again)[0] == "todo"
    assert any("has another result now" in note for note in notes(again))


def test_an_edited_record_is_refused(place):
    plan = taken(place)
    file = plan.folder / FILE
    file.write_text(file.read_text().replace("first/runs", "../out/runs"))
    with pytest.raises(BadInput, match=r"reused\.json is damaged or was changed"):
        plan_of(place)


def test_training_again_keeps_the_old_folder_and_other_grids_keep_its_result(place):
    second = taken(place)
    first = plan_of(place, "first")
    top1 = second.runs[0].result()["top1"]
    change_code(first.runs[0], "code_test", "evaluation")
    assert mark_again(first, ["stale"]) == ["1 stale run to train from the start, and 1 that started from it"]
    assert states(first) == ["todo", "todo", "done", "done"]
    assert first.runs[0].folder.result_file.exists(), "nothing is moved before the sweep may start"
    kept = move_marked(first)
    assert sorted(path.name for path in kept.iterdir()) == sorted(run.id for run in first.runs[:2])
    assert not first.runs[0].folder.path.exists()
    again = plan_of(place)
    assert states(again)[:2] == ["done", "done"]
    assert again.runs[0].folder.path == kept / first.runs[0].id
    assert again.runs[0].result()["top1"] == top1
    assert read_run(again.runs[1].spec, again.runs[1].folder)["chain_frames"] == [4]
    assert move_marked(first) is None


def test_a_grid_takes_what_another_has_trained_again(place):
    taken(place)
    first = plan_of(place, "first")
    change_code(first.runs[0], "code_train", "training")
    mark_again(first, ["stale"])
    kept = move_marked(first)
    for run in first.runs[:2]:  # trained again
        shutil.copytree(kept / run.id, run.folder.path)
        note_session(run)
        run.folder.result_file.write_text(json.dumps(sealed(run.folder.result() | {"top1": 25.0})))
    second = plan_of(place)
    assert mark_again(second, ["stale"]) == ["2 stale runs to train from the start"]
    assert states(second) == ["todo"] * 4
    record_reuse(second.folder, [run.folder for run in use_finished_runs(second)])
    assert [run.folder.path for run in plan_of(place).runs[:2]] == [run.folder.path for run in first.runs[:2]]


def test_a_stale_run_is_not_trained_again_where_a_finished_one_outside_the_selection_starts_from_it(place):
    change_code(plan_of(place, "first").runs[0], "code_train", "training")
    with pytest.raises(BadInput, match="is not in this selection, starts from it; select both"):
        mark_again(plan_of(place, "first", frames=(4,)), ["stale"])


def test_failed_runs_begin_from_the_start_and_keep_their_log(place):
    first = plan_of(place, "first")
    run = first.runs[3]
    run.folder.result_file.unlink()
    run.folder.fail("no", "error")
    run.folder.add_log("said")
    assert mark_again(plan_of(place, "first"), ["stale"]) == ["0 stale runs to train from the start"]
    plan = plan_of(place, "first")
    assert mark_again(plan, ["stale", "failed"])[1] == "1 failed run to train from the start"
    kept = move_marked(plan)
    assert (kept / run.id / "log.txt").read_text().endswith("said\n")
    assert states(plan) == ["done", "done", "done", "todo"]
    with pytest.raises(BadInput, match="--rerun expects stale or failed, not 'all'"):
        mark_again(plan, ["all"])
