"""The identity of a process: a pid that was given again, or one of another machine, is not mistaken for it."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path

PRETEND = "SUITE_CLAIM_MACHINE"  # for tests: this process counts as one of the machine of this name


def host() -> str:
    """The name of this machine, for a person."""
    return os.environ.get(PRETEND) or socket.gethostname()


def machine() -> str:
    """What tells this machine, since it was started, from all others; containers that see other processes are others.

    Host names do not: containers and cloned machines may share one.
    """
    return os.environ.get(PRETEND) or _machine()


@lru_cache(maxsize=1)
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:  # not Linux
        return socket.gethostname()


def start_time(pid: int) -> int | None:
    """When a process of this machine was started, in clock ticks since the machine was; None where it does not run.

    0 where /proc does not show it: on systems without /proc, and for other users where it is mounted with hidepid.  A
    process that has ended and that its parent has not yet asked about does not run.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0 if _answers(pid) else None
    fields = stat.rpartition(b")")[2].split()  # the name before it may hold blanks and brackets
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def runs(pid: int, started: int | None) -> bool:
    """Whether the process of this machine with this pid and start time still runs."""
    found = start_time(pid)
    return found is not None and found in (started, 0)


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
