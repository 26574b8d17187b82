"""The processes that train and test one run together.  Most runs have one, which asks nobody and waits for nobody."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

PATIENCE = timedelta(minutes=30)  # for a process that is silent but alive; one that died is noticed at once


class Group:
    """One process alone.  `rank` counts from 0; the process of rank 0 alone writes the files of the run.

    All methods are called by all processes, in the same order.
    """

    rank, world = 0, 1

    @property
    def main(self) -> bool:
        return self.rank == 0

    def sums(self, *numbers: float) -> tuple[float, ...]:
        """Of each number the sum over all processes."""
        return numbers

    def any_of(self, *flags: bool) -> tuple[bool, ...]:
        """Of each flag whether it is set in some process."""
        return flags

    def to_main(self, mine: Any) -> list[Any]:
        """What each process gives, by rank, in the process of rank 0; [] in the others."""
        return [mine]

    def from_main(self, mine: Any) -> Any:
        """What the process of rank 0 gives, in all of them."""
        return mine

    def wait(self) -> None:
        """Until all processes are here."""


class Processes(Group):
    """Several processes of one machine, joined by torch.distributed.

    Numbers and objects go over gloo, on the CPU, so that no step waits for the GPU; gradients go over NCCL on GPUs.
    """

    def __init__(self, rank: int, world: int):
        self.rank, self.world = rank, world

    def sums(self, *numbers: float) -> tuple[float, ...]:
        return self._reduced(numbers, "SUM")

    def any_of(self, *flags: bool) -> tuple[bool, ...]:
        return tuple(value > 0 for value in self._reduced(flags, "MAX"))

    def _reduced(self, numbers: tuple[float, ...], operation: str) -> tuple[float, ...]:
        import torch
        from torch import distributed

        values = torch.tensor(numbers, dtype=torch.float64)
        distributed.all_reduce(values, getattr(distributed.ReduceOp, operation), group=self._cpu)
        return tuple(values.tolist())

    def to_main(self, mine: Any) -> list[Any]:
        from torch import distributed

        found = [None] * self.world if self.main else None
        distributed.gather_object(mine, found, dst=0, group=self._cpu)
        return found or []

    def from_main(self, mine: Any) -> Any:
        from torch import distributed

        content = [mine]
        distributed.broadcast_object_list(content, src=0, group=self._cpu)
        return content[0]

    def wait(self) -> None:
        self.any_of(True)

    @contextlib.contextmanager
    def joined(self, meeting: Path, device: str) -> Iterator[None]:
        """Joins the other processes, which meet in the file `meeting`: no port is opened but on the loopback address.

        torchrun's own store listens on all addresses of a machine.
        """
        import torch
        from torch import distributed

        loopback = "lo0" if sys.platform == "darwin" else "lo"
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
        os.environ.setdefault("NCCL_SOCKET_IFNAME", loopback)
        gpu = device.startswith("cuda")
        if gpu:
            torch.cuda.set_device(device)
        about = {"rank": self.rank, "world_size": self.world, "timeout": PATIENCE}
        store = distributed.FileStore(str(meeting), self.world)
        distributed.init_process_group("nccl" if gpu else "gloo", store=store, **about)
        self._cpu = distributed.new_group(backend="gloo", timeout=PATIENCE) if gpu else None
        try:
            yield
        finally:
            distributed.destroy_process_group()
