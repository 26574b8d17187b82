"""Runs and reports in MLflow: written, read back, written again."""

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from suite.report.mlflow_store import TELEMETRY_OFF, open_interface, relocate_artifacts, settings
from suite.report.tracking import RUN_TAG, Tracker, TrackingError
from suite.spec import BadInput

ROOT = Path(__file__).parents[2]

ROW = {"id": "d.i3d-resnet18.f8.s0-0123456789", "name": "i3d-resnet18", "module": "i3d", "backbone": "resnet18"}
ROW |= {"top1": 61.25, "top5": 90.0, "pair_top1": float("nan"), "gmacs": 4.9, "params": 33_200_000}
PARAMS = {"model": "i3d-resnet18", "protocol": {"lr": 0.01, "sampling": {"rule": "uniform"}, "note": "x" * 9000}}
HISTORY = [{"epoch": epoch, "loss": 1 / (epoch + 1), "phase": "train"} for epoch in range(3)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One database for all tests: a fresh one takes seconds.  A space in its path, as people have."""
    return tmp_path_factory.mktemp("my results")


@pytest.fixture
def tracker(root, monkeypatch, request):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Tracker(None, request.node.name, root)


@pytest.fixture
def client(root):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")


def runs_of(client, experiment):
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def contents(client, run, path, folder):
    return Path(client.download_artifacts(run.info.run_id, path, str(folder))).read_text()


@pytest.mark.slow
def test_a_finished_run_is_read_back_as_it_was_logged(tracker, client, tmp_path, capfd):
    spec = tmp_path / "spec.yaml"
    spec.write_text("model: i3d-resnet18\n")
    assert tracker.log_finished(ROW, PARAMS, HISTORY, [spec])
    [run] = runs_of(client, tracker.experiment)
    assert run.data.tags[RUN_TAG] == ROW["id"]
    assert run.info.status == "FINISHED"
    assert run.data.params["protocol.sampling.rule"] == "uniform"
    assert run.data.params["protocol.lr"] == "0.01"
    assert run.data.params["protocol.note"] == "x" * 6000
    assert {k: run.data.metrics[k] for k in ("top1", "top5", "gmacs", "params")} == {
        **{"top1": 61.25, "top5": 90.0},
        **{"gmacs": 4.9, "params": 33_200_000},
    }
    assert "pair_top1" not in run.data.metrics
    losses = client.get_metric_history(run.info.run_id, "epoch/loss")
    assert [(m.step, m.value) for m in losses] == [(0, 1.0), (1, 0.5), (2, pytest.approx(1 / 3))]
    assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["spec.yaml"]
    assert contents(client, run, "spec.yaml", tmp_path) == "model: i3d-resnet18\n"
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", ""), "MLflow and alembic keep quiet"


def test_logging_twice_gives_one_run(tracker, client, root):
    assert tracker.log_finished(ROW, PARAMS, HISTORY, [])
    assert not tracker.log_finished(ROW, PARAMS, HISTORY, [])
    assert not Tracker(None, tracker.experiment, root).log_finished(ROW, PARAMS, HISTORY, [])
    assert len(runs_of(client, tracker.experiment)) == 1


def test_a_half_logged_run_is_replaced_by_a_whole_one(tracker, client, tmp_path):
    missing = tmp_path / "not-there.txt"
    with pytest.raises(TrackingError, match=ROW["id"]):
        tracker.log_finished(ROW, PARAMS, HISTORY, [missing])
    assert [run.info.status for run in runs_of(client, tracker.experiment)] == ["RUNNING"]
    missing.write_text("now it is")
    assert tracker.log_finished(ROW, PARAMS, HISTORY, [missing])
    assert [run.info.status for run in runs_of(client, tracker.experiment)] == ["FINISHED"]


def test_more_parameters_and_metrics_than_one_request_takes_are_all_there(tracker, client):
    history = [{"epoch": epoch, "loss": float(epoch)} for epoch in range(1500)]
    tracker.log_finished(ROW, {f"key{i}": i for i in range(230)} | {"a@b,c": 1}, history, [])
    [run] = runs_of(client, tracker.experiment)
    assert {f"key{i}" for i in range(230)} <= set(run.data.params)
    assert run.data.params["a_b_c"] == "1"
    assert run.data.metrics["epoch/loss"] == 1499.0


def test_a_report_is_one_run_whose_files_are_replaced(tracker, client, tmp_path):
    table, figure = tmp_path / "tables" / "accuracy.md", tmp_path / "figures" / "old.png"
    for path in (table, figure):
        path.parent.mkdir()
        path.write_text("first")
    tracker.log_report("demo", [table, figure])
    table.write_text("second")
    tracker.log_report("demo", [table])
    [run] = runs_of(client, tracker.experiment)
    assert run.info.run_name == "report"
    assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["tables"]
    assert contents(client, run, "tables/accuracy.md", tmp_path) == "second"


def test_the_environment_names_the_server_and_one_out_of_reach_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    tracker = Tracker(None, "demo", tmp_path)
    with pytest.raises(TrackingError, match=r"MLflow at http://127\.0\.0\.1:9 could not log") as caught:
        tracker.log_finished(ROW, PARAMS, HISTORY, [])
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_broken_database_is_a_tracking_error(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_text("this is no database, " * 100)
    with pytest.raises(TrackingError, match="not a database"):
        Tracker(None, "demo", tmp_path).log_report("demo", [])


def test_two_threads_that_log_into_a_fresh_database_do_not_collide(tracker, client):
    other = threading.Thread(target=tracker.log_finished, args=({**ROW, "id": "another-run"}, PARAMS, HISTORY, []))
    other.start()
    assert tracker.log_finished(ROW, PARAMS, HISTORY, [])
    other.join()
    assert {run.data.tags[RUN_TAG] for run in runs_of(client, tracker.experiment)} == {ROW["id"], "another-run"}


def test_a_copied_results_folder_has_its_artifacts_where_it_lies(tracker, client, root, tmp_path):
    """After it was opened once: MLflow stores absolute paths."""
    from mlflow import MlflowClient

    spec = tmp_path / "spec.yaml"
    spec.write_text("model: i3d-resnet18\n")
    tracker.log_finished(ROW, PARAMS, HISTORY, [spec])
    copy = tmp_path / "elsewhere" / "my results"
    shutil.copytree(root, copy)
    moved = root.rename(tmp_path / "gone")  # what the copy still finds in the old place proves nothing
    try:
        relocate_artifacts(copy)
        there = MlflowClient(tracking_uri=f"sqlite:///{copy}/mlflow.db")
        [run] = runs_of(there, tracker.experiment)
        assert run.info.artifact_uri.startswith(f"{copy}/mlartifacts/")
        assert [file.path for file in there.list_artifacts(run.info.run_id)] == ["spec.yaml"]
        (tmp_path / "read").mkdir()
        assert contents(there, run, "spec.yaml", tmp_path / "read") == "model: i3d-resnet18\n"
        assert Tracker(None, tracker.experiment, copy).log_finished({**ROW, "id": "later"}, PARAMS, HISTORY, [spec])
        assert {run.info.artifact_uri.partition("/mlartifacts/")[0] for run in runs_of(there, tracker.experiment)} == {
            str(copy)
        }
    finally:
        moved.rename(root)


def test_a_sweep_into_a_copied_folder_writes_nothing_into_the_old_one(tracker, root, tmp_path):
    tracker.log_finished(ROW, PARAMS, HISTORY, [])
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    before = sorted(root.rglob("*"))
    spec = tmp_path / "spec.yaml"
    spec.write_text("model: i3d-resnet18\n")
    assert Tracker(None, tracker.experiment, copy).log_finished({**ROW, "id": "later"}, PARAMS, HISTORY, [spec])
    assert sorted(root.rglob("*")) == before
    assert list((copy / "mlartifacts").rglob("spec.yaml"))


def test_artifacts_of_others_are_left_where_they_are(tmp_path):
    (tmp_path / "mlartifacts").mkdir()
    places = ["s3://bucket/mlartifacts", "/data/mine", "mlflow-artifacts:/1", "/old/it's/mlartifacts", None]
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("CREATE TABLE experiments (experiment_id INTEGER, artifact_location TEXT)")
        database.execute("CREATE TABLE runs (experiment_id INTEGER, artifact_uri TEXT)")
        database.executemany("INSERT INTO experiments VALUES (?, ?)", enumerate(places))
        database.executemany("INSERT INTO runs VALUES (?, ?)", [(i, f"{p}/run") for i, p in enumerate(places)])
        database.execute("INSERT INTO runs VALUES (3, '/old/it''s/mlartifacts-2/run')")
    relocate_artifacts(tmp_path)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        found = [place for (place,) in database.execute("SELECT artifact_location FROM experiments")]
        runs = [place for (place,) in database.execute("SELECT artifact_uri FROM runs")]
    here = f"{tmp_path}/mlartifacts"
    assert found == [*places[:3], here, None]
    assert runs == [*(f"{place}/run" for place in places[:3]), f"{here}/run", "None/run", "/old/it's/mlartifacts-2/run"]


@pytest.fixture
def opened(monkeypatch):
    """Environment and arguments of the process that `open_interface` would become."""
    calls = []
    monkeypatch.setattr(os, "execve", lambda path, args, env: calls.append((args, env)))
    for name in (*TELEMETRY_OFF, "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return calls


def test_the_interface_sends_no_telemetry_and_reads_the_results_on_localhost_alone(opened, tmp_path, capsys):
    open_interface(tmp_path / "my results", 5123)
    [(command, environment)] = opened
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == environment["DO_NOT_TRACK"] == "true"
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert options == {
        "--host": "127.0.0.1",
        "--port": "5123",
        "--workers": "1",
        "--backend-store-uri": f"sqlite:///{tmp_path}/my results/mlflow.db",
        "--default-artifact-root": f"{tmp_path}/my results/mlartifacts",
    }
    assert "http://127.0.0.1:5123" in capsys.readouterr().err


def test_what_the_user_sets_in_the_environment_stands_for_sweep_and_interface(opened, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    open_interface(tmp_path, 5123)
    assert opened[0][1]["MLFLOW_DISABLE_TELEMETRY"] == settings(quiet=True)["MLFLOW_DISABLE_TELEMETRY"] == "false"


def test_an_interface_that_cannot_start_is_one_sentence(opened, tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BadInput, match=r"Port \d+ cannot be used .*--port"):
            open_interface(tmp_path, taken.getsockname()[1])
    (tmp_path / "mlartifacts").mkdir()
    (tmp_path / "mlflow.db").write_text("this is no database, " * 100)
    with pytest.raises(BadInput, match="not a database"):
        open_interface(tmp_path, 5123)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    with pytest.raises(BadInput, match="names a server") as caught:
        open_interface(tmp_path, 5123)
    assert "secret" not in str(caught.value)
    assert not opened


def test_make_mlflow_asks_the_suite_and_takes_a_port():
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", "-o", ".venv/.ready", "mlflow", "PORT=5077"],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key != "MAKEFLAGS"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ".venv/bin/suite mlflow --port 5077"


@pytest.mark.slow
@pytest.mark.more
def test_the_interface_serves_an_artifact_of_a_copied_folder(tracker, client, root, tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text("model: i3d-resnet18\n")
    tracker.log_finished(ROW, PARAMS, HISTORY, [spec])
    [run] = runs_of(client, tracker.experiment)
    copy = shutil.copytree(root, tmp_path / "copy")
    shutil.rmtree(root / "mlartifacts" / run.info.run_id)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "suite", "mlflow", "--port", str(port), "--results", str(copy)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/get-artifact?path=spec.yaml&run_uuid={run.info.run_id}"
        for _ in range(240):
            time.sleep(0.5)
            with contextlib.suppress(OSError):
                assert urllib.request.urlopen(url, timeout=10).read() == spec.read_bytes()
                break
        else:
            raise AssertionError("the interface did not answer within 2 minutes")
        assert b"MLFLOW_DISABLE_TELEMETRY=true" in Path(f"/proc/{process.pid}/environ").read_bytes()
    finally:
        process.terminate()
        process.wait(30)
