"""The process that logs a sweep, as the driver has it: started, told of the end, and never in the way."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from suite.app import tracking
from suite.app.publishing import follow
from suite.report.tracking import TrackingError
from suite.store.claims.held import held
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


def test_an_outage_is_told_once_and_the_end_of_the_sweep_is_the_last_try(lone_grid):
    told, ended, publisher = [], threading.Event(), FakePublisher(lone_grid, failing=3)
    thread = threading.Thread(target=follow, args=(publisher, ended, told.append, 0.01))
    thread.start()
    wait_for(lambda: len(publisher.looks) > 4, "the server is tried again")
    ended.set()
    thread.join()
    assert told == [{"problem": "no server"}]
    assert publisher.looks[-1] is True
    assert True not in publisher.looks[:-1]
    told.clear()
    ended, publisher = threading.Event(), FakePublisher(lone_grid, failing=10**6)
    ended.set()
    assert follow(publisher, ended, told.append) is False
    assert set(publisher.looks) == {True}, "it is not waited for"
    assert {"problem": "no server"} in told


def test_a_second_process_waits_for_the_one_that_logs_the_grid_and_takes_over(lone_grid):
    ends = [threading.Event(), threading.Event()]
    publishers = [FakePublisher(lone_grid), FakePublisher(lone_grid)]
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
def test_what_a_sweep_does_is_in_mlflow_when_it_ends(lone_grid, sweep):
    start, printed = sweep
    first = begin(lone_grid, spec_of(4))
    client = client_of(lone_grid)
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
    second = finished(lone_grid, spec_of(8, parent=first.id))
    (lone_grid / "summary.csv").write_text("id\n")
    tracker.close([])
    assert printed.getvalue() == ""
    assert differences(client, lone_grid, [first, second]) == []
    assert [file.path for file in client.list_artifacts(runs_of(client, "demo")[1].info.run_id)] == ["summary.csv"]
    with held(lone_grid / ".mlflow"):
        pass  # nobody else has it
    assert tracker.process.returncode == 0


@pytest.mark.slow
def test_a_server_that_refuses_is_told_in_one_line_and_not_waited_for(lone_grid, sweep, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    start, printed = sweep
    finished(lone_grid, spec_of(4))
    tracker = start()
    wait_for(printed.getvalue, "a notice")
    tracker.close([])
    notice, end = printed.getvalue().splitlines()
    assert notice.startswith("Not logged to MLflow for now: MLflow at http://127.0.0.1:9 could not log")
    assert notice.endswith("Connection refused. The sweep continues.")
    assert f"publish demo --results {lone_grid.parent} completes it" in end
    assert "secret" not in printed.getvalue()


@pytest.mark.slow
def test_the_second_of_two_sweeps_leaves_mlflow_to_the_first_and_says_so(lone_grid, sweep):
    start, printed = sweep
    with held(lone_grid / ".mlflow"):
        tracker = start()
        tracker.close([])
    assert printed.getvalue().startswith("Another sweep of this grid logs its runs to MLflow; ")
    assert not (lone_grid.parent / "mlflow.db").exists()


@pytest.mark.slow
@pytest.mark.more
def test_a_server_that_hangs_is_left_alone_at_the_end(lone_grid, sweep, monkeypatch):
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
    with held(lone_grid / ".mlflow"):
        pass  # nobody else has it


@pytest.mark.slow
@pytest.mark.more
def test_a_process_that_dies_is_started_again(lone_grid, sweep, monkeypatch):
    monkeypatch.setattr(tracking, "START_AGAIN", 0.1)
    start, printed = sweep
    folder = finished(lone_grid, spec_of(4))
    tracker = start()
    died = tracker.process.pid
    tracker.process.kill()
    wait_for(lambda: tracker.process.pid != died, "another process")
    tracker.close([])
    assert printed.getvalue() == ""
    assert differences(client_of(lone_grid), lone_grid, [folder]) == []


@pytest.mark.slow
@pytest.mark.more
def test_the_process_ends_when_its_driver_is_killed(lone_grid):
    folder = finished(lone_grid, spec_of(4))
    code = (
        "import sys, time; from pathlib import Path; from suite.app.tracking import Tracking\n"
        "plan = type('Plan', (), {'name': 'demo', 'folder': Path(sys.argv[1])})\n"
        "print(Tracking(plan, None).process.pid, flush=True); time.sleep(600)"
    )
    driver = subprocess.Popen([sys.executable, "-c", code, lone_grid], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = int(driver.stdout.readline())
    driver.kill()
    driver.wait()
    wait_for(lambda: not _lives(pid), "the end")
    assert differences(client_of(lone_grid), lone_grid, [folder]) == []


def _lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
