"""The Ray executor: each run is a task of a Ray cluster.  Where tasks go, which nodes there are and which have died is
Ray's; which run is next and which is tried again is the scheduler's.

An actor beside the driver (`ray_task.Board`) holds the progress of the tasks and what they are told.  A node that does
not see the driver's results is sent the files of its run, and sends them back (`suite.sweep.executors.shipping`).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from suite.spec import BadInput
from suite.store.claims.claim import Busy
from suite.store.claims.held import Held
from suite.store.folder import RunFolder
from suite.store.full_disk import no_space
from suite.store.identity import RunSpec
from suite.sweep import worker
from suite.sweep.executors.base import BUSY, CRASH, DISK, INPUT, LOST, MEMORY, STOPPED, Body, Change, End, Executor, Job
from suite.sweep.executors.machine import Machine
from suite.sweep.executors.ray_cluster import at_node, joined_cluster, need_ray, reason
from suite.sweep.executors.ray_task import KILL, STOP, Board, DriverPlace, attend
from suite.sweep.executors.shipping import Files, needed_by, write_files

TO_END = 5.0  # seconds for tasks to end their processes


@dataclass
class RayOptions:
    """What is asked of the cluster for each run; address: as `joined_cluster` takes it."""

    address: str | None = None
    folder: Path = Path()  # results/<grid>/ray
    gpus_per_run: int = 0
    cpus_per_run: int = 1
    processes: int = 1  # per run; on GPUs one per GPU
    workers: int | None = None  # data-loading processes per run
    jobs: int = 500  # tasks at the same time, at most; those that wait make a cluster grow
    seconds: float = 2.0  # between two questions to the board


@dataclass
class _Placed:
    """A run that is a task of Ray."""

    job: Job
    key: str = ""
    task: Any = None
    begun: bool = False
    order: str = ""
    progress: dict[str, Any] = field(default_factory=dict)
    claim: Held | None = None  # of a run whose files are away: the driver holds it
    held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)  # releases the claim
    end: End | None = None  # of one that could not be submitted


class RayExecutor(Executor):
    """Gives jobs to Ray and follows them.  The cluster is joined, or started, with the first job.

    Raises BadInput where Ray is missing, the cluster cannot be reached, or a node has another installation.
    """

    queues, placing = True, "as Ray tasks"

    def __init__(self, options: RayOptions, body: Body = worker.run_job):
        need_ray()
        self.options, self.body, self.folder = options, body, options.folder.absolute()
        self.machine = Machine.of_node(options)
        self.placed: dict[str, _Placed] = {}
        self.ray: Any = None  # the package, once there is a cluster
        self.asked = 0.0
        self.numbers = itertools.count()
        self.token = self.folder / f".seen-{uuid.uuid4().hex}"
        results = self.folder.resolve().parents[1]
        self.place = DriverPlace(os.getcwd(), str(results), str(self.token.resolve()))
        self.sends_files = False  # whether some node does not see the results

    def capacity(self) -> int:
        return self.machine.slots

    def start(self, job: Job) -> None:
        if self.ray is None:
            self._connect()
        self.placed[job.id] = _Placed(replace(job, data=str(Path(job.data).absolute())))
        self._submit(self.placed[job.id])

    def poll(self, seconds: float) -> list[Change]:
        tasks = {placed.task: placed for placed in self.placed.values() if placed.end is None}
        ended = [placed for placed in self.placed.values() if placed.end]
        if tasks and not ended:
            self.ray.wait(list(tasks), num_returns=1, timeout=seconds)
        elif not ended:
            time.sleep(seconds)
        if tasks:
            ended += [tasks[task] for task in self.ray.wait(list(tasks), num_returns=len(tasks), timeout=0)[0]]
        changes = self._progress() if self.placed else []
        for placed in ended:
            if end := placed.end or self._end_of(placed):
                del self.placed[placed.job.id]
                placed.held.close()  # before the scheduler looks whether somebody is at work there
                changes.append(Change(placed.job.id, end=end))
        return changes

    def cancel(self, ids: Iterable[str] | None = None) -> None:
        """Tasks that wait for a place are taken back; those at work read on the board that they are to stop."""
        for id in list(self.placed) if ids is None else [id for id in ids if id in self.placed]:
            placed = self.placed[id]
            placed.order = STOP
            if not (placed.begun or placed.end):
                self.ray.cancel(placed.task)
        self.asked = 0.0

    def close(self) -> None:
        if self.ray is None:
            return
        tasks = [placed.task for placed in self.placed.values() if placed.end is None]
        for placed in self.placed.values():
            placed.order = KILL
        if tasks:
            self._news()
            _, left = self.ray.wait(tasks, num_returns=len(tasks), timeout=TO_END)
            for task in left:
                with contextlib.suppress(self.ray.exceptions.RayError):
                    self.ray.cancel(task, force=True)
        for placed in self.placed.values():
            placed.held.close()
        self.placed.clear()
        self.token.unlink(missing_ok=True)
        self.ray.shutdown()
        self.ray = None

    def _connect(self) -> None:
        options = self.options
        self.ray = ray = joined_cluster(options.address, options.cpus_per_run, options.gpus_per_run)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.token.touch()
        here = at_node(ray, ray.get_runtime_context().get_node_id(), soft=True)
        self.board = ray.remote(Board).options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()
        # A run that is lost is started again by the scheduler, which knows whether it may be.
        self.attend = ray.remote(attend).options(
            num_cpus=options.cpus_per_run, num_gpus=options.gpus_per_run, max_retries=0
        )

    def _submit(self, placed: _Placed) -> None:
        files = None
        if self.sends_files:
            folder = RunFolder(Path(placed.job.folder))
            placed.held.close()
            try:
                placed.claim = placed.held.enter_context(folder.claimed(placed.job.claim))
                needed = needed_by(folder, RunSpec.from_resolved(placed.job.spec))
            except Busy as busy:
                placed.end = End(BUSY, str(busy))
                return
            except BadInput as error:
                placed.end = End(INPUT, str(error))
                return
            files = self.ray.put(needed)
        placed.key = f"{placed.job.id}#{next(self.numbers)}"
        placed.task = self.attend.remote(placed.job, self.body, self.board, placed.key, self.place, files)

    def _progress(self) -> list[Change]:
        if time.monotonic() - self.asked < self.options.seconds:
            return []
        self.asked = time.monotonic()
        for placed in self.placed.values():
            if placed.claim and placed.claim.is_to_stop():
                placed.order = placed.order or STOP
        said, sent = self._news()
        changes = []
        for id, placed in self.placed.items():
            for reference in sent.get(placed.key, ()):
                with contextlib.suppress(self.ray.exceptions.RayError, OSError, BadInput):  # the last ones count
                    self._write(placed, self.ray.get(reference, timeout=60))
            progress = said.get(placed.key)
            if progress is None or (placed.begun and progress == placed.progress):
                continue
            placed.begun, placed.progress = True, progress
            changes.append(Change(id, progress))
        return changes

    def _news(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the board has to tell; it is told all orders.  Nothing where it does not answer: it is started again."""
        orders = {placed.key: placed.order for placed in self.placed.values() if placed.order}
        try:
            return self.ray.get(self.board.news.remote(orders), timeout=30)
        except self.ray.exceptions.RayError:
            return {}, {}

    def _end_of(self, placed: _Placed) -> End | None:
        """None where the task has to be submitted again, with the files of its run."""
        errors = self.ray.exceptions
        try:
            attended = self.ray.get(placed.task)
        except errors.TaskCancelledError:
            return End(STOPPED)
        except errors.OutOfMemoryError as error:
            return End(MEMORY, f"Ray ended the run because the memory of its node was nearly full ({reason(error)}).")
        except errors.RayTaskError as error:
            return End(CRASH, f"The Ray task of the run failed: {reason(error)}.")
        except errors.RayError as error:
            text = f"what the run ran under is gone ({type(error).__name__}: {reason(error)})"
            return End(STOPPED if placed.order else LOST, text)
        if attended.end is None:
            if placed.order:
                return End(STOPPED)
            self.sends_files = True
            self._submit(placed)
            return placed.end
        if attended.files is not None:
            try:
                self._write(placed, attended.files, ended=True)
            except Busy as lost:
                return End(LOST, str(lost))
            except BadInput as error:
                return End(INPUT, str(error))
            except OSError as error:
                full = no_space(error, self.folder.parent)
                return End(DISK, full) if full else End(CRASH, f"{error.filename}: {error.strerror}.")
        return attended.end

    def _write(self, placed: _Placed, files: Files, ended: bool = False) -> None:
        """Takes in the files of a run that a node has sent.  Raises Busy where another process has the run by now."""
        if placed.claim:
            placed.claim.require()
        folder, results = RunFolder(Path(placed.job.folder)), Path(self.place.results)
        write_files(files, results, below=folder.path.relative_to(results).as_posix())
        if ended and not any(name.endswith(f"{folder.id}/error.json") for name in files):
            folder.error_file.unlink(missing_ok=True)
