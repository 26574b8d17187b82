"""The contract of executors, and a real sweep, through a real Ray cluster on this machine: `make test-cluster`."""

import importlib.util
import os
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from suite.data.synthetic import synthesize
from suite.device import cores
from suite.sweep.executors.ray import RayExecutor, RayOptions
from suite.sweep.executors.shipping import SCRATCH
from tests.cluster.ray import STORE, kill_node, node_without, parent, ray_cluster
from tests.sweep import executor_contract as contract
from tests.sweep.builders import GRID, ROOT, comparable, suite_process
from tests.sweep.fake_jobs import fake_job, fake_plan, orders

pytestmark = [
    pytest.mark.more,
    pytest.mark.skipif("SUITE_TEST_CLUSTER" not in os.environ, reason="make test-cluster runs it"),
]


@pytest.fixture(scope="module", autouse=True)
def environment():
    """Processes find Ray and the tests."""
    found = importlib.util.find_spec("ray")
    if found is None:
        pytest.skip("the extra ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(Path(found.origin).parents[1])]))
        yield


@pytest.fixture(scope="module")
def cluster(environment):
    with ray_cluster() as (made, nodes):
        yield made, nodes


def executor(cluster, plan, shared=True):
    """shared: whether the nodes see the driver's results."""
    made = RayExecutor(RayOptions(cluster[0].address, plan.folder / "ray", seconds=0.5), body=fake_job)
    if not shared:
        made.place = replace(made.place, token=str(plan.folder / "not there"))
    return made


class TestRayExecutor(contract.ExecutorContract):
    shared = True

    @pytest.fixture(autouse=True)
    def cluster(self, cluster):
        self.nodes = cluster

    def executor(self, plan):
        return executor(self.nodes, plan, self.shared)


class TestRayWithoutASharedFolder(TestRayExecutor):
    shared = False


def worker_of(run):
    """The process of Ray that attends a run which is at work on this machine: the parent of its fork server."""
    return parent(parent(run.folder.claim().pid))


def test_a_task_that_is_killed_is_resumed_and_uses_up_no_retry(cluster, tmp_path):
    plan = fake_plan(tmp_path, chains=2)
    orders(plan, run0="resume 150", run3="resume 150")
    killed = []

    def on_tick(running):
        if not killed and sum(one.progress.get("step", 0) > 5 for one in running) == 2:
            killed.append(os.kill(worker_of(plan.runs[0]), signal.SIGKILL))

    outcome, events = contract.swept(plan, executor(cluster, plan), on_tick=on_tick, retries=0)
    assert contract.states(plan) == {"done": 6}, outcome.errors
    assert {"resumed", "waiting"} & {event for event, id, _ in events if id == plan.runs[0].id}
    begun = (plan.runs[0].folder.path / "begun.txt").read_text().split()
    assert begun[0] == "0"
    assert int(begun[1]) > 5, "the process of the run has saved its state when its task was gone"


@pytest.mark.parametrize("shared", [True, False])
def test_a_node_that_is_killed_in_mid_sweep_leaves_its_runs_to_the_others(cluster, tmp_path, shared):
    made, _ = cluster
    extra = made.add_node(num_cpus=2, object_store_memory=STORE)
    plan = fake_plan(tmp_path, chains=6)
    orders(plan, **{f"run{3 * chain}": "resume 150" for chain in range(6)})
    placed, killed = executor(cluster, plan, shared), []

    def on_tick(running):
        if not killed and sum(one.progress.get("step", 0) > 5 for one in running) >= 4:
            killed.append(kill_node(extra))

    outcome, events = contract.swept(plan, placed, on_tick=on_tick, retries=0, checkpoint_seconds=0.1)
    made.remove_node(extra, allow_graceful=False)
    assert contract.states(plan) == {"done": 18}, outcome.errors
    assert {"resumed", "waiting"} & {event for event, _, _ in events}
    begun = [(plan.runs[3 * chain].folder.path / "begun.txt").read_text().split() for chain in range(6)]
    assert max(int(line) for lines in begun for line in lines) > 0, "from a checkpoint"


@pytest.fixture(scope="module")
def made_locally(tmp_path_factory):
    """(folder with data and grid, the files of a sweep with one thread per run)."""
    folder = tmp_path_factory.mktemp("real")
    synthesize("calib_order", folder / "data", videos={"train": 48, "val": 16})
    (folder / "small.yaml").write_text(GRID)
    return folder, sweep(folder, folder / "local", "--slots", cores())


def sweep(folder, results, *options):
    """The files of a sweep of two runs, in a process of its own, that must not differ."""
    args = ["sweep", folder / "small.yaml", "--data", folder / "data", "--results", results, *options]
    done = suite_process(*args, "--no-tracking", "--only", "tsn-*", check=0, PYTHONPATH=os.environ["PYTHONPATH"])
    assert "ray" not in done.stderr.lower(), "the display stays ours"
    assert "(raylet)" not in done.stdout
    return comparable(results / "small")


def test_a_sweep_through_ray_gives_the_bytes_of_a_local_one(cluster, made_locally, tmp_path):
    folder, locally = made_locally
    assert sweep(folder, tmp_path / "ray", "--executor", "ray", "--address", cluster[0].address) == locally


def test_a_node_that_does_not_see_the_disk_of_the_driver_gives_the_same_bytes(made_locally, tmp_path):
    folder, locally = made_locally
    results = tmp_path / "results"
    results.mkdir()
    with ray_cluster(cpus=()) as (made, _):
        try:
            with node_without(results, made.address, cpus=1):
                found = sweep(folder, results, "--executor", "ray", "--address", made.address)
        except OSError as error:
            pytest.skip(f"A node without the driver's disk needs the user root: {error}.")
    assert found == locally
    assert not list(Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"))


def test_a_cluster_on_this_machine_alone_gives_the_same_bytes_with_the_same_threads(made_locally, tmp_path):
    folder, _ = made_locally
    threads = sweep(folder, tmp_path / "local", "--slots", "1")
    assert sweep(folder, tmp_path / "ray", "--executor", "ray", "--cpus-per-run", cores()) == threads
