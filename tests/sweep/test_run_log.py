"""`suite logs`: every line of a log once, why a run failed, and the end of --follow."""

import signal
import subprocess
import sys
import time

import pytest

from suite.store.folder import RunFolder
from suite.sweep import run_log
from suite.sweep.run_log import LogFollower, log_of
from tests.sweep.builders import ROOT


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "small" / "runs" / "calib_order.tsn-resnet18.f4.s0-0123456789")
    folder.path.mkdir(parents=True)
    folder.spec_file.write_text("{}")
    for number in range(4):
        folder.add_log(f"line {number}")
    return folder


def test_a_log_has_its_lines_with_times_and_the_error(run):
    run.fail("RuntimeError: no", "error")
    found = log_of(run, lines=2)
    assert [line[20:] for line in found["log"]] == ["line 2", "line 3"]
    assert found["state"] == "failed"
    assert found["error"] == "RuntimeError: no"
    assert log_of(run, lines=0)["log"] == []


def test_the_log_of_a_slurm_job_is_named(run):
    logs = run.path.parents[1] / "slurm" / "logs"
    logs.mkdir(parents=True)
    (logs.parent / "jobs.json").write_text(f'{{"{run.id}": "7_1"}}')
    (logs / "7_1_0_log.err").write_text("")
    assert log_of(run)["job_logs"] == [str(logs / "7_1_0_log.err")]


def test_following_gives_each_new_line_once_and_ends_with_the_run(run):
    steps = iter(range(3))

    def sleep(seconds):
        step = next(steps, None)
        if step is None:
            run.result_file.write_text("{}")
        else:
            run.add_log(f"new {step}")

    with run.claimed():
        follower = LogFollower([run], sleep)
        shown = log_of(run, end=follower.tails[0].at)["log"]
        run.add_log("between")  # after what was shown
        lines = [line for _, line in follower.lines()]
    assert [line[20:] for line in lines] == ["between", "new 0", "new 1", "new 2"]
    assert len(shown) == 4


def test_a_log_that_was_put_in_place_of_another_is_read_from_its_start(run):
    follower = LogFollower([run], lambda seconds: None)
    run.log.rename(run.path / "old.txt")
    run.add_log("anew")
    run.result_file.write_text("{}")
    assert [line[20:] for _, line in follower.lines()] == ["anew"]


def test_a_run_that_failed_ends_only_when_it_is_not_tried_again(run, monkeypatch):
    monkeypatch.setattr(run_log, "SETTLED", 60.0)
    run.fail("no", "error")
    tail = LogFollower([run]).tails[0]
    assert not tail.is_over()
    monkeypatch.setattr(run_log, "SETTLED", -1.0)
    assert tail.is_over()
    run.error_file.unlink()  # it is tried again
    with run.claimed():
        assert not tail.is_over()
    assert tail.is_over()  # it was told to stop


@pytest.mark.slow
def test_ctrl_c_ends_following_without_a_traceback(run, tmp_path):
    command = [sys.executable, "-m", "suite", "logs", str(run.path), "--results", str(tmp_path), "--follow"]
    spec = "calib_order.tsn-resnet18.f4.s0-0123456789"
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    said = [process.stdout.readline() for _ in range(4)]
    waits = process.stderr.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said[-1].rstrip().endswith("line 3")
    assert waits == f"{spec} is todo; waiting for it to start\n"
    assert "Traceback" not in error
