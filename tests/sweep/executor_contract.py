"""What every executor keeps to, written once; a test class per executor says how it is made.

Its jobs train nothing.  SUITE_TEST_CHAINS: number of chains of three runs, 100 where it is not set.
"""

import os
import time

import pytest

from suite.sweep.executors.base import DONE, STOPPED, Job
from suite.sweep.scheduler import Scheduler
from tests.sweep.fake_jobs import fake_plan, orders

CHAINS = int(os.environ.get("SUITE_TEST_CHAINS", "100"))


def swept(plan, executor, on_tick=lambda running: None, **options):
    """The outcome of a sweep of fake jobs, and its events."""
    events = []
    scheduler = Scheduler(plan, plan.folder, executor, **options)
    return scheduler.execute(lambda event, run, text: events.append((event, run.id, text)), on_tick), events


def states(plan):
    found = [run.state() for run in plan.runs]
    return {state: found.count(state) for state in set(found)}


def tries(run):
    return len((run.folder.path / "tries.txt").read_text().splitlines())


def stop_when(condition):
    """Asks a sweep to stop, once, as Ctrl-C does."""
    done = []

    def on_tick(running):
        if not done and condition(running):
            done.append(os.kill(os.getpid(), 2))

    return on_tick


def job_of(run, **changes):
    run.folder.create(run.spec)
    about = {"folder": str(run.folder.path.resolve()), "spec": run.spec.resolved(), "data": str(run.folder.path)}
    return Job(**about | {"id": run.id} | changes)


def ends(executor, least, seconds=60.0):
    """The ends of jobs, by id, once there are so many of them."""
    found, until = {}, time.monotonic() + seconds
    while len(found) < least and time.monotonic() < until:
        found |= {change.id: change.end for change in executor.poll(0.2) if change.end}
    return found


class ExecutorContract:
    """Tests that a class of an executor inherits; `executor(plan)` makes one."""

    def executor(self, plan):
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def cluster(self):
        """What the executor needs; a class may replace it."""

    @pytest.mark.more
    def test_of_300_runs_one_raises_and_one_is_killed_and_the_rerun_does_just_the_five(self, tmp_path):
        plan = fake_plan(tmp_path, chains=CHAINS)
        orders(plan, run1="raise", run3="kill")
        outcome, events = swept(plan, self.executor(plan))
        assert states(plan) == {"done": 3 * CHAINS - 5, "failed": 2, "blocked": 3}, outcome.errors
        assert {run.id for run in outcome.failed} == {plan.runs[1].id, plan.runs[3].id}
        assert (len(outcome.finished), outcome.stopped, outcome.same_error) == (3 * CHAINS - 5, False, "")
        assert [tries(plan.runs[i]) for i in (0, 1, 3)] == [1, 2, 2]
        assert sum(event == "retry" for event, _, _ in events) == 2
        when = {(event, id): number for number, (event, id, _) in enumerate(events)}
        assert all(
            when["done", run.parent.id] < when["started", run.id]
            for run in plan.runs
            if run.parent and ("started", run.id) in when
        )
        orders(plan)
        plan = fake_plan(tmp_path, chains=CHAINS)
        outcome, events = swept(plan, self.executor(plan))
        assert {run.id for run in outcome.finished} == {plan.runs[i].id for i in (1, 2, 3, 4, 5)}
        assert states(plan) == {"done": 3 * CHAINS}
        assert not list(plan.folder.glob("runs/*/error.json"))

    def test_an_end_without_a_result_is_not_done(self, tmp_path):
        plan = fake_plan(tmp_path, chains=2)
        orders(plan, run0="exit0", run3="says done")
        outcome, _ = swept(plan, self.executor(plan))
        assert len(outcome.finished) == 0
        assert "ended without result.json" in outcome.errors[plan.runs[3].id]
        assert [run.state() for run in plan.runs] == ["failed", "blocked", "blocked"] * 2

    def test_a_stopped_sweep_has_saved_its_runs_and_goes_on_from_there(self, tmp_path):
        plan = fake_plan(tmp_path, chains=2)
        orders(plan, run0="resume 100", run3="resume 100")
        both = stop_when(lambda running: sum(one.progress.get("step", 0) > 0 for one in running) == 2)
        outcome, events = swept(plan, self.executor(plan), on_tick=both)
        assert outcome.stopped
        assert [event for event, _, _ in events].count("stopped") == 2
        saved = [int((plan.runs[i].folder.path / "saved.txt").read_text()) for i in (0, 3)]
        assert all(0 < step < 100 for step in saved)
        assert not any(run.folder.is_claimed() for run in plan.runs)
        plan = fake_plan(tmp_path, chains=2)
        swept(plan, self.executor(plan))
        assert states(plan) == {"done": 6}
        assert [(plan.runs[i].folder.path / "begun.txt").read_text().split() for i in (0, 3)] == [
            ["0", str(step)] for step in saved
        ]

    def test_one_job_is_cancelled_and_the_other_goes_on(self, tmp_path):
        plan = fake_plan(tmp_path, chains=2)
        orders(plan, run0="steps 2000", run3="steps 60")
        executor, begun = self.executor(plan), set()
        try:
            for run in (plan.runs[0], plan.runs[3]):
                executor.start(job_of(run))
            while len(begun) < 2:
                begun |= {change.id for change in executor.poll(0.2) if change.progress.get("step")}
            executor.cancel([plan.runs[0].id])
            found = ends(executor, 2)
        finally:
            executor.close()
        assert {id: end.cause for id, end in found.items()} == {plan.runs[0].id: STOPPED, plan.runs[3].id: DONE}
        assert (plan.runs[0].folder.path / "saved.txt").exists()

    def test_after_close_nothing_is_left_of_a_run_that_hangs(self, tmp_path):
        plan = fake_plan(tmp_path, chains=1)
        orders(plan, run0="hang")
        executor = self.executor(plan)
        try:
            executor.start(job_of(plan.runs[0]))
            while not any(change.progress.get("step") for change in executor.poll(0.2)):
                pass
        finally:
            executor.close()
        until = time.monotonic() + 30
        while plan.runs[0].folder.is_claimed() and time.monotonic() < until:
            time.sleep(0.2)
        assert not plan.runs[0].folder.is_claimed()
