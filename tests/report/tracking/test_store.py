"""The database, the artifacts and the interface of MLflow, as the suite uses them."""

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from suite.report import mlflow_store
from suite.report.mlflow_store import TELEMETRY_OFF, open_interface, relocate_artifacts, settings
from suite.report.publishing import Publisher
from suite.spec import BadInput
from tests.report.tracking.tracked import finished, runs_of, spec_of

ROOT = Path(__file__).parents[3]


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
    monkeypatch.setattr(mlflow_store, "make_database", lambda root: None)
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
def test_the_interface_serves_an_artifact_of_a_copied_folder(tmp_path, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root, copy = tmp_path / "my results", tmp_path / "copy"
    folder = finished(root / "demo", spec_of())
    Publisher(root / "demo").publish(True)
    [run] = runs_of(MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db"), "demo")[0].values()
    shutil.copytree(root, copy)
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
                assert urllib.request.urlopen(url, timeout=10).read() == folder.spec_file.read_bytes()
                break
        else:
            raise AssertionError("the interface did not answer within 2 minutes")
        assert b"MLFLOW_DISABLE_TELEMETRY=true" in Path(f"/proc/{process.pid}/environ").read_bytes()
    finally:
        process.terminate()
        process.wait(30)
