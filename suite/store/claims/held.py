"""A claim that this process holds: a thread renews its heartbeat, and sees when it was lost or the run is to stop.

The thread does not depend on the loop that trains: a run whose loop hangs is stalled, not lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from suite.store.claims.claim import (
    NAME,
    RUNNING,
    Busy,
    Claim,
    ClaimLost,
    new_claim,
    progress_file,
    read_claim,
    release,
    take,
)
from suite.store.claims.silence import Watch, beat_seconds

LOOK = 2.0  # seconds between looks for a request to stop
AGAIN = 1.0  # seconds before the second look at a claim that could not be read
CANCEL = "cancel"  # the file beside a claim that asks its holder to stop


class Held:
    """A claim of this process in `file`."""

    def __init__(self, file: Path, claim: Claim):
        self.file, self.claim = file, claim
        self.lost = self.cancelled = False
        self.progress: dict[str, Any] = {}
        self.written: dict[str, Any] = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def is_mine(self) -> bool:
        """Whether this process still holds the claim, by the file: one read may fail on a network file system."""
        found = read_claim(self.file)
        if found is None or found.damaged:
            self.ended.wait(min(AGAIN, beat_seconds()))
            found = read_claim(self.file)
        return found is not None and found.token == self.claim.token

    def require(self) -> None:
        """Raises ClaimLost where another process has taken the claim over, or somebody has removed it."""
        if self.lost or not self.is_mine():
            self.lost = True
            raise ClaimLost(f"The claim of {self.file.parent.name} was taken over, removed, or cannot be read.")

    def is_to_stop(self) -> bool:
        """Whether the claim was lost, or somebody has asked for the run to be cancelled; reads no file."""
        return self.lost or self.cancelled

    def reporting(self, report: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        """`report` that also keeps the progress for those who look at the folder."""

        def reported(progress: dict[str, Any]) -> None:
            self.progress = self.progress | progress
            report(progress)

        return reported

    def _beat(self) -> None:
        pause = min(LOOK, beat_seconds())
        beaten = time.monotonic()
        while not self.ended.wait(pause):
            if not self.cancelled and os.path.lexists(self.file.with_name(CANCEL)):
                self.cancelled = True
            if time.monotonic() - beaten >= beat_seconds() or (self.progress and not self.written):
                beaten = time.monotonic()
                if not self.renew():
                    return

    def renew(self) -> bool:
        """One heartbeat; False, and `lost`, where the claim is another's now."""
        if not self.is_mine():
            self.lost = True
            return False
        with contextlib.suppress(OSError):
            os.utime(self.file)  # the server's clock, on NFS
            if self.progress != self.written:
                self._write_progress(self.progress)
        return True

    def _write_progress(self, progress: dict[str, Any]) -> None:
        file = progress_file(self.file)
        temporary = self.file.with_name(f".claim-{self.claim.token}.progress")
        temporary.write_text(json.dumps(progress | {"token": self.claim.token}))
        os.replace(temporary, file)
        self.written = progress

    def close(self) -> None:
        """Ends the heartbeat and removes the claim, if it is still held."""
        self.ended.set()
        self.thread.join(timeout=5)  # a disk that does not answer holds up nobody
        release(self.file, self.claim.token)


@contextlib.contextmanager
def held(folder: Path, key: str = "", wait: float = 0.0, watch: Watch | None = None) -> Iterator[Held]:
    """Holds the claim of a folder while the block runs.

    key: of the queued claim that was made for this process, which it takes over.  wait: seconds to wait for another
    process that holds it.  watch: of whoever tries again and again.  Raises Busy where it still does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, mine, watch = folder / NAME, new_claim(RUNNING, job=cluster_job(), key=key), watch or Watch()

    def is_meant(found: Claim) -> bool:
        return bool(key) and found.key == key

    def may_replace(found: Claim) -> bool:
        return is_meant(found) or watch.is_gone(file, found)

    until = time.monotonic() + wait
    while True:
        placed = read_claim(file)
        if placed is None:
            file.with_name(CANCEL).unlink(missing_ok=True)  # of an earlier process
        elif is_meant(placed):
            mine = replace(mine, executor=placed.executor, sweep=placed.sweep)
        try:
            take(file, mine, may_replace)
            break
        except Busy:
            if time.monotonic() >= until:
                raise
            time.sleep(0.2)
    one = Held(file, mine)
    one.thread.start()
    try:
        yield one
    finally:
        one.close()


def read_progress(file: Path, claim: Claim) -> dict[str, Any]:
    """What the holder of a claim last said of its progress; {} where that is not known."""
    try:
        with open(progress_file(file), "rb") as content:
            found = json.loads(content.read(1 << 16))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.pop("token", None) != claim.token:
        return {}
    return {str(key): value for key, value in found.items() if type(value) in (int, float, bool)}


def cluster_job() -> str:
    """The number of the cluster's job that this process belongs to, as the cluster names it; "" outside of one."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")
