"""What a Ray task executes on a node: one run in a process of its own, and what it says to the driver meanwhile.

Task and driver speak through a `Board`, an actor beside the driver, so that no shared folder is needed for it.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from typing import Any

from suite.store.provenance import hash_of_code
from suite.sweep.executors.base import STOPPED, Body, End, Job
from suite.sweep.executors.local import LocalExecutor
from suite.sweep.executors.machine import Machine

EVERY = 2.0  # seconds between what a task says to the board
STOP, KILL = "stop", "kill"  # orders: save your state and stop; end at once


class Board:
    """Where tasks say how far they are and read what they are told; a job has a new key each time it is started."""

    def __init__(self) -> None:
        self.said: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, str] = {}

    def tell(self, key: str, progress: dict[str, Any]) -> str:
        """From a task: its progress.  Returns STOP, KILL or nothing."""
        self.said[key] = progress
        return self.orders.get(key, "")

    def news(self, orders: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """To the driver: the last progress of each task that has said something since; it brings all its orders."""
        self.orders = dict(orders)
        said, self.said = self.said, {}
        return said


def installation() -> dict[str, str]:
    """What must be the same on all nodes, for results not to depend on the node."""
    return {
        "Python": platform.python_version(),
        "torch": metadata.version("torch"),
        "code of the suite": hash_of_code(),
    }


def attend(job: Job, body: Body, board: Any, key: str) -> End:
    """Runs a job on this node as the local executor does there, in one process, and tells how it ended.

    If this task is killed, the process of the run notices it, saves its state and stops.
    """
    node = LocalExecutor(Machine(1, "cpu", job.threads, job.workers), body)  # "cpu": Ray has chosen the GPU
    order, told, progress, end = _tell(board, key, {}), "", {}, None
    if order:
        return End(STOPPED)
    node.start(replace(job, gpu=_gpu()) if job.device == "cuda" else job)
    try:
        while end is None:
            with contextlib.suppress(KeyboardInterrupt):  # of ray.cancel
                for change in node.poll(EVERY):
                    progress |= change.progress
                    end = end or change.end
                if end is None and (order := _tell(board, key, dict(progress)) or order) != told:
                    told = order
                    node.close() if order == KILL else node.cancel()
                    end = End(STOPPED) if order == KILL else None
    finally:
        node.close()
    return end


def _tell(board: Any, key: str, progress: dict[str, Any]) -> str:
    """What the driver has ordered; nothing where it cannot be asked: without a driver, Ray ends its tasks."""
    import ray

    try:
        return ray.get(board.tell.remote(key, progress), timeout=60)
    except ray.exceptions.RayError:
        return ""


def _gpu() -> str | None:
    """The GPUs that Ray has given this task, as CUDA_VISIBLE_DEVICES names them."""
    import ray

    return ",".join(map(str, ray.get_runtime_context().get_accelerator_ids().get("GPU", []))) or None
