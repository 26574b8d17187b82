"""Epoch-matched controls."""

import json
from dataclasses import replace

import pytest

from suite.collect.frames import frames_by_frames
from suite.evaluation.control import Control
from suite.spec import BadInput
from suite.store.identity import RunSpec
from suite.sweep.executors.local import LocalExecutor
from suite.sweep.executors.machine import Machine
from suite.sweep.plan import Selection, make_plan
from suite.sweep.scheduler import Scheduler
from suite.sweep.summary import SUMMARY, rows, status
from suite.training.run import execute
from tests.training.builders import equal, state_of

GRID = """
protocol: smoke
data: calib_order
models: [tsn-resnet18, tam-resnet18]
chain: {frames: [2, 4, 8]}
controls: [epoch_matched]
set: {epochs: 2, batch: 8, size: 32}
"""


def planned(folder, text=GRID, **selection):
    (folder / "mine.yaml").write_text(text)
    return make_plan(str(folder / "mine.yaml"), Selection(**selection), folder / "results", costs=False)


def test_the_control_of_a_stage_is_trained_like_it_at_the_frames_of_the_first(tmp_path):
    plan = planned(
        tmp_path, text=GRID.replace("smoke", "mini_ssv2").replace("set: {epochs: 2, batch: 8, size: 32}", "")
    )
    chain = [run for run in plan.runs if run.spec.model == "tam-resnet18"]
    first, second, third, control2, control3 = chain
    assert [run.spec.frames for run in chain] == [2, 4, 8, 2, 2]
    assert [run.control for run in chain] == ["", "", "", "epoch_matched:4", "epoch_matched:8"]
    assert [run.parent for run in chain] == [None, first, second, first, control2]
    assert [run.spec.parent for run in chain[1:]] == [first.id, second.id, first.id, control2.id]
    assert first.children == [second, control2]
    assert [run.spec.protocol.epochs for run in chain] == [75, 35, 35, 35, 35]
    assert control2.spec.protocol == second.spec.protocol
    assert control3.spec.protocol == third.spec.protocol
    assert len({run.id for run in plan.runs}) == len(plan.runs) == 10
    assert "control" not in second.spec.resolved()  # the identity of other runs is what it was
    assert RunSpec.from_resolved(json.loads(json.dumps(control3.spec.resolved()))) == replace(
        control3.spec, protocol=control3.spec.protocol.model_copy(update={"source": "", "chained": {}})
    )


def test_controls_add_runs_and_change_none(tmp_path):
    with_controls = [run.id for run in planned(tmp_path).runs if not run.control]
    assert with_controls == [run.id for run in planned(tmp_path, GRID.replace("controls: [epoch_matched]", "")).runs]


def test_controls_follow_their_chain_through_every_selection(tmp_path):
    def controls(**selection):
        return [run.control for run in planned(tmp_path, **selection).runs]

    assert controls(frames=(2,)) == ["", ""]
    assert controls(frames=(4,), only=("tam-*",)) == ["", "", "epoch_matched:4"]
    shares = [planned(tmp_path, shard=(i, 2)).runs for i in (1, 2)]
    assert [{run.spec.model for run in share} for share in shares] == [{"tsn-resnet18"}, {"tam-resnet18"}]
    assert [len(share) for share in shares] == [5, 5]
    for run_ in (run_ for share in shares for run_ in share):
        assert run_.parent is None or run_.parent in shares[0] + shares[1]


def test_rows_and_status_tell_controls_apart(tmp_path):
    plan = planned(tmp_path, only=("tsn-*",))
    assert list(SUMMARY)[-2:] == ["control", "source"]
    assert [row["control"] for row in rows(plan)][-2:] == ["epoch_matched:4", "epoch_matched:8"]
    assert [entry["control"] for entry in status(plan)["runs"]][:4] == ["", "", "", "epoch_matched:4"]


def test_a_wrong_control_is_one_sentence(tmp_path):
    with pytest.raises(BadInput, match=r"controls.0.. in grid.*epoch_matched") as caught:
        planned(tmp_path, GRID.replace("[epoch_matched]", "[epochs]"))
    assert "\n" not in str(caught.value)


def test_a_stage_and_its_control_are_ready_together_once_the_first_run_is_done(tmp_path):
    plan = planned(tmp_path, only=("tsn-*",))
    for number, cost_macs in enumerate((1.0, 4.0, 8.0, 2.0, 2.0)):
        plan.runs[number].cost_macs = cost_macs
    machine = Machine(slots=4, device="cpu", threads=1, workers=0)
    scheduler = Scheduler(plan, tmp_path, LocalExecutor(machine))
    first, second, third, control2, control3 = plan.runs
    assert scheduler.ready(plan.runs) == [first]
    assert first.chain_cost() == 13
    first.folder.create(first.spec)
    first.folder.result_file.write_text(json.dumps({"id": first.id}))
    assert scheduler.ready([second, third, control2, control3]) == [second, control2]
    control2.folder.fail("no", "input")
    assert [run.state() for run in plan.runs] == ["done", "todo", "todo", "failed", "blocked"]


@pytest.mark.more
@pytest.mark.slow
def test_a_control_has_seen_as_many_epochs_as_its_stage(data, tmp_path):
    text = GRID.replace("[2, 4, 8]", "[2, 4]").replace("epochs: 2", "epochs: 1")
    plan = planned(tmp_path, text, only=("tsn-*",))
    first, stage, control = plan.runs
    for run_ in plan.runs:
        run_.folder.create(run_.spec)
        execute(run_.folder, data, Control())
    assert [row["epochs_seen"] for row in rows(plan)] == [1, 2, 2]
    assert f"tensors from {first.folder.checkpoint}" in control.folder.log.read_text()
    assert control.folder.result()["macs"] == first.folder.result()["macs"] < stage.folder.result()["macs"]
    assert not equal(state_of(control.folder), state_of(first.folder))
    table = frames_by_frames(run_.folder for run_ in plan.runs)
    assert table[["train_frames", "control", "epochs_seen"]].values.tolist() == [
        [2, "", 1], [2, "epoch_matched", 2], [4, "", 2]
    ]  # fmt: skip
