"""The claims that a driver makes for its runs; the processes of the runs take them over.

Between the two a run is queued: the driver renews the heartbeat, and no other driver starts the run.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from pathlib import Path

from suite.spec import BadInput
from suite.store.claims import process
from suite.store.claims.claim import QUEUED, Busy, Claim, busy_text, new_claim, read_claim, release, take
from suite.store.claims.silence import Watch, beat_seconds
from suite.store.folder import RunFolder
from suite.sweep.executors.base import Executor


class Claims:
    """What one driver has claimed, and what it knows of the claims of others."""

    def __init__(self, executor: Executor):
        self.sweep, self.executor = secrets.token_hex(16), executor
        self.watch = Watch()
        self.queued: dict[Path, str] = {}  # the token of each claim that no process has taken over yet
        self.keys: dict[Path, str] = {}  # of the job of each run
        self.lock = threading.Lock()  # between the heartbeat and a new claim of ours on the same run
        self.ended = threading.Event()
        self.thread: threading.Thread | None = None

    def take(self, folder: RunFolder, placed: str | None = None) -> str | None:
        """Claims a run; the key for its job, or None where another process works on the run.

        placed: an earlier driver has placed its job, which is still queued or running, with this key ("" where that is
        not known).  Raises OSError where the claim cannot be written, BadInput where claim.json is no file.
        """
        found, was_placed = folder.claim(), placed is not None
        key = placed or secrets.token_hex(16)
        if was_placed and found and found.executor == self.executor.name:
            key = self.keys[folder.claim_file] = found.key
            if found.state != QUEUED:
                return key
        mine = new_claim(QUEUED, executor=self.executor.name, sweep=self.sweep, key=key)
        try:
            with self.lock:
                take(folder.claim_file, mine, lambda claim: self._may_replace(folder, claim, was_placed))
                self.queued[folder.claim_file] = mine.token
        except Busy:
            return None
        self.keys[folder.claim_file] = key
        if self.thread is None:
            self.thread = threading.Thread(target=self._beat, name="heartbeat of queued runs", daemon=True)
            self.thread.start()
        return key

    def queue(self, folder: RunFolder, job: str) -> None:
        """States in the claim of a run the job of the cluster it waits for.  A run whose job has gone back to the queue
        is claimed again."""
        file = folder.claim_file
        mine = new_claim(QUEUED, executor=self.executor.name, job=job, sweep=self.sweep, key=self.keys.get(file, ""))
        with contextlib.suppress(Busy, BadInput, OSError), self.lock:  # its process has it
            take(file, mine, lambda claim: claim.sweep == self.sweep and claim.state == QUEUED)
            self.queued[file] = mine.token

    def is_held_by_another(self, folder: RunFolder) -> bool:
        """Whether a process that lives works on the run; one of an earlier try of ours counts."""
        claim = folder.claim()
        return claim is not None and not self._may_replace(folder, claim)

    def damage(self, folder: RunFolder) -> str:
        """What is wrong with the claim of a run that is waited for; "" where it is sound."""
        claim = folder.claim()
        return busy_text(folder.claim_file, claim).rstrip(".") if claim and claim.damaged else ""

    def release(self, folder: RunFolder) -> None:
        """Removes what is left of our claim on a run whose job has ended; that of a process that still runs stays."""
        self.queued.pop(folder.claim_file, None)
        claim = folder.claim()
        if claim is None or claim.sweep != self.sweep:
            return
        if not claim.is_ours or claim.pid == os.getpid() or not process.runs(claim.pid, claim.started):
            release(folder.claim_file, claim.token)

    def close(self) -> None:
        """Ends the heartbeat.  A run whose job stays in the queue stays claimed, until another driver wants it."""
        self.ended.set()
        if self.thread:
            self.thread.join(timeout=5)
        for file, token in self.queued.items():
            found = read_claim(file)
            if found is None or found.token != token:
                continue
            if not self.executor.detached:
                release(file, token)
                continue
            about = {"executor": found.executor, "job": found.job, "sweep": found.sweep, "key": found.key}
            left = new_claim(QUEUED, **about, detached=True)
            with contextlib.suppress(Busy, OSError):
                take(file, left, lambda claim, token=token: claim.token == token)
        self.queued.clear()

    def _may_replace(self, folder: RunFolder, claim: Claim, placed: bool = False) -> bool:
        own = claim.sweep == self.sweep and claim.state == QUEUED
        left = placed and claim.detached and claim.executor == self.executor.name
        return own or left or self.watch.is_gone(folder.claim_file, claim)

    def _beat(self) -> None:
        while not self.ended.wait(beat_seconds()):
            for file in list(self.queued):
                with self.lock:
                    self._renew(file)

    def _renew(self, file: Path) -> None:
        token, found = self.queued.get(file), read_claim(file)
        if token is None or found is None or found.damaged:  # one that cannot be read may be there the next time
            return
        if found.token != token:
            self.queued.pop(file, None)  # its process has it
            return
        with contextlib.suppress(OSError):
            os.utime(file)
