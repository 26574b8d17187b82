"""The smoke job: one short job that looks whether runs can work on a node, before hundreds of them are queued."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.spec import BadInput, one_line, printable
from suite.store.folder import dump_json, write_atomic
from suite.sweep.executors import slurm_queue
from suite.sweep.executors.installation import difference, installation
from suite.sweep.executors.slurm_files import read_json
from suite.sweep.executors.slurm_queue import ACTIVE, WAITING
from suite.sweep.stop_signals import StopSignals

MINUTES = 5  # of the job
FRESH = 24 * 3600.0  # seconds for which a node that was found to be good counts as good
LATE = 20.0  # seconds after the end of the job in which its answer may still appear: on NFS
LAST = 300  # letters of the log of a job that has not answered


@dataclass
class SmokeTask:
    """The function that submitit calls in the job: writes {"node", "problem"} into `answer`."""

    token: Path
    text: str  # that the driver has written into `token`
    answer: Path
    data: Path
    gpus: int
    installed: dict[str, str]  # of the driver

    def __call__(self) -> str:
        node = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
        write_atomic(self.answer, dump_json({"node": node, "problem": self._problem()}))
        return node

    def _problem(self) -> str:
        try:
            if self.token.read_text() != self.text:
                return f"it sees another {self.token.parent} than this machine"
        except OSError as error:
            return f"it cannot read what this machine wrote into {self.token.parent} ({error.strerror})"
        try:
            found = installation()
            if differs := difference(found, self.installed):
                return f"it has another installation ({differs})"
            return _data_problem(self.data) or _gpu_problem(self.gpus)
        except Exception as error:  # whatever a broken installation raises
            return f"PyTorch does not work there ({one_line(f'{type(error).__name__}: {error}')[:LAST]})"


def _data_problem(data: Path) -> str:
    try:
        next(data.iterdir(), None)
    except OSError as error:
        return f"it cannot read the data folder {data} ({error.strerror})"
    return ""


def _gpu_problem(gpus: int) -> str:
    import torch

    torch.ones(2, 2).matmul(torch.ones(2, 2))
    if not gpus:
        return ""
    if not torch.cuda.is_available():
        return "PyTorch finds no GPU there (torch.cuda.is_available() is false)"
    if torch.cuda.device_count() < gpus:
        return f"PyTorch finds {torch.cuda.device_count()} GPUs there, not {gpus}"
    for number in range(gpus):
        torch.ones(2, 2, device=f"cuda:{number}").sum().item()
    return ""


def was_checked(folder: Path, asked: dict[str, Any]) -> bool:
    """Whether a run finished, or a smoke job was fine, with the same options and code within the last day."""
    file = folder / "smoke.json"
    try:
        return time.time() - file.stat().st_mtime < FRESH and read_json(file) == asked | installation()
    except OSError:
        return False


def note_checked(folder: Path, asked: dict[str, Any]) -> None:
    """Remembers that a job with these options has worked."""
    with contextlib.suppress(OSError):
        write_atomic(folder / "smoke.json", dump_json(asked | installation()))


def smoke(
    folder: Path, data: Path, gpus: int, submit: Callable[[SmokeTask], str], log: Callable[[str], None], seconds: float
) -> None:
    """Submits a smoke job and waits for its answer; Ctrl-C takes it out of the queue.

    seconds: between two questions to squeue.  Raises BadInput where runs would not work on its node.
    """
    text = secrets.token_hex(16)
    token, answer = folder / f"smoke-{text}.token", folder / f"smoke-{text}.json"
    folder.mkdir(parents=True, exist_ok=True)
    token.write_text(text)
    stop, number = StopSignals(), ""
    try:
        with stop.caught():
            number = submit(SmokeTask(token, text, answer, data, gpus, installation()))
            _follow(number, answer, stop, log, seconds)
        found = read_json(answer)
        if problem := found.get("problem"):
            raise BadInput(f"Runs would fail on the node {found['node']}: {printable(problem)}. No run was queued.")
        log(f"The smoke job {number} found the node {printable(found.get('node'))} ready")
        number = ""
    finally:
        if number:
            slurm_queue.cancel([number])
        token.unlink(missing_ok=True)
        answer.unlink(missing_ok=True)


def _follow(number: str, answer: Path, stop: StopSignals, log: Callable[[str], None], seconds: float) -> None:
    """Returns when the job has answered."""
    told, gone, node, state = False, 0.0, "", ""
    while not answer.exists():
        found = slurm_queue.state_of(number)
        if found is not None:
            state, node = found[0] or state, found[1] or node
            if found[0] in WAITING and not told:
                told = True
                why = "" if found[2] in ("", "None") else f" ({printable(found[2])})"
                log(f"The smoke job {number}, which checks a node, waits in the queue{why}; Ctrl-C cancels it")
            gone = 0.0 if found[0] in ACTIVE else gone or time.monotonic()
            if gone and time.monotonic() - gone > LATE:
                raise BadInput(_unanswered(number, state, node, answer.parent))
        until = time.monotonic() + seconds
        while time.monotonic() < until and not answer.exists():
            if stop.count:
                raise KeyboardInterrupt
            time.sleep(0.1)


def _unanswered(number: str, state: str, node: str, folder: Path) -> str:
    where = f" on the node {node}" if node else ""
    lines = [line for file in (folder / "logs").glob(f"{number}_*log.err") for line in _lines(file)]
    lines = [line for line in lines if not line.startswith("srun: ")] or lines  # those only say that a task has failed
    why = one_line(lines[-1])[-LAST:] if lines else f"the node may not see {folder}"
    ended = f"ended with state {state}" if state else "is no longer in the queue"
    return f"The smoke job {number}{where} {ended} and has not answered: {printable(why)}. No run was queued."


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return []
