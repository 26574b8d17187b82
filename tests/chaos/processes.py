"""Who is who among the processes of a sweep, from /proc (Linux)."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process; a driver and all that it starts share a session, also those whose parent is gone."""

    pid: int
    parent: int
    session: int

    def is_fork_server(self) -> bool:
        with contextlib.suppress(OSError):
            return b"multiprocessing.forkserver" in Path(f"/proc/{self.pid}/cmdline").read_bytes()
        return False


def of_session(session: int) -> list[Process]:
    """All living processes of a session."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, _, owner = file.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue  # it has just ended
        if int(owner) == session and state != "Z":
            found.append(Process(int(file.parent.name), int(parent), session))
    return found


@dataclass
class Tree:
    """The processes of one driver by their role.  Workers are forked from the fork server, loaders from workers."""

    driver: int
    server: list[int]
    workers: list[int]
    loaders: list[int]

    @classmethod
    def of(cls, driver: int) -> "Tree":
        everyone = of_session(driver)
        forked = {process.pid: process for process in everyone if process.is_fork_server()}
        server = [pid for pid, process in forked.items() if process.parent not in forked and process.parent == driver]
        workers = [pid for pid, process in forked.items() if process.parent in server]
        loaders = [pid for pid, process in forked.items() if process.parent in workers]
        return cls(driver, sorted(server), sorted(workers), sorted(loaders))


def kill(*pids: int) -> list[int]:
    """SIGKILL to each; those that were still there."""
    hit = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            hit.append(pid)
    return hit


def kill_session(session: int) -> None:
    kill(*(process.pid for process in of_session(session)))
