"""The sweeps under attack: starting a driver, what is on disk, how it ended, and the comparison at the end."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from suite.store.folder import RunFolder
from tests.chaos.processes import Tree, kill_session, of_session
from tests.sweep.builders import ROOT, comparable

HOLD = Path(__file__).parent / "hold"
GRID = """
title: A small sweep to be killed
protocol: smoke
data: calib_order
models: [tsn-resnet18, tam-resnet18]
chain: {frames: [4, 8]}
set: {epochs: 4, batch: 8, size: 32, dropout: 0.5}
"""
VIDEOS = {"train": 48, "val": 16}
RETRIES = 1000  # a worker that is killed 50 times is no bad model
CLOCKS = ("seconds",)  # of a line of history.jsonl


class Driver:
    """A `suite sweep` in a session of its own, started again by `start` whenever it was killed."""

    def __init__(self, grid: Path, data: Path, results: Path, extra: Iterable[str] = (), name: str = "sweep"):
        self.grid, self.data, self.results, self.name, self.process = grid, data, results, name, None
        self.folder = ROOT  # it works in
        self.finished = False  # it has ended by itself, and well
        words = ["sweep", grid, "--data", data, "--results", results, "--slots", 2, "--no-tracking", *extra]
        self.command = [sys.executable, "-m", "suite", *map(str, words)]
        self.printed = results / f"{name}.txt"
        self.sessions: list[int] = []

    def start(self, *options: object, hold: str = "", **chaos: str) -> None:
        """hold: names of files whose writing takes longer; chaos: other variables of `hold/sitecustomize.py`."""
        chaos |= {"CHAOS_HOLD": hold, "CHAOS_SECONDS": "0.5"} if hold else {}
        path = os.pathsep.join([*([str(HOLD)] if chaos else []), str(ROOT)])
        env = {**os.environ, "PYTHONPATH": path, **chaos}
        self.printed.parent.mkdir(parents=True, exist_ok=True)
        options = ["--retries", RETRIES, "--checkpoint-steps", 2, *options]
        with open(self.printed, "a") as out:
            self.process = subprocess.Popen(
                [*self.command, *map(str, options)],
                cwd=self.folder, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.sessions.append(self.process.pid)

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tree(self) -> Tree:
        return Tree.of(self.process.pid)

    def wait(self, seconds: float) -> int | None:
        """Its exit code; None where it is still at work after so long."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def has_finished(self) -> bool:
        """Whether the sweep ended by itself.  Raises RuntimeError where it ended badly."""
        if self.process is not None and not self.alive() and self.process.returncode not in (-9, 130):
            if self.process.returncode != 0:
                self.complain(f"ended with exit code {self.process.returncode}")
            self.finished = True
        return self.finished

    def complain(self, what: str) -> None:
        raise RuntimeError(f"{self.name} {what}; it printed:\n{self.printed.read_text()}")

    def orphans(self) -> list[int]:
        """Processes of this driver's earlier lives."""
        return [process.pid for session in self.sessions for process in of_session(session)]

    def wait_for_orphans(self, seconds: float = 60.0) -> None:
        """Workers whose driver is gone save and end by themselves."""
        until = time.monotonic() + seconds
        while self.orphans() and time.monotonic() < until:
            time.sleep(0.1)

    def kill(self) -> None:
        if self.process is not None:
            for session in self.sessions:
                kill_session(session)
            self.process.wait()


def run_folders(results: Path) -> list[RunFolder]:
    return [RunFolder(path) for path in sorted(results.glob("small/runs/*"))]


def short_name(folder: RunFolder) -> str:
    """tsn-resnet18.f4 of calib_order.tsn-resnet18.f4.s0-0123456789."""
    return folder.id.removeprefix("calib_order.").partition(".s0")[0]


def saved_step(folder: RunFolder) -> int:
    """Where a run would go on: the step in its checkpoint, 0 without one."""
    import torch

    try:
        return torch.load(folder.checkpoint, weights_only=True, mmap=True)["position"]["step"]
    except FileNotFoundError:
        return 0


def left_by(folder: RunFolder) -> str:
    """What a kill has left in a run's folder, in a few words."""
    if folder.result_file.exists():
        state = "result.json whole" if folder.result() else "result.json?"
    else:
        state = f"checkpoint at step {step}" if (step := saved_step(folder)) else "no checkpoint"
    half = [file for file in folder.path.iterdir() if is_half_written(file)]
    sizes = ", ".join(f"{file.name} ({file.stat().st_size:,} bytes)" for file in half if file.exists())
    return state + (f" + half written: {sizes}" if sizes else "")


def is_half_written(file: Path) -> bool:
    """Whether a file is one that has not got its name yet."""
    return re.fullmatch(r"\..+\.\d+-[0-9a-f]{8}", file.name) is not None


def history(folder: RunFolder) -> list[dict]:
    """Lines of history.jsonl without their clocks."""
    return [{key: value for key, value in line.items() if key not in CLOCKS} for line in folder.read_history()]


def differences(results: Path, undisturbed: Path) -> list[str]:
    """Sentences on what differs from the undisturbed sweep; [] where everything is equal.

    Byte for byte: specs, predictions, results, summary.csv, accuracy tables.  Line for line without clocks: history.
    """
    ours, theirs = comparable(results / "small"), comparable(undisturbed / "small")
    found = [f"{name} is missing" for name in sorted(theirs.keys() - ours.keys())]
    found += [f"{name} should not be there" for name in sorted(ours.keys() - theirs.keys())]
    found += [f"{name} differs" for name in sorted(ours.keys() & theirs.keys()) if ours[name] != theirs[name]]
    for folder, other in zip(run_folders(results), run_folders(undisturbed), strict=True):
        if history(folder) != history(other):
            found.append(f"{folder.history} differs")
        if folder.error_file.exists():
            found.append(f"{folder.error_file} is beside a result: {json.loads(folder.error_file.read_text())}")
        found += [f"{file} was left" for file in folder.path.iterdir() if is_half_written(file)]
    return found
