"""Whether a process still runs."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from suite.store.claims import process
from suite.store.claims.claim import RUNNING, new_claim
from suite.store.claims.silence import Watch


def test_a_process_that_proc_does_not_show_still_runs(monkeypatch):
    """As those of other users where /proc is mounted with hidepid=2."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    monkeypatch.setattr(process, "Path", lambda name: Path("/nowhere"))
    assert process.runs(os.getpid(), 12345)
    assert not process.runs(gone.pid, 12345)


def test_a_pid_that_was_given_again_is_another_process(tmp_path):
    claim = new_claim(RUNNING)
    assert not Watch().is_gone(tmp_path / "claim.json", claim)
    earlier = replace(claim, started=claim.started - 1)
    assert Watch().is_gone(tmp_path / "claim.json", earlier)
