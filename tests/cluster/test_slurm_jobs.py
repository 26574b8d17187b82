"""What jobs ask of a real Slurm, the smoke job, and two drivers on one grid: `make test-cluster`."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from suite.data.synthetic import synthesize
from suite.spec import BadInput
from suite.sweep.at_work import whereabouts
from suite.sweep.executors.slurm import SlurmExecutor, SlurmOptions
from suite.sweep.executors.slurm_files import all_submitted, read_json
from tests.cluster.slurm import slurm_on_path
from tests.sweep import executor_contract as contract
from tests.sweep.builders import GRID, ROOT
from tests.sweep.executor_contract import states, stop_when
from tests.sweep.fake_jobs import fake_job, fake_plan, orders

pytestmark = [
    pytest.mark.more,
    pytest.mark.skipif("SUITE_TEST_CLUSTER" not in os.environ, reason="make test-cluster runs it"),
]
PACKAGES = Path(os.environ.get("SUITE_TEST_CLUSTER", ""))


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory):
    submitit = pytest.importorskip("submitit", reason="the extra slurm is not installed")
    folder = tmp_path_factory.mktemp("slurm")
    with slurm_on_path(folder, PACKAGES, submitit, cpus=2, select="CR_CPU_Memory") as environment:
        yield environment


def executor(plan, **options):
    return SlurmExecutor(SlurmOptions(plan.folder / "slurm", seconds=0.5, **options), body=fake_job)


def about(number):
    done = subprocess.run(["scontrol", "show", "job", number], capture_output=True, text=True, check=True)
    return dict(re.findall(r"(\w+)=(\S+)", done.stdout))


def numbers(plan):
    return {run: found.job for run, found in all_submitted(plan.folder / "slurm").items()}


def test_jobs_ask_for_the_estimated_time_and_memory_and_no_more_than_the_partition_has(tmp_path):
    plan = fake_plan(tmp_path, chains=3)
    for run, seconds in zip((plan.runs[0], plan.runs[3], plan.runs[6]), (0.0, 60.0, 1e6), strict=True):
        run.seconds = seconds
    contract.swept(plan, executor(plan))
    assert states(plan) == {"done": 9}
    asked = [about(numbers(plan)[plan.runs[i].id]) for i in (0, 3, 6)]
    assert [job["TimeLimit"] for job in asked] == ["01:00:00", "00:15:00", "01:00:00"]
    assert [job["MinMemoryNode"] for job in asked] == ["4G"] * 3


def test_without_an_estimate_the_time_limit_is_that_of_the_partition_not_of_submitit(tmp_path):
    plan = fake_plan(tmp_path, chains=1)
    contract.swept(plan, executor(plan))
    assert about(numbers(plan)[plan.runs[0].id])["TimeLimit"] == "01:00:00"


def test_a_smoke_job_answers_and_counts_for_a_day(tmp_path):
    plan, said = fake_plan(tmp_path, chains=1), []
    executor(plan).ready(tmp_path, said.append)
    assert re.search(r"found the node n[12] ready", said[-1])
    made = executor(plan)
    made.ready(tmp_path, said.append)
    assert made.asked_for == read_json(made.folder / "smoke.json")["sbatch"]
    assert sum("ready" in line for line in said) == 1


def test_a_smoke_job_without_data_stops_the_sweep(tmp_path):
    plan = fake_plan(tmp_path, chains=1)
    with pytest.raises(BadInput, match=r"the node n[12]: it cannot read the data folder"):
        executor(plan).ready(tmp_path / "none", lambda text: None)
    with pytest.raises(BadInput, match="finds no GPU"):
        executor(plan, gpus_per_run=1, sbatch={"gpus_per_node": "0"}).ready(tmp_path, lambda text: None)


def test_a_smoke_job_that_dies_is_told_with_its_log(tmp_path, monkeypatch):
    plan = fake_plan(tmp_path, chains=1)
    monkeypatch.setattr("suite.sweep.executors.slurm_smoke.LATE", 2.0)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # without the suite and submitit, as on a node with other folders
    with pytest.raises(BadInput, match=r"node n[12] ended with state FAILED and has not answered: .*submitit"):
        executor(plan).ready(tmp_path, lambda text: None)


def test_a_sweep_stopped_while_its_smoke_job_waits_leaves_nothing_in_the_queue(tmp_path):
    synthesize("calib_order", tmp_path / "data", videos={"train": 16, "val": 8})
    (tmp_path / "small.yaml").write_text(GRID)
    args = ["sweep", tmp_path / "small.yaml", "--data", tmp_path / "data", "--results", tmp_path / "results"]
    args += ["--executor", "slurm", "--no-tracking", "--sbatch", "begin=now+1hour", "--only", "tsn-*"]
    command = [sys.executable, "-m", "suite", *map(str, args)]
    driver = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    for line in driver.stdout:
        lines.append(line)
        if "waits in the queue" in line:
            driver.send_signal(signal.SIGINT)
    assert driver.wait(timeout=60) == 130, lines
    assert sum("waits in the queue" in line for line in lines) == 1, lines
    assert subprocess.run(["squeue", "-h"], capture_output=True, text=True, check=True).stdout == ""


def driver_of(folder, chains):
    """A driver in a process of its own, with at most three jobs; it prints its events at its end."""
    code = (
        "from pathlib import Path; from tests.cluster.test_slurm_jobs import *; "
        "plan = fake_plan(Path(sys.argv[1]), chains=int(sys.argv[2])); "
        "_, events = contract.swept(plan, executor(plan, jobs=3)); "
        "print(json.dumps(events), flush=True)"
    )
    command = [sys.executable, "-c", code, str(folder), str(chains)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_drivers_share_a_grid_and_status_shows_the_jobs(tmp_path):
    """Four jobs have room; the driver in the other process has claimed half of the chains or so."""
    plan = fake_plan(tmp_path, chains=8)
    orders(plan, **{f"run{3 * chain}": "steps 100" for chain in range(8)})
    other = driver_of(tmp_path, chains=8)
    seen, queued = fake_plan(tmp_path, chains=8), []
    until = time.monotonic() + 120
    while not numbers(seen) and time.monotonic() < until:
        time.sleep(0.2)

    def on_tick(running):
        for run in seen.runs:
            where = whereabouts(run) if run.state() == "queued" else None
            if where and where["job"]:
                queued.append((where["executor"], where["job"]))

    _, events = contract.swept(plan, executor(plan, jobs=3), on_tick=on_tick)
    theirs = json.loads(other.communicate(timeout=300)[0])
    assert states(plan) == {"done": 24}
    started = [[id for event, id, _ in found if event == "started"] for found in (events, theirs)]
    assert all(started), "both had runs"
    assert sorted([*started[0], *started[1]]) == sorted(run.id for run in plan.runs), "each run was one job"
    assert all(len((run.folder.path / "tries.txt").read_text().splitlines()) == 1 for run in plan.runs)
    assert queued
    assert {where for where, _ in queued} == {"slurm"}
    assert {job.split("_")[0] for _, job in queued} <= {job.split("_")[0] for job in numbers(plan).values()}


def test_a_requeued_job_of_a_driver_that_has_left_is_the_one_that_goes_on(tmp_path):
    plan = fake_plan(tmp_path, chains=1)
    orders(plan, run0="resume 300")
    first = executor(plan, detach=True, sbatch={"time": "10"})
    contract.swept(plan, first, on_tick=stop_when(lambda running: any(one.progress.get("step") for one in running)))
    number = numbers(plan)[plan.runs[0].id]
    subprocess.run(["scancel", "--signal=USR1", number], check=True)  # as near its time limit
    until = time.monotonic() + 60
    while about(number)["JobState"] != "PENDING" and time.monotonic() < until:
        time.sleep(0.2)
    assert about(number)["Restarts"] == "1"
    plan = fake_plan(tmp_path, chains=1)
    contract.swept(plan, executor(plan))
    assert states(plan) == {"done": 3}
    assert numbers(plan)[plan.runs[0].id] == number, "no other job was submitted for it"


def test_jobs_of_a_driver_that_was_killed_are_taken_over(tmp_path):
    plan = fake_plan(tmp_path, chains=3)
    orders(plan, run0="steps 200", run3="steps 200", run6="steps 200")
    first = driver_of(tmp_path, chains=3)
    until = time.monotonic() + 120
    while len(numbers(plan)) < 3 and time.monotonic() < until:
        time.sleep(0.2)
    first.kill()
    first.wait()
    before = numbers(plan)
    assert len(before) == 3
    contract.swept(plan, executor(plan))
    assert states(plan) == {"done": 9}
    assert {run: numbers(plan)[run] for run in before} == before
    assert all(len((run.folder.path / "tries.txt").read_text().splitlines()) == 1 for run in plan.runs)
