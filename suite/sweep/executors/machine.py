"""What of a machine the runs of a sweep may use."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from suite.device import cores, usable_device
from suite.spec import BadInput


@dataclass(frozen=True)
class Machine:
    """What of this machine a sweep may use.  The number of threads is part of what makes CPU results repeatable."""

    slots: int
    device: str
    threads: int  # of each process
    workers: int  # of each process
    processes: int = 1  # per run; on GPUs one per GPU
    gpus: int = 0  # of this machine, where the device is one

    def of_job(self) -> dict[str, Any]:
        """What a job is told of it."""
        told = asdict(self)
        del told["slots"], told["gpus"]
        return told

    @classmethod
    def of(
        cls, slots: int | None = None, device: str | None = None, workers: int | None = None, processes: int = 1
    ) -> Machine:
        """As slots the GPUs, else up to eight cores; so many fewer as a run has more of them.

        Raises BadInput where the device is not there, or has too few GPUs.
        """
        device = usable_device(device)
        there = gpus() if device == "cuda" else 0
        if device == "cuda" and processes > there:
            raise BadInput(f"--gpus-per-run {processes} asks for more GPUs than PyTorch finds here ({there}).")
        slots = slots or max(1, (there if device == "cuda" else min(cores(), 8)) // processes)
        threads = max(1, cores() // (slots * processes))
        if workers is None:
            workers = min(12, threads) if device == "cuda" else 0
        return cls(slots, device, threads, workers, processes, there)

    @classmethod
    def of_node(cls, options: NodeOptions) -> Machine:
        """What each run may use of a node of a cluster."""
        device = "cuda" if options.gpus_per_run else "cpu"
        threads = max(1, options.cpus_per_run // options.processes)
        workers = options.workers if options.workers is not None else (threads if device == "cuda" else 0)
        return cls(options.jobs, device, threads, workers, options.processes)


class NodeOptions(Protocol):
    """What is asked of a cluster for each run, whichever cluster it is."""

    gpus_per_run: int
    cpus_per_run: int
    processes: int
    workers: int | None
    jobs: int


def gpus() -> int:
    """Number of GPUs, asked without starting CUDA in this process."""
    import torch

    return torch.cuda.device_count()
