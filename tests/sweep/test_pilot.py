"""A pilot tries every model of a grid on a few videos, and never counts as runs of the grid."""

import pytest

from suite.app import pilot
from suite.app.pilot import run_pilot
from suite.data.datasets import open_dataset
from suite.spec import BadInput
from suite.sweep.executors.machine import Machine
from suite.sweep.parts import report_parts
from suite.sweep.plan import Selection, make_plan
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
    monkeypatch.setattr(pilot, "run_sweep", lambda plan, *args: plans.append(plan) or 0)
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
