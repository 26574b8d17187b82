"""What a Ray task executes on a node: one run in a process of its own, and what it says to the driver meanwhile.

Task and driver speak through a `Board`, an actor beside the driver, so that no shared folder is needed for it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from suite.store.folder import RunFolder
from suite.sweep.executors.base import STOPPED, Body, End, Job
from suite.sweep.executors.local import LocalExecutor
from suite.sweep.executors.machine import Machine
from suite.sweep.executors.shipping import Files, read_folder, scratch, write_files

EVERY = 2.0  # seconds between what a task says to the board
CHECKPOINTS = 5  # intervals between checkpoints after which a node without the driver's disk sends its files
STOP, KILL = "stop", "kill"  # orders: save your state and stop; end at once


@dataclass(frozen=True)
class DriverPlace:
    """Where the driver is: its working directory, its folder of all results, and a file there with a name of its own
    by which a node recognises that it sees the same disk."""

    directory: str
    results: str
    token: str


@dataclass(frozen=True)
class Attended:
    """What became of a task.  No end: the node does not see the driver's results, and needs the files of the run."""

    end: End | None
    files: Files | None = None  # of the run, from a node that does not see the driver's results


class Board:
    """Where tasks say how far they are and read what they are told; a job has a new key each time it is started."""

    def __init__(self) -> None:
        self.said: dict[str, dict[str, Any]] = {}
        self.sent: dict[str, list[Any]] = {}
        self.orders: dict[str, str] = {}

    def tell(self, key: str, progress: dict[str, Any], files: list[Any]) -> str:
        """From a task: its progress, and a reference to files or none.  Returns STOP, KILL or nothing."""
        self.said[key] = progress
        if files:
            self.sent[key] = files
        return self.orders.get(key, "")

    def news(self, orders: Mapping[str, str]) -> tuple[dict[str, dict[str, Any]], dict[str, list[Any]]]:
        """To the driver: the last progress and files of each task since it asked; it brings all its orders."""
        self.orders = dict(orders)
        news = self.said, self.sent
        self.said, self.sent = {}, {}
        return news


def attend(job: Job, body: Body, board: Any, key: str, driver: DriverPlace, files: Files | None = None) -> Attended:
    """Runs a job on this node and tells how it ended.

    files: what the run needs, for a node that does not see the driver's results.
    """
    with contextlib.suppress(OSError):
        os.chdir(driver.directory)  # names of files in a grid may be relative to it
    if not Path(job.data).is_dir() and "SUITE_DATA" in os.environ:
        job = replace(job, data=os.environ["SUITE_DATA"])
    if Path(driver.token).exists():
        return Attended(_run(job, body, board, key))
    if files is None:
        return Attended(None)
    with scratch() as results:
        write_files(files, results)
        folder = RunFolder(results / Path(job.folder).relative_to(driver.results))
        end = _run(replace(job, folder=str(folder.path)), body, board, key, results)
        return Attended(end, read_folder(folder, results))


def _run(job: Job, body: Body, board: Any, key: str, results: Path | None = None) -> End:
    """Runs a job as the local executor does, in a process of its own.

    If this task is killed, that process notices it, saves its state and stops.  results: a folder that the driver does
    not see, from which files are sent to it.
    """
    node = LocalExecutor(Machine(1, "cpu", job.threads, job.workers), body)  # "cpu": Ray has chosen the GPU
    sender = _Sender(job, results) if results else None
    told, progress, end = "", {}, None
    if _tell(board, key, {}):
        return End(STOPPED)
    node.start(replace(job, gpu=_gpu()) if job.device == "cuda" else job)
    try:
        while end is None:
            with contextlib.suppress(KeyboardInterrupt):  # of ray.cancel
                for change in node.poll(EVERY):
                    progress |= change.progress
                    end = end or change.end
                if end is not None:
                    break
                order = _tell(board, key, dict(progress), sender.files() if sender else None)
                if order == KILL:
                    return End(STOPPED)
                if order and not told:
                    node.cancel()
                told = told or order
    finally:
        node.close()
    return end


class _Sender:
    """Gives the files of a run whenever it has a new checkpoint, at intervals."""

    def __init__(self, job: Job, results: Path):
        self.folder, self.results = RunFolder(Path(job.folder)), results
        self.seconds = CHECKPOINTS * job.checkpoint_seconds
        self.sent, self.at = self._checkpoint(), time.monotonic()

    def files(self) -> Files | None:
        """None where there is nothing new, or it is too early."""
        found = self._checkpoint()
        if found == self.sent or time.monotonic() - self.at < self.seconds:
            return None
        self.sent, self.at = found, time.monotonic()
        return read_folder(self.folder, self.results)

    def _checkpoint(self) -> int:
        """When it was written; 0 for none."""
        try:
            return self.folder.checkpoint.stat().st_mtime_ns
        except OSError:
            return 0


def _tell(board: Any, key: str, progress: dict[str, Any], files: Files | None = None) -> str:
    """What the driver has ordered; nothing where it cannot be asked: without a driver, Ray ends its tasks."""
    import ray

    try:
        return ray.get(board.tell.remote(key, progress, [ray.put(files)] if files else []), timeout=60)
    except ray.exceptions.RayError:
        return ""


def _gpu() -> str | None:
    """The GPUs that Ray has given this task, as CUDA_VISIBLE_DEVICES names them."""
    import ray

    return ",".join(map(str, ray.get_runtime_context().get_accelerator_ids().get("GPU", []))) or None
