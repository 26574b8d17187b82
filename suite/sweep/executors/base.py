"""What the scheduler and an executor say to each other: a job, what became of it, and the five things to ask for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.sweep.executors.machine import Machine

# Why a job ended.
DONE = "done"  # it says so; the result file decides
FAILED = "failed"  # an exception
INPUT = "input"  # an error that another try would only repeat
DISK = "disk"  # no space left
MEMORY = "memory"  # out of memory, of the GPU or of the machine
LOADER = "loader"  # one of its data-loading processes was killed
CRASH = "crash"  # its process ended without an error message: killed, or a fault in native code
EXITED = "exited"  # the same with exit code 0, as after os._exit(0)
STOPPED = "stopped"  # it was told to stop, and saved its state
CANCELLED = "cancelled"  # somebody else ended its job
BUSY = "busy"  # another process is working on the run
LOST = "lost"  # nobody knows: what it ran under is gone


@dataclass(frozen=True)
class Job:
    """What a worker is told: where the run is and what of the machine it may use: its place, not its identity."""

    folder: str
    spec: dict[str, Any]  # the run as it is planned now: of a finished one, its tests may have changed
    data: str
    device: str = "cpu"  # "cuda": the GPUs in `gpu`
    gpu: str | None = None  # names of its GPUs, with commas between them; None: those that it may see
    processes: int = 1  # that train the run together, on the GPUs in `gpu` one each
    threads: int = 1  # of each process
    workers: int = 0  # data-loading processes of each process
    deterministic: bool = False  # as `suite.device.set_determinism` has it
    checkpoint_seconds: float = 60.0
    checkpoint_steps: int | None = None
    id: str = ""
    gib: float = 0.0  # memory of a training step, as the plan estimates it
    seconds: float = 0.0  # that the run still needs, as the plan estimates it; 0: not known
    claim: str = ""  # the key by which its process takes over the claim that the driver has made for it


@dataclass(frozen=True)
class End:
    """Why a job ended, with a sentence for a person where there is more to say."""

    cause: str
    text: str = ""


@dataclass(frozen=True)
class Change:
    """News of a job: its progress, or that it has ended.

    progress: step, steps, tested, videos, as the run reports them; queued, whether it waits in a queue.
    job: of a queued run, as the cluster names it.
    """

    id: str
    progress: dict[str, Any] = field(default_factory=dict)
    end: End | None = None
    job: str = ""


Body = Callable[[Job, Callable[[], bool], Callable[[dict[str, Any]], None]], End]
"""What a job does, in its own process: body(job, stopping, report)."""


class Executor(ABC):
    """Places jobs and tells what becomes of them; which job is next, and whether one is tried again, is not its task.

    machine: what of a machine each job may use.
    """

    machine: Machine
    placing: str = ""  # "as Slurm jobs"; empty: so many at a time
    queues: bool = False  # whether a job that was started may wait in a queue first
    basis: str = ""  # what the estimated seconds of its jobs rest on
    detached: bool = False  # whether its jobs go on when the driver is stopped

    @property
    def name(self) -> str:
        """local, slurm, ray: for a person."""
        return type(self).__name__.removesuffix("Executor").lower()

    @abstractmethod
    def capacity(self) -> int:
        """How many jobs it takes at the same time."""

    @abstractmethod
    def start(self, job: Job) -> None:
        """Places a job; returns at once.  A job that an earlier driver has placed is taken over."""

    @abstractmethod
    def poll(self, seconds: float) -> list[Change]:
        """What has changed; waits up to `seconds` for something to change."""

    @abstractmethod
    def cancel(self, ids: Iterable[str] | None = None) -> None:
        """Asks jobs (by default all) to save their state and stop; `poll` tells when they have."""

    @abstractmethod
    def close(self) -> None:
        """Ends whatever is still there, at once."""

    def describe(self) -> str:
        """How it places runs, for the first line of a sweep."""
        used = self.machine
        return f"{self.placing or f'{used.slots} at a time'} on {used.device}, {self._processes()}: {used.threads}"

    def _processes(self) -> str:
        several = self.machine.processes
        return f"{several} processes per run, CPU threads per process" if several > 1 else "CPU threads per run"

    def placed_before(self) -> dict[str, str]:
        """Ids of jobs that a driver that is gone has placed and that are still queued or running, with the keys of
        their claims ("" where that is not known)."""
        return {}

    def ready(self, data: Path, log: Callable[[str], None]) -> None:
        """Checks, before anything is placed, that runs can work where they will be.

        log: for what a person should know meanwhile.  Raises BadInput where they cannot.
        """
        return None
