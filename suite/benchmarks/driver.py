"""What the driver of a sweep costs, in CPU time and memory, over runs that train nothing."""

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

from suite.benchmarks.manifest import peak_mib
from suite.store.folder import RunFolder, dump_json, sealed, write_atomic
from suite.sweep.executors.base import DONE, End, Job

GRID = """
title: Runs that train nothing
protocol: smoke
data: calib_order
axes: {{module: [tsn], backbone: [resnet18], pooling: [none], seed: {seeds}}}
chain: {{frames: [2, 4, 8]}}
"""
STAGES = 3
CPU_SECONDS, AGAIN_SECONDS, MIB = 10.0, 3.0, 300.0  # bounds, for 300 runs


def bench_driver(runs: int = 300, slots: int = 2) -> dict[str, Any]:
    """Runs a sweep of `runs` jobs (a multiple of three) that only write a result, in a new process.

    cpu_seconds: of the driver, from the plan to the last run; mib: its peak memory; seconds: on the clock;
    again_seconds: until the finished sweep is recognised, on the clock; holds: whether all of these but `seconds` are
    within bounds.  The process that makes the plan is not counted: it ends before the first run starts.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", __name__, folder, str(max(1, runs // STAGES)), str(slots)]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    bounds = {"cpu_seconds": CPU_SECONDS, "again_seconds": AGAIN_SECONDS, "mib": MIB}
    return found | {"holds": found["done"] == found["runs"] and all(found[key] < most for key, most in bounds.items())}


def write_result(job: Job, stopping: Callable[[], bool], report: Callable[[dict[str, Any]], None]) -> End:
    """A job that trains nothing."""
    folder = RunFolder(Path(job.folder))
    report({"step": 1, "steps": 1, "tested": 0, "videos": 0})
    write_atomic(folder.result_file, dump_json(sealed({"id": folder.id, "top1": 50.0, "n": 1})))
    return End(DONE)


def measure(folder: Path, chains: int, slots: int) -> dict[str, Any]:
    """The sweep in this process."""
    from suite.report.console.plain import PlainConsole
    from suite.report.console.progress import Display
    from suite.sweep.child import in_child
    from suite.sweep.executors.local import LocalExecutor
    from suite.sweep.executors.machine import Machine
    from suite.sweep.plan import Selection, make_plan
    from suite.sweep.scheduler import Scheduler
    from suite.sweep.stored import store_plan, stored_plan

    grid = folder / "nothing.yaml"
    grid.write_text(GRID.format(seeds=list(range(chains))))
    began, cpu_began = time.perf_counter(), time.process_time()
    plan = in_child(make_plan, str(grid), Selection(), folder, costs=False)
    plan.folder.mkdir(parents=True)
    store_plan(plan)
    executor = LocalExecutor(Machine(slots, "cpu", 1, 0), body=write_result)
    with open(os.devnull, "w") as nowhere, Display(plan, PlainConsole(file=nowhere)) as display:
        Scheduler(plan, folder, executor).execute(display.event, display.tick)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    again = time.perf_counter()
    stored = stored_plan(str(grid), Selection(), folder)
    done = [run.state() for run in stored.runs].count("done") if stored else 0
    return {
        "runs": len(plan.runs),
        "done": done,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "mib": peak_mib(),
        "again_seconds": time.perf_counter() - again,
    }


if __name__ == "__main__":
    from suite.benchmarks import driver  # jobs are found by this name, and not in __main__

    print(json.dumps(driver.measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
