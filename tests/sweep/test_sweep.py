"""The sweep as people run it: real processes, really killed; real data formats; MLflow read back."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
import yaml

from suite.__main__ import main
from suite.data.synthetic import synthesize
from suite.store.folder import RunFolder
from tests.videos import write_ssv2

ROOT = Path(__file__).parents[2]
STEPS_PER_EPOCH = 6  # of the grid below: 48 videos, batch 8
GRID = """
title: A small sweep
protocol: smoke
data: calib_order
models: [tsn-resnet18, tam-resnet18]
chain: {frames: [4, 8]}
set: {epochs: 2, batch: 8, size: 32, dropout: 0.5}
"""


def suite(*args, check=None, **env):
    command = [sys.executable, "-m", "suite", *map(str, args)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **env}, timeout=400)
    if check is not None:
        assert done.returncode == check, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    synthesize("calib_order", root, videos={"train": 48, "val": 16})
    return root


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    path = tmp_path_factory.mktemp("grid") / "small.yaml"
    path.write_text(GRID)
    return path


def sweep_args(grid, data, results):
    return ["sweep", grid, "--data", data, "--results", results, "--checkpoint-steps", 2, "--slots", 2]


@pytest.fixture(scope="module")
def whole(grid, calibrated, tmp_path_factory):
    """A sweep that nobody disturbed."""
    results = tmp_path_factory.mktemp("whole")
    done = suite(*sweep_args(grid, calibrated, results), check=0)
    return results, done.stdout


def comparable(folder):
    """The files that must not differ between two sweeps, by name."""
    names = [
        *folder.glob("runs/*/spec.yaml"),
        *folder.glob("runs/*/predictions.parquet"),
        *folder.glob("runs/*/result.json"),
    ]
    names += [folder / "summary.csv", *folder.glob("tables/accuracy.*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


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


def kill_now_and_then(grid, calibrated, results):
    """Starts the sweep again and again, killing the driver or a worker with SIGKILL in the middle of an epoch.

    Three times at least, and until the last kill left a run in mid-epoch.
    """
    chance = random.Random(0)
    for number in range(10):
        driver = subprocess.Popen(
            [sys.executable, "-m", "suite", *map(str, sweep_args(grid, calibrated, results)), "--no-tracking"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before = {log: log.stat().st_size for log in results.glob("small/runs/*/log.txt")}
        until = time.monotonic() + 120
        while driver.poll() is None and not at_work(results, before) and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(chance.uniform(0.0, 0.3))
        if driver.poll() is None:
            if number % 2:
                for worker in workers_of(driver.pid)[:1]:
                    os.kill(worker, signal.SIGKILL)
                time.sleep(chance.uniform(0.3, 1.0))
            driver.kill()
        driver.wait()
        wait_for_orphans(results)
        if number >= 2 and any(step % STEPS_PER_EPOCH for step in steps_of_unfinished(results)):
            return
        assert len(list(results.glob("small/runs/*/result.json"))) < 4, "all runs ended before a kill could hit one"


def at_work(results, before):
    """Runs that have passed a checkpoint since the sizes of `before` were taken, and are not done."""
    return [
        log.parent
        for log in results.glob("small/runs/*/log.txt")
        if log.stat().st_size > before.get(log, 0)
        and (log.parent / "checkpoint.pt").exists()
        and not (log.parent / "result.json").exists()
    ]


def wait_for_orphans(results):
    """A worker whose driver is gone saves and ends by itself."""
    until = time.monotonic() + 60
    while any(RunFolder(path).is_locked() for path in results.glob("small/runs/*")) and time.monotonic() < until:
        time.sleep(0.1)


def steps_of_unfinished(results):
    import torch

    return [
        torch.load(file, weights_only=True)["position"]["step"]
        for file in results.glob("small/runs/*/checkpoint.pt")
        if not (file.parent / "result.json").exists()
    ]


def workers_of(driver):
    """Processes below the fork server of a driver."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    children = [pid for pid, parent in parents.items() if parent == driver]
    return [pid for pid, parent in parents.items() if parent in children]


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes to kill in /proc")
def test_a_sweep_killed_at_random_moments_ends_byte_for_byte_like_one_that_was_not(whole, grid, calibrated, tmp_path):
    undisturbed, _ = whole
    kill_now_and_then(grid, calibrated, tmp_path)
    suite(*sweep_args(grid, calibrated, tmp_path), "--no-tracking", check=0)
    logs = "".join(log.read_text() for log in tmp_path.glob("small/runs/*/log.txt"))
    steps = [int(step) for step in re.findall(r"resumed from step (\d+)", logs)]
    assert any(step % STEPS_PER_EPOCH for step in steps), steps
    ours, theirs = comparable(tmp_path / "small"), comparable(undisturbed / "small")
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_a_stopped_sweep_says_how_to_go_on_and_loses_nothing(whole, grid, calibrated, tmp_path):
    driver = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "suite",
            *map(str, sweep_args(grid, calibrated, tmp_path)),
            "--checkpoint-steps",
            "1000",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 120
    while not any("started:" in log.read_text() for log in tmp_path.glob("small/runs/*/log.txt")):
        assert time.monotonic() < until
        time.sleep(0.05)
    driver.send_signal(signal.SIGTERM)
    printed, _ = driver.communicate(timeout=120)
    assert driver.returncode == 130
    assert "the same command goes on" in printed
    steps = [
        int(line.split("stopped at step ")[1].split()[0])
        for log in tmp_path.glob("small/runs/*/log.txt")
        for line in log.read_text().splitlines()
        if "stopped at step" in line
    ]
    assert steps
    suite(*sweep_args(grid, calibrated, tmp_path), "--no-tracking", check=0)
    ours = comparable(tmp_path / "small")
    assert ours == comparable(whole[0] / "small")


def ids(results):
    summary = pd.read_csv(results / "small" / "summary.csv").set_index(["name", "frames"])
    return summary["id"].to_dict()


def called(capsys, *words):
    """What the command gives as JSON, run in this process."""
    with mock.patch.object(sys, "argv", ["suite", *map(str, words), "--json"]), contextlib.suppress(SystemExit):
        main()
    return json.loads(capsys.readouterr().out)


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
    assert "effective batch differs within the column: 8 (" in table
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


def test_a_second_sweep_of_the_same_grid_has_nothing_to_do_and_is_quick(whole, grid, calibrated):
    results, _ = whole
    before = comparable(results / "small")
    done = suite(*sweep_args(grid, calibrated, results), check=0)
    assert "0 of 4 runs to do" in done.stdout
    assert comparable(results / "small") == before


def test_plan_status_and_report_speak_json(whole, grid):
    results, _ = whole
    plan = json.loads(suite("plan", grid, "--results", results, "--json", check=0).stdout)
    assert {"id", "name", "frames", "seed", "parent", "gmacs", "params", "device_hours", "state"} <= set(
        plan["runs"][0]
    )
    assert plan["totals"]["runs"] == 4
    assert [run["parent"] for run in plan["runs"]].count(None) == 2
    status = json.loads(suite("status", grid, "--results", results, "--json", check=0).stdout)
    assert [status[key] for key in ("done", "failed", "blocked", "running", "todo")] == [4, 0, 0, 0, 0]
    assert all(run["top1"] is not None and run["error"] is None for run in status["runs"])
    files = json.loads(suite("report", grid, "--results", results, "--json", check=0).stdout)["files"]
    assert all(Path(file).exists() for file in files)


def test_mlflow_has_every_finished_run_with_its_parameters_metrics_and_the_report(whole):
    from mlflow import MlflowClient

    results, _ = whole
    client = MlflowClient(tracking_uri=f"sqlite:///{results}/mlflow.db")
    experiment = client.get_experiment_by_name("small")
    runs = {run.data.tags.get("suite.run_id"): run for run in client.search_runs([experiment.experiment_id])}
    summary = pd.read_csv(results / "small" / "summary.csv")
    assert set(runs) - {None} == set(summary.id)
    for row in summary.itertuples():
        logged = runs[row.id]
        assert logged.info.status == "FINISHED"
        assert logged.data.metrics["top1"] == pytest.approx(row.top1)
        assert logged.data.params["protocol.epochs"] == str(row.epochs)
        assert len(client.get_metric_history(logged.info.run_id, "epoch/loss")) == row.epochs
        names = {file.path for file in client.list_artifacts(logged.info.run_id)}
        assert {"predictions.parquet", "spec.yaml"} <= names
    report = runs[None].info.run_id
    assert {f.path for f in client.list_artifacts(report, "tables")} >= {"tables/accuracy.md", "tables/cost.tex"}
    copy = Path(client.download_artifacts(report, "tables/accuracy.md"))
    assert copy.read_text() == (results / "small" / "tables" / "accuracy.md").read_text()


def test_a_run_that_fails_blocks_only_what_hangs_on_it(grid, calibrated, tmp_path):
    plan = json.loads(suite("plan", grid, "--results", tmp_path, "--json", check=0).stdout)
    ids = {(run["name"], run["frames"]): run["id"] for run in plan["runs"]}
    damaged = tmp_path / "small" / "runs" / ids["tsn-resnet18", 4]
    damaged.mkdir(parents=True)
    (damaged / "checkpoint.pt").write_bytes(b"half a checkpoint")
    done = suite(*sweep_args(grid, calibrated, tmp_path), "--no-tracking")
    assert done.returncode == 1
    assert "failed" in done.stdout
    status = json.loads(suite("status", grid, "--results", tmp_path, "--json", check=0).stdout)
    assert {(run["name"], run["frames"]): run["state"] for run in status["runs"]} == {
        ("tsn-resnet18", 4): "failed",
        ("tsn-resnet18", 8): "blocked",
        ("tam-resnet18", 4): "done",
        ("tam-resnet18", 8): "done",
    }
    assert "not a readable checkpoint" in next(run["error"] for run in status["runs"] if run["state"] == "failed")


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


def test_bad_input_is_one_line_exit_code_2_and_writes_nothing(tmp_path, grid, capsys, monkeypatch):

    monkeypatch.chdir(ROOT)
    (tmp_path / "empty").mkdir()
    for args, words in (
        (["sweep", "demmo"], "did you mean 'demo'"),
        (["sweep", "mini_ssv2", "--data", tmp_path / "empty"], "something-something-v2-labels.json"),
        (["sweep", "mini_kinetics", "--data", tmp_path / "empty"], "no reader"),
        (["sweep", grid, "--set", "epoch=1"], "did you mean 'epochs'"),
        (["sweep", grid, "--set", "epochs=some"], "epochs"),
        (["sweep", grid, "--frames", "5"], "no runs of 5 frames"),
        (["sweep", grid, "--only", "tam-resnet50"], "did you mean 'tam-resnet18'"),
        (["sweep", grid, "--shard", "3/2"], "--shard"),
        (["sweep", grid, "--executor", "cloud"], "cloud"),
        (["sweep", grid, "--device", "cuda:x"], "device"),
        (["cost", "tam-resnet18", "--frames", "0"], "at least one frame"),
        (["cost", "s3d-inception_v1", "--size", "16"], "cannot take 8 frames of 16x16 pixels"),
        (["cost", "tam-resnet"], "did you mean"),
        (["swep"], "swep"),
    ):
        monkeypatch.setattr(
            sys,
            "argv",
            ["suite", *map(str, args), *(["--results", str(tmp_path / "out")] if args[0] == "sweep" else [])],
        )
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        assert stop.value.code == 2, (args, printed)
        assert words in printed.err, (args, printed.err)
        assert len(printed.err.strip().splitlines()) == 1, printed.err
    assert not list(tmp_path.glob("out/*/runs"))


def test_the_command_line_ends_with_2_and_without_a_traceback():
    done = suite("cost", "tam-resnet18@sites=tophalf")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "suite: Unknown value of option 'sites' of tam-resnet18 'tophalf'; did you mean 'top-half'?\n"


def test_a_missing_video_stops_a_sweep_before_it_starts(tmp_path):
    write_ssv2(tmp_path / "data", train=8, val=8, classes=4)
    lost = sorted((tmp_path / "data").rglob("*.webm"))[0]
    lost.unlink()
    args = ["sweep", "mini_ssv2", "--only", "tsn-resnet18", "--data", tmp_path / "data", "--results", tmp_path / "out"]
    done = suite(*args)
    assert done.returncode == 2
    assert lost.stem in done.stderr
    assert not list(tmp_path.glob("out/mini_ssv2/runs/*"))
