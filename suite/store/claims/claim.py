"""claim.json: which process works on a folder, taken and taken over in one step on local disks and on NFS.

A claim appears by link(2), which either makes the name or fails, on every machine that sees the disk.  To take over
the claim with token t, a process first makes the file `.claim-<t>.next` in the same way: only one process ever can, and
only it puts its own claim in the place of the old one.  Where it dies in between, its own claim, which is in that file,
is taken over like any other.  The file's modification time is the heartbeat.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from suite.spec import BadInput
from suite.store.claims import process

NAME = "claim.json"
QUEUED, RUNNING = "queued", "running"
LARGEST = 1 << 16  # bytes; ours have some 400
TRIES = 20
LOST_AFTER = 120.0  # seconds without a heartbeat; NFS may show one a minute late
SETTING = "SUITE_LOST_AFTER"  # seconds, in place of LOST_AFTER
TOKEN = re.compile(r"[0-9a-f]{32}")
# what link(2) gives on file systems without hard links
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES}


class Busy(BadInput):
    """Another process holds the lock, or the claim."""


class ClaimLost(Busy):
    """This process no longer holds its claim: it must not write any more."""


@dataclass(frozen=True)
class Claim:
    """Who works on a folder.  `state` is queued while the run waits for its process, else running."""

    token: str  # of this claim alone
    state: str
    host: str  # for a person
    machine: str
    pid: int
    started: int | None  # of the process, in clock ticks since the machine was started
    claimed: str  # when, for a person
    executor: str = ""  # local, slurm, ray
    job: str = ""  # of a cluster
    sweep: str = ""  # the driver that placed it
    key: str = ""  # the job that was given it may take this claim over
    detached: bool = False  # its driver has left it, and its job is in a queue
    damaged: str = ""  # why the file is no claim
    beat: int = 0  # modification time in nanoseconds, by the clock of the file system

    @property
    def is_ours(self) -> bool:
        """Whether this machine can tell if its process still runs."""
        return not self.damaged and not self.detached and self.machine == process.machine()


def new_claim(state: str, **about: Any) -> Claim:
    """A claim of this process, not yet in any file."""
    pid = os.getpid()
    when = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    token = secrets.token_hex(16)
    return Claim(token, state, process.host(), process.machine(), pid, process.start_time(pid), when, **about)


def read_claim(file: Path) -> Claim | None:
    """The claim in a file; None where there is none.  One that cannot be read says why in `damaged`."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return _unreadable(file, "is no regular file" if error.errno == errno.ELOOP else f"{error.strerror}")
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return _damaged(found, "is no regular file")
        content = os.read(descriptor, LARGEST)
    except OSError as error:
        return _unreadable(file, f"{error.strerror}")
    finally:
        os.close(descriptor)
    claim = _parsed(content)
    return replace(claim, beat=found.st_mtime_ns) if claim else _damaged(found, "is damaged")


def _parsed(content: bytes) -> Claim | None:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("state") not in (QUEUED, RUNNING):
        return None
    known = {field.name for field in fields(Claim)} - {"damaged", "beat"}
    data = {key: value for key, value in data.items() if key in known}
    pid, started, detached = data.get("pid"), data.get("started"), data.get("detached", False)
    if type(pid) is not int or not 0 < pid < 2**31 or type(started) not in (int, type(None)):
        return None
    texts = [value for key, value in data.items() if key not in ("pid", "started", "detached")]
    if type(detached) is not bool or not all(isinstance(text, str) and len(text) <= 300 for text in texts):
        return None
    try:
        claim = Claim(**data)
    except TypeError:  # one is missing
        return None
    return claim if TOKEN.fullmatch(claim.token) else None  # it becomes part of the name of a file


def _unreadable(file: Path, why: str) -> Claim | None:
    try:
        return _damaged(file.lstat(), why)
    except OSError:
        return None


def _damaged(found: os.stat_result, why: str) -> Claim:
    token = f"damaged-{found.st_ino}-{found.st_mtime_ns}"
    return Claim(token, RUNNING, "?", "", 0, None, "?", damaged=why, beat=found.st_mtime_ns)


def take(file: Path, mine: Claim, may_replace: Callable[[Claim], bool]) -> None:
    """Makes `mine` the claim in `file`.

    may_replace: whether a claim that is found may be taken over.  Raises Busy where it may not, BadInput where the file
    is none, OSError where nothing can be written beside it.
    """
    temporary = file.with_name(f".claim-{mine.token}")
    try:
        for _ in range(TRIES):
            _write(temporary, mine)
            found = read_claim(file)
            if found is None:
                if _place(temporary, file, mine):
                    return
            elif found.token == mine.token or _take_over(temporary, file, found, mine, may_replace):
                return
            time.sleep(0.01)
    finally:
        temporary.unlink(missing_ok=True)
    raise Busy(f"The claim of {file.parent.name} changed while it was being taken; run the command again.")


def _take_over(temporary: Path, file: Path, found: Claim, mine: Claim, may_replace: Callable[[Claim], bool]) -> bool:
    """Puts `mine` in the place of `found`; False where the files have changed meanwhile."""
    successors: list[Path] = []
    holder: Claim | None = found
    while holder is not None:
        if holder.damaged == "is no regular file":
            raise BadInput(f"{file} is no regular file; remove it.")
        if not may_replace(holder):
            raise Busy(busy_text(file, holder))
        successors.append(file.with_name(f".claim-{holder.token}.next"))
        if _place(temporary, successors[-1], mine):
            break
        holder = read_claim(successors[-1])  # another process took it over before us, and may be gone too
    else:
        return False
    try:
        now = read_claim(file)  # else it was taken over and released since we read it
        if now is None or now.token != found.token:
            successors[-1].unlink(missing_ok=True)
            return False
        os.replace(temporary, file)
    except FileNotFoundError:
        return False
    for successor in successors:
        successor.unlink(missing_ok=True)
    return True


def release(file: Path, token: str) -> None:
    """Removes the claim with this token, and what belongs to it; another one stays."""
    found = read_claim(file)
    if found is None or found.token != token:
        return
    for beside in (*file.parent.glob(".claim-*"), progress_file(file)):
        with contextlib.suppress(OSError):
            beside.unlink()
    with contextlib.suppress(OSError):
        file.unlink()


def progress_file(file: Path) -> Path:
    """Where the holder of a claim says how far it is."""
    return file.with_name("progress.json")


def lost_after() -> float:
    """Seconds of silence after which the process of another machine counts as gone."""
    try:
        return max(0.1, float(os.environ.get(SETTING, "")))
    except ValueError:
        return LOST_AFTER


def busy_text(file: Path, claim: Claim) -> str:
    """One sentence on who holds a claim."""
    if claim.damaged:
        return (
            f"{file} {claim.damaged}; it is treated as the claim of another process until it has not changed for "
            f"{lost_after():.0f} s."
        )
    where = f"process {claim.pid} on {claim.host}" + (f", job {claim.job}" if claim.job else "")
    return f"{file.parent.name} is in use by another process ({where}, since {claim.claimed})."


def _write(temporary: Path, mine: Claim) -> None:
    content = {key: value for key, value in asdict(mine).items() if key not in ("damaged", "beat")}
    temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def _place(temporary: Path, file: Path, mine: Claim) -> bool:
    """Makes `file` from `temporary` unless it is there; whether it did."""
    try:
        os.link(temporary, file)
        return True
    except FileExistsError:  # NFS may repeat a link that was made, and then says so
        found = read_claim(file)
        return found is not None and found.token == mine.token
    except FileNotFoundError:
        if file.parent.is_dir():
            return False  # the holder has tidied up
        raise
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        return False
    with open(descriptor, "wb") as target:
        target.write(temporary.read_bytes())
    return True
