"""The process of one run: it tells the driver why it ended, and the rest it has said in the run's folder."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.sweep.executors.base import BUSY, DISK, DONE, FAILED, INPUT, LOADER, STOPPED, Body, End, Job

if TYPE_CHECKING:
    from suite.evaluation.group import Group

EXIT_CODES = {DONE: 0, INPUT: 2, STOPPED: 75}  # 75, EX_TEMPFAIL: to be started again; any other end is 1
KINDS = {INPUT: "input", DISK: "disk", FAILED: "error", LOADER: "error"}  # of an error.json
LOADER_DIED = re.compile(r"DataLoader worker .*(exited unexpectedly|killed by signal)")


def work(job: Job, driver: Connection, body: Body | None = None) -> None:
    """Entry point in the new process.  `driver` is told of progress; its closing means that the driver is gone."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGHUP):  # SIGHUP: the terminal was closed
        signal.signal(number, lambda *_: asked.append(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides
    if job.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = job.gpu

    def stopping() -> bool:
        try:
            return bool(asked) or driver.poll()  # the driver never writes: readable means closed
        except OSError:
            return True

    def report(progress: dict[str, Any]) -> None:
        try:
            driver.send(progress)
        except OSError:
            asked.append(1)

    end = (body or run_job)(job, stopping, report)
    with contextlib.suppress(OSError):
        driver.send(end)
    sys.exit(EXIT_CODES.get(end.cause, 1))


def run_job(job: Job, stopping: Callable[[], bool], report: Callable[[dict[str, Any]], None]) -> End:
    """Trains and tests the run of a job; every end of it but a crash becomes an End, and an error.json that says why.

    stopping: whether to save and stop, asked at every step; report: is told of progress.
    """
    if job.processes > 1:
        from suite.sweep.ranks import run_processes

        end, log = run_processes(job, stopping, report, train_job)
    else:
        end, log = train_job(job, stopping, report)
    return _recorded(Path(job.folder), end, log)


def train_job(
    job: Job, stopping: Callable[[], bool], report: Callable[[dict[str, Any]], None], group: Group | None = None
) -> tuple[End, str]:
    """Trains and tests the run in this process, or this process's share of it; its end, and a text for the log."""
    import torch

    from suite.evaluation.control import Control, RunFailed, Stopped
    from suite.evaluation.group import Group
    from suite.models.user_code import RULES
    from suite.spec import BadInput
    from suite.store.folder import Busy, RunFolder
    from suite.store.full_disk import no_space, remove_temporaries
    from suite.store.identity import RunSpec
    from suite.training.run import execute

    torch.set_num_threads(job.threads)
    RULES.tell = None  # the driver has built every model, and told of it or refused it
    folder, group = RunFolder(Path(job.folder)), group or Group()
    control = Control(stopping, report, job.checkpoint_seconds, job.checkpoint_steps, job.workers, job.device, group)
    try:
        execute(folder, Path(job.data), control, RunSpec.from_resolved(job.spec))
        return End(DONE), ""
    except Stopped as stop:
        return End(STOPPED), str(stop)
    except Busy as busy:
        return End(BUSY, str(busy)), ""
    except (BadInput, RunFailed) as error:
        return End(INPUT, str(error)), ""
    except SystemExit as error:
        return End(INPUT, f"Code of the model called sys.exit({error.code!r}) before the run was finished."), ""
    except Exception as error:
        if full := no_space(error, folder.path):
            remove_temporaries(folder.path)
            return End(DISK, full), ""
        text = f"{type(error).__name__}: {error}"
        return End(LOADER if LOADER_DIED.search(str(error)) else FAILED, text), traceback.format_exc()


def _recorded(path: Path, end: End, log: str) -> End:
    """Writes down how a run ended: into its log, and into error.json where it failed."""
    from suite.store.folder import RunFolder

    folder = RunFolder(path)
    with contextlib.suppress(OSError):  # of a full disk; the driver is told all the same
        if kind := KINDS.get(end.cause):
            folder.fail(end.text, kind)
        if log:
            folder.add_log(log)
    return end
