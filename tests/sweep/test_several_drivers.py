"""Several drivers on one folder share the work: each run is trained once, and none is failed by a driver without it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from suite.store.claims.claim import read_claim
from suite.store.folder import RunFolder
from suite.sweep.cancelling import cancel_grid, cancel_runs
from suite.sweep.summary import status
from tests.sweep.builders import ROOT
from tests.sweep.fake_jobs import fake_plan, orders
from tests.sweep.test_executors import states

pytestmark = pytest.mark.slow

DRIVER = """
import json, sys
from pathlib import Path
from suite.sweep.plan import Selection, make_plan
from tests.sweep.test_executors import swept

if __name__ == "__main__":
    grid, results, shard, slots = sys.argv[1:]
    selection = Selection(shard=tuple(map(int, shard.split("/"))) if shard else None)
    plan = make_plan(grid, selection, Path(results), costs=False)
    print("ready", flush=True)
    outcome, events = swept(plan, slots=int(slots), on_tick=lambda running: None)
    print(json.dumps({
        "events": events,
        "finished": [run.id for run in outcome.finished],
        "failed": [run.id for run in outcome.failed],
        "stopped": outcome.stopped,
        "cancelled": [run.id for run in outcome.cancelled_runs],
    }))
"""


def driver(folder, shard="", slots=2, machine="", **env):
    script = folder / "driver.py"
    script.write_text(DRIVER)
    env = {**os.environ, "PYTHONPATH": str(ROOT), **env, **({"SUITE_CLAIM_MACHINE": machine} if machine else {})}
    command = [sys.executable, str(script), str(folder / "fake.yaml"), str(folder / "results"), shard, str(slots)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def told(process):
    """What a driver says of its sweep."""
    printed, _ = process.communicate(timeout=200)
    assert process.returncode == 0, printed
    return json.loads(printed.splitlines()[-1])


def tries(plan):
    files = plan.folder.glob("runs/*/tries.txt")
    return {file.parent.name: len(file.read_text().splitlines()) for file in files}


def wait_until(true, seconds=60):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def leftovers(plan):
    """What claims and requests have left in the folders of runs, and error.json."""
    files = [*plan.folder.glob("runs/*/*"), *plan.folder.glob("runs/*/.*")]
    ours = ("claim.json", "progress.json", "cancel", "error.json")
    return {file.name for file in files if file.name in ours or file.name.startswith(".")}


@pytest.mark.more
@pytest.mark.parametrize("second", ["", "1/2"])
def test_two_drivers_train_each_run_once(tmp_path, second):
    plan = fake_plan(tmp_path, chains=4)
    orders(plan, run4="raise")
    outcomes = [told(process) for process in (driver(tmp_path), driver(tmp_path, second))]
    assert states(plan) == {"done": 10, "failed": 1, "blocked": 1}
    once = {run.id: 1 for run in plan.runs if run not in (plan.runs[4], plan.runs[5])}
    assert tries(plan) == once | {plan.runs[4].id: 2}, "the failed run was tried again, by one driver alone"
    for outcome in outcomes:
        assert set(outcome["failed"]) <= {plan.runs[4].id}
    assert len(outcomes[0]["finished"]) == 10
    assert leftovers(plan) == {"error.json"}


@pytest.mark.faults
@pytest.mark.parametrize("machine", ["", "elsewhere"])
def test_the_run_of_a_killed_driver_is_taken_over(tmp_path, machine):
    """On its own machine at once, on another one after the silence."""
    plan = fake_plan(tmp_path, chains=1)
    orders(plan, run0="hang")
    env = {"SUITE_LOST_AFTER": "8"} if machine else {}
    first = driver(tmp_path, machine=machine, **env)
    file = plan.runs[0].folder.claim_file
    wait_until(lambda: (claim := read_claim(file)) is not None and claim.state == "running")
    worker = read_claim(file)
    orders(plan)
    first.kill()
    if not machine:
        os.kill(worker.pid, signal.SIGKILL)
    began = time.monotonic()
    second = driver(tmp_path, **env)
    if machine:  # its worker hangs, and its heartbeat goes on: it is waited for until the worker is killed too
        time.sleep(10)
        assert read_claim(file).token == worker.token
        os.kill(worker.pid, signal.SIGKILL)
    outcome = told(second)
    assert len(outcome["finished"]) == 3
    assert outcome["failed"] == []
    assert machine or time.monotonic() - began < 100
    assert leftovers(plan) == set()


@pytest.mark.faults
def test_cancelled_runs_save_and_are_not_started_again_by_drivers_at_work(tmp_path):
    plan = fake_plan(tmp_path, chains=3)
    orders(plan, run0="resume 400", run3="steps 20", run6="steps 20")
    both = [driver(tmp_path, slots=1), driver(tmp_path, slots=1, machine="elsewhere")]
    run = plan.runs[0].folder
    wait_until(lambda: run.claim() is not None and run.claim().state == "running")
    cancel_runs([run])
    outcomes = [told(process) for process in both]
    for outcome in outcomes:
        assert outcome["cancelled"] == [run.id]
        assert len(outcome["finished"]) == 6
    assert run.state() == "todo"
    assert int((run.path / "saved.txt").read_text()) > 0
    orders(plan)
    later = told(driver(tmp_path))
    assert later["cancelled"] == []
    assert states(plan) == {"done": 9}
    assert leftovers(plan) == set()


@pytest.mark.faults
def test_a_cancelled_grid_stops_all_drivers(tmp_path):
    plan = fake_plan(tmp_path, chains=4)
    orders(plan, **{f"run{number}": "resume 1000" for number in range(0, 12, 3)})
    both = [driver(tmp_path, slots=1), driver(tmp_path, slots=1)]
    wait_until(lambda: status(plan)["running"] == 2)
    entry = next(run for run in status(plan)["runs"] if run["state"] == "running")
    assert entry["where"]["executor"] == "local"
    assert len(cancel_grid(plan.folder)) == 2
    for process in both:
        outcome = told(process)
        assert outcome["stopped"]
        assert outcome["finished"] == outcome["failed"] == []
    assert status(plan)["todo"] == 12
    assert len(list(plan.folder.glob("runs/*/saved.txt"))) == 2


def test_status_says_what_failed_how_to_rerun_it_and_what_it_blocks(tmp_path):
    plan = fake_plan(tmp_path, chains=2)
    failed, blocked = plan.runs[0], plan.runs[1:3]
    failed.folder.create(failed.spec)
    failed.folder.add_log("the last line \x1b[31m")
    failed.folder.fail("ValueError: told to", "error")
    found = status(plan)
    by_id = {run["id"]: run for run in found["runs"]}
    assert (found["failed"], found["blocked"], found["todo"]) == (1, 2, 3)
    assert sum(value for key, value in found.items() if key != "runs") == 6
    assert by_id[failed.id]["log"][-1].endswith("the last line \\x1b[31m")
    words = by_id[failed.id]["rerun"].split()
    assert words[:2] == ["suite", "sweep"]
    assert words[words.index("--only") + 1] == failed.spec.model
    assert {by_id[run.id]["blocked_by"] for run in blocked} == {failed.id}
    with RunFolder(plan.runs[3].folder.path).claimed():
        where = status(plan)["runs"][3]["where"]
        assert where["pid"] == os.getpid()
    assert plan.runs[3].state() == "todo"
