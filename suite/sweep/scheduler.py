"""Which run is next, which is tried again, and when a sweep is over.  An executor places the runs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection
from pathlib import Path

from suite.spec import BadInput
from suite.store.claims.held import CANCEL
from suite.sweep.cancelling import CancelRequests
from suite.sweep.claims import Claims
from suite.sweep.elsewhere import Elsewhere
from suite.sweep.executors.base import (
    BUSY,
    CANCELLED,
    CRASH,
    DISK,
    EXITED,
    FAILED,
    INPUT,
    LOADER,
    LOST,
    MEMORY,
    STOPPED,
    Change,
    End,
    Executor,
    Job,
)
from suite.sweep.outcome import SweepOutcome
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun
from suite.sweep.result_at_end import result_at_end
from suite.sweep.retries import Retries, end_by
from suite.sweep.running import Running
from suite.sweep.stop_signals import StopSignals

POLL = 0.2  # seconds
RETRIED = (FAILED, CRASH, LOADER, MEMORY)  # each cause has its own number of retries
MOST_LOST = 5  # times that what a run runs under may disappear
RECORDED = (CRASH, EXITED, CANCELLED, LOST, DISK, MEMORY)  # causes that a run could not write down itself
REPEATED = (FAILED, INPUT)  # causes that are exceptions

OnEvent = Callable[[str, PlannedRun, str], None]
OnTick = Callable[[Collection[Running]], None]


class Scheduler:
    """Runs what a plan still needs: the longest chain first, with a number of retries for each cause.

    A run that fails blocks only the runs that start from it.  A run that another process is working on is waited for.
    On SIGINT, SIGTERM or SIGHUP all runs save and stop; on a second signal they stop without saving.
    """

    def __init__(
        self,
        plan: Plan,
        data: Path,
        executor: Executor,
        *,
        retries: int = 1,
        checkpoint_seconds: float = 60.0,
        checkpoint_steps: int | None = None,
        deterministic: bool = False,
        stall_seconds: float = 60.0,
    ):
        self.plan, self.data, self.executor, self.retries = plan, data, executor, retries
        self.checkpoint_seconds, self.checkpoint_steps = checkpoint_seconds, checkpoint_steps
        self.deterministic = deterministic
        self.stall_seconds = stall_seconds
        self.waiting: list[PlannedRun] = []
        self.running: dict[str, Running] = {}
        self.tries = Retries()
        self.changed = True  # whether a run may have become ready
        self.signals = StopSignals()
        self.claims = Claims(executor)
        self.elsewhere = Elsewhere(self.claims, plan.runs)

    def execute(
        self,
        on_event: OnEvent = lambda event, run, text: None,
        on_tick: OnTick = lambda running: None,
    ) -> SweepOutcome:
        """Works until nothing is left that can run.

        Events, each with a text that may be empty: queued, started, waiting (for another process), done, failed, retry,
        resumed (what it ran under is gone), stalled, stopping (all of them), stopped, cancelled, lost, left
        (its job stays in the queue).
        """
        outcome, self.on_event = SweepOutcome(), on_event
        self.waiting = [run for run in self.plan.runs if run.state() != "done"]
        self.placed, self.requests = self.executor.placed_before(), CancelRequests(self.plan)
        with self.signals.caught():
            try:
                while not (self.signals.count or outcome.same_error or outcome.cancelled):
                    self._start(outcome)
                    if not (self.running or self.elsewhere or self.changed):
                        break
                    for change in self.executor.poll(POLL):
                        self._note(change, outcome)
                    self._look_elsewhere(outcome)
                    self._look_for_requests(outcome)
                    self._tell_stalls()
                    on_tick(self.running.values())
            finally:  # asked to stop, or an error of the driver's own: no worker is left behind
                outcome.stopped = self.signals.count > 0 or outcome.cancelled
                self._stop(outcome)
        return outcome

    def ready(self, waiting: list[PlannedRun]) -> list[PlannedRun]:
        """The runs to start now, the head of the longest chain first; no more than there is room for."""
        room = self.executor.capacity() - len(self.running)
        if room <= 0:
            return []
        able = [run for run in waiting if run.parent is None or run.parent.is_over(self.running)]
        return sorted(able, key=lambda run: -run.chain_cost())[:room]

    def _start(self, outcome: SweepOutcome) -> None:
        while self.changed and not self.signals.count:
            self.changed = False
            for run in itertools.takewhile(lambda _: not self.signals.count, self.ready(self.waiting)):
                self.waiting.remove(run)
                self._start_one(run, outcome)

    def _start_one(self, run: PlannedRun, outcome: SweepOutcome) -> None:
        if self.requests.is_cancelled(run):
            return self._cancelled(run, outcome)
        if self.elsewhere.has_failed(run):
            return self._wait_for(run)
        try:
            if run.folder.id == run.spec.id:  # else an earlier version made it
                run.folder.create(run.spec)
            key = self.claims.take(run.folder, self.placed.pop(run.id, None))
            done = key is not None and run.result() is not None  # by another driver, since we looked
        except (OSError, BadInput) as error:
            self.changed = True
            self.claims.release(run.folder)
            return self._fail(run, end_by(error, self.plan.folder), outcome)
        if key is None or done:
            self.changed = True
            self._wait_for(run) if key is None else self._done(run, outcome)
            return
        self.requests.forget_earlier(run)
        self.executor.start(self._job(run, key))
        self.running[run.id] = Running(run, self.executor.queues)
        self.on_event("queued" if self.executor.queues else "started", run, "")

    def _job(self, run: PlannedRun, key: str) -> Job:
        return Job(
            folder=str(run.folder.path.resolve()),
            spec=run.spec.resolved(),
            data=str(self.data),
            **self.executor.machine.of_job(),
            deterministic=self.deterministic,
            checkpoint_seconds=self.checkpoint_seconds,
            checkpoint_steps=self.checkpoint_steps,
            id=run.id,
            gib=run.gib,
            seconds=run.seconds,
            claim=key,
        )

    def _note(self, change: Change, outcome: SweepOutcome) -> None:
        if change.end is None:
            running = self.running[change.id]
            was_queued = running.queued
            if change.job:
                self.claims.queue(running.run.folder, change.job)
            running.note(change.progress)
            if was_queued and not running.queued:
                self.on_event("started", running.run, "")
        else:
            self.changed = True
            self._ended(self.running.pop(change.id).run, change.end, outcome)

    def _ended(self, run: PlannedRun, end: End, outcome: SweepOutcome) -> None:
        """Done is what has a whole result, whatever its process said."""
        result, end = result_at_end(run, end)
        self.elsewhere.note_own_end(run)
        often = end.cause == LOST and not self.tries.again(run.id, LOST, MOST_LOST)
        held = end.cause in (BUSY, LOST) and self.claims.is_held_by_another(run.folder)
        if not held:
            self.claims.release(run.folder)
        if result is not None:
            self._done(run, outcome)
        elif held and not often:
            self._wait_for(run)
        elif self.requests.is_cancelled(run):
            self._cancelled(run, outcome)
        elif end.cause == STOPPED or (end.cause == LOST and not often):
            self.waiting.append(run)
            self.on_event("resumed", run, end.text)
        elif end.cause == BUSY:
            self.waiting.append(run)
        else:
            if end.cause in RECORDED:
                self._record(run, end)
            if end.cause in REPEATED and not outcome.finished and self.tries.all_alike(run.id, end.text):
                outcome.same_error = end.text
            if end.cause in RETRIED and self.tries.again(run.id, end.cause, self.retries) and not outcome.same_error:
                run.folder.clear_error()  # it has not failed yet
                self.waiting.append(run)
                self.on_event("retry", run, end.text)
            else:
                self._fail(run, end, outcome)

    def _done(self, run: PlannedRun, outcome: SweepOutcome) -> None:
        self.claims.release(run.folder)
        run.folder.clear_error()
        (run.folder.path / CANCEL).unlink(missing_ok=True)
        outcome.finished.append(run)
        self.on_event("done", run, "")

    def _cancelled(self, run: PlannedRun, outcome: SweepOutcome) -> None:
        """Somebody has asked for this run to stop: it is left for a later sweep."""
        self.changed = True
        outcome.cancelled_runs.append(run)
        self.on_event("cancelled", run, "")

    def _fail(self, run: PlannedRun, end: End, outcome: SweepOutcome) -> None:
        outcome.failed.append(run)
        outcome.errors[run.id] = end.text
        self.on_event("failed", run, end.text)

    def _record(self, run: PlannedRun, end: End) -> None:
        """Keeps why a run failed, where its process could not; never in a folder that another process works in."""
        try:
            if not run.folder.is_claimed():
                run.folder.fail(end.text, {EXITED: "input", DISK: "disk", MEMORY: "memory"}.get(end.cause, "crash"))
        except OSError:
            pass  # of a full disk: `outcome` has it

    def _wait_for(self, run: PlannedRun) -> None:
        self.elsewhere.add(run)
        self.changed = True  # its place is free for another one
        self.on_event("waiting", run, self.claims.damage(run.folder))

    def _look_elsewhere(self, outcome: SweepOutcome) -> None:
        left = self.elsewhere.left()
        self.placed |= self.executor.placed_before() if left else {}  # of drivers that are gone by now
        for run in left:
            self.changed = True
            if run.state() == "done":
                self._done(run, outcome)
            elif self.elsewhere.has_failed(run):
                self._fail(run, End(FAILED, f"{(run.folder.error() or {}).get('error')} (in another sweep)"), outcome)
            else:
                self.waiting.append(run)

    def _look_for_requests(self, outcome: SweepOutcome) -> None:
        if self.requests.is_due():
            outcome.cancelled = self.requests.all_runs()
            wanted = self.requests.news(self.plan.runs)
            if at_work := [run.id for run in wanted if run.id in self.running]:
                self.executor.cancel(at_work)
            for run in [run for run in self.waiting if run in wanted]:
                self.waiting.remove(run)
                self._cancelled(run, outcome)

    def _tell_stalls(self) -> None:
        for running in self.running.values():
            if not running.stalled and running.is_silent(self.stall_seconds):
                running.stalled = True
                self.on_event("stalled", running.run, running.stall_text())

    def _stop(self, outcome: SweepOutcome) -> None:
        """Lets the runs that are at work save, each for as long as it may need; ends them at a second signal."""
        try:
            if self.running and (outcome.cancelled or not self.executor.detached):
                self.executor.cancel()
                self._save_all(outcome)
        finally:
            self.executor.close()
            for running in self.running.values():
                self.on_event("left" if self.executor.detached else "lost", running.run, "")
                if not self.executor.detached:
                    self.claims.release(running.run.folder)
            self.claims.close()
            self.running.clear()

    def _save_all(self, outcome: SweepOutcome) -> None:
        until = {id: time.monotonic() + running.patience() for id, running in self.running.items()}
        longest = max(self.running.values(), key=Running.patience)
        asked = self.signals.count
        self.on_event("stopping", longest.run, f"at most {longest.patience():.0f} s")
        while any(time.monotonic() < until[id] for id in self.running) and self.signals.count == asked:
            for change in self.executor.poll(POLL):
                if change.end is None:
                    continue
                run = self.running.pop(change.id).run
                result, end = result_at_end(run, change.end)
                self.claims.release(run.folder)
                if result is not None:
                    self._done(run, outcome)
                elif end.cause in (STOPPED, LOST, BUSY, CRASH, CANCELLED):
                    self.on_event("stopped" if end.cause == STOPPED else "lost", run, "")
                else:
                    self._fail(run, end, outcome)
