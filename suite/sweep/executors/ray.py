"""The Ray executor: each run is a task of a Ray cluster.  Where tasks go, which nodes there are and which have died is
Ray's; which run is next and which is tried again is the scheduler's.

An actor beside the driver (`ray_task.Board`) holds the progress of the tasks and what they are told.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import logging
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.device import cores
from suite.spec import BadInput, one_line
from suite.sweep import worker
from suite.sweep.executors.base import CRASH, LOST, STOPPED, Body, Change, End, Executor, Job
from suite.sweep.executors.machine import Machine, gpus
from suite.sweep.executors.ray_task import KILL, STOP, Board, attend, installation

MISSING = "--executor ray needs the package ray, which is not installed (uv pip install ray)."
STORE = 100 << 20  # bytes of the object store of a cluster on this machine alone; results go through files
TO_END = 5.0  # seconds for tasks to end their processes


@dataclass
class RayOptions:
    """What is asked of the cluster for each run.

    address: auto, HOST:PORT or ray://HOST:PORT; None: RAY_ADDRESS, else a cluster of its own on this machine alone.
    """

    address: str | None = None
    folder: Path = Path()
    gpus_per_run: int = 0
    cpus_per_run: int = 1
    workers: int | None = None  # data-loading processes per run
    jobs: int = 500  # tasks at the same time, at most; those that wait make a cluster grow
    seconds: float = 2.0  # between two questions to the board


@dataclass
class _Placed:
    """A run that is a task of Ray."""

    job: Job
    key: str
    task: Any
    begun: bool = False
    order: str = ""
    progress: dict[str, Any] = field(default_factory=dict)


class RayExecutor(Executor):
    """Gives jobs to Ray and follows them.  The cluster is started or joined with the first job.

    Raises BadInput where Ray is missing, the cluster cannot be reached, or a node has another installation.
    """

    queues, placing = True, "as Ray tasks"

    def __init__(self, options: RayOptions, body: Body = worker.run_job):
        if importlib.util.find_spec("ray") is None:
            raise BadInput(MISSING)
        self.options, self.body = options, body
        device = "cuda" if options.gpus_per_run else "cpu"
        workers = options.workers if options.workers is not None else (options.cpus_per_run if device == "cuda" else 0)
        self.machine = Machine(options.jobs, device, options.cpus_per_run, workers)
        self.placed: dict[str, _Placed] = {}
        self.ray: Any = None  # the package, once there is a cluster
        self.joined = False  # a cluster that was there already
        self.asked = 0.0
        self.numbers = itertools.count()

    def capacity(self) -> int:
        return self.machine.slots

    def start(self, job: Job) -> None:
        if self.ray is None:
            self._connect()
        key = f"{job.id}#{next(self.numbers)}"
        self.placed[job.id] = _Placed(job, key, self.attend.remote(job, self.body, self.board, key))

    def poll(self, seconds: float) -> list[Change]:
        if not self.placed:
            time.sleep(seconds)
            return []
        tasks = {placed.task: id for id, placed in self.placed.items()}
        self.ray.wait(list(tasks), num_returns=1, timeout=seconds)
        ended, _ = self.ray.wait(list(tasks), num_returns=len(tasks), timeout=0)
        changes = self._progress()
        for task in ended:
            placed = self.placed.pop(tasks[task])
            changes.append(Change(tasks[task], end=self._end_of(placed)))
        return changes

    def cancel(self, ids: Iterable[str] | None = None) -> None:
        """Tasks that wait for a place are taken back; those at work read on the board that they are to stop."""
        for id in list(self.placed) if ids is None else [id for id in ids if id in self.placed]:
            placed = self.placed[id]
            placed.order = STOP
            if not placed.begun:
                self.ray.cancel(placed.task)
        self._progress(now=True)

    def close(self) -> None:
        if self.ray is None:
            return
        for placed in self.placed.values():
            placed.order = KILL
        if self.placed:
            self._progress(now=True)
            tasks = [placed.task for placed in self.placed.values()]
            _, left = self.ray.wait(tasks, num_returns=len(tasks), timeout=TO_END)
            for task in left:
                with contextlib.suppress(self.ray.exceptions.RayError):
                    self.ray.cancel(task, force=True)
        self.placed.clear()
        self.ray.shutdown()
        self.ray = None

    def _connect(self) -> None:
        address = self.options.address or os.environ.get("RAY_ADDRESS") or "local"
        self.joined = address != "local"
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if not self.joined:
            # Ray's own switch for machines that are no cluster: all its servers then listen on the loopback address.
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
            quiet |= {"include_dashboard": False, "num_cpus": cores(), "object_store_memory": STORE}
        import ray

        with _own_signal_handlers():
            try:
                ray.init(address, **quiet)
            except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
                reason = one_line(str(error))[:300]
                raise BadInput(f"The Ray cluster at {address} cannot be reached: {reason}") from error
        self.ray = ray
        try:
            self._check_nodes()
        except BaseException:
            self.close()
            raise
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        self.board = ray.remote(Board).options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()
        # A run that is lost is started again by the scheduler, which knows whether it may be.
        self.attend = ray.remote(attend).options(
            num_cpus=self.options.cpus_per_run, num_gpus=self.options.gpus_per_run, max_retries=0
        )

    def _check_nodes(self) -> None:
        """Raises BadInput for a node with another installation, and where this machine has no room for a run."""
        asked = {"CPU": self.options.cpus_per_run, "GPU": self.options.gpus_per_run}
        nodes = [node for node in self.ray.nodes() if node["Alive"]]
        fit = [node for node in nodes if all(node["Resources"].get(what, 0) >= asked[what] for what in asked)]
        if not fit and not self.joined:
            raise BadInput(
                f"A run asks for {asked['CPU']} CPU cores and {asked['GPU']} GPUs; this machine has {cores()} and "
                f"{gpus() if asked['GPU'] else 0}."
            )
        place = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        question = self.ray.remote(installation)
        answers = {
            node["NodeManagerHostname"]: question.options(
                num_cpus=0, scheduling_strategy=place(node["NodeID"], soft=False)
            ).remote()
            for node in fit
        }
        ours = installation()
        for host, answer in answers.items():
            try:
                theirs = self.ray.get(answer, timeout=120)
            except self.ray.exceptions.RayError as error:
                raise BadInput(
                    f"The Ray node {host} cannot run the suite; install it there as here ({_reason(error)})."
                ) from error
            for what, version in ours.items():
                if theirs.get(what) != version:
                    raise BadInput(
                        f"The Ray node {host} has another installation than this machine ({what}: {theirs.get(what)}, "
                        f"here {version}); install the same on all nodes."
                    )

    def _progress(self, now: bool = False) -> list[Change]:
        """What the board has to tell; it is told all orders."""
        if not now and time.monotonic() - self.asked < self.options.seconds:
            return []
        self.asked = time.monotonic()
        orders = {placed.key: placed.order for placed in self.placed.values() if placed.order}
        try:
            news = self.ray.get(self.board.news.remote(orders), timeout=30)
        except self.ray.exceptions.RayError:
            return []  # it is started again, and asked again
        changes = []
        for id, placed in self.placed.items():
            progress = news.get(placed.key)
            if progress is None or (placed.begun and progress == placed.progress):
                continue
            placed.begun, placed.progress = True, progress
            changes.append(Change(id, progress))
        return changes

    def _end_of(self, placed: _Placed) -> End:
        errors = self.ray.exceptions
        try:
            return self.ray.get(placed.task)
        except errors.TaskCancelledError:
            return End(STOPPED)
        except errors.OutOfMemoryError as error:
            return End(CRASH, f"Ray ended the run since the memory of its node was nearly full ({_reason(error)}).")
        except errors.RayTaskError as error:
            return End(CRASH, f"The Ray task of the run failed: {_reason(error)}")
        except errors.RayError as error:
            text = f"What the run ran under is gone ({type(error).__name__}: {_reason(error)})"
            return End(STOPPED if placed.order else LOST, text)


def _reason(error: BaseException) -> str:
    """The last line of what Ray says: the rest is a traceback on another machine."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return one_line(lines[-1] if "Traceback" in str(error) else lines[0])[:300]


@contextlib.contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Keeps the handlers of this process, which ray.init replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # not in the main thread: none was replaced
            for number, handler in before.items():
                signal.signal(number, handler)
