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

from suite.models.user_code import RULES
from suite.spec import BadInput
from suite.store.claims.claim import Busy, ClaimLost
from suite.store.claims.held import Held
from suite.store.folder import RunFolder
from suite.store.full_disk import no_space, remove_leftovers, remove_temporaries
from suite.store.identity import RunSpec
from suite.sweep.executors.base import BUSY, DISK, DONE, FAILED, INPUT, LOADER, LOST, MEMORY, STOPPED, Body, End, Job
from suite.sweep.out_of_memory import no_memory, oom_kills, was_killed

if TYPE_CHECKING:
    from suite.evaluation.control import Control

EXIT_CODES = {DONE: 0, INPUT: 2, STOPPED: 75}  # 75, EX_TEMPFAIL: to be started again; any other end is 1
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
    import torch

    from suite.evaluation.control import Control

    torch.set_num_threads(job.threads)
    RULES.tell = None  # the driver has built every model, and told of it or refused it
    folder = RunFolder(Path(job.folder))
    said: dict[str, Any] = {}
    killed_before = oom_kills()

    def note(progress: dict[str, Any]) -> None:
        said.update(progress)
        report(progress)

    try:
        with folder.claimed(job.claim) as claim:
            control = Control(
                stopping=lambda: stopping() or claim.is_to_stop(),
                report=claim.reporting(note),
                checkpoint_seconds=job.checkpoint_seconds,
                checkpoint_steps=job.checkpoint_steps,
                workers=job.workers,
                device=job.device,
            )
            return _end_of(job, folder, claim, control, said, killed_before)
    except Busy as busy:
        return End(BUSY, str(busy))
    except OSError as error:  # the claim cannot be written
        return End(DISK, no_space(error, folder.path) or f"{error.filename or folder.path}: {error.strerror}.")


def _end_of(
    job: Job, folder: RunFolder, claim: Held, control: Control, said: dict[str, Any], killed_before: int | None
) -> End:
    """said: what the run reports of its progress; killed_before: processes of this group that lack of memory ended."""
    from suite.evaluation.control import RunFailed, Stopped
    from suite.training.run import execute

    def failed(cause: str, text: str, kind: str) -> End:
        if not claim.is_mine():  # the folder is another's, or gone: whatever went wrong may come from that
            return End(LOST, f"The claim of {folder.id} was lost ({text})")
        with contextlib.suppress(OSError):  # of a full disk; the driver is told all the same
            folder.fail(text, kind)
        return End(cause, text)

    remove_leftovers(folder.path)
    try:
        execute(folder, Path(job.data), control, RunSpec.from_resolved(job.spec))
        return End(DONE)
    except Stopped as stop:
        with contextlib.suppress(OSError):
            folder.add_log(str(stop))
        return End(STOPPED)
    except Busy as busy:
        return End(LOST if isinstance(busy, ClaimLost) else BUSY, str(busy))
    except (BadInput, RunFailed) as error:
        return failed(INPUT, str(error), "input")
    except SystemExit as error:
        return failed(INPUT, f"Code of the model called sys.exit({error.code!r}) before the run was finished.", "input")
    except Exception as error:
        if full := no_space(error, folder.path):
            remove_temporaries(folder.path)
            return failed(DISK, full, "disk")
        if claim.is_mine():
            with contextlib.suppress(OSError):
                folder.add_log(traceback.format_exc())
        if lacking := no_memory(error, job.spec, job.gib, said, job.device):
            return failed(MEMORY, lacking, "memory")
        text = f"{type(error).__name__}: {error}"
        if not LOADER_DIED.search(str(error)):
            return failed(FAILED, text, "error")
        lacking = was_killed(killed_before, job.gib, "A data-loading process of the run")
        return failed(MEMORY, lacking, "memory") if lacking else failed(LOADER, text, "error")
