"""What a Slurm job executes: one run, with its progress and its end written beside those of the others."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.store.claims.held import cluster_job
from suite.store.folder import dump_json, write_atomic
from suite.sweep.executors.base import STOPPED, Body, Job
from suite.sweep.executors.slurm_files import file_of

EVERY = 2.0  # seconds between looks at the shared folder, and between writes to it
REQUEUED = 120.0  # seconds for Slurm to end a job that is back in the queue


@dataclass
class SlurmTask:
    """The function that submitit calls in the job.

    SIGTERM (scancel, preemption): the run saves and stops.  SIGUSR1 or SIGUSR2 (the time limit is near): it saves, and
    the job goes back into the queue; Slurm itself does not requeue a job that ran into its time limit.
    """

    job: Job
    body: Body
    folder: Path

    def __call__(self) -> str:
        asked: list[int] = []
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, lambda number, frame: asked.append(number))
        said, looked, cancelled = 0.0, 0.0, False

        def stopping() -> bool:
            nonlocal looked, cancelled
            if time.monotonic() - looked > EVERY:
                looked = time.monotonic()
                cancelled = file_of(self.folder, self.job.id, "cancel").exists()
            return bool(asked) or cancelled

        def report(progress: dict[str, Any]) -> None:
            nonlocal said
            if time.monotonic() - said > EVERY:
                said = time.monotonic()
                with contextlib.suppress(OSError):
                    write_atomic(file_of(self.folder, self.job.id, "progress.json"), dump_json(progress))

        end = self.body(self.job, stopping, report)
        if end.cause == STOPPED and not cancelled and {signal.SIGUSR1, signal.SIGUSR2} & set(asked):
            _requeue()
        about = {"cause": end.cause, "text": end.text, "job": cluster_job()}
        with contextlib.suppress(OSError):
            write_atomic(file_of(self.folder, self.job.id, "end.json"), dump_json(about))
        return end.cause


def _requeue() -> None:
    """Puts this job back into the queue, and waits for its end; returns where Slurm refuses."""
    done = subprocess.run(["scontrol", "requeue", cluster_job()], capture_output=True)
    if done.returncode == 0:
        time.sleep(REQUEUED)
