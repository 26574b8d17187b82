"""The log of a run: its last lines, why it failed, where its job's own log is, and new lines as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.spec import BadInput
from suite.store.folder import RunFolder
from suite.sweep.executors.slurm_files import submitted_for

WAITING = ("todo", "queued", "running")  # states of a run that may still write
EVERY = 0.5  # seconds between looks at a file
SETTLED = 3.0  # seconds without a new try after which a run has ended


def log_of(folder: RunFolder, lines: int | None = None, end: int | None = None) -> dict[str, Any]:
    """id, state, folder, log (its last `lines` lines), error (None without one), job_logs (paths).

    end: the log up to this position in bytes.
    """
    found = _read(folder.log)[:end].decode(errors="replace").splitlines()
    return {
        "id": folder.id,
        "state": folder.state(),
        "folder": str(folder.path),
        "log": found if lines is None else found[-lines:] if lines else [],
        "error": _error(folder),
        "job_logs": [str(file) for file in job_logs(folder)],
    }


def job_logs(folder: RunFolder) -> list[Path]:
    """What the last job of a run printed, where a cluster ran it: standard error, then standard output."""
    slurm = folder.path.parents[1] / "slurm"
    if (last := submitted_for(slurm, folder.id)) is None:
        return []
    files = [slurm / "logs" / f"{last.job}_0_log.{kind}" for kind in ("err", "out")]
    return [file for file in files if file.is_file()]


def _error(folder: RunFolder) -> str | None:
    try:
        return (folder.error() or {}).get("error")
    except BadInput as damaged:
        return str(damaged)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


@dataclass
class _Tail:
    """The new lines of a log from `at`, a position in bytes; a log that was replaced is read from its start."""

    folder: RunFolder
    at: int = 0
    inode: int = 0
    rest: bytes = b""
    was_running: bool = False
    ended: float | None = None  # since when it has

    def __post_init__(self) -> None:
        self.at, self.inode = self._state()

    def _state(self) -> tuple[int, int]:
        try:
            found = self.folder.log.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_size, found.st_ino

    def lines(self) -> list[str]:
        size, inode = self._state()
        if inode != self.inode or size < self.at:
            self.at, self.inode, self.rest = 0, inode, b""
        if size == self.at:
            return []
        with open(self.folder.log, "rb") as file:
            file.seek(self.at)
            new = file.read()
        self.at += len(new)
        *whole, self.rest = (self.rest + new).split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def is_over(self) -> bool:
        """Whether the run has ended, and is not tried again."""
        state = self.folder.state()
        self.was_running |= state == "running"
        if state in WAITING and not (state == "todo" and self.was_running):
            self.ended = None
            return False
        now = time.monotonic()
        self.ended = self.ended or now
        return state == "done" or now - self.ended > SETTLED


@dataclass
class LogFollower:
    """Reads what runs write after `LogFollower(folders)` was made; `tails` have the positions of that moment."""

    folders: Sequence[RunFolder]
    sleep: Callable[[float], None] = time.sleep
    tails: list[_Tail] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tails = [_Tail(folder) for folder in self.folders]

    def lines(self) -> Iterator[tuple[RunFolder, str]]:
        """New lines as they come, until all of the runs have ended."""
        left = list(self.tails)
        while left:
            for tail in list(left):
                over = tail.is_over()  # before its last lines are read
                for line in tail.lines():
                    yield tail.folder, line
                if over:
                    left.remove(tail)
            if left:
                self.sleep(EVERY)
