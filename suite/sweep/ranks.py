"""The processes of one run: started, watched and ended together.  As torchrun numbers them, by rank from 0.

They are forks of the process of the run, with torch loaded, and meet in a file.  `torchrun` would load torch again for
itself and for each of them, and its store listens on all addresses of the machine.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import re
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from suite.evaluation.group import Processes
from suite.spec import one_line
from suite.sweep.executors.base import CRASH, DONE, EXITED, FAILED, STOPPED, End, Job

POLL = 0.2  # seconds
GRACE = 3.0  # seconds that the other processes have to tell why they ended, after the first has
SAVING = 30.0  # seconds that they have to end, after one has ended well
LOST = re.compile(r"gloo|NCCL|nccl|closed by peer|reset by peer|Broken pipe|DistBackendError|DistNetworkError")

Train = Callable[..., tuple[End, str]]
Ended = tuple[End, str]


def run_processes(
    job: Job, stopping: Callable[[], bool], report: Callable[[dict[str, Any]], None], train: Train
) -> Ended:
    """Trains a run in `job.processes` processes; the end of the run, and a text for its log.

    train: train(job, stopping, report, group) in each of them.  Where one process ends badly, the others are ended.
    """
    with tempfile.TemporaryDirectory(prefix="suite-") as folder:
        watched = _Watched(job, Path(folder) / "meeting", train)
        try:
            return watched.until_the_end(stopping, report)
        finally:
            watched.kill()


class _Watched:
    """The processes of a run, as the process that has started them sees them."""

    def __init__(self, job: Job, meeting: Path, train: Train):
        # Ray's processes have threads, whose locks a fork would take along.
        context = multiprocessing.get_context("spawn" if "ray" in sys.modules else "fork")
        self.asked = context.RawValue("b", 0)
        alive, self.alive = context.Pipe(duplex=False)  # closes with this process, however it ends
        self.ends: dict[int, Ended] = {}
        self.pipes, self.processes = [], []
        for rank in range(job.processes):
            ours, theirs = context.Pipe(duplex=False)
            about = (rank, job, meeting, train, self.asked, alive, theirs)
            inherited = [] if context.get_start_method() == "spawn" else [self.alive, *self.pipes, ours]
            process = context.Process(target=_rank, args=(*about, inherited), name=f"{job.id} rank {rank}")
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def until_the_end(self, stopping: Callable[[], bool], report: Callable[[dict[str, Any]], None]) -> Ended:
        until = None
        while True:
            multiprocessing.connection.wait([p.sentinel for p in self.processes if p.is_alive()] or [], POLL)
            if stopping():
                self.asked.value = 1
            alive = [process.is_alive() for process in self.processes]  # before reading: nothing said is missed
            self._read(report)
            for rank, (process, lives) in enumerate(zip(self.processes, alive, strict=True)):
                if not lives and rank not in self.ends:
                    self.ends[rank] = _without_word(process.exitcode), ""
            if not any(alive):
                return self._end()
            if until is None and self.ends:
                good = all(end.cause in (DONE, STOPPED) for end, _ in self.ends.values())
                until = time.monotonic() + (SAVING if good else GRACE)
            if until is not None and time.monotonic() > until:
                return self._end()

    def _read(self, report: Callable[[dict[str, Any]], None]) -> None:
        for rank, pipe in enumerate(self.pipes):
            try:
                while pipe.poll():
                    said = pipe.recv()
                    if isinstance(said, dict):
                        report(said)
                    else:
                        self.ends[rank] = said
            except (EOFError, OSError):
                pass

    def _end(self) -> Ended:
        """The end of the run: what made the first process fail, rather than what the others met because of it."""
        ranks = sorted(self.ends, key=lambda rank: (_weight(self.ends[rank][0]), rank))
        first, log = self.ends[ranks[0]]
        texts = {end.text for end, _ in self.ends.values()}
        if first.cause in (DONE, STOPPED) or (len(self.ends) == len(self.processes) and len(texts) == 1):
            return first, log
        return End(first.cause, f"Rank {ranks[0]} of {len(self.processes)} processes: {first.text}"), log

    def kill(self) -> None:
        for process in self.processes:
            if process.is_alive():
                process.kill()
            process.join()


def _weight(end: End) -> int:
    """Which end explains the others: the smallest."""
    if end.cause in (DONE, STOPPED):
        return 3
    if LOST.search(end.text):  # its neighbour is gone
        return 2
    return 1 if end.cause in (CRASH, EXITED) else 0


def _without_word(code: int | None) -> End:
    """The end of a process that has not said why it ended."""
    if code == 0:
        return End(EXITED, "the process exited with code 0 before the run was finished (os._exit?).")
    name = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
    return End(CRASH, f"the process ended unexpectedly ({name}).")


def _rank(rank: int, job: Job, meeting: Path, train: Train, asked: Any, alive: Any, pipe: Any, inherited: Any) -> None:
    """Entry point of a process."""
    for end in inherited:
        end.close()
    signalled: list[int] = []
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):  # a cluster signals every process
        signal.signal(number, lambda *_: signalled.append(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with, args=(alive,), daemon=True).start()
    if job.device == "cuda":
        job = replace(job, device=f"cuda:{rank}")
    group = Processes(rank, job.processes)

    def stopping() -> bool:
        return bool(signalled) or bool(asked.value)

    def report(progress: dict[str, Any]) -> None:
        if rank == 0:
            pipe.send(progress)

    try:
        with group.joined(meeting, job.device):
            ended = train(job, stopping, report, group)
    except Exception as error:  # the processes could not meet, or one is gone already
        ended = End(FAILED, one_line(f"{type(error).__name__}: {error}")), traceback.format_exc()
    pipe.send(ended)
    sys.exit(0 if ended[0].cause in (DONE, STOPPED) else 1)


def _die_with(alive: Any) -> None:
    """Ends this process as soon as the one that has started it is gone: nobody would end it otherwise."""
    with contextlib.suppress(OSError):
        alive.poll(None)
    os.kill(os.getpid(), signal.SIGKILL)
