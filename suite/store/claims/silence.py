"""Whether the holder of a claim is gone.

On the machine of the holder, its process tells: a process that is there keeps its claim, however long it is silent.
On another machine the heartbeat tells: the holder is gone when it stands still for `lost_after` seconds.  Its age is
told by the clock of the file system; no clock of a machine, right or wrong, takes part.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from pathlib import Path

from suite.store.claims import process
from suite.store.claims.claim import Claim, lost_after

BEATS = 12.0  # heartbeats in that time
CLOCK_FOR = 10.0  # seconds for which a look at the clock of a file system serves

_offsets: dict[int, tuple[float, float]] = {}  # device -> its clock less the monotonic one, and when it was read


def beat_seconds() -> float:
    """Seconds between two heartbeats."""
    return lost_after() / BEATS


def age(file: Path, claim: Claim) -> float:
    """Seconds since the last heartbeat, by the clock of the file system; negative where that was set back."""
    return _file_system_now(file.parent) - claim.beat / 1e9


def looks_gone(file: Path, claim: Claim) -> bool:
    """Whether the holder is gone, as far as one look can tell: for showing it, not for taking it over."""
    if claim.detached:
        return False  # its job is in a queue, which only the cluster knows
    if claim.is_ours:
        return not process.runs(claim.pid, claim.started)
    return age(file, claim) >= lost_after()


class Watch:
    """Looks at claims again and again, and so needs no clock: the holder is gone when its heartbeat stands still."""

    def __init__(self) -> None:
        self.seen: dict[Path, tuple[tuple[str, int], float]] = {}  # the claim and heartbeat, and since when

    def is_gone(self, file: Path, claim: Claim) -> bool:
        """Whether the holder is gone, so that its claim may be taken over."""
        if claim.is_ours:
            return not process.runs(claim.pid, claim.started)
        now, beat = time.monotonic(), (claim.token, claim.beat)
        if self.seen.get(file, (None,))[0] != beat:
            self.seen[file] = (beat, now)
        silent, limit = now - self.seen[file][1], lost_after()
        # An old heartbeat alone may come from a clock that was set forward: the next one shows it.
        return silent >= limit or (silent >= limit / 4 and age(file, claim) >= limit)


def _file_system_now(folder: Path) -> float:
    try:
        device = folder.stat().st_dev
        offset, read = _offsets.get(device, (0.0, -CLOCK_FOR))
        if time.monotonic() - read >= CLOCK_FOR:
            offset, read = _clock_of(folder) - time.monotonic(), time.monotonic()
            _offsets[device] = (offset, read)
        return offset + time.monotonic()
    except OSError:  # read-only
        return time.time()


def _clock_of(folder: Path) -> float:
    """Now, by the clock of the file system: the modification time of a file that is made for it."""
    file = folder / f".claim-clock-{secrets.token_hex(8)}"
    try:
        file.touch()
        return file.stat().st_mtime
    finally:
        with contextlib.suppress(OSError):
            file.unlink()
