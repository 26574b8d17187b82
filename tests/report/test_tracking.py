"""The process that logs a sweep, as the driver has it: started, told of the end, and never in the way."""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from suite.app import tracking
from suite.app.publishing import follow
from suite.app.tracking import Tracking
from suite.report.console.plain import PlainConsole
from suite.report.publishing import Publisher
from suite.report.tracking import TrackingError
from suite.store.locks import is_locked
from tests.report.tracked import at_work, begin, differences, finish, finished, runs_of, spec_of, train

ROOT = Path(__file__).parents[2]


@dataclass
class FakePlan:
    name: str
    folder: Path


@pytest.fixture
def grid(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder = tmp_path / "results" / "demo"
    (folder / "runs").mkdir(parents=True)
    return folder


@pytest.fixture
def sweep(grid):
    """Starts the tracking of a sweep of the grid; what it prints."""
    printed = io.StringIO()
    made = []

    def start():
        made.append(Tracking(FakePlan("demo", grid), PlainConsole(file=printed, width=1000)))
        return made[-1]

    yield start, printed
    for one in made:
        one.closing.set()
        one.process.kill()


def client_of(grid):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{grid.parent}/mlflow.db")


def wait_for(condition, what, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{what} within {seconds} s"
        time.sleep(0.1)


class FakePublisher:
    """Counts looks; the first `failing` of them find no server."""

    def __init__(self, folder, failing=0):
        self.folder, self.failing, self.looks, self.skipped = folder, failing, [], {}

    def publish(self, ended):
        self.looks.append(ended)
        if len(self.looks) <= self.failing:
            raise TrackingError("no server")


def test_the_driver_imports_nothing_heavy_for_tracking():
    heavy = ("mlflow", "torch", "pandas", "numpy", "pyarrow", "sqlalchemy")
    code = f"import sys, suite.app.tracking; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.strip() == "[]"


def test_an_outage_is_told_once_and_the_end_of_the_sweep_is_the_last_try(grid):
    told, ended, publisher = [], threading.Event(), FakePublisher(grid, failing=3)
    thread = threading.Thread(target=follow, args=(publisher, ended, told.append, 0.01))
    thread.start()
    wait_for(lambda: len(publisher.looks) > 4, "the server is tried again")
    ended.set()
    thread.join()
    assert told == [{"problem": "no server"}]
    assert publisher.looks[-1] is True
    assert True not in publisher.looks[:-1]
    told.clear()
    ended, publisher = threading.Event(), FakePublisher(grid, failing=10**6)
    ended.set()
    assert follow(publisher, ended, told.append) is False
    assert set(publisher.looks) == {True}, "it is not waited for"
    assert {"problem": "no server"} in told


def test_a_second_process_waits_for_the_one_that_logs_the_grid_and_takes_over(grid):
    ends = [threading.Event(), threading.Event()]
    publishers = [FakePublisher(grid), FakePublisher(grid)]
    threads = []
    for number in range(2):
        args = (publishers[number], ends[number], lambda message: None, 0.01)
        threads.append(threading.Thread(target=follow, args=args))
        threads[-1].start()
        if number == 0:
            wait_for(lambda: publishers[0].looks, "the first one looks")
    seen = len(publishers[0].looks)
    wait_for(lambda: len(publishers[0].looks) > seen + 5, "the first one goes on")
    assert publishers[1].looks == []
    ends[0].set()
    wait_for(lambda: publishers[1].looks, "the second one takes over")
    ends[1].set()
    for thread in threads:
        thread.join()
    assert [publisher.looks[-1] for publisher in publishers] == [True, True]


@pytest.mark.slow
def test_what_a_sweep_does_is_in_mlflow_when_it_ends(grid, sweep):
    start, printed = sweep
    first = begin(grid, spec_of(4))
    client = client_of(grid)
    client.search_experiments()  # makes the database: two processes must not do it at once
    tracker = start()
    with at_work(first):
        train(first, 0)

        def is_there():
            with contextlib.suppress(AttributeError, ValueError):  # the experiment or the sweep is not there yet
                return first.id in runs_of(client, "demo")[0]

        wait_for(is_there, "the run is there while it is at work")
        train(first, 1, 2)
        finish(first)
    second = finished(grid, spec_of(8, parent=first.id))
    (grid / "summary.csv").write_text("id\n")
    tracker.close([])
    assert printed.getvalue() == ""
    assert differences(client, grid, [first, second]) == []
    assert [file.path for file in client.list_artifacts(runs_of(client, "demo")[1].info.run_id)] == ["summary.csv"]
    assert not is_locked(grid / ".mlflow.lock")
    assert tracker.process.returncode == 0


@pytest.mark.slow
def test_a_server_that_refuses_is_told_in_one_line_and_not_waited_for(grid, sweep, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    start, printed = sweep
    finished(grid, spec_of(4))
    tracker = start()
    wait_for(printed.getvalue, "a notice")
    tracker.close([])
    notice, end = printed.getvalue().splitlines()
    assert notice.startswith("Not logged to MLflow for now: MLflow at http://127.0.0.1:9 could not log")
    assert notice.endswith("Connection refused. The sweep continues.")
    assert f"publish demo --results {grid.parent} completes it" in end
    assert "secret" not in printed.getvalue()


@pytest.mark.slow
@pytest.mark.more
def test_a_server_that_hangs_is_left_alone_at_the_end(grid, sweep, monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3600")
        start, printed = sweep
        tracker = start()
        silent.accept()
        tracker.close([])
    assert tracker.process.returncode == -signal.SIGKILL
    assert "completes it" in printed.getvalue()
    assert not is_locked(grid / ".mlflow.lock")


@pytest.mark.slow
def test_a_process_that_dies_is_started_again(grid, sweep, monkeypatch):
    monkeypatch.setattr(tracking, "START_AGAIN", 0.1)
    start, printed = sweep
    folder = finished(grid, spec_of(4))
    tracker = start()
    died = tracker.process.pid
    tracker.process.kill()
    wait_for(lambda: tracker.process.pid != died, "another process")
    tracker.close([])
    assert printed.getvalue() == ""
    assert differences(client_of(grid), grid, [folder]) == []


@pytest.mark.slow
@pytest.mark.more
def test_the_process_ends_when_its_driver_is_killed(grid):
    folder = finished(grid, spec_of(4))
    code = (
        "import sys, time; from pathlib import Path; from suite.app.tracking import Tracking\n"
        "plan = type('Plan', (), {'name': 'demo', 'folder': Path(sys.argv[1])})\n"
        "print(Tracking(plan, None).process.pid, flush=True); time.sleep(600)"
    )
    driver = subprocess.Popen([sys.executable, "-c", code, grid], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = int(driver.stdout.readline())
    driver.kill()
    driver.wait()
    wait_for(lambda: not _lives(pid), "the end")
    assert differences(client_of(grid), grid, [folder]) == []


def _lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Server:
    """A real `mlflow server` on localhost, with its database and artifacts in a folder."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self):
        import urllib.request

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
def test_publish_completes_a_sweep_whose_server_was_killed_in_the_middle(grid, sweep, monkeypatch, tmp_path):
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server")
    server.start()
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        client = client_of(grid)
        start, printed = sweep
        first, second = begin(grid, spec_of(4)), begin(grid, spec_of(4, seed=1))
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
        third = finished(grid, spec_of(8, parent=first.id))
        (grid / "tables").mkdir()
        (grid / "tables" / "accuracy.md").write_text("61.25")
        tracker.close([])
        notice, end = printed.getvalue().splitlines()
        assert "The sweep continues." in notice
        assert "publish demo" in end
        server.start()
        words = [sys.executable, "-m", "suite", "publish", "demo", "--results", grid.parent, "--json"]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["complete"]
        assert {run["id"]: run["action"] for run in found["runs"]} == {
            first.id: "continued",
            second.id: "continued",
            third.id: "created",
        }
        assert differences(client, grid, [first, second, third]) == []
        _, parent = runs_of(client, "demo")
        assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["tables"]
        Publisher(grid).publish(True)
        assert differences(client, grid, [first, second, third]) == []
    finally:
        server.kill()
