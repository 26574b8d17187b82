"""The local executor: one process per run, as many at once as there are slots."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.device import cores, usable_device
from suite.sweep import worker
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun


@dataclass(frozen=True)
class Machine:
    """What of this machine a sweep may use.  The number of threads is part of what makes CPU results repeatable."""

    slots: int
    device: str
    threads: int
    workers: int

    @classmethod
    def of(cls, slots: int | None = None, device: str | None = None, workers: int | None = None) -> Machine:
        """As slots the GPUs, else up to eight cores.  Raises BadInput where the device is not there."""
        device = usable_device(device)
        slots = slots or (_gpus() if device == "cuda" else min(cores(), 8))
        threads = max(1, cores() // slots)
        if workers is None:
            workers = min(12, threads) if device == "cuda" else 0
        return cls(slots, device, threads, workers)


def _gpus() -> int:
    """Number of GPUs, asked without starting CUDA in this process."""
    import torch

    return torch.cuda.device_count()


def _gpu(slot: int) -> str:
    """The name of a slot's GPU, among those that this process may see."""
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    index = slot % _gpus()
    return visible[index] if visible else str(index)


@dataclass
class Slot:
    """A run at work."""

    run: PlannedRun
    process: Any
    pipe: Any
    index: int
    began: float = field(default_factory=time.monotonic)
    progress: dict[str, Any] = field(default_factory=dict)

    def read(self) -> None:
        """Takes in what the worker has said."""
        try:
            while self.pipe.poll():
                self.progress |= self.pipe.recv()
        except (EOFError, OSError):
            pass

    def fraction(self) -> float:
        """How much of the run is done, by steps; testing counts as the last twentieth."""
        trained = self.progress.get("step", 0) / max(1, self.progress.get("steps", 1))
        tested = self.progress.get("tested", 0) / max(1, self.progress.get("videos", 0))
        return 0.95 * trained + (0.05 * tested if trained == 1 else 0.0)


@dataclass
class SweepOutcome:
    """How a sweep ended."""

    finished: list[PlannedRun] = field(default_factory=list)
    failed: list[PlannedRun] = field(default_factory=list)
    stopped: bool = False


class LocalExecutor:
    """Runs what a plan still needs: the longest chain first, each run in its own process, retried after a crash.

    A run that fails blocks only the runs that start from it.  On SIGINT or SIGTERM all runs save and stop.
    """

    def __init__(
        self,
        plan: Plan,
        data: Path,
        machine: Machine,
        *,
        retries: int = 1,
        checkpoint_seconds: float = 60.0,
        checkpoint_steps: int | None = None,
    ):
        self.plan, self.data, self.machine, self.retries = plan, data, machine, retries
        self.checkpoint_seconds, self.checkpoint_steps = checkpoint_seconds, checkpoint_steps
        self.slots: list[Slot] = []
        self.tries: dict[str, int] = {}
        self.stopping = threading.Event()
        # In the environment before torch loads in the fork server: two spinning threads per slot stall each other.
        os.environ["OMP_NUM_THREADS"] = str(machine.threads)
        os.environ.setdefault("GOMP_SPINCOUNT", "0")
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["suite.training.run", "suite.sweep.worker", "suite.sweep.loaded"])

    def execute(
        self,
        on_event: Callable[[str, PlannedRun], None] = lambda event, run: None,
        on_tick: Callable[[LocalExecutor], None] = lambda executor: None,
    ) -> SweepOutcome:
        """Works until nothing is left that can run.  Events: started, done, failed, retry, stopped."""
        outcome = SweepOutcome()
        waiting = [run for run in self.plan.runs if run.state() not in ("done",)]
        with self._signals():
            try:
                while not self.stopping.is_set():
                    for run in self._ready(waiting):
                        waiting.remove(run)
                        if run.folder.id == run.spec.id:  # else an earlier version made it
                            run.folder.create(run.spec)
                        self._start(run)
                        on_event("started", run)
                    if not self.slots:
                        break
                    self._wait(0.2)
                    for slot in [slot for slot in self.slots if not slot.process.is_alive()]:
                        self._ended(slot, waiting, outcome, on_event)
                    on_tick(self)
            finally:  # asked to stop, or an error of the driver's own: no worker is left behind
                outcome.stopped = self.stopping.is_set()
                self._stop(on_event)
        return outcome

    def _ready(self, waiting: list[PlannedRun]) -> list[PlannedRun]:
        free = self.machine.slots - len(self.slots)
        able = [run for run in waiting if run.parent is None or run.parent.folder.result_file.exists()]
        return sorted(able, key=lambda run: -run.chain_cost())[:free]

    def _start(self, run: PlannedRun) -> None:
        taken = {slot.index for slot in self.slots}
        index = next(i for i in range(self.machine.slots) if i not in taken)
        job = worker.Job(
            folder=str(run.folder.path.resolve()),
            spec=run.spec.resolved(),
            data=str(self.data),
            device=self.machine.device,
            gpu=_gpu(index) if self.machine.device == "cuda" else None,
            threads=self.machine.threads,
            workers=self.machine.workers,
            checkpoint_seconds=self.checkpoint_seconds,
            checkpoint_steps=self.checkpoint_steps,
        )
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=worker.work, args=(job, theirs), name=run.id)
        process.start()
        theirs.close()
        self.slots.append(Slot(run, process, ours, index))

    def _wait(self, seconds: float) -> None:
        multiprocessing.connection.wait([slot.process.sentinel for slot in self.slots], seconds)
        for slot in self.slots:
            slot.read()

    def _ended(
        self, slot: Slot, waiting: list[PlannedRun], outcome: SweepOutcome, on_event: Callable[[str, PlannedRun], None]
    ) -> None:
        slot.process.join()
        slot.pipe.close()
        self.slots.remove(slot)
        run, code = slot.run, slot.process.exitcode
        if code == worker.DONE:
            outcome.finished.append(run)
            on_event("done", run)
            return
        self.tries[run.id] = self.tries.get(run.id, 0) + 1
        if code not in (worker.DONE, worker.FAILED, worker.BAD_INPUT, worker.STOPPED):
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            run.folder.fail(f"The process of the run ended unexpectedly ({name}).", "crash")
        if code != worker.BAD_INPUT and self.tries[run.id] <= self.retries:
            waiting.append(run)
            on_event("retry", run)
            return
        outcome.failed.append(run)
        on_event("failed", run)

    def _stop(self, on_event: Callable[[str, PlannedRun], None]) -> None:
        for slot in self.slots:
            if slot.process.is_alive():
                slot.process.terminate()
        for slot in self.slots:
            slot.process.join(timeout=120)
            if slot.process.is_alive():
                slot.process.kill()
                slot.process.join()
            on_event("stopped" if slot.process.exitcode == worker.STOPPED else "lost", slot.run)
        self.slots.clear()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, lambda *_: self.stopping.set()) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
