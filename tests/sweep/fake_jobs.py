"""Jobs that train nothing: they sleep a little and write a result; for the tests of executors."""

import os
import time
from pathlib import Path

from suite.store.claims.claim import Busy, ClaimLost
from suite.store.folder import RunFolder, write_atomic
from suite.sweep.executors.base import BUSY, DONE, FAILED, INPUT, LOST, STOPPED, End

ORDER = "order.txt"

GRID = """
title: Runs that do nothing
protocol: smoke
data: calib_order
axes: {{module: [tsn], backbone: [resnet18], pooling: [none], seed: {seeds}}}
chain: {{frames: [2, 4, 8]}}
"""


def fake_plan(folder, chains, shard=None):
    """Chains of three runs each; shard: (i, n), the share of one of n drivers."""
    from suite.sweep.plan import Selection, make_plan  # not in the process of a job: it takes seconds

    grid = folder / "fake.yaml"
    grid.write_text(GRID.format(seeds=list(range(chains))))
    return make_plan(str(grid), Selection(shard=shard), folder / "results", costs=False)


def orders(plan, **by_run):
    """Tells jobs what to do, by the position of their run in the plan: raise, kill, exit0, hang, ...

    All others work.  An order lies in the folder of its run, and so goes with it to a node without this disk.
    """
    for file in plan.folder.glob(f"runs/*/{ORDER}"):
        file.unlink()
    for number, what in by_run.items():
        folder = plan.runs[int(number.removeprefix("run"))].folder.path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ORDER).write_text(what)


def fake_job(job, stopping, report):
    folder = RunFolder(Path(job.folder))
    file = folder.path / ORDER
    what = file.read_text() if file.exists() else ""
    try:
        with folder.claimed(job.claim) as claim:
            folder.error_file.unlink(missing_ok=True)
            return _work(folder, what, lambda: stopping() or claim.is_to_stop(), claim.reporting(report))
    except Busy as busy:
        return End(LOST if isinstance(busy, ClaimLost) else BUSY, str(busy))


def _work(folder, what, stopping, report):
    with open(folder.path / "tries.txt", "a") as file:
        file.write(f"{what or 'work'}\n")
    tries = len((folder.path / "tries.txt").read_text().splitlines())
    if what == "raise":
        folder.fail("RuntimeError: told to", "error")
        return End(FAILED, "RuntimeError: told to")
    if what == "bad":
        folder.fail("ValueError: told to", "input")
        return End(INPUT, "ValueError: told to")
    if what == "kill" or (what == "kill once" and tries == 1):
        os.kill(os.getpid(), 9)
    if what == "exit0":
        os._exit(0)
    if what == "says done":
        return End(DONE)
    if what == "hang":
        report({"step": 1, "steps": 2})
        time.sleep(3600)
    if what.startswith(("steps", "resume")):  # the second has a checkpoint, and goes on from there
        resumes = what.startswith("resume")
        begin = int(folder.checkpoint.read_text()) if resumes and folder.checkpoint.exists() else 0
        with open(folder.path / "begun.txt", "a") as file:
            file.write(f"{begin}\n")
        for step in range(begin, int(what.split()[1])):
            if resumes:
                write_atomic(folder.checkpoint, str(step))
            report({"step": step, "steps": 1000, "tested": 0, "videos": 0})
            if stopping():
                folder.require_claim()
                (folder.path / "saved.txt").write_text(str(step))
                return End(STOPPED)
            time.sleep(0.05)
    report({"step": 1, "steps": 1, "tested": 0, "videos": 0})
    folder.finish({"id": folder.id, "top1": 50.0, "n": 1})
    return End(DONE)
