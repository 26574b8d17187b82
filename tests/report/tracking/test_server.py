"""A real MLflow server that is killed while a sweep goes on, and started again."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from suite.report.publishing import Publisher
from tests.report.tracking.tracked import (
    at_work,
    begin,
    client_of,
    differences,
    finish,
    finished,
    runs_of,
    spec_of,
    train,
    wait_for,
)

ROOT = Path(__file__).parents[3]


class Server:
    """A real `mlflow server` on localhost, with its database and artifacts in a folder."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder}/server.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        quiet["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, **quiet},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

        def answers():
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(f"{self.uri}/health", timeout=10).status == 200

        wait_for(answers, "the server answers")

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.mark.slow
@pytest.mark.more
def test_publish_completes_a_sweep_whose_server_was_killed_in_the_middle(lone_grid, sweep, monkeypatch, tmp_path):
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server")
    server.start()
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        client = client_of(lone_grid)
        start, printed = sweep
        first, second = begin(lone_grid, spec_of(4)), begin(lone_grid, spec_of(4, seed=1))
        tracker = start()
        with at_work(first), at_work(second):
            train(first, 0)
            train(second, 0, 1)

            def both_there():
                with contextlib.suppress(Exception):  # the experiment is being made
                    children, _ = runs_of(client, "demo")
                    return {"epoch/loss"} <= set(children[first.id].data.metrics) & set(
                        children[second.id].data.metrics
                    )

            wait_for(both_there, "the first epochs are there")
            server.kill()
            train(first, 1, 2)
            finish(first)
            wait_for(printed.getvalue, "a notice")
            train(second, 2)
            finish(second, top1=50.0)
        third = finished(lone_grid, spec_of(8, parent=first.id))
        (lone_grid / "tables").mkdir()
        (lone_grid / "tables" / "accuracy.md").write_text("61.25")
        tracker.close([])
        notice, end = printed.getvalue().splitlines()
        assert "The sweep continues." in notice
        assert "publish demo" in end
        server.start()
        words = [sys.executable, "-m", "suite", "publish", "demo", "--results", lone_grid.parent, "--json"]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["complete"]
        assert {run["id"]: run["action"] for run in found["runs"]} == {
            first.id: "continued",
            second.id: "continued",
            third.id: "created",
        }
        assert differences(client, lone_grid, [first, second, third]) == []
        _, parent = runs_of(client, "demo")
        assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["tables"]
        Publisher(lone_grid).publish(True)
        assert differences(client, lone_grid, [first, second, third]) == []
    finally:
        server.kill()
