"""How much faster several processes train a run on the CPU than one: the same batches, one thread per process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from suite.evaluation.group import Group
from suite.sweep.executors.base import DONE, End, Job
from suite.sweep.ranks import run_processes

MODEL, FRAMES, SIZE, BATCH, STEP_BATCH = "tam-resnet18", 8, 64, 8, 4
CLASSES, STEPS = 8, 3  # updates per measurement, after one that warms up
FASTER = 1.5  # bound, for two processes on two cores


def bench_processes(rounds: int = 5, processes: int = 2) -> dict[str, Any]:
    """Seconds per update with one process and with `processes`, measured in turns; clips are random, none is read.

    Gives medians over the rounds, `speedup`, the median of the ratios of the rounds, and `holds`, whether it reaches
    the bound.  `cpu_speedup` is the same of CPU time per process, which other load on the machine hardly changes; it
    leaves out the time in which processes wait for each other.
    """
    turns = [(_measured(1), _measured(processes)) for _ in range(rounds)]
    ratios = [one["seconds"] / several["seconds"] for one, several in turns]
    return {
        "model": MODEL,
        "processes": processes,
        "rounds": rounds,
        "seconds_one": median(one["seconds"] for one, _ in turns),
        "seconds_several": median(several["seconds"] for _, several in turns),
        "speedup": median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "cpu_speedup": median(one["cpu_seconds"] / several["cpu_seconds"] for one, several in turns),
        "holds": median(ratios) >= FASTER,
    }


def _measured(processes: int) -> dict[str, Any]:
    said: dict[str, Any] = {}
    end, log = run_processes(Job("", {}, "", processes=processes), lambda: False, said.update, train)
    if end.cause != DONE:
        raise RuntimeError(f"{end.text}\n{log}")
    return said


def train(
    job: Job, stopping: Callable[[], bool], report: Callable[[dict[str, Any]], None], group: Group
) -> tuple[End, str]:
    """A few updates of a run, as the training loop makes them."""
    import torch

    from suite.device import set_determinism
    from suite.evaluation.control import Control
    from suite.models import build
    from suite.spec import load_protocol
    from suite.store.folder import RunFolder
    from suite.store.identity import RunSpec
    from suite.training.loop import Batches, Trainer

    torch.set_num_threads(1)
    set_determinism("cpu")
    settings = {"size": SIZE, "batch": BATCH, "step_batch": STEP_BATCH}
    spec = RunSpec(MODEL, "calib_order", FRAMES, 0, load_protocol("smoke").stage(False, settings))
    model = build(spec.network, CLASSES, FRAMES, SIZE, seed=0)
    trainer = Trainer(spec, model, None, (), RunFolder(Path("unused")), group=group)
    trainer.start_training()
    batches, control = Batches(spec, 100 * BATCH, 0, trainer.division), Control(group=group)

    def clips() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        own = range(BATCH)[trainer.division.clips(trainer.division.own_parts[0])]
        shape = (len(own), FRAMES, SIZE, SIZE, 3)
        clip, label = torch.randint(256, shape, dtype=torch.uint8), torch.randint(CLASSES, (len(own),))
        while True:
            yield clip, label

    loader = clips()
    trainer.update(loader, batches, control)
    group.wait()
    began, cpu_began = time.perf_counter(), time.process_time()
    for _ in range(STEPS):
        trainer.update(loader, batches, control)
        group.any_of(False)  # as the loop asks whether to stop
    group.wait()
    seconds, cpu = time.perf_counter() - began, group.to_main(time.process_time() - cpu_began)
    report({"seconds": seconds / STEPS, "cpu_seconds": max(cpu, default=0.0) / STEPS})
    return End(DONE), ""
