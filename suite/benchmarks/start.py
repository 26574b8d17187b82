"""Seconds from the start of a process to the first training step of its run, cold and from the fork server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from suite.benchmarks.manifest import DATASET, generate
from suite.data.synthetic import encode
from suite.sweep.executors.base import Job

COLD_SECONDS, WARM_SECONDS = 8.0, 1.0  # bounds
GRID = f"""
title: A run whose first step is timed
protocol: smoke
data: {DATASET}
models: [tsn-resnet18]
chain: {{frames: [2]}}
set: {{batch: 2, epochs: 1, size: 32, allow_leakage: 10, allow_missing: 1}}
"""
FRAMES = 8
LINKS = 30_000  # names of one file; file systems have a bound


def bench_start(videos: int = 240_000, rounds: int = 3) -> dict[str, Any]:
    """Trains the first step of a small network on a Kinetics-400 of `videos` training videos with a warm index.

    cold_seconds: from the start of a new process, as on a node of a cluster, to the end of the first training step;
    warm_seconds: the same for a process that comes from the fork server of a sweep; each the fastest of `rounds`, on
    the clock.  load: average of the machine before; holds: whether both are within bounds.
    """
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        generate(place / "data" / DATASET, videos, _videos(place, videos), FRAMES)
        (place / "start.yaml").write_text(GRID)
        command = [sys.executable, "-m", __name__, home]
        subprocess.run([*command, "plan"], check=True)
        cold = []
        for _ in range(rounds):
            began = time.monotonic()  # the same clock in all processes
            done = subprocess.run([*command, "cold"], check=True, stdout=subprocess.PIPE)
            cold.append(json.loads(done.stdout) - began)
        warm = json.loads(subprocess.run([*command, str(rounds)], check=True, stdout=subprocess.PIPE).stdout)
    found = {"cold_seconds": min(cold), "warm_seconds": min(warm)}
    holds = found["cold_seconds"] < COLD_SECONDS and found["warm_seconds"] < WARM_SECONDS
    return {"videos": videos, **found, "rounds": rounds, "load": load, "holds": holds}


def _videos(place: Path, count: int) -> Callable[[Path], None]:
    """Gives the files of a data set their content: links to a few small videos."""
    sources = []
    for number in range(count // LINKS + 1):
        frames = np.random.default_rng(number).integers(0, 255, (FRAMES, 64, 64, 3), dtype=np.uint8)
        encode(frames, place / f"{number}.mp4", crf=40)
        sources.append(place / f"{number}.mp4")
    made = iter(range(1 << 60))
    return lambda file: os.link(sources[next(made) // LINKS], file)


def _job(place: Path) -> Job:
    """A new run of the grid."""
    from suite.store.folder import RunFolder
    from suite.sweep.plan import Selection
    from suite.sweep.stored import stored_plan

    plan = stored_plan(str(place / "start.yaml"), Selection(), place / "results")
    run = plan.runs[0]
    folder = RunFolder(place / "results" / f"{time.monotonic_ns()}" / "runs" / run.id)
    folder.create(run.spec)
    return Job(str(folder.path), run.spec.resolved(), str(place / "data"), id=run.id)


def _plan(place: Path) -> None:
    from suite.sweep.plan import Selection, make_plan
    from suite.sweep.stored import store_plan

    plan = make_plan(str(place / "start.yaml"), Selection(), place / "results", costs=False)
    plan.folder.mkdir(parents=True)
    store_plan(plan)


def _cold(place: Path) -> float:
    from suite.sweep.worker import run_job

    first: list[float] = []

    def report(progress: dict[str, Any]) -> None:
        if progress.get("step") and not first:
            first.append(time.monotonic())

    end = run_job(_job(place), lambda: bool(first), report)
    if not first:
        raise RuntimeError(f"no step was made: {end.text}")
    return first[0]


def _warm(place: Path, rounds: int) -> list[float]:
    from suite.sweep.executors.local import LocalExecutor
    from suite.sweep.executors.machine import Machine

    executor, seconds = LocalExecutor(Machine(1, "cpu", 1, 0)), []
    for _ in range(rounds + 1):
        began, first = time.monotonic(), None
        executor.start(_job(place))
        end = None
        while end is None:
            for change in executor.poll(0.002):
                end = change.end or end
                if change.progress.get("step") and first is None:
                    first = time.monotonic() - began
                    executor.cancel()
        if first is None:
            raise RuntimeError(f"no step was made: {end.text}")
        seconds.append(first)
    executor.close()
    return seconds[1:]  # the first has started the fork server


def _main(home: str, what: str) -> None:
    if what == "plan":
        _plan(Path(home))
    else:
        print(json.dumps(_cold(Path(home)) if what == "cold" else _warm(Path(home), int(what))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
