"""The local executor: one process per run, as many at once as there are slots."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from suite.spec import BadInput
from suite.sweep import worker
from suite.sweep.executors.base import CRASH, EXITED, LOST, MEMORY, Body, Change, End, Executor, Job
from suite.sweep.executors.machine import Machine
from suite.sweep.out_of_memory import oom_kills, was_killed

UNKNOWN = 255  # exit code that multiprocessing gives where the fork server can no longer tell


@dataclass
class _Slot:
    """A job at work."""

    job: Job
    process: Any
    pipe: Any
    index: int
    progress: dict[str, Any] = field(default_factory=dict)
    end: End | None = None
    oom_kills: int | None = field(default_factory=oom_kills)  # of the machine, before it

    def read(self) -> bool:
        """Takes in what the worker has said; whether there was anything."""
        said = False
        try:
            while self.pipe.poll():
                message = self.pipe.recv()
                said = True
                if isinstance(message, End):
                    self.end = message
                else:
                    self.progress |= message
        except (EOFError, OSError):
            pass
        return said


class LocalExecutor(Executor):
    """Runs each job in a process of its own on this machine, started by a fork server that has torch loaded."""

    def __init__(self, machine: Machine, body: Body = worker.run_job):
        self.machine, self.body = machine, body
        self.slots: list[_Slot] = []
        # In the environment before torch loads in the fork server: two spinning threads per slot stall each other.
        os.environ["OMP_NUM_THREADS"] = str(machine.threads)
        os.environ.setdefault("GOMP_SPINCOUNT", "0")
        self.context = multiprocessing.get_context("forkserver")
        code = ["suite.training.run"] if body is worker.run_job else []
        self.context.set_forkserver_preload([*code, "suite.sweep.worker", "suite.sweep.loaded"])

    def capacity(self) -> int:
        return self.machine.slots

    def start(self, job: Job) -> None:
        taken = {slot.index for slot in self.slots}
        index = next(i for i in range(self.machine.slots) if i not in taken)
        if self.machine.device == "cuda":
            job = replace(job, gpu=_gpus_of(index, job.processes, self.machine.gpus))
        ours, theirs = self.context.Pipe()
        process = self._forked(job, theirs) or self._forked(job, theirs)  # the second is from a new fork server
        if process is None:  # an EOFError that propagates would end the driver without a word
            raise BadInput("The fork server, the process that starts the runs, ended as soon as it was started.")
        theirs.close()
        self.slots.append(_Slot(job, process, ours, index))

    def _forked(self, job: Job, theirs: Any) -> Any:
        """The process of a job; None where the fork server has just been killed."""
        process = self.context.Process(target=worker.work, args=(job, theirs, self.body), name=job.id)
        try:
            _start_fork_server()
            process.start()
        except (EOFError, ConnectionError):
            return None
        return process

    def poll(self, seconds: float) -> list[Change]:
        if self.slots:
            multiprocessing.connection.wait([slot.process.sentinel for slot in self.slots], seconds)
        else:
            time.sleep(seconds)
        # An end first, then what was said before it: nothing that a worker said is missed.
        ended = [slot for slot in self.slots if not slot.process.is_alive()]
        changes = [Change(slot.job.id, dict(slot.progress)) for slot in self.slots if slot.read()]
        for slot in ended:
            slot.process.join()
            slot.pipe.close()
            self.slots.remove(slot)
            changes.append(Change(slot.job.id, end=slot.end or _end_of(slot)))
        return changes

    def cancel(self, ids: Iterable[str] | None = None) -> None:
        chosen = None if ids is None else set(ids)
        for slot in self.slots:
            if (chosen is None or slot.job.id in chosen) and slot.process.is_alive():
                slot.process.terminate()

    def close(self) -> None:
        for slot in self.slots:
            with contextlib.suppress(OSError):
                slot.process.kill()
            slot.process.join()
            slot.pipe.close()
        self.slots.clear()


def _start_fork_server() -> None:
    """Starts the fork server where there is none, deaf to Ctrl-C: while it loads PyTorch, that would end it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # it inherits this
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _gpus_of(slot: int, processes: int, gpus: int) -> str:
    """The names of a slot's GPUs, one per process, among those that this process may see."""
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    groups = gpus // processes  # of GPUs that work together; with more slots than groups, slots share one
    first = slot % groups * processes
    return ",".join(visible[index] if visible else str(index) for index in range(first, first + processes))


def _end_of(slot: _Slot) -> End:
    """What the exit code of a process tells that has not said why it ended."""
    code = slot.process.exitcode
    if code == UNKNOWN:
        return End(LOST, "The fork server, the process that starts the runs, was killed.")
    if code == 0:
        return End(EXITED, "The process of the run exited with code 0 before the run was finished (os._exit?).")
    if code == -signal.SIGKILL and (lacking := was_killed(slot.oom_kills, slot.job.gib)):
        return End(MEMORY, lacking)
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return End(CRASH, f"The process of the run ended unexpectedly ({name}).")
