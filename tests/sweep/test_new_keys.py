"""Grids that pretrain, fuse, test with several views, and tune, from file to table."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from suite.app.data import datasets_of
from suite.app.ensembles import make_ensembles
from suite.app.export import export, report_archive
from suite.collect.ensembles import read_ensemble
from suite.collect.resolve import from_run, read_results
from suite.data.dataset_info import info
from suite.data.datasets import open_dataset
from suite.evaluation.control import Control
from suite.fairness.compare import compare
from suite.fairness.run_factors import read_run
from suite.fairness.tuned import CHOSEN, is_chosen
from suite.models import build
from suite.report.build import write_report
from suite.report.console.plain import PlainConsole
from suite.report.console.progress import Display
from suite.store.archive import open_archive
from suite.store.evaluations import stored_test
from suite.store.folder import dump_json, sealed, write_atomic
from suite.sweep.archived import archived_plan
from suite.sweep.parts import report_parts, unaccounted
from suite.sweep.stored import store_plan, stored_plan
from suite.training.run import execute, initial_weights
from tests.builders import json_of
from tests.shared import made_once
from tests.sweep.new_keys_sweep import drawing_nothing, make_new_keys_sweeps, planned
from tests.training.builders import state_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """data/, and results/ with the finished sweeps `transfer` and `tuned`; tests change none of it."""
    return made_once(tmp_path_factory, "new_keys", make_new_keys_sweeps)


@pytest.fixture
def own(home, tmp_path):
    """A copy of the results and the grids that a test may change."""
    shutil.copytree(home / "results", tmp_path / "results")
    for grid in home.glob("*.yaml"):
        shutil.copy(grid, tmp_path)
    (tmp_path / "data").symlink_to(home / "data")
    return tmp_path


def logits_of(folder):
    table = pd.read_parquet(folder / "predictions.parquet").sort_values("id")
    return np.stack(table["logits"].to_list()), table["label"].to_numpy()


def softmax(z):
    e = np.exp(z.astype(float) - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def table_of(home, grid, name):
    return pd.read_csv(home / "results" / grid / "tables" / f"{name}.csv")


# --- pretrain -------------------------------------------------------------------------------------------------------


def test_a_transfer_run_starts_from_the_trunk_of_its_source_and_a_classifier_of_its_own(home, tmp_path):
    source, *runs = planned(home, "transfer").runs
    assert [run.parent for run in runs] == [source, source]
    assert all(run.spec.transfer and not source.spec.transfer for run in runs)
    before, dataset = state_of(source.folder), open_dataset("calib_order", home / "data")
    for run in runs:
        model = build(run.spec.network, len(dataset.classes), run.spec.frames, 32)
        fresh = {key: value.clone() for key, value in model.state_dict().items()}
        initial_weights(model, run.spec, run.folder, dataset)
        for key, value in model.state_dict().items():
            expected = fresh if ".fc." in key else before
            assert torch.equal(value, expected[key]), key
        assert not torch.equal(state_of(run.folder)["net.conv1.conv.weight"], before["net.conv1.conv.weight"])


def test_the_record_and_the_ledger_of_a_transfer_run_name_its_source(home):
    source, *runs = planned(home, "transfer").runs
    for run in runs:
        stored = run.folder.read_provenance()["weights"]
        assert (stored["loaded"], stored["total"], stored["fresh"]) == (120, 122, ["head"])
        assert stored["pretraining"]["run"] == source.id
        assert "120 of 122 tensors" in run.folder.log.read_text()
        assert "head fresh" in run.folder.log.read_text()
        factors = read_run(run.spec, run.folder)
        told = {key: factors["pretraining"][key] for key in ("data set", "model", "start", "frames")}
        assert told == {"data set": "calib_scene", "model": "tsn-resnet18", "start": "scratch", "frames": 2}
        assert factors["chain_frames"] == []
        assert factors["weights"] == "none", "all of its training rests on random weights"
        assert run.result()["epochs_seen"] == factors["epochs_seen"] == 1, "without the epochs of its source"


def test_a_finished_run_of_another_grid_pretrains_without_being_trained_again(own):
    text = (own / "transfer.yaml").read_text()
    (own / "second.yaml").write_text(text.replace("calib_order", "calib_mixed"))
    source, *runs = planned(own, "second").runs
    assert source.folder.path == own / "results" / "transfer" / "runs" / source.id
    assert [source.state(), *(run.state() for run in runs)] == ["done", "todo", "todo"]
    (own / "results" / "second").mkdir()
    store_plan(planned(own, "second"))
    again = stored_plan(str(own / "second.yaml"), planned(own, "second").selection, own / "results")
    assert [run.folder.path for run in again.runs] == [run.folder.path for run in planned(own, "second").runs]
    assert not (own / "results" / "second" / "runs").exists()


def test_the_videos_of_the_pretraining_are_needed_until_it_is_finished(own):
    plan = planned(own, "transfer")
    assert datasets_of(plan) == ["calib_order"]
    plan.runs[0].folder.result_file.unlink()
    assert datasets_of(planned(own, "transfer")) == ["calib_scene", "calib_order"]


def test_a_run_that_is_stopped_before_it_resumes_keeps_a_record_that_can_be_read(own, monkeypatch):
    run = planned(own, "transfer").runs[1]
    before = run.folder.read_provenance()
    run.folder.result_file.unlink()

    def stopped(*_):
        raise KeyboardInterrupt  # a kill right after the first words of the record

    monkeypatch.setattr("suite.training.run._execute", stopped)
    with pytest.raises(KeyboardInterrupt):
        execute(run.folder, own / "data", Control(), run.spec)
    assert run.folder.read_provenance() == before


def test_the_report_says_what_runs_were_pretrained_on(home):
    text = (home / "results" / "transfer" / "tables" / "accuracy.md").read_text()
    source, target = info("calib_scene").title, info("calib_order").title
    assert f"Pretrained on {source} (2 frames, from scratch), then trained on {target}." in text


# --- fuse -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fusion", "views"), [("softmax", "2x3"), ("logits", "1x1")])
def test_a_fused_pair_is_the_mean_that_numpy_computes_from_the_tests_of_its_runs(home, fusion, views):
    runs = planned(home, "transfer").runs[1:]
    tests = [stored_test(run.folder, run.spec.evaluation_with(views)) for run in runs]
    (a, labels), (b, _) = (logits_of(test.predictions.parent) for test in tests)
    mean = (a.astype(float) + b) / 2 if fusion == "logits" else (softmax(a) + softmax(b)) / 2
    folders = sorted((home / "results" / "transfer" / "fused").iterdir())
    found = [ensemble for ensemble in map(read_ensemble, folders) if fusion in str(ensemble.factors["ensemble"])]
    (ensemble,) = found
    assert not np.array_equal(a, b)
    folder = home / "results" / "transfer" / "fused" / ensemble.label
    fused, fused_labels = logits_of(folder)
    np.testing.assert_allclose(fused if fusion == "logits" else np.exp(fused), mean, rtol=1e-5, atol=1e-6)
    assert (fused_labels == labels).all()
    assert ensemble.top1 == 100 * (mean.argmax(1) == labels).mean()
    assert ensemble.factors["views"]["number"] == {"2x3": 6, "1x1": 1}[views]
    assert ensemble.top1 in table_of(home, "transfer", "accuracy")["top1_f6"].to_list()


def test_an_ensemble_waits_for_all_its_runs_and_is_made_of_those_that_are_named(own):
    plan = planned(own, "transfer")
    shutil.rmtree(own / "results" / "transfer" / "fused")
    made = make_ensembles(plan)
    assert len(made) == 2
    assert [folder.parent.name for folder in made] == ["fused", "fused"]
    for folder in made:
        shutil.rmtree(folder)
    plan.runs[2].folder.result_file.unlink()
    assert make_ensembles(planned(own, "transfer")) == []
    ensemble = plan.grid.fuse[0].model_copy(update={"only": ("tam-*",)})
    other = planned(own, "transfer")
    other.grid = other.grid.model_copy(update={"fuse": (ensemble,)})
    assert make_ensembles(other) == []


# --- views ----------------------------------------------------------------------------------------------------------


def test_every_row_of_the_views_table_is_a_test_of_its_own_bit_for_bit(home, tmp_path, capsys):
    rows = table_of(home, "transfer", "views").set_index(["frames", "clips", "crops"])
    assert list(rows.index) == [(f, *views) for f in (2, 4) for views in ((1, 1), (2, 1), (2, 3))]
    run = planned(home, "transfer").runs[1]
    for clips, crops in ((2, 1), (2, 3)):
        out = tmp_path / f"{clips}x{crops}"
        at = ("--out", out, "--root", home / "data", "--device", "cpu")
        found = json_of(capsys, "eval", run.folder.path, "--clips", clips, "--crops", crops, *at)["evaluations"][0]
        alone = pd.read_parquet(out / "f2" / "predictions.parquet")
        there = pd.read_parquet(stored_test(run.folder, run.spec.evaluation_with(f"{clips}x{crops}")).predictions)
        assert np.stack(alone["logits"]).tobytes() == np.stack(there["logits"]).tobytes()
        row = rows.loc[(2, clips, crops)]
        assert (row["top1"], row["n"]) == (found["top1"], 8)
        assert row["gmacs"] == pytest.approx(clips * crops * run.result()["macs"] / 1e9)
    logits, labels = logits_of(run.folder.path)
    assert rows.loc[(2, 1, 1)]["top1"] == 100 * (logits.argmax(1) == labels).mean()


# --- tune -----------------------------------------------------------------------------------------------------------


def tuned(home):
    """The runs that are tuned together, in the order of the grid: model -> runs."""
    found = {}
    for run in planned(home, "tuned").runs:
        found.setdefault(run.spec.model, []).append(run)
    return found


def test_the_best_run_on_dev_is_reported_and_of_equal_ones_the_first(own):
    for top1s in ((30.0, 30.0), (20.0, 30.0)):
        for runs in tuned(own).values():
            for run, top1 in zip(runs, top1s, strict=True):
                write_dev_top1(run, top1)
            best = runs[int(np.argmax(top1s))]  # of equal ones the first
            assert [is_chosen(run.spec, run.folder.path.parent) for run in runs] == [run is best for run in runs]


def test_the_table_has_the_chosen_run_of_each_model(home):
    shown = table_of(home, "tuned", "accuracy").set_index("model")["top1_f2"]
    assert sorted(shown.index) == sorted(tuned(home))
    for model, runs in tuned(home).items():
        best = runs[int(np.argmax([run.folder.result()["dev_top1"] for run in runs]))]
        assert shown[model] == best.result()["top1"]
        logits, labels = logits_of(best.folder.path)
        assert shown[model] == 100 * (logits.argmax(1) == labels).mean()
    text = (home / "results" / "tuned" / "tables" / "accuracy.md").read_text()
    assert "tuned over 2 settings on dev: lr 0.02, 0.0001; weight_decay 0.0; the best run" in text
    assert "evaluated 4 runs of 2 models (2 chosen on dev and shown)" in text


def test_a_cell_of_a_tuned_grid_is_the_run_that_was_chosen(home):
    for model, runs in tuned(home).items():
        (result,) = read_results(f"tuned:calib_order/{model}/f2", home / "results")
        (chosen,) = [run for run in runs if is_chosen(run.spec, run.folder.path.parent)]
        assert result.label == chosen.id


def test_the_progress_of_a_tuned_run_tells_its_setting_and_its_accuracy_on_dev(home, capsys):
    plan = planned(home, "tuned")
    for run in plan.runs:
        display = Display(plan, PlainConsole(soft_wrap=True))
        display.event("done", run)
        line = f", {run.setting_text}: dev top-1 {run.folder.result()['dev_top1']:.1f} %"
        assert f"{line} (in another sweep)" in capsys.readouterr().out
        display.event("started", run)
        display.event("done", run)
        assert f"{line} in " in capsys.readouterr().out


def test_the_ledger_says_that_values_were_chosen_on_dev_and_names_the_budget(home):
    for runs in tuned(home).values():
        (chosen,) = [run for run in runs if is_chosen(run.spec, run.folder.path.parent)]
        (other,) = [run for run in runs if run is not chosen]
        factors = read_run(chosen.spec, chosen.folder)
        assert factors["tuning"] == "2 settings on dev: lr 0.02, 0.0001; weight_decay 0.0"
        assert factors["schedule"]["lr"] == factors["optimiser"]["weight_decay"] == CHOSEN
        assert read_run(other.spec, other.folder)["schedule"]["lr"] == other.setting["lr"]


def write_dev_top1(run, top1):
    content = {key: value for key, value in run.folder.result().items() if key != "checksum"}
    write_atomic(run.folder.result_file, dump_json(sealed(content | {"dev_top1": top1})))


def test_a_tuned_pair_is_not_confounded_by_the_values_that_were_chosen(own):
    tsn, tsm = tuned(own).values()
    for run, top1 in ((tsn[0], 90.0), (tsn[1], 10.0), (tsm[0], 10.0), (tsm[1], 90.0)):
        write_dev_top1(run, top1)
    assert [is_chosen(run.spec, run.folder.path.parent) for run in (*tsn, *tsm)] == [True, False, False, True]
    chosen = from_run(tsn[0].folder)
    compared = compare(chosen, from_run(tsm[1].folder))
    assert compared["comparable"], compared["confounds"]
    (of_cell,) = read_results("tuned:calib_order/tsn-resnet18/f2", own / "results")
    assert of_cell.factors == chosen.factors, "a cell of a tuned grid is the run that was chosen"
    not_chosen = compare(chosen, from_run(tsm[0].folder))
    assert "tuning" in {confound["field"] for confound in not_chosen["confounds"]}


def test_nothing_is_chosen_while_a_run_of_the_budget_is_missing(own):
    tsn = tuned(own)["tsn-resnet18"]
    tsn[1].folder.result_file.unlink()
    assert not any(is_chosen(run.spec, run.folder.path.parent) for run in tuned(own)["tsn-resnet18"])
    with drawing_nothing():
        write_report(planned(own, "tuned"))
    assert table_of(own, "tuned", "accuracy")["model"].to_list() == ["tsm-resnet18"]
    summary = pd.read_csv(own / "results" / "tuned" / "summary.csv")
    assert (len(summary), summary["setting"].nunique()) == (4, 2), "summary.csv has all runs with what they tried"


# --- plans, archives and parts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", ["transfer", "tuned"])
def test_a_stored_plan_gives_back_the_same_runs_with_their_settings(own, grid):
    plan = planned(own, grid)
    store_plan(plan)
    again = stored_plan(plan.name, plan.selection, own / "results")
    assert again is not None

    def places(runs):
        return [
            (r.id, r.spec.resolved(), r.folder.path, r.parent.id if r.parent else None, r.setting, r.axes_text)
            for r in runs
        ]

    assert places(again.runs) == places(plan.runs)
    assert [run.state() for run in again.runs] == ["done"] * len(plan.runs)
    assert again.runs[-1].spec.protocol.tuned == plan.runs[-1].spec.protocol.tuned
    assert list(again.runs[-1].spec.protocol.tuned) == list(plan.runs[-1].spec.protocol.tuned)


@pytest.mark.parametrize("grid", ["transfer", pytest.param("tuned", marks=pytest.mark.more)])
def test_an_archive_gives_the_same_tables_on_another_machine(own, grid, tmp_path):
    plan = planned(own, grid)
    with drawing_nothing():
        assert export(plan, tmp_path / "it.tar.gz")["left_out"] == []
        again = report_archive(tmp_path / "it.tar.gz", tmp_path / "elsewhere")
    assert again["differ"] == []
    read = archived_plan(open_archive(tmp_path / "it.tar.gz", tmp_path / "elsewhere" / "archives"))
    assert [run.id for run in read.runs] == [run.id for run in plan.runs]
    assert [run.setting for run in read.runs] == [run.setting for run in plan.runs]
    assert [run.parent and run.parent.id for run in read.runs] == [run.parent and run.parent.id for run in plan.runs]
    (name,) = {path.parent.name for path in map(Path, again["files"]) if path.name == "accuracy.csv"}
    assert name == "tables"


@pytest.mark.parametrize("grid", ["transfer", "tuned"])
def test_runs_with_set_are_a_part_of_the_report_that_is_found_again(own, grid):
    changed = planned(own, grid, set={"batch": 4}, only=("tsn-resnet18",))
    for run in changed.runs[-1:]:
        run.folder.create(run.spec)
        run.folder.fail("It ran out of memory.", "memory")
    parts = report_parts(str(own / f"{grid}.yaml"), own / "results")
    assert [part.changes for part in parts] == [{}, {"batch": 4}]
    assert [run.id for run in parts[1].runs] == [changed.runs[-1].id], "the run that was started"
    assert unaccounted(parts) == []
