"""The contract of executors, and a real sweep, through a real Slurm on this machine: `make test-cluster`."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from suite.data.synthetic import synthesize
from suite.sweep.executors.slurm import SlurmExecutor, SlurmOptions
from suite.sweep.executors.slurm_files import all_submitted, submitted_for
from tests.cluster.slurm import slurm_on_path
from tests.sweep import executor_contract as contract
from tests.sweep.builders import GRID, ROOT, comparable
from tests.sweep.executor_contract import states, stop_when
from tests.sweep.fake_jobs import fake_job, fake_plan, orders

pytestmark = [
    pytest.mark.more,
    pytest.mark.skipif("SUITE_TEST_CLUSTER" not in os.environ, reason="make test-cluster runs it"),
]
PACKAGES = Path(os.environ.get("SUITE_TEST_CLUSTER", ""))  # where Slurm is unpacked; without it nothing runs


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    submitit = pytest.importorskip("submitit", reason="the extra slurm is not installed")
    with slurm_on_path(tmp_path_factory.mktemp("slurm"), PACKAGES, submitit, cpus=4) as environment:
        yield environment


def executor(plan, **options):
    sbatch = {"time": "10", "signal": "USR1@30"} | options.pop("sbatch", {})
    return SlurmExecutor(SlurmOptions(plan.folder / "slurm", sbatch=sbatch, seconds=0.5, **options), body=fake_job)


def swept(plan, placed=None, **options):
    return contract.swept(plan, placed or executor(plan), **options)


def numbers(plan):
    return {run: found.job for run, found in all_submitted(plan.folder / "slurm").items()}


def queue():
    done = subprocess.run(["squeue", "-h", "-r", "-o", "%i|%T"], capture_output=True, text=True, check=True)
    return done.stdout.split()


class TestSlurmExecutor(contract.ExecutorContract):
    @pytest.fixture(autouse=True)
    def cluster(self, cluster):
        """A real Slurm."""

    def executor(self, plan):
        return executor(plan)


def test_ctrl_c_empties_the_queue_and_running_jobs_save(cluster, tmp_path):
    plan = fake_plan(tmp_path, chains=12)  # 8 have room
    orders(plan, **{f"run{3 * chain}": "steps 2000" for chain in range(12)})
    outcome, events = swept(plan, on_tick=stop_when(lambda running: sum(bool(r.progress) for r in running) >= 4))
    assert outcome.stopped
    assert len(list(plan.folder.glob("runs/*/saved.txt"))) >= 4
    assert {event for event, _, _ in events} <= {"queued", "started", "stopping", "stopped", "lost"}
    time.sleep(6)  # jobs that ended stay in squeue for KillWait
    assert queue() == []


def test_detached_jobs_go_on_and_the_next_driver_takes_them_over(cluster, tmp_path):
    plan = fake_plan(tmp_path, chains=2)
    orders(plan, run0="steps 150", run3="steps 150")
    _, events = swept(
        plan,
        executor(plan, detach=True),
        on_tick=stop_when(lambda running: sum(bool(r.progress) for r in running) == 2),
    )
    assert [event for event, _, _ in events] == ["queued"] * 2 + ["started"] * 2 + ["left"] * 2
    before = numbers(plan)
    swept(fake_plan(tmp_path, chains=2))
    assert states(plan) == {"done": 6}
    after = numbers(plan)
    assert {run: after[run] for run in before} == before, "the jobs of the first driver ended by themselves"
    assert all(len((run.folder.path / "tries.txt").read_text().splitlines()) == 1 for run in plan.runs)


def test_a_job_that_is_cancelled_by_hand_fails_with_a_sentence(cluster, tmp_path):
    plan = fake_plan(tmp_path, chains=2)
    orders(plan, run0="hang")
    cancelled = []

    def on_tick(running):
        for one in running:
            if one.progress and one.run.id == plan.runs[0].id and not cancelled:
                number = submitted_for(plan.folder / "slurm", one.run.id).job
                cancelled.append(subprocess.run(["scancel", number], check=True))

    outcome, _ = swept(plan, on_tick=on_tick)
    assert "ended with state CANCELLED" in outcome.errors[plan.runs[0].id]
    assert states(plan) == {"failed": 1, "blocked": 2, "done": 3}


def test_a_drained_node_leaves_the_sweep_to_the_other(cluster, tmp_path):
    plan = fake_plan(tmp_path, chains=2)
    drain = ["scontrol", "update", "nodename=n1", "state=drain", "reason=test"]
    subprocess.run(drain, check=True)
    try:
        swept(plan)
    finally:
        subprocess.run(["scontrol", "update", "nodename=n1", "state=resume"], check=True)
    assert states(plan) == {"done": 6}


def test_near_its_time_limit_a_run_saves_and_its_job_is_requeued(cluster, tmp_path):
    plan = fake_plan(tmp_path, chains=1)
    orders(plan, run0="resume 900")  # of 0.05 s: more than one minute has room for
    _, events = swept(plan, executor(plan, sbatch={"time": "1", "signal": "USR1@45"}))
    assert states(plan) == {"done": 3}
    tries = (plan.runs[0].folder.path / "tries.txt").read_text().splitlines()
    assert len(tries) >= 2
    assert "resumed" not in {event for event, _, _ in events}, "the same Slurm job went on"


def test_a_sweep_through_slurm_gives_the_bytes_of_a_local_one(cluster, tmp_path):
    synthesize("calib_order", tmp_path / "data", videos={"train": 48, "val": 16})
    (tmp_path / "small.yaml").write_text(GRID)
    found = []
    for name, how in (("local", ["--slots", "2"]), ("slurm", ["--executor", "slurm", "--time", "20"])):
        args = ["sweep", tmp_path / "small.yaml", "--data", tmp_path / "data", "--results", tmp_path / name, *how]
        command = [sys.executable, "-m", "suite", *map(str, args), "--no-tracking", "--only", "tsn-*"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        found.append(comparable(tmp_path / name / "small"))
    assert found[0] == found[1]
