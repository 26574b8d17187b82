"""What would stop a sweep is told before its first run, all at once, with the option that mends it."""

from types import SimpleNamespace

import pytest
import torch

from suite.__main__ import main
from suite.app import preflight
from suite.app.preflight import refuse_what_cannot_train, refuse_without_weights_or_data
from suite.report.console.plan import plan_report
from suite.spec import BadInput
from suite.sweep.batches import too_large
from suite.sweep.estimate import speed_here
from suite.sweep.executors.machine import Machine
from suite.sweep.plan import Selection, add_costs, make_plan

CPU, GPU = Machine(2, "cpu", 1, 0), Machine(1, "cuda", 1, 0)
GRID = """
protocol: smoke
data: [calib_order, ssv1]
models: [tsn-resnet18]
chain: {frames: [8]}
set: {batch: 32, step_batch: 16}
"""


def planned(folder, **selection):
    plan = make_plan(str(folder / "small.yaml"), Selection(**selection), folder / "results", costs=False)
    return plan


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "small.yaml").write_text(GRID)
    plan = planned(tmp_path, data=("calib_order",))
    add_costs(plan)
    return plan


def refused(plan, train=100, machine=CPU, meant=True):
    with pytest.raises(BadInput) as caught:
        refuse_what_cannot_train(plan, {"calib_order": train}, machine, meant)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_batch_that_the_data_do_not_fill_names_one_that_fits(plan, tmp_path):
    assert "calib_order, 20 (--set batch=16 --set step_batch=16 fits)" in refused(plan, train=20)
    smaller = planned(tmp_path, set={"batch": 16, "step_batch": 16})
    refuse_what_cannot_train(smaller, {"calib_order": 20, "ssv1": 20}, CPU, True)


def test_a_plan_tells_of_a_batch_that_the_expected_videos_do_not_fill(plan, tmp_path):
    assert too_large(plan.runs, {}) == []
    (problem,) = too_large(plan.runs, {"calib_order": 24})
    assert "the batch size 32 is larger than the number of training videos of calib_order, 24" in problem
    assert (
        plan_report(plan, speed_here(plan), tmp_path, None, None)["problems"] == []
    )  # as many videos as a batch has, and more


def test_a_batch_of_the_pretraining_names_the_set_that_changes_it(tmp_path, plan):
    text = GRID.replace("[calib_order, ssv1]", "ssv1") + "pretrain: {data: calib_order, set: {batch: 32}}\n"
    (tmp_path / "small.yaml").write_text(text)
    (problem,) = too_large(planned(tmp_path).runs, {"calib_order": 24, "ssv1": 100})
    assert "batch: 24 and step_batch: 24 in pretrain.set" in problem


def test_videos_that_are_held_out_do_not_fill_a_batch(tmp_path, plan):
    held = planned(tmp_path, set={"dev": 0.5}, data=("calib_order",))
    assert "calib_order, 20 (" in refused(held, train=40)


def test_hours_on_a_cpu_need_somebody_who_means_it(plan, monkeypatch):
    monkeypatch.setattr(preflight, "CPU_HOURS", 1e-9)
    assert "--device cpu starts it nevertheless" in refused(plan, meant=False)
    refuse_what_cannot_train(plan, {"calib_order": 100}, CPU, True)


def test_a_step_that_a_gpu_cannot_hold_names_one_that_it_can(plan, monkeypatch):
    there = SimpleNamespace(total_memory=plan.runs[0].gib * 2**30 / 3)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: there)
    assert "(--set step_batch=4 fits; batch normalisation then sees 4 clips)" in refused(plan, machine=GPU)


def test_a_step_that_is_split_among_gpus_needs_a_share_on_each(plan, monkeypatch):
    gib, few = plan.runs[0].gib, Machine(1, "cuda", 1, 0, processes=4)  # two micro-batches of 16 clips
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=gib * 2**28))
    refuse_what_cannot_train(plan, {"calib_order": 100}, few, True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=gib * 2**27))
    assert "on each of 4 GPUs and the GPU has" in refused(plan, machine=few)
    assert "(--set step_batch=2 fits;" in refused(plan, machine=few)
    whole = Machine(1, "cuda", 1, 0, processes=2)
    assert "(--set step_batch=2 fits;" in refused(plan, machine=whole)


def test_a_disk_without_room_for_the_checkpoints_is_told(plan, monkeypatch):
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**6))
    assert refused(plan).startswith("The checkpoints of 1 run need about 85 MiB")


def test_all_problems_are_told_at_once(plan, monkeypatch):
    monkeypatch.setattr(preflight, "CPU_HOURS", 1e-9)
    said = refused(plan, train=3, meant=False)
    assert said.startswith("2 problems would stop this sweep: (1) the batch size 32")
    assert "(2) the sweep would take" in said


def test_data_and_weights_that_are_not_there_are_told_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(GRID.replace("set: {", "set: {init: nowhere.pt, "))
    with pytest.raises(BadInput) as caught:
        refuse_without_weights_or_data(planned(tmp_path), tmp_path)
    said = str(caught.value)
    assert said.startswith("2 problems")
    assert "weights file nowhere.pt" in said
    assert "Something-Something V1 is not in" in said


def test_several_problems_are_a_list_with_a_line_each_and_splits_of_a_data_set_are_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(
        GRID.replace("[calib_order, ssv1]", "[ucf101, ucf101@split=2, ucf101@split=3, hmdb51]")
    )
    (tmp_path / "data").mkdir()
    argv = ["suite", "sweep", "small.yaml", "--data", "data", "--results", "results"]
    monkeypatch.setattr("sys.argv", argv)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    head, first, second = capsys.readouterr().err.splitlines()
    assert head == "suite: 2 problems would stop this sweep:"
    assert first.startswith("1. UCF101, split 1 is not in 'data'")
    assert "ucf101@split=2, ucf101@split=3 need the same files (folder data/ucf101; docs/data.md" in first
    assert second.startswith("2. HMDB51, split 1 is not in")
