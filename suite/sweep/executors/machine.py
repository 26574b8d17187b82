"""What of a machine the runs of a sweep may use."""

from __future__ import annotations

from dataclasses import dataclass

from suite.device import cores, usable_device


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
        slots = slots or (gpus() if device == "cuda" else min(cores(), 8))
        threads = max(1, cores() // slots)
        if workers is None:
            workers = min(12, threads) if device == "cuda" else 0
        return cls(slots, device, threads, workers)


def gpus() -> int:
    """Number of GPUs, asked without starting CUDA in this process."""
    import torch

    return torch.cuda.device_count()
