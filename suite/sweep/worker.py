"""The process of one run.  It ends with one of the exit codes below and has said the rest in the run's folder."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

DONE, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 3


@dataclass(frozen=True)
class Job:
    """What a worker is told: where the run is and what of the machine it may use: its place, not its identity."""

    folder: str
    spec: dict[str, Any]  # the run as it is planned now: of a finished one, its tests may have changed
    data: str
    device: str = "cpu"  # "cuda": the GPU in `gpu`
    gpu: str | None = None
    threads: int = 1
    workers: int = 0
    checkpoint_seconds: float = 60.0
    checkpoint_steps: int | None = None


def work(job: Job, driver: Connection) -> None:
    """Entry point in the new process.  `driver` is told of progress; its closing means that the driver is gone."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides
    if job.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = job.gpu
    sys.exit(_work(job, driver, asked))


def _work(job: Job, driver: Connection, asked: list[int]) -> int:
    import torch

    from suite.evaluation.control import Control, RunFailed, Stopped
    from suite.models.user_code import RULES
    from suite.spec import BadInput
    from suite.store.folder import RunFolder
    from suite.store.identity import RunSpec
    from suite.training.run import execute

    torch.set_num_threads(job.threads)
    RULES.tell = None  # the driver has built every model, and told of it or refused it
    folder = RunFolder(Path(job.folder))

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

    control = Control(stopping, report, job.checkpoint_seconds, job.checkpoint_steps, job.workers, job.device)
    try:
        execute(folder, Path(job.data), control, RunSpec.from_resolved(job.spec))
        return DONE
    except Stopped as stop:
        folder.add_log(str(stop))
        return STOPPED
    except (BadInput, RunFailed) as error:
        folder.fail(str(error), "input")
        return BAD_INPUT
    except Exception as error:
        folder.add_log(traceback.format_exc())
        folder.fail(f"{type(error).__name__}: {error}", "error")
        return FAILED
