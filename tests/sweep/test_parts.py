"""A report covers every finished run, whatever was planned last; runs with --set have a part of their own."""

import io
import json
import re
import shutil
import sys
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from suite.__main__ import main
from suite.app.conclusion import print_summary
from suite.report.figures import scatter, tradeoffs
from suite.spec import BadInput
from suite.store.folder import RunFolder, dump_json, sealed, write_atomic
from suite.store.identity import RunSpec
from suite.sweep.parts import part_folder, part_name, report_parts, settings_text, unaccounted
from suite.sweep.plan import Selection, make_plan, remember
from suite.sweep.scheduler import SweepOutcome

CLASSES, VIDEOS = 8, 80
GRID = """
title: Three models
protocol: smoke
data: calib_order
models: [tsn-resnet18, tam-resnet18, i3d-resnet18]
chain: {frames: [4, 8]}
set: {epochs: 4, batch: 8, size: 32, schedule: multistep, milestones: [1, 2]}
tables: [accuracy, contribution, cost, ranks]
"""


def finish(run, seed=0):
    """What training leaves in the folder of a run."""
    rng = np.random.default_rng([seed, len(run.id), run.spec.frames])
    labels = np.arange(VIDEOS) % CLASSES
    logits = rng.normal(size=(VIDEOS, CLASSES)).astype(np.float32)
    logits[np.arange(VIDEOS), labels] += 1.5
    rank = (logits > logits[np.arange(VIDEOS), labels][:, None]).sum(axis=1)
    run.folder.create(run.spec)
    ids = [f"v{i:03d}" for i in range(VIDEOS)]
    pq.write_table(pa.table({"id": ids, "label": labels, "logits": list(logits)}), run.folder.predictions)
    result = {"id": run.id, "top1": 100 * float((rank == 0).mean()), "top5": 100 * float((rank < 5).mean())}
    result |= {"n": VIDEOS, "params": 10, "conv_macs": 10**9, "macs": 10**9, "epochs_seen": 4, "missing": 0}
    result |= {"manifests": {"train": "a" * 64, "val": "b" * 64}, "videos": {"train": 48, "val": VIDEOS}}
    session = {"device": "cpu", "name": "x", "threads": 1, "code": "x", "packages": {"torch": "x"}}
    write_atomic(run.folder.provenance, dump_json({"sessions": [session]}))
    write_atomic(run.folder.result_file, dump_json(sealed(result)))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A grid, all its runs finished, and its report."""
    home = tmp_path_factory.mktemp("home")
    (home / "mine.yaml").write_text(GRID)
    for run in make_plan(str(home / "mine.yaml"), Selection(), home / "results", costs=False).runs:
        finish(run)
    suite("report", home / "mine.yaml", home / "results")
    return home


@pytest.fixture
def grid(home):
    return str(home / "mine.yaml")


@pytest.fixture
def results(home, tmp_path, monkeypatch):
    shutil.copytree(home / "results", tmp_path / "results")
    without_figures(monkeypatch)
    return tmp_path / "results"


def without_figures(monkeypatch):
    """They take most of the time of a report, and those that are there stay."""
    for module, name in ((scatter, "write_figures"), (tradeoffs, "write_pareto")):
        monkeypatch.setattr(module, name, lambda *args: [])


def suite(command, grid, results, *options, code=0):
    words = ["suite", command, str(grid), "--results", str(results), *options]
    with mock.patch.object(sys, "argv", words), pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == code


def tables_of(folder):
    """summary.csv and the tables, by name."""
    return {path.name: path.read_bytes() for path in (folder / "summary.csv", *(folder / "tables").iterdir())}


def rows_of(folder):
    return pd.read_csv(folder / "summary.csv")


@pytest.mark.slow
def test_a_narrower_selection_hides_no_finished_run(grid, results, capsys):
    before = tables_of(results / "mine")
    assert len(before) > 9
    capsys.readouterr()
    suite("plan", grid, results, "--only", "tsn-resnet18", "--set", "epochs=1", "--json")
    suite("status", grid, results, "--json")
    shown = capsys.readouterr()
    assert json.loads(shown.out[shown.out.rindex('{\n "done"') :])["todo"] == 2, "status shows what was last planned"
    assert "--only tsn-resnet18 --set epochs=1; 6 other finished runs are in the report" in shown.err
    suite("report", grid, results)
    assert tables_of(results / "mine") == before
    assert (results / "mine" / "figures" / "accuracy_vs_gflops.png").exists()
    part = rows_of(results / "mine" / "with-epochs=1")
    assert list(part["name"]) == ["tsn-resnet18"] * 2
    assert set(part["state"]) == {"todo"}
    suite("plan", grid, results, "--only", "tam-*")
    suite("report", grid, results)
    assert tables_of(results / "mine") == before


@pytest.mark.slow
def test_runs_with_set_are_found_from_their_folders_and_kept_apart(grid, results):
    before = tables_of(results / "mine")
    for run in make_plan(grid, Selection(("tam-resnet18",), set={"epochs": 8, "lr": 0.5}), results, costs=False).runs:
        finish(run, seed=1)
    (results / "mine" / "selection.json").unlink(missing_ok=True)
    suite("report", grid, results)
    assert len(report_parts(grid, results)) == 2, "one for each setting, not one for each run"
    assert tables_of(results / "mine") == before
    place = results / "mine" / "with-epochs=8,lr=0.5"  # the milestones moved with the epochs: they were not set
    rows = rows_of(place)
    assert list(rows["frames"]) == [4, 8]
    assert set(rows["state"]) == {"done"}
    assert not set(rows["id"]) & set(rows_of(results / "mine")["id"])
    assert "TAM-ResNet-18" in (place / "tables" / "accuracy.md").read_text()
    page = (results / "mine" / "report.html").read_text()
    assert page.index("<h2>Accuracy</h2>") < page.index("<h2>With epochs=8,lr=0.5</h2>")
    assert page.count("<h2>Accuracy</h2>") == 2


@pytest.mark.slow
def test_a_run_at_work_or_failed_of_another_selection_is_in_the_report(grid, results):
    plan = make_plan(grid, Selection(), results, costs=False)
    lost = next(run for run in plan.runs if run.spec.model == "i3d-resnet18" and run.spec.frames == 8)
    lost.folder.result_file.unlink()
    lost.folder.fail("CUDA out of memory", "error")
    suite("plan", grid, results, "--only", "tsn-*")
    suite("report", grid, results)
    rows = rows_of(results / "mine").set_index("id")
    assert rows.loc[lost.id, "state"] == "failed"
    assert len(rows) == 6
    assert "CUDA out of memory" in (results / "mine" / "report.html").read_text()


@pytest.mark.slow
def test_a_report_with_a_selection_is_of_that_selection_alone(grid, results):
    before = tables_of(results / "mine")
    suite("report", grid, results, "--set", "epochs=8")
    assert tables_of(results / "mine") == before, "the grid's own files stay"
    assert set(rows_of(results / "mine" / "with-epochs=8")["state"]) == {"todo"}
    suite("report", grid, results, "--only", "tsn-*")
    assert set(rows_of(results / "mine")["name"]) == {"tsn-resnet18"}
    suite("report", grid, results)
    assert tables_of(results / "mine") == before


@pytest.mark.slow
def test_where_there_are_runs_with_set_alone_the_report_is_theirs(grid, tmp_path, monkeypatch):
    without_figures(monkeypatch)
    results = tmp_path / "results"
    suite("plan", grid, results, "--set", "epochs=8")
    for run in make_plan(grid, Selection(set={"epochs": 8}), results, costs=False).runs:
        finish(run)
    suite("report", grid, results)
    assert len(rows_of(results / "mine")) == 6
    assert "<h1>Three models (epochs=8)</h1>" in (results / "mine" / "report.html").read_text()
    assert not list((results / "mine").glob("with-*"))


@pytest.mark.slow
def test_plan_without_a_selection_shows_the_last_one(grid, results, capsys):
    suite("plan", grid, results, "--only", "tsn-*", "--json")
    capsys.readouterr()
    suite("plan", grid, results, "--json")
    assert {run["name"] for run in json.loads(capsys.readouterr().out)["runs"]} == {"tsn-resnet18"}
    suite("plan", grid, results, "--only", "*", "--json")
    capsys.readouterr()
    suite("plan", grid, results, "--json")
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 6


@pytest.mark.slow
def test_runs_of_a_grid_that_has_changed_are_named_and_in_no_table(grid, results, capsys):
    spec = make_plan(grid, Selection(), results, costs=False).runs[0].spec
    other = RunSpec("tsm-resnet18", spec.dataset, 4, 0, spec.protocol)
    folder = RunFolder(results / "mine" / "runs" / other.id)
    folder.create(other)
    folder.result_file.write_text("{}")
    capsys.readouterr()
    suite("report", grid, results)
    assert f"1 finished runs are not in the report: the grid or its protocol has changed since (first {other.id})" in (
        capsys.readouterr().err
    )
    assert unaccounted(report_parts(grid, results)) == [other.id]


def test_the_end_of_a_sweep_names_only_files_that_are_there(grid, results):
    def said(selection, files):
        plan = make_plan(grid, selection, results, costs=False)
        console = Console(record=True, width=200, file=io.StringIO())
        print_summary(plan, part_folder(plan, report_parts(grid, results)), files, SweepOutcome(), console)
        return re.findall(r"(Tables|Figures|Summary|Page):", console.export_text())

    files = [*(results / "mine").glob("*.*"), *(results / "mine").glob("*/*.*")]
    assert said(Selection(), files) == ["Page", "Tables", "Figures", "Summary"]
    assert said(Selection(set={"epochs": 1}), files) == ["Page", "Summary"], "its own part has no table"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"epochs": 1}, "with-epochs=1"),
        ({"lr": 0.1, "epochs": 1}, "with-epochs=1,lr=0.1"),
        ({"evaluation.clips": 10}, "with-evaluation.clips=10"),
    ],
)
def test_a_part_is_named_by_what_was_set(settings, name):
    assert part_name(settings) == name


def test_two_spellings_of_the_same_settings_are_one_part(grid, results):
    changes = {"epochs": 8, "milestones": [2, 4], "evaluation": {"clips": 1}}
    for run in make_plan(grid, Selection(set=changes), results, costs=False).runs[:2]:
        finish(run)
    remember(make_plan(grid, Selection(set=changes), results, costs=False))
    assert [part.selection.set for part in report_parts(grid, results)] == [{}, changes]


def test_no_setting_leads_out_of_the_folder_of_the_grid():
    names = [part_name({"init": text}) for text in ("../../x", "a/b", "a_b", "x" * 300, "a b", "ä")]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"with-[A-Za-z0-9._,=+-]+", name) and len(name) < 120 for name in names)
    assert settings_text({"b": "x", "a": [1, 2]}) == "a=[1, 2],b=x"


def test_runs_on_a_data_set_that_the_grid_does_not_list_are_a_part_of_their_own(grid, results, capsys):
    selected = Selection(data=("calib_scene",))
    plan = make_plan(grid, selected, results, costs=False)
    assert {run.spec.dataset for run in plan.runs} == {"calib_scene"}
    assert plan.changes == {"data-set": "calib_scene"}
    for run in plan.runs:
        finish(run)
    suite("report", grid, results)
    whole, other = report_parts(str(grid), results)
    assert {run.spec.dataset for run in whole.runs} == {"calib_order"}
    assert part_folder(other, [whole, other]).name == "with-data-set=calib_scene"
    assert Selection.from_dict(json.loads(json.dumps(selected.as_dict()))) == selected


def test_one_of_the_grids_own_data_sets_is_a_selection_and_no_part(grid, results):
    plan = make_plan(grid, Selection(data=("calib_order@level=easy",)), results, costs=False)
    assert plan.changes == {}
    assert {run.id for run in plan.runs} == {run.id for run in make_plan(grid, Selection(), results, costs=False).runs}


def test_two_foreign_data_sets_at_once_are_refused(grid, results):
    with pytest.raises(BadInput, match="takes one data set"):
        make_plan(grid, Selection(data=("calib_scene", "calib_mixed")), results, costs=False)
