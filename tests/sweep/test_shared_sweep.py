"""The contract of executors for two drivers at work on one folder: both whole, or one with a share of the chains."""

import json
import os
import subprocess
import sys

import pytest

from suite.sweep.executors.local import LocalExecutor
from suite.sweep.executors.machine import Machine
from tests.sweep.builders import ROOT
from tests.sweep.executor_contract import CHAINS, states, swept, tries
from tests.sweep.fake_jobs import fake_job, fake_plan, orders

pytestmark = pytest.mark.faults

OTHER = """
import json, sys
from pathlib import Path
from tests.sweep.executor_contract import swept
from tests.sweep.fake_jobs import fake_plan
from tests.sweep.test_shared_sweep import local

if __name__ == "__main__":
    shard = json.loads(sys.argv[3])
    plan = fake_plan(Path(sys.argv[1]), chains=int(sys.argv[2]), shard=shard and tuple(shard))
    outcome, _ = swept(plan, local())
    print(json.dumps([run.id for run in outcome.failed]))
"""


def local():
    return LocalExecutor(Machine(slots=1, device="cpu", threads=1, workers=0), body=fake_job)


def swept_by_two(folder, shard, chains):
    """The plan, and the ids of runs that a driver has called failed."""
    plan = fake_plan(folder, chains=chains)
    script = folder / "other.py"
    script.write_text(OTHER)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(folder), str(chains), json.dumps(shard)]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    outcome, _ = swept(plan, local())
    told = json.loads(other.communicate(timeout=300)[0].splitlines()[-1])
    return plan, {run.id for run in outcome.failed} | set(told)


@pytest.mark.parametrize(("shard", "chains"), [((1, 2), CHAINS), (None, min(CHAINS, 20))])
def test_of_300_runs_one_raises_and_one_is_killed_and_the_rerun_does_just_the_five(tmp_path, shard, chains):
    plan = fake_plan(tmp_path, chains=chains)
    orders(plan, run1="raise", run3="kill")
    plan, failed = swept_by_two(tmp_path, shard, chains)
    assert states(plan) == {"done": 3 * chains - 5, "failed": 2, "blocked": 3}
    assert failed == {plan.runs[1].id, plan.runs[3].id}
    before = {run.id: tries(run) for run in plan.runs if run.state() == "done"}
    assert set(before.values()) == {1}, "each was done by one of the drivers"
    orders(plan)
    plan, failed = swept_by_two(tmp_path, shard, chains)
    assert states(plan) == {"done": 3 * chains}
    assert failed == set()
    five = {plan.runs[i].id for i in (1, 2, 3, 4, 5)}
    assert {run.id: tries(run) for run in plan.runs if run.id not in five} == before, "none of these was run again"
