"""The sweep as people run it: real processes, real data formats; MLflow read back."""

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
import yaml

from suite.__main__ import main
from tests.sweep.builders import ROOT, called, comparable, ids, suite_process, sweep_args
from tests.videos import write_ssv2

pytestmark = pytest.mark.slow


def test_a_sweep_trains_its_chains_and_ends_with_the_table(whole):
    results, printed = whole
    summary = pd.read_csv(results / "small" / "summary.csv")
    assert list(summary.columns[:11]) == [
        *("id", "name", "dataset", "module", "backbone", "pooling", "frames", "seed", "state", "top1", "top5")
    ]
    assert set(summary.state) == {"done"}
    assert sorted(zip(summary.name, summary.frames, strict=True)) == [
        ("tam-resnet18", 4), ("tam-resnet18", 8), ("tsn-resnet18", 4), ("tsn-resnet18", 8)
    ]  # fmt: skip
    assert summary[summary.frames == 8].epochs_seen.tolist() == [4, 4]
    table = (results / "small" / "tables" / "accuracy.md").read_text()
    assert table.strip() in printed
    for name in ("tables/contribution.tex", "tables/cost.csv", "figures/accuracy_vs_gflops.pdf", "report.html"):
        assert (results / "small" / name).stat().st_size > 200, name
    last = printed.strip().splitlines()[-3:]
    assert "report.html" in last[0]
    assert "summary.csv" in last[2]


def test_modules_of_a_sweep_are_comparable_and_frame_counts_are_confounded_by_epochs(whole, capsys):
    results, _ = whole
    runs = ids(results)
    tsn, tam = runs["tsn-resnet18", 4], runs["tam-resnet18", 4]
    found = called(capsys, "compare", tsn, tam, "--results", results)
    assert (found["comparable"], found["confounds"], found["unknown"]) == (True, [], [])
    assert found["n"] == 16
    assert found["ci95"][0] <= found["difference"] <= found["ci95"][1]
    assert 0 <= found["p_mcnemar"] <= 1
    found = called(capsys, "compare", tam, runs["tam-resnet18", 8], "--results", results)
    assert not found["comparable"]
    assert {"frames", "epochs_seen"} <= {d["field"] for d in found["confounds"]}


@pytest.mark.more
def test_predictions_of_another_codebase_stand_in_the_table_with_their_confounds(whole, grid, tmp_path, capsys):
    results, _ = whole
    folder = results / "small" / "runs" / ids(results)["tam-resnet18", 4]
    theirs = pd.read_parquet(folder / "predictions.parquet")
    theirs[["id", "label"]].assign(prediction=theirs["label"]).to_csv(tmp_path / "theirs.csv", index=False)
    about = {"name": "perfect", "dataset": "calib_order", "frames": 4, "backbone": "resnet18", "batch": 1}
    (tmp_path / "theirs.yaml").write_text(yaml.safe_dump(about))
    own = shutil.copytree(results, tmp_path / "results")
    before = (own / "small" / "summary.csv").read_bytes()
    (tmp_path / "same.yaml").write_text(yaml.safe_dump(about | {"name": "constant"}))
    theirs[["id", "label"]].assign(prediction=0).to_csv(tmp_path / "same.csv", index=False)
    files = ["--predictions", tmp_path / "theirs.csv", "--predictions", tmp_path / "same.csv"]
    words = ["suite", "report", grid, "--results", own, *files]
    with mock.patch.object(sys, "argv", list(map(str, words))), contextlib.suppress(SystemExit):
        main()
    warning = f"constant predicts one class (number 0) for all {len(theirs)} videos."
    assert f"warning: {warning}" in capsys.readouterr().err
    table = (own / "small" / "tables" / "accuracy.md").read_text()
    line = next(line for line in table.splitlines() if "perfect" in line)
    assert "100.0" in line
    assert "<sup>" in line
    assert "effective batch size differs within the column: 8 (" in table
    assert f"Warning: {warning}" in table
    assert (own / "small" / "summary.csv").read_bytes() == before, "their model is none of the grid's runs"
    called(capsys, "report", grid, "--results", own, "--predictions", tmp_path / "theirs.csv", "--strict")
    table = (own / "small" / "tables" / "accuracy.md").read_text()
    assert "withheld" in next(line for line in table.splitlines() if "perfect" in line)
    strict = written(own / "small")
    called(capsys, "report", grid, "--results", own, "--strict")
    alone = written(own / "small")
    assert alone.keys() == strict.keys()
    differing = {path.name for path in alone if alone[path] != strict[path]}
    assert differing == {"accuracy.md", "accuracy.tex", "accuracy.csv"}, "a withheld model leaves no trace elsewhere"


def written(folder):
    """Tables and figures of a report, by path."""
    return {path: path.read_bytes() for kind in ("tables", "figures") for path in (folder / kind).iterdir()}


def test_a_second_sweep_of_the_same_grid_has_nothing_to_do_and_is_quick(whole, grid, calibrated, tmp_path):
    results = shutil.copytree(whole[0], tmp_path / "results", ignore=shutil.ignore_patterns("checkpoint.pt"))
    before = comparable(results / "small")
    done = suite_process(*sweep_args(grid, calibrated, results), check=0)
    assert "0 of 4 runs to do" in done.stdout
    assert comparable(results / "small") == before


def test_plan_status_and_report_speak_json(whole, grid, capsys):
    results, _ = whole
    plan = called(capsys, "plan", grid, "--results", results)
    assert {"id", "name", "frames", "seed", "parent", "gmacs", "params", "device_hours", "state"} <= set(
        plan["runs"][0]
    )
    assert plan["totals"]["runs"] == 4
    assert [run["parent"] for run in plan["runs"]].count(None) == 2
    status = called(capsys, "status", grid, "--results", results)
    assert [status[key] for key in ("done", "failed", "blocked", "running", "todo")] == [4, 0, 0, 0, 0]
    assert all(run["top1"] is not None and run["error"] is None for run in status["runs"])
    files = called(capsys, "report", grid, "--results", results)["files"]
    assert all(Path(file).exists() for file in files)


def test_mlflow_has_every_run_below_the_sweep_with_parameters_metrics_links_and_the_report(whole):
    from mlflow import MlflowClient

    results, _ = whole
    client = MlflowClient(tracking_uri=f"sqlite:///{results}/mlflow.db")
    experiment = client.get_experiment_by_name("small")
    found = client.search_runs([experiment.experiment_id])
    [sweep] = [run for run in found if run.data.tags.get("suite.sweep") == "small"]
    runs = {run.data.tags["suite.run_id"]: run for run in found if run is not sweep}
    summary = pd.read_csv(results / "small" / "summary.csv")
    assert set(runs) == set(summary.id)
    assert sweep.info.status == "FINISHED"
    for row in summary.itertuples():
        logged = runs[row.id]
        assert logged.info.status == "FINISHED"
        assert logged.data.tags["mlflow.parentRunId"] == sweep.info.run_id
        assert logged.data.metrics["top1"] == pytest.approx(row.top1)
        assert logged.data.params["protocol.epochs"] == str(row.epochs)
        before = yaml.safe_load((results / "small" / "runs" / row.id / "spec.yaml").read_text())["parent"]
        assert logged.data.tags.get("suite.starts_from") == before
        if before:
            assert logged.data.tags["suite.starts_from_mlflow_run"] == runs[before].info.run_id
        assert len(client.get_metric_history(logged.info.run_id, "epoch/loss")) == row.epochs
        names = {file.path for file in client.list_artifacts(logged.info.run_id)}
        assert {"predictions.parquet", "spec.yaml"} <= names
    report = sweep.info.run_id
    assert {f.path for f in client.list_artifacts(report, "tables")} >= {"tables/accuracy.md", "tables/cost.tex"}
    copy = Path(client.download_artifacts(report, "tables/accuracy.md"))
    assert copy.read_text() == (results / "small" / "tables" / "accuracy.md").read_text()


def test_the_sweep_of_the_paper_runs_on_a_folder_in_the_official_format(tmp_path):
    """VP9 webm of uneven length, labels as strings, templates with brackets; the chain 8 -> 16 included."""
    write_ssv2(tmp_path / "data", train=12, val=8, classes=4)
    args = ["--only", "tam-resnet18", "--frames", "8,16", "--slots", "1", "--device", "cpu"]
    for change in ("epochs=1", "batch=4", "step_batch=4", "size=32", "init=scratch", "precision=fp32", "video_clips=3"):
        args += ["--set", change if not change.startswith("video") else f"evaluation.{change}"]
    done = subprocess.run(
        [
            "make",
            "-s",
            "sweep",
            "GRID=mini_ssv2",
            f"DATA={tmp_path / 'data'}",
            f"ARGS=--results {tmp_path} {' '.join(args)}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lists 8 videos; 11799 are expected" in done.stdout
    summary = pd.read_csv(tmp_path / "mini_ssv2" / "summary.csv")
    assert summary.frames.tolist() == [8, 16]
    assert summary.epochs_seen.tolist() == [1, 2]
    assert summary.top1_video.notna().all()
    child = next((tmp_path / "mini_ssv2" / "runs").glob("*.f16.*"))
    assert "130 of 130 tensors" in (child / "log.txt").read_text()
    provenance = json.loads((child / "provenance.json").read_text())
    assert provenance["decoding"]["backends"]
    table = (tmp_path / "mini_ssv2" / "tables" / "accuracy.md").read_text()
    assert "published" in table.lower()
