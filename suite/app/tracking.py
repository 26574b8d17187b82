"""MLflow beside a sweep: a process of its own logs the files of the runs; the driver only starts and ends it.

A server that hangs or is gone costs the sweep nothing, and a few seconds at its end at most.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path

from rich.console import Console

from suite.program import command, results_option
from suite.sweep.plan import Plan

STALL = 5.0  # seconds without progress after which nobody waits any more at the end of a sweep
LONGEST = 30.0  # seconds that one waits in all
START_AGAIN = 60.0  # seconds until a process that died is started again


class Tracking:
    """Logs the runs of a plan to MLflow while its sweep goes on, from a process of its own."""

    def __init__(self, plan: Plan, console: Console):
        self.plan, self.console = plan, console
        self.process: subprocess.Popen[str] | None = None
        self.problem = ""  # the last one
        self.told = False  # whether the person was told of one
        self.complete = self.elsewhere = False  # elsewhere: the process of another sweep logs this grid
        self.patience = time.monotonic() + STALL  # until when the process need not be heard of
        self.closing = threading.Event()
        self._start()
        self.listener = threading.Thread(target=self._listen, name="mlflow", daemon=True)
        self.listener.start()

    def close(self, files: list[Path]) -> None:
        """The sweep has ended and its report is written: waits a bounded time until MLflow has all of it."""
        self.closing.set()
        self.patience = max(self.patience, time.monotonic() + STALL)
        limit = time.monotonic() + LONGEST
        if self.process is not None:
            with contextlib.suppress(OSError, ValueError):
                self.process.stdin.write("end\n")
                self.process.stdin.flush()
            while self.listener.is_alive() and time.monotonic() < min(limit, self.patience):
                self.listener.join(0.05)
            self.process.kill()  # one that has everything has ended, or is about to
            self.process.wait()
        if not self.complete:
            reason = "" if self.told else f" ({self.problem or 'no answer'})"
            what = f"MLflow does not have everything of this sweep{reason}; {{}} completes it."
            if self.elsewhere:
                what = "Another sweep of this grid logs its runs to MLflow; {} completes what it leaves out."
            again = f"publish {shlex.quote(self.plan.name)}{results_option(self.plan.folder.parent)}"
            self.console.print(what.format(command(again)))

    def _start(self) -> None:
        import suite

        paths = [str(Path(suite.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "suite.app.publishing", str(self.plan.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment,
                start_new_session=True,  # Ctrl-C is for the sweep, which then tells it
            )
        except OSError as error:
            self.process, self.problem = None, f"{sys.executable}: {error.strerror}"

    def _listen(self) -> None:
        """In a thread: what the process tells; one that died is started again."""
        while self.process is not None:
            for line in self.process.stdout:
                self._note(line)
            if self.closing.is_set() or self.closing.wait(START_AGAIN):
                return
            self._start()

    def _note(self, line: str) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            return
        self.patience = time.monotonic() + max(STALL, message.get("progress", 0.0))
        self.complete = message.get("complete", self.complete)
        self.elsewhere = "waiting" in message or self.elsewhere
        if problem := message.get("problem"):
            self.problem = problem
            if not self.closing.is_set() and not self.told:
                self.told = True
                self.console.print(f"Not logged to MLflow for now: {problem}. The sweep continues.")
