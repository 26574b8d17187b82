"""The Slurm executor: each run is a job of the cluster, submitted through submitit; together as an array.

Driver and jobs share one folder, results/<grid>/slurm (`suite.sweep.executors.slurm_files`), and logs in `logs/` there.
States come from `squeue` alone: many clusters keep no accounting.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.spec import BadInput, one_line
from suite.store.claims.held import held
from suite.sweep import worker
from suite.sweep.executors import slurm_queue
from suite.sweep.executors.base import (
    CANCELLED,
    CRASH,
    DONE,
    LOADER,
    LOST,
    MEMORY,
    STOPPED,
    Body,
    Change,
    End,
    Executor,
    Job,
)
from suite.sweep.executors.machine import Machine
from suite.sweep.executors.slurm_files import (
    Submitted,
    all_submitted,
    driver_folder,
    file_of,
    is_at_work,
    read_json,
    write_submitted,
)
from suite.sweep.executors.slurm_needs import Needs, SlurmOptions, needs_of
from suite.sweep.executors.slurm_queue import ACTIVE, WAITING
from suite.sweep.executors.slurm_smoke import MINUTES, note_checked, smoke, was_checked
from suite.sweep.executors.slurm_task import SlurmTask
from suite.sweep.out_of_memory import GPU

CAUSES = {"CANCELLED": CANCELLED, "OUT_OF_MEMORY": MEMORY, "FAILED": CRASH}
FAULTS = {"TIMEOUT", "DEADLINE", "NODE_FAIL", "BOOT_FAIL"}  # not the run's own: it goes on from its checkpoint
MISSED = 2  # polls in which a job is in no queue before it counts as gone
MISSING = "--executor slurm needs the package submitit, which is not installed (uv pip install submitit)."


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
        self.machine = Machine.of_node(options)
        self.submitter, self.asked_for = _submitter(options, self.machine.threads, self.folder / "logs")
        self.limits = slurm_queue.limits_of(options.sbatch.get("partition", ""))
        self.placed: dict[str, _Placed] = {}
        self.before: dict[str, Submitted] = {}  # run id -> job of an earlier driver that is still queued or running
        self.about: dict[str, Any] = {}  # what a smoke job is good for
        self.more: dict[str, int] = {}  # run id -> how many times the estimated memory, after a job had too little
        self.driver, self.at_work = secrets.token_hex(8), contextlib.ExitStack()
        self.asked = 0.0

    def capacity(self) -> int:
        return self.machine.slots

    def describe(self) -> str:
        limit = f"time limits {self.basis}" if self.basis else "no --time: no device of this kind was measured"
        return super().describe() + ("" if "time" in self.options.sbatch else f"; {limit}")

    def ready(self, data: Path, log: Callable[[str], None]) -> None:
        self.about = {"sbatch": self.asked_for, "data": str(data.absolute())}
        if not self.options.smoke or was_checked(self.folder, self.about) or self.placed_before():
            return

        def submit(task: Callable[[], str]) -> str:
            minutes = min(MINUTES, self.limits.minutes or MINUTES)
            return self._send([task], Needs(minutes).for_sbatch() | self._needs(Job("", {}, "")).memory())[0]

        smoke(self.folder, data.absolute(), self.options.gpus_per_run, submit, log, min(1.0, self.options.seconds))
        note_checked(self.folder, self.about)

    def placed_before(self) -> dict[str, str]:
        known = {run: found for run, found in all_submitted(self.folder).items() if run not in self.placed}
        states = (slurm_queue.states_of_jobs() or {}) if known else {}
        self.before = {
            run: found
            for run, found in known.items()
            if states.get(found.job) in ACTIVE
            and read_json(file_of(self.folder, run, "end.json")).get("job") != found.job
            and not is_at_work(self.folder, found.driver)
        }
        return {run: found.claim for run, found in self.before.items()}

    def start(self, job: Job) -> None:
        if not self.placed and not driver_folder(self.folder, self.driver).exists():
            self.at_work.callback(shutil.rmtree, driver_folder(self.folder, self.driver), ignore_errors=True)
            self.at_work.enter_context(held(driver_folder(self.folder, self.driver)))
        if earlier := self.before.pop(job.id, None):
            self.placed[job.id] = _Placed(job, earlier.job)
            write_submitted(self.folder, job.id, Submitted(earlier.job, job.claim, self.driver))
            return
        for kind in ("progress.json", "end.json", "cancel"):
            file_of(self.folder, job.id, kind).unlink(missing_ok=True)
        self.placed[job.id] = _Placed(job)

    def poll(self, seconds: float) -> list[Change]:
        submitted = self._submit()
        if submitted:
            return submitted
        time.sleep(seconds)
        if time.monotonic() - self.asked < self.options.seconds:
            return []  # a shared disk is asked as rarely as squeue
        self._ask_squeue()
        changes: list[Change] = []
        for id, placed in list(self.placed.items()):
            progress = read_json(file_of(self.folder, id, "progress.json"))
            if progress and progress != placed.progress:
                placed.progress = progress
                changes.append(Change(id, progress))
            if placed.queued != (placed.state in WAITING):
                placed.queued = not placed.queued
                changes.append(Change(id, {"queued": placed.queued}, job=placed.number if placed.queued else ""))
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
        self.at_work.close()

    def _submit(self) -> list[Change]:
        """Sends what was started since, one array for jobs with the same needs; their numbers are the news."""
        arrays: dict[Needs, list[_Placed]] = {}
        for placed in self.placed.values():
            if not placed.number and not placed.cancelled:
                arrays.setdefault(self._needs(placed.job), []).append(placed)
        news = []
        for needs, new in arrays.items():
            tasks = [SlurmTask(placed.job, self.body, self.folder) for placed in new]
            for placed, number in zip(new, self._send(tasks, needs.for_sbatch()), strict=True):
                placed.number = number
                write_submitted(self.folder, placed.job.id, Submitted(number, placed.job.claim, self.driver))
                news.append(Change(placed.job.id, {"queued": True}, job=number))
        return news

    def _needs(self, job: Job) -> Needs:
        return needs_of(job, self.options, self.limits, self.more.get(job.id, 1))

    def _send(self, tasks: list[Any], needs: dict[str, str]) -> list[str]:
        """The numbers of the jobs that were submitted for these functions.  Raises BadInput where sbatch refuses."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.submitter.update_parameters(additional_parameters=self.asked_for | needs)
        try:
            with self.submitter.batch():
                submitted = [self.submitter.submit(task) for task in tasks]
        except Exception as error:  # submitit's, with what sbatch has printed
            raise BadInput(f"sbatch refused the jobs: {one_line(str(error))[-500:]}") from error
        return [str(job.job_id) for job in submitted]

    def _ask_squeue(self) -> None:
        self.asked = time.monotonic()
        numbered = [placed for placed in self.placed.values() if placed.number]
        states = slurm_queue.states_of_jobs() if numbered else {}
        if states is None:
            return  # the controller does not answer: nothing is known, nothing has ended
        for placed in numbered:
            found = states.get(placed.number)
            placed.missed = 0 if found in ACTIVE else placed.missed + 1
            placed.state = found or placed.state

    def _end_of(self, placed: _Placed) -> End | None:
        if not placed.number:
            return End(STOPPED) if placed.cancelled else None
        end = read_json(file_of(self.folder, placed.job.id, "end.json"))
        if end and end.get("job") == placed.number:
            if end["cause"] == DONE and self.about:
                note_checked(self.folder, self.about)
            if end["cause"] in (MEMORY, LOADER) and not str(end["text"]).startswith(f"Out of {GPU}"):
                self._had_too_little_memory(placed)
            return End(str(end["cause"]), str(end["text"]))
        if placed.missed < MISSED:
            return None
        if placed.state == "OUT_OF_MEMORY":
            self._had_too_little_memory(placed)
        if placed.cancelled or placed.state == "PREEMPTED":
            return End(STOPPED, f"Slurm job {placed.number} ended with state {placed.state}")
        cause = CAUSES.get(placed.state, LOST)
        told = placed.state in CAUSES or placed.state in FAULTS
        known = f"ended with state {placed.state}" if told else "is no longer in the queue"
        logs = self.folder / "logs" / f"{placed.number}_0_log.err"
        return End(cause, f"Slurm job {placed.number} {known} and reported no reason; its log is {logs}.")

    def _had_too_little_memory(self, placed: _Placed) -> None:
        self.more[placed.job.id] = 2 * self.more.get(placed.job.id, 1)

    def _scancel(self, placed: list[_Placed], *options: str) -> None:
        slurm_queue.cancel([one.number for one in placed if one.number], *options)


def _submitter(options: SlurmOptions, threads: int, logs: Path) -> tuple[Any, dict[str, Any]]:
    """submitit's executor, and the options of sbatch that hold for all jobs."""
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
    submitter.update_parameters(
        time=None,  # else submitit asks for five minutes
        # Before torch loads: two spinning threads of one run stall each other.
        setup=[f"export OMP_NUM_THREADS={threads} GOMP_SPINCOUNT=0 SRUN_CPUS_PER_TASK={options.cpus_per_run}"],
        array_parallelism=options.jobs,
        additional_parameters=asked,
    )
    return submitter, asked
