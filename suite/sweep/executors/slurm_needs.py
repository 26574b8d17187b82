"""What a job asks of Slurm beside its options: a time limit and memory, from what the plan estimates.

A number that is too small stops a run, so both are generous, and neither is set without need: no time limit without an
estimate that rests on a measurement, no memory where Slurm gives jobs none of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from suite.sweep.executors.base import Job
from suite.sweep.executors.slurm_queue import Limits

FACTOR = 2.0  # of the estimated time: it is of another node, which may be shared
STARTING = 600.0  # seconds to import PyTorch, index the data and compile a model
SHORTEST = 15  # minutes; limits are this times a power of two, so that few arrays are needed
# GiB of host memory.  Measured on a CPU (VmHWM): at most 1.5 GiB for the process of a run of I3D-ResNet-50, 8 frames of
# 64 pixels, and 0.8 GiB for its data-loading process.  Larger clips that wait to be trained on come on top.
PROCESS, LOADER = 4.0, 1.5


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
    smoke: bool = True  # whether a job that checks its node comes before the runs
    seconds: float = 5.0  # between two questions to squeue


@dataclass(frozen=True)
class Needs:
    """What to ask for; None: nothing."""

    minutes: int | None = None
    gib: int | None = None

    def for_sbatch(self) -> dict[str, str]:
        """As options of sbatch."""
        found = {"time": str(self.minutes)} if self.minutes else {}
        return found | self.memory()

    def memory(self) -> dict[str, str]:
        return {"mem": f"{self.gib}G"} if self.gib else {}


def asks_for_memory(options: SlurmOptions, limits: Limits) -> bool:
    """Whether jobs should say how much memory they need, and the person has not said it."""
    own = any(key.replace("_", "-") in ("mem", "mem-per-cpu", "mem-per-gpu", "exclusive") for key in options.sbatch)
    return limits.counts_memory and not own


def needs_of(job: Job, options: SlurmOptions, limits: Limits, times: int = 1) -> Needs:
    """What a job is to ask for.

    times: the memory that is estimated, for a run that has had too little.
    """
    minutes = gib = None
    if job.seconds and "time" not in options.sbatch:
        estimated = (FACTOR * job.seconds + STARTING) / 60
        minutes = SHORTEST * 2 ** max(0, math.ceil(math.log2(estimated / SHORTEST)))
        minutes = min(minutes, limits.minutes) if limits.minutes else minutes
    if asks_for_memory(options, limits):
        gib = 2 ** math.ceil(math.log2(times * host_gib(job)))
        gib = min(gib, math.floor(limits.gib)) if limits.gib and limits.gib >= 1 else gib
    return Needs(minutes, gib)


def host_gib(job: Job) -> float:
    """Memory of the machine, not of its GPUs, that a job may need, in GiB; an upper estimate."""
    of_step = job.gib if job.device == "cpu" else 0.0
    return job.processes * (PROCESS + job.workers * LOADER) + of_step
