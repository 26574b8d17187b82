"""The process of one run: it tells the driver why it ended, and the rest it has said in the run's folder."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.models.user_code import RULES
from suite.spec import BadInput
from suite.store.claims.claim import Busy, Claim, ClaimLost
from suite.store.claims.held import Held
from suite.store.folder import RunFolder
from suite.store.full_disk import no_space, remove_leftovers, remove_temporaries
from suite.store.identity import RunSpec
from suite.sweep.executors.base import (
    BUSY,
    CRASH,
    DISK,
    DONE,
    FAILED,
    INPUT,
    LOADER,
    LOST,
    MEMORY,
    STOPPED,
    Body,
    End,
    Job,
)
from suite.sweep.out_of_memory import no_memory, oom_kills, was_killed
from suite.sweep.ranks import Ended, run_processes

if TYPE_CHECKING:
    from suite.evaluation.control import Control
    from suite.evaluation.group import Group

EXIT_CODES = {DONE: 0, INPUT: 2, STOPPED: 75}  # 75, EX_TEMPFAIL: to be started again; any other end is 1
KINDS = {INPUT: "input", DISK: "disk", MEMORY: "memory", FAILED: "error", LOADER: "error"}  # of an error.json
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
        with contextlib.ExitStack() as block:
            try:
                claim = block.enter_context(folder.claimed(job.claim))
            except OSError as error:  # it cannot be written
                return End(DISK, no_space(error, folder.path) or f"{error.filename or folder.path}: {error.strerror}.")
            remove_leftovers(folder.path)
            control = Control(
                stopping=lambda: stopping() or claim.is_to_stop(),
                report=claim.reporting(note),
                checkpoint_seconds=job.checkpoint_seconds,
                checkpoint_steps=job.checkpoint_steps,
                workers=job.workers,
                device=job.device,
                deterministic=job.deterministic,
            )
            if job.processes > 1:
                end, log = run_processes(job, control.stopping, control.report, partial(_train_share, claim.claim))
            else:
                end, log = _train(job, folder, control, said)
            return _recorded(job, folder, claim, end, log, killed_before)
    except Busy as busy:
        return End(BUSY, str(busy))
    except BadInput as error:
        return End(INPUT, str(error))


def _train_share(
    claim: Claim, job: Job, stopping: Callable[[], bool], report: Callable[[dict[str, Any]], None], group: Group
) -> Ended:
    """One of several processes of a run; the process that has started them renews its claim."""
    import torch

    from suite.evaluation.control import Control

    torch.set_num_threads(job.threads)
    RULES.tell = None
    folder = RunFolder(Path(job.folder))
    folder.held = Held(folder.claim_file, claim)
    said: dict[str, Any] = {}

    def note(progress: dict[str, Any]) -> None:
        said.update(progress)
        report(progress)

    control = Control(
        stopping=stopping,
        report=note,
        checkpoint_seconds=job.checkpoint_seconds,
        checkpoint_steps=job.checkpoint_steps,
        workers=job.workers,
        device=job.device,
        deterministic=job.deterministic,
        group=group,
    )
    return _train(job, folder, control, said)


def _train(job: Job, folder: RunFolder, control: Control, said: dict[str, Any]) -> Ended:
    """Trains and tests a run in this process; how it ended, and a text for its log.

    said: what the run reports of its progress.
    """
    from suite.evaluation.control import RunFailed, Stopped
    from suite.training.run import execute

    killed_before = oom_kills()
    try:
        execute(folder, Path(job.data), control, RunSpec.from_resolved(job.spec))
        return End(DONE), ""
    except Stopped as stop:
        return End(STOPPED), str(stop)
    except Busy as busy:
        return End(LOST if isinstance(busy, ClaimLost) else BUSY, str(busy)), ""
    except (BadInput, RunFailed) as error:
        return End(INPUT, str(error)), ""
    except SystemExit as error:
        return End(INPUT, f"Code of the model called sys.exit({error.code!r}) before the run was finished."), ""
    except Exception as error:
        if full := no_space(error, folder.path):
            return End(DISK, full), ""
        log = traceback.format_exc()
        if lacking := no_memory(error, job.spec, job.gib, said, control.device):
            return End(MEMORY, lacking), log
        text = f"{type(error).__name__}: {error}"
        if not LOADER_DIED.search(str(error)):
            return End(FAILED, text), log
        lacking = was_killed(killed_before, job.gib, "A data-loading process of the run")
        return (End(MEMORY, lacking) if lacking else End(LOADER, text)), log


def _recorded(job: Job, folder: RunFolder, claim: Held, end: End, log: str, killed_before: int | None) -> End:
    """Writes down how a run ended: into its log, and into error.json where it failed.

    killed_before: processes of this group that lack of memory ended before the run.
    """
    if end.cause == CRASH and "SIGKILL" in end.text:  # one of several processes
        lacking = was_killed(killed_before, job.gib, "A process of the run")
        end = End(MEMORY, lacking) if lacking else end
    kind = KINDS.get(end.cause)
    if kind and not claim.is_mine():  # the folder is another's, or gone: whatever went wrong may come from that
        return End(LOST, f"The claim of {folder.id} was lost ({end.text})")
    if end.cause == DISK:
        remove_temporaries(folder.path)
    with contextlib.suppress(OSError):  # of a full disk; the driver is told all the same
        if kind:
            folder.fail(end.text, kind)
        if log:
            folder.add_log(log)
    return end
