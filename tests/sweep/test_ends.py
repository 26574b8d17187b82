"""How runs of real models end: sys.exit in a model, a full disk, a killed data-loading process, a closed terminal."""

import errno
import os
import pty
import subprocess
import sys
import time

import pytest

from suite.spec import BadInput
from suite.store import atomic
from suite.store.atomic import temporary_of
from suite.store.claims.claim import Busy
from suite.store.full_disk import no_space, remove_leftovers, remove_temporaries
from suite.sweep.executors.base import BUSY, DISK, FAILED, INPUT, LOADER, Job
from suite.sweep.executors.local import LocalExecutor
from suite.sweep.executors.machine import Machine
from suite.sweep.worker import run_job
from tests.sweep.builders import ROOT, suite_process, sweep_args
from tests.sweep.fake_jobs import fake_plan, orders

EXITS = """
import os, sys
from torch import nn

class Exits(nn.Module):
    def __init__(self, classes, leave):
        super().__init__()
        self.fc, self.leave, self.steps = nn.Linear(3, classes), leave, 0

    def forward(self, x):
        self.steps += self.training
        if self.steps == 3:
            self.leave(0)
        return self.fc(x.mean((2, 3, 4)))

def by_sys(num_classes, frames, size):
    return Exits(num_classes, sys.exit)

def by_os(num_classes, frames, size):
    return Exits(num_classes, os._exit)

def at_once(num_classes, frames, size):
    sys.exit(0)

class InForward(nn.Module):
    def forward(self, x):
        sys.exit(0)

def in_forward(num_classes, frames, size):
    return InForward()
"""
GRID = """
title: Models that leave
protocol: smoke
data: calib_order
models: [{models}]
chain: {{frames: [4]}}
set: {{epochs: 1, batch: 8, size: 32}}
"""


@pytest.mark.more
@pytest.mark.slow
def test_a_model_that_exits_in_training_fails_with_a_sentence(calibrated, tmp_path):
    (tmp_path / "exits.py").write_text(EXITS)
    (tmp_path / "leave.yaml").write_text(GRID.format(models="'exits:by_sys', 'exits:by_os'"))
    args = ["sweep", "leave.yaml", "--data", calibrated, "--results", tmp_path / "out", "--slots", 2, "--no-tracking"]
    done = suite_process(*args, cwd=tmp_path, check=1)
    assert "called sys.exit(0) before the run was finished" in done.stdout
    assert "exited with code 0 before the run was finished" in done.stdout
    assert not list(tmp_path.glob("out/leave/runs/*/result.json"))


@pytest.mark.more
@pytest.mark.slow
@pytest.mark.parametrize("factory", ["at_once", "in_forward"])
def test_a_factory_that_exits_is_one_sentence_and_exit_code_2(tmp_path, factory):
    (tmp_path / "exits.py").write_text(EXITS)
    (tmp_path / "leave.yaml").write_text(GRID.format(models=f"'exits:{factory}'"))
    done = suite_process("plan", "leave.yaml", "--results", tmp_path, cwd=tmp_path, check=2)
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("suite: ")
    assert "exit" in last.lower()


@pytest.fixture
def job(tmp_path):
    run = fake_plan(tmp_path, chains=1).runs[0]
    run.folder.create(run.spec)
    return Job(str(run.folder.path), run.spec.resolved(), str(tmp_path / "data"), id=run.id), run.folder


def ended(job, monkeypatch, error):
    """How a run ends in which an error is raised."""

    def execute(*_):
        raise error

    monkeypatch.setattr("suite.training.run.execute", execute)
    return run_job(job, lambda: False, lambda progress: None)


def test_a_full_disk_is_one_sentence_that_names_the_file(job, monkeypatch):
    job, folder = job
    half = temporary_of(folder.checkpoint)
    half.write_bytes(b"half")
    (folder.path / "checkpoint.pt").write_bytes(b"x" * 3 * 2**20)
    end = ended(job, monkeypatch, RuntimeError("[enforce fail at inline_container.cc:862] . PytorchStream"))
    assert end.cause == DISK
    assert f"to write {folder.checkpoint}, which needs about 3 MiB; free some space" in end.text
    assert "\n" not in end.text
    assert not half.exists()
    assert folder.error() == {"error": end.text, "kind": "disk"}


def test_a_read_only_disk_is_not_said_to_be_full(tmp_path):
    saving = RuntimeError("[enforce fail at inline_container.cc:746] . open file failed with strerror: {}")
    for error in (
        RuntimeError(str(saving).format("Read-only file system")),
        OSError(errno.EROFS, "Read-only file system", str(tmp_path / "checkpoint.pt")),
    ):
        assert no_space(error, tmp_path).startswith(f"{tmp_path / 'checkpoint.pt'}: Read-only file system; make it")
    assert no_space(RuntimeError(str(saving).format("Permission denied")), tmp_path) is None
    assert "No space left" in no_space(RuntimeError(str(saving).format("No space left on device")), tmp_path)


def test_a_write_that_finds_no_space_names_its_file_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError) as caught:
        atomic.write_atomic(tmp_path / "result.json", "{}")
    assert list(tmp_path.iterdir()) == []
    error = ValueError("something else")
    error.__cause__ = caught.value
    assert f"to write {tmp_path / 'result.json'};" in no_space(error, tmp_path)
    assert no_space(OSError(errno.EACCES, "Permission denied"), tmp_path) is None


def test_temporary_files_of_other_processes_stay(tmp_path):
    for name in (temporary_of(tmp_path / "result.json").name, ".result.json.1", "checkpoint.pt"):
        (tmp_path / name).touch()
    remove_temporaries(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [".result.json.1", "checkpoint.pt"]


def test_what_killed_processes_have_half_written_is_removed_and_nothing_else(tmp_path):
    left = (
        "checkpoint.tmp",
        temporary_of(tmp_path / "checkpoint.pt", by=1).name,
        ".result.json.1",
        ".predictions_video.parquet.1",
        ".provenance.json.1",
        ".history.jsonl.1",
    )
    kept = ("checkpoint.pt", "result.json", "predictions.parquet", ".claim-1", ".spec.yaml.1")
    for name in (*left, *kept):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(kept)


def test_each_cause_of_an_end_is_told_apart(job, monkeypatch):
    job, folder = job
    killed = RuntimeError("DataLoader worker (pid 17) is killed by signal: Killed. ")
    assert ended(job, monkeypatch, killed).cause == LOADER
    assert ended(job, monkeypatch, RuntimeError("DataLoader worker (pid(s) 17) exited unexpectedly")).cause == LOADER
    assert ended(job, monkeypatch, ValueError("no")).cause == FAILED
    assert ended(job, monkeypatch, SystemExit(3)).cause == INPUT
    assert "called sys.exit(3)" in folder.error()["error"]
    folder.error_file.unlink()
    assert ended(job, monkeypatch, Busy("in use")).cause == BUSY
    assert folder.error() is None, "another process works on the run: it has not failed"


def test_a_claim_that_is_no_file_is_one_sentence_and_an_error_of_the_training_is_no_full_disk(job, monkeypatch):
    job, folder = job
    assert ended(job, monkeypatch, OSError(errno.EIO, "Input/output error")).cause == FAILED
    folder.claim_file.mkdir()
    end = run_job(job, lambda: False, lambda progress: None)
    assert (end.cause, end.text) == (INPUT, f"{folder.claim_file} is no regular file; remove it.")


def test_a_fork_server_that_ends_again_and_again_is_one_sentence(job, monkeypatch):
    class Forked:
        def __init__(self, **_):
            pass

        def start(self):
            raise EOFError

    executor = LocalExecutor(Machine(slots=1, device="cpu", threads=1, workers=0))
    monkeypatch.setattr(executor.context, "Process", Forked)
    with pytest.raises(BadInput, match="fork server"):
        executor.start(job[0])
    executor.close()


TERMINAL = """
import os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.sweep.fake_jobs import fake_plan
from tests.sweep.test_executors import swept

if __name__ == "__main__":
    plan = fake_plan(Path({folder!r}), chains=2)

    def on_tick(running):
        print([one.progress.get("step") for one in running], flush=True)

    outcome, events = swept(plan, on_tick=on_tick)
    print("after the terminal was closed", flush=True)
    (Path({folder!r}) / "outcome.txt").write_text(f"{{outcome.stopped}} {{[event for event, _, _ in events]}}")
"""


@pytest.mark.more
def test_a_closed_terminal_stops_a_sweep_as_kill_does(tmp_path):
    plan = fake_plan(tmp_path, chains=2)
    orders(plan, run0="steps 1000", run3="steps 1000")
    script = tmp_path / "script.py"
    script.write_text(TERMINAL.format(root=str(ROOT), folder=str(tmp_path)))
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = str(ROOT)
        os.execv(sys.executable, [sys.executable, str(script)])
    printed, until = b"", time.monotonic() + 60
    while b"[3" not in printed and time.monotonic() < until:
        printed += os.read(terminal, 1000)
    os.close(terminal)  # SIGHUP to every process of the terminal's foreground group, the fork server included
    assert os.waitpid(pid, 0)[1] == 0
    assert (tmp_path / "outcome.txt").read_text().startswith("True ")
    assert (tmp_path / "outcome.txt").read_text().count("'stopped'") == 2
    assert len(list(plan.folder.glob("runs/*/saved.txt"))) == 2


@pytest.mark.faults
@pytest.mark.slow
def test_a_shard_beside_a_whole_sweep_is_waited_for(calibrated, grid, tmp_path):
    args = [*sweep_args(grid, calibrated, tmp_path), "--no-tracking", "--only", "tsn-*", "--set", "epochs=10"]
    command = [sys.executable, "-m", "suite", *map(str, args)]
    shard = subprocess.Popen([*command, "--shard", "1/1"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not list(tmp_path.glob("small/runs/*/provenance.json")) and time.monotonic() < until:
        time.sleep(0.05)
    whole = suite_process(*args)
    printed, _ = shard.communicate(timeout=200)
    assert (shard.returncode, whole.returncode) == (0, 0), printed + whole.stdout
    assert "in use by another process" in whole.stdout
    assert "failed" not in printed + whole.stdout
    assert len(list(tmp_path.glob("small/runs/*/result.json"))) == 2
    assert not list(tmp_path.glob("small/runs/*/error.json"))
    assert whole.stdout.count("done     tsn-resnet18") == 2
