"""A pilot tries every model of a grid on a few videos, and never counts as runs of the grid."""

import pytest

from suite.app import pilot
from suite.app.pilot import run_pilot
from suite.app.preflight import refuse_what_cannot_train
from suite.data.datasets import open_dataset
from suite.spec import BadInput
from suite.sweep.executors.machine import Machine
from suite.sweep.parts import report_parts
from suite.sweep.plan import Selection, make_plan, remember
from tests.sweep.builders import suite_process

MACHINE = Machine(1, "cpu", 1, 0)
GRID = """
protocol: mini_ssv2
data: [calib_order, calib_scene]
models: [tsn-resnet18, tam-resnet18]
chain: {frames: [4, 8]}
set: {init: scratch}
"""


@pytest.fixture
def swept(monkeypatch):
    """The plans that a pilot would run."""
    plans = []
    monkeypatch.setattr(pilot, "refuse_what_would_stop", lambda *args, **options: None)
    monkeypatch.setattr(pilot, "_sweep", lambda plan, *args: plans.append(plan) or 0)
    return plans


@pytest.fixture
def grid(tmp_path):
    (tmp_path / "mine.yaml").write_text(GRID)
    return str(tmp_path / "mine.yaml")


def test_every_model_is_tried_once_per_data_set_at_the_smallest_frames(grid, tmp_path, swept, capsys):
    assert run_pilot(grid, Selection(), tmp_path, tmp_path / "results", MACHINE, {}) == 0
    runs = [run.spec for plan in swept for run in plan.runs]
    assert {(spec.model, spec.frames) for spec in runs} == {("tsn-resnet18", 4), ("tam-resnet18", 4)}
    assert [plan.runs[0].spec.dataset for plan in swept] == [f"calib_{name}{pilot.PART}" for name in ("order", "scene")]
    assert {(spec.protocol.epochs, spec.protocol.batch) for spec in runs} == {(1, 2)}
    assert "would take about" in capsys.readouterr().out


def test_its_runs_lie_apart_and_have_ids_of_their_own(grid, tmp_path, swept):
    run_pilot(grid, Selection(), tmp_path, tmp_path / "results", MACHINE, {})
    ids = {run.id for run in make_plan(grid, Selection(), tmp_path / "results", costs=False).runs}
    for plan in swept:
        assert plan.folder == tmp_path / "results" / "pilot" / "mine"
        assert not ids & {run.id for run in plan.runs}
        for run in plan.runs:
            run.folder.create(run.spec)
    assert len(report_parts(grid, tmp_path / "results")) == 1


def test_what_would_stop_the_whole_sweep_stops_its_pilot(grid, tmp_path, swept, monkeypatch):
    def refuse(plan, data, machine, console, cpu_is_meant):
        refuse_what_cannot_train(plan, {"calib_order": 24, "calib_scene": 24}, machine, cpu_is_meant)

    monkeypatch.setattr(pilot, "refuse_what_would_stop", refuse)
    with pytest.raises(BadInput, match="batch size 72 is larger than the number of training videos of calib_order, 24"):
        run_pilot(grid, Selection(), tmp_path, tmp_path / "results", MACHINE, {})
    assert swept == []


def test_the_pilot_of_a_finished_grid_says_that_nothing_is_left(grid, tmp_path, swept, monkeypatch, capsys):
    monkeypatch.setattr("suite.sweep.plan.PlannedRun.state", lambda run: "done")
    assert run_pilot(grid, Selection(), tmp_path, tmp_path / "results", MACHINE, {}) == 0
    assert "All 8 runs of mine are finished: nothing is left to run." in capsys.readouterr().out
    assert swept == []


def test_processes_that_cannot_divide_the_whole_are_refused_and_a_pilot_trains_with_one(grid, tmp_path, swept):
    with pytest.raises(BadInput, match="5 processes cannot divide a batch"):
        run_pilot(grid, Selection(), tmp_path, tmp_path / "results", MACHINE, {}, processes=5)
    assert swept == []
    assert run_pilot(grid, Selection(), tmp_path, tmp_path / "results", MACHINE, {}, processes=3) == 0


def test_a_pilot_of_a_part_is_refused(grid, tmp_path, swept):
    with pytest.raises(BadInput, match="is a part of a data set already"):
        run_pilot(grid, Selection(data=("calib_order@classes=2",)), tmp_path, tmp_path / "results", MACHINE, {})


@pytest.mark.slow
@pytest.mark.more
def test_the_pilot_of_a_grid_with_large_batches_runs_here(grid, tmp_path):
    options = ["--data", tmp_path / "data", "--results", tmp_path / "results", "--set", "size=32", "--pilot"]
    done = suite_process("sweep", grid, *options, "--only", "tsn-*", "--data-set", "calib_order", check=0)
    assert "1 of 1 runs to do" in done.stdout
    assert "would take about" in done.stdout
    part = open_dataset(f"calib_order{pilot.PART}", tmp_path / "data")
    assert [len(part.split(split).videos) for split in ("train", "val")] == [4, 4]
    assert not (tmp_path / "results" / "mine").exists()


PRETRAINED = GRID.replace("chain", "pretrain: {data: calib_mixed, protocol: smoke, frames: 16}\nchain")
TUNED = GRID.replace("set: {", "tune: {lr: [0.1, 0.01], warmup_epochs: [0, 2], on: dev}\nset: {dev: 0.25, ")
AXES = GRID + "axes: {epochs: [1, 2], dropout: [0.0, 0.5]}\n"


def test_a_pilot_pretrains_on_a_part_and_starts_every_data_set_from_it(tmp_path, swept):
    (tmp_path / "mine.yaml").write_text(PRETRAINED)
    name, results = str(tmp_path / "mine.yaml"), tmp_path / "results"
    assert run_pilot(name, Selection(), tmp_path, results, MACHINE, {}) == 0
    assert [{run.spec.dataset for run in plan.runs} for plan in swept] == [
        {f"calib_mixed{pilot.PART}", f"calib_{data}{pilot.PART}"} for data in ("order", "scene")
    ]
    for plan in swept:
        assert {run.spec.frames for run in plan.runs if run.spec.transfer} == {4}
        assert {(run.spec.protocol.epochs, run.spec.protocol.batch) for run in plan.runs} == {(1, 2)}
        remember(plan)
        for run in plan.runs:
            run.folder.create(run.spec)
        parts = report_parts(name, results / pilot.FOLDER)
        assert {run.id for run in plan.runs} <= {run.id for part in parts for run in part.runs}


@pytest.mark.parametrize("text", [TUNED, AXES])
def test_a_pilot_tries_every_setting_of_a_model(tmp_path, swept, text):
    (tmp_path / "mine.yaml").write_text(text)
    assert run_pilot(str(tmp_path / "mine.yaml"), Selection(), tmp_path, tmp_path / "results", MACHINE, {}) == 0
    for plan in swept:
        assert len(plan.runs) == 2 * 4
        assert len({run.setting_text for run in plan.runs}) == 4
        assert bool(plan.runs[0].spec.protocol.dev) == bool(plan.grid.tune)
