"""The Slurm executor: each run is a job of the cluster, submitted through submitit; together as an array.

Driver and jobs share one folder, results/<grid>/slurm: `jobs.json` (run id: Slurm's job id), for each run
`<id>.progress.json` and `<id>.end.json` from its job and `<id>.cancel` from the driver, and `logs/`.  States come from
`squeue` alone: many clusters keep no accounting.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.spec import BadInput, one_line
from suite.store.folder import dump_json, write_atomic
from suite.sweep import worker
from suite.sweep.executors.base import CANCELLED, CRASH, LOST, MEMORY, STOPPED, Body, Change, End, Executor, Job
from suite.sweep.executors.machine import Machine
from suite.sweep.executors.slurm_task import SlurmTask, file_of

# https://slurm.schedmd.com/squeue.html, "Job State Codes": in any other state a job does not run and will not.
ACTIVE = set(
    "PENDING RUNNING CONFIGURING COMPLETING SUSPENDED REQUEUED REQUEUE_HOLD REQUEUE_FED SPECIAL_EXIT RESIZING "
    "SIGNALING STAGE_OUT STOPPED".split()
)
WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"}
AGAIN = {"TIMEOUT", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "DEADLINE"}  # not the run's fault: from its checkpoint
CAUSES = {"CANCELLED": CANCELLED, "OUT_OF_MEMORY": MEMORY, "FAILED": CRASH}
MISSED = 2  # polls in which a job is in no queue before it counts as gone
MISSING = "--executor slurm needs the package submitit, which is not installed (uv pip install submitit)."


@dataclass
class SlurmOptions:
    """What is asked of the cluster for each run; `sbatch` holds options of sbatch by their own names."""

    folder: Path
    sbatch: dict[str, str] = field(default_factory=dict)
    gpus_per_run: int = 0
    cpus_per_run: int = 1
    processes: int = 1  # per run; on GPUs one per GPU
    workers: int | None = None  # data-loading processes per run
    jobs: int = 500  # at most, in the queue at the same time
    detach: bool = False  # leave jobs in the queue when the driver is stopped
    seconds: float = 5.0  # between two questions to squeue


@dataclass
class _Placed:
    """A run whose job is in the queue, or on its way to it."""

    job: Job
    number: str = ""  # of the Slurm job; empty until it is submitted
    state: str = "PENDING"
    missed: int = 0
    cancelled: bool = False
    progress: dict[str, Any] = field(default_factory=dict)
    queued: bool = True


class SlurmExecutor(Executor):
    """Submits jobs to Slurm and follows them by `squeue` and by the files that they write.

    Raises BadInput where submitit or Slurm's commands are missing, or sbatch refuses a job.
    """

    queues, placing = True, "as Slurm jobs"

    def __init__(self, options: SlurmOptions, body: Body = worker.run_job):
        self.options, self.body, self.folder = options, body, options.folder.absolute()
        self.detached = options.detach
        device = "cuda" if options.gpus_per_run else "cpu"
        threads = max(1, options.cpus_per_run // options.processes)
        workers = options.workers if options.workers is not None else (threads if device == "cuda" else 0)
        self.machine = Machine(options.jobs, device, threads, workers, options.processes)
        self.submitter = _submitter(options, self.folder / "logs")
        self.placed: dict[str, _Placed] = {}
        self.before: dict[str, str] = {}  # run id -> job of an earlier driver that is still queued or running
        self.asked = 0.0

    def capacity(self) -> int:
        return self.machine.slots

    def placed_before(self) -> set[str]:
        numbers = self._numbers()
        states = self._states(list(numbers.values())) or {}
        self.before = {
            run: number
            for run, number in numbers.items()
            if states.get(number) in ACTIVE and _read(file_of(self.folder, run, "end.json")).get("job") != number
        }
        return set(self.before)

    def start(self, job: Job) -> None:
        if earlier := self.before.pop(job.id, ""):
            self.placed[job.id] = _Placed(job, earlier)
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for kind in ("progress.json", "end.json", "cancel"):
            file_of(self.folder, job.id, kind).unlink(missing_ok=True)
        self.placed[job.id] = _Placed(job)

    def poll(self, seconds: float) -> list[Change]:
        self._submit()
        time.sleep(seconds)
        if time.monotonic() - self.asked < self.options.seconds:
            return []  # a shared disk is asked as rarely as squeue
        self._ask_squeue()
        changes = []
        for id, placed in list(self.placed.items()):
            progress = _read(file_of(self.folder, id, "progress.json"))
            if progress and progress != placed.progress:
                placed.progress = progress
                changes.append(Change(id, progress))
            if placed.queued != (placed.state in WAITING):
                placed.queued = not placed.queued
                changes.append(Change(id, {"queued": placed.queued}))
            if end := self._end_of(placed):
                del self.placed[id]
                changes.append(Change(id, end=end))
        return changes

    def cancel(self, ids: Iterable[str] | None = None) -> None:
        """Queued jobs leave the queue; running ones are told by a file, for scancel gives them seconds alone."""
        chosen = list(self.placed) if ids is None else [id for id in ids if id in self.placed]
        for id in chosen:
            placed = self.placed[id]
            placed.cancelled = True
            if placed.number:
                file_of(self.folder, id, "cancel").touch()
        self._scancel([self.placed[id] for id in chosen], "--state=PENDING")
        self.asked = 0.0

    def close(self) -> None:
        if not self.detached:
            self._scancel(list(self.placed.values()))
        self.placed.clear()

    def _submit(self) -> None:
        new = [placed for placed in self.placed.values() if not placed.number and not placed.cancelled]
        if not new:
            return
        tasks = [SlurmTask(placed.job, self.body, self.folder) for placed in new]
        try:
            with self.submitter.batch():
                submitted = [self.submitter.submit(task) for task in tasks]
        except Exception as error:  # submitit's, with what sbatch has printed
            raise BadInput(f"sbatch refused the jobs: {one_line(str(error))[-500:]}") from error
        for placed, job in zip(new, submitted, strict=True):
            placed.number = str(job.job_id)
        numbers = self._numbers() | {placed.job.id: placed.number for placed in new}
        write_atomic(self.folder / "jobs.json", dump_json(numbers))

    def _numbers(self) -> dict[str, str]:
        """Run id -> the Slurm job that was last submitted for it."""
        return _read(self.folder / "jobs.json")

    def _ask_squeue(self) -> None:
        self.asked = time.monotonic()
        numbered = [placed for placed in self.placed.values() if placed.number]
        states = self._states([placed.number for placed in numbered])
        if states is None:
            return  # the controller does not answer: nothing is known, nothing has ended
        for placed in numbered:
            found = states.get(placed.number)
            placed.missed = 0 if found in ACTIVE else placed.missed + 1
            placed.state = found or placed.state

    def _states(self, numbers: list[str]) -> dict[str, str] | None:
        """Job -> state, of those that Slurm still knows; None where it cannot be asked."""
        if not numbers:
            return {}
        command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T", "--me"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode:
            return None
        return dict(line.strip().split("|", 1) for line in done.stdout.splitlines() if "|" in line)

    def _end_of(self, placed: _Placed) -> End | None:
        if not placed.number:
            return End(STOPPED) if placed.cancelled else None
        end = _read(file_of(self.folder, placed.job.id, "end.json"))
        if end and end.get("job") == placed.number:
            return End(str(end["cause"]), str(end["text"]))
        if placed.missed < MISSED:
            return None
        if placed.cancelled or placed.state in AGAIN:
            return End(STOPPED, f"Slurm job {placed.number} ended with state {placed.state}")
        cause = CAUSES.get(placed.state, LOST)
        known = "is no longer in the queue" if cause == LOST else f"ended with state {placed.state}"
        logs = self.folder / "logs" / f"{placed.number}_0_log.err"
        return End(cause, f"Slurm job {placed.number} {known} and has not said why; its log is {logs}.")

    def _scancel(self, placed: list[_Placed], *options: str) -> None:
        numbers = [one.number for one in placed if one.number]
        for first in range(0, len(numbers), 100):
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(["scancel", *options, *numbers[first : first + 100]], capture_output=True, timeout=60)


def _submitter(options: SlurmOptions, logs: Path) -> Any:
    try:
        import submitit
    except ImportError:
        raise BadInput(MISSING) from None
    lacking = [name for name in ("sbatch", "squeue", "scancel", "srun") if shutil.which(name) is None]
    if lacking:
        raise BadInput(f"--executor slurm needs Slurm's commands on this machine; {lacking[0]} is not found.")
    submitter = submitit.SlurmExecutor(folder=logs)
    asked: dict[str, Any] = {"job_name": "suite", "requeue": True, "cpus_per_task": options.cpus_per_run}
    if options.gpus_per_run:
        asked["gpus_per_node"] = options.gpus_per_run
    asked |= {key.replace("-", "_"): value for key, value in options.sbatch.items()}
    cpus, threads = options.cpus_per_run, max(1, options.cpus_per_run // options.processes)
    submitter.update_parameters(
        # Before torch loads: two spinning threads of one run stall each other.
        setup=[f"export OMP_NUM_THREADS={threads} GOMP_SPINCOUNT=0 SRUN_CPUS_PER_TASK={cpus}"],
        array_parallelism=options.jobs,
        additional_parameters=asked,
    )
    return submitter


def _read(file: Path) -> dict[str, Any]:
    """What a JSON file holds; {} where there is none, or it cannot be read yet."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
