"""What every executor keeps to, shown with jobs that train nothing; and the truth about how runs end."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from suite.store.claims.held import held as holding
from suite.store.folder import RunFolder
from suite.sweep.executors.base import LOST, Change, End, Executor
from suite.sweep.executors.local import LocalExecutor
from suite.sweep.executors.machine import Machine
from suite.sweep.retries import Retries
from suite.sweep.scheduler import MOST_LOST, Scheduler
from tests.sweep import executor_contract as contract
from tests.sweep.builders import ROOT
from tests.sweep.executor_contract import states, tries
from tests.sweep.fake_jobs import fake_job, fake_plan, orders

pytestmark = pytest.mark.slow


def local(slots=2):
    return LocalExecutor(Machine(slots=slots, device="cpu", threads=1, workers=0), body=fake_job)


def swept(plan, slots=2, executor=None, **options):
    return contract.swept(plan, executor or local(slots), **options)


class TestLocalExecutor(contract.ExecutorContract):
    def executor(self, plan):
        return local()


def test_a_failed_run_blocks_its_chain_alone_and_is_tried_again_next_time(tmp_path):
    plan = fake_plan(tmp_path, chains=4)
    orders(plan, run1="raise", run6="kill")
    swept(plan)
    assert states(plan) == {"done": 7, "failed": 2, "blocked": 3}
    assert (tries(plan.runs[1]), tries(plan.runs[6]), tries(plan.runs[0])) == (2, 2, 1)
    orders(plan)
    swept(fake_plan(tmp_path, chains=4))
    assert states(fake_plan(tmp_path, chains=4)) == {"done": 12}
    assert not list(plan.folder.glob("runs/*/error.json"))


def test_exit_code_0_without_a_result_is_not_tried_again(tmp_path):
    plan = fake_plan(tmp_path, chains=1)
    orders(plan, run0="exit0")
    outcome, _ = swept(plan)
    assert "exited with code 0 before the run was finished" in outcome.errors[plan.runs[0].id]
    assert tries(plan.runs[0]) == 1, "another try would end in the same way"


def test_a_run_that_another_process_works_on_is_waited_for_and_never_failed(tmp_path, monkeypatch):
    monkeypatch.setattr("suite.sweep.elsewhere.LOOK", 0.2)
    plan = fake_plan(tmp_path, chains=1)
    for run in plan.runs:
        run.folder.create(run.spec)
    held, let_go = threading.Event(), threading.Event()

    def other():
        with holding(plan.runs[0].folder.path):
            held.set()
            let_go.wait(20)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(5)
    began = time.monotonic()
    outcome, events = swept(plan, on_tick=lambda running: time.monotonic() - began < 1 or let_go.set())
    thread.join()
    assert next(event for event, _, _ in events) == "waiting"
    assert states(plan) == {"done": 3}
    assert outcome.failed == []
    assert not list(plan.folder.glob("runs/*/error.json"))


def test_the_same_exception_in_the_first_three_runs_stops_the_sweep(tmp_path):
    plan = fake_plan(tmp_path, chains=8)
    orders(plan, **{f"run{3 * chain}": "bad" for chain in range(8)})
    outcome, events = swept(plan, slots=1)
    assert outcome.same_error == "ValueError: told to"
    assert sum(event == "started" for event, _, _ in events) == 3
    assert not outcome.stopped


def test_other_exceptions_or_a_finished_run_let_the_sweep_go_on(tmp_path):
    plan = fake_plan(tmp_path, chains=5)
    orders(plan, run3="bad", run6="bad", run9="bad", run12="bad")
    outcome, _ = swept(plan, slots=1)
    assert (outcome.same_error, len(outcome.failed)) == ("", 4)


@pytest.mark.more
def test_a_run_that_hangs_is_told_and_stopping_it_takes_seconds(tmp_path):
    plan = fake_plan(tmp_path, chains=1)
    orders(plan, run0="hang")
    seen = {}

    def on_tick(running):
        if any(one.stalled for one in running) and "stopped" not in seen:
            seen["stopped"] = time.monotonic()
            os.kill(os.getpid(), signal.SIGTERM)

    outcome, events = swept(plan, on_tick=on_tick, stall_seconds=1.0)
    assert time.monotonic() - seen["stopped"] < 15
    assert [event for event, _, _ in events] == ["started", "stalled", "stopping", "lost"]
    assert "no progress for" in events[1][2]
    assert outcome.stopped


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_lets_the_runs_save(tmp_path, number, request):
    before = signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    request.addfinalizer(lambda: signal.signal(number, before))  # under nohup, SIGHUP is ignored, and so it would stay
    plan = fake_plan(tmp_path, chains=2)
    orders(plan, run0="steps 1000", run3="steps 1000")
    sent = []

    def on_tick(running):
        if len(running) == 2 and all(one.progress for one in running) and not sent:
            sent.append(os.kill(os.getpid(), number))

    outcome, events = swept(plan, on_tick=on_tick)
    assert outcome.stopped
    assert [event for event, _, _ in events].count("stopped") == 2
    assert len(list(plan.folder.glob("runs/*/saved.txt"))) == 2


def test_a_second_signal_ends_all_runs_at_once(tmp_path):
    plan = fake_plan(tmp_path, chains=1)
    orders(plan, run0="hang")
    executor = LocalExecutor(Machine(slots=1, device="cpu", threads=1, workers=0), body=fake_job)
    events = []

    def on_event(event, run, text):
        events.append(event)
        if event == "stopping":
            os.kill(os.getpid(), signal.SIGINT)

    def on_tick(running):
        if any(one.progress for one in running) and len(events) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    began = time.monotonic()
    Scheduler(plan, plan.folder, executor).execute(on_event, on_tick)
    assert events == ["started", "stopping", "lost"]
    assert time.monotonic() - began < 8
    assert not plan.runs[0].folder.is_claimed()


@pytest.mark.more
def test_a_worker_that_is_told_to_stop_goes_on_without_using_up_a_retry(tmp_path):
    plan = fake_plan(tmp_path, chains=1)
    orders(plan, run0="steps 40")
    executor = LocalExecutor(Machine(slots=1, device="cpu", threads=1, workers=0), body=fake_job)
    told = []

    def on_tick(running):
        if len(told) < 3 and any(one.progress.get("step", 0) > 2 for one in running) and executor.slots:
            pid = executor.slots[0].process.pid
            if pid not in told:
                told.append(pid)
                os.kill(pid, signal.SIGHUP)

    outcome, events = swept(plan, executor=executor, on_tick=on_tick, retries=0)
    assert [event for event, _, _ in events].count("resumed") == 3
    assert len(outcome.finished) == 3


def test_retries_count_for_each_cause():
    retries = Retries()
    causes = ["loader", "crash", "failed", "crash"]
    assert [retries.again("run", cause, 1) for cause in causes] == [True, True, True, False]


KILL_FORK_SERVER = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from multiprocessing import forkserver
from tests.sweep.fake_jobs import fake_plan, orders
from tests.sweep.test_executors import swept

if __name__ == "__main__":
    plan = fake_plan(Path({folder!r}), chains=1)
    orders(plan, run0="steps 20")
    killed = []

    def on_tick(running):
        if not killed and any(one.progress.get("step", 0) > 2 for one in running):
            killed.append(1)
            os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)

    outcome, events = swept(plan, on_tick=on_tick)
    print([event for event, _, _ in events], len(outcome.finished), outcome.stopped)
"""


@pytest.mark.more
def test_a_killed_fork_server_is_started_again_and_said(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(KILL_FORK_SERVER.format(root=str(ROOT), folder=str(tmp_path)))
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("3 False")
    assert "resumed" in done.stdout or "waiting" in done.stdout


def test_a_run_whose_folder_cannot_be_made_fails_alone(tmp_path, monkeypatch):
    plan = fake_plan(tmp_path, chains=3)
    create, first = RunFolder.create, plan.runs[0].id

    def full(folder, spec):
        if folder.id == first:
            raise OSError(errno.ENOSPC, "No space left on device", str(folder.path))
        return create(folder, spec)

    monkeypatch.setattr(RunFolder, "create", full)
    outcome, _ = swept(plan, slots=1)
    assert states(plan) == {"todo": 3, "done": 6}
    assert "No space left on the disk" in outcome.errors[first]


class Vanishing(Executor):
    """An executor under which every job disappears at once."""

    machine = Machine(1, "cpu", 1, 0)

    def __init__(self):
        self.started = []

    def capacity(self):
        return 1

    def start(self, job):
        self.started.append(job.id)

    def poll(self, seconds):
        return [Change(self.started[-1], end=End(LOST, "Nobody knows where the job is."))]

    def cancel(self, ids=None):
        pass

    def close(self):
        pass


def test_a_job_that_disappears_again_and_again_fails_in_the_end(tmp_path):
    plan, executor = fake_plan(tmp_path, chains=1), Vanishing()
    outcome, events = swept(plan, executor=executor)
    assert len(executor.started) == MOST_LOST + 1
    assert [event for event, _, _ in events].count("resumed") == MOST_LOST
    assert outcome.errors == {plan.runs[0].id: "Nobody knows where the job is."}
    assert states(plan) == {"failed": 1, "blocked": 2}


def test_after_a_signal_no_run_is_started(tmp_path):
    """Ctrl-C comes while the first run is started, which takes seconds as long as the fork server loads PyTorch."""

    class Slow(Vanishing):
        def capacity(self):
            return 3

        def start(self, job):
            super().start(job)
            scheduler.signals.count = 1

    executor = Slow()
    scheduler = Scheduler(fake_plan(tmp_path, chains=3), tmp_path, executor)
    scheduler.execute()
    assert len(executor.started) == 1
