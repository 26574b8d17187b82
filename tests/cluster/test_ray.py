"""The contract of executors, and a real sweep, through a real Ray cluster on this machine: `make test-cluster`."""

import os
from dataclasses import replace

import pytest

from suite.sweep.executors.ray import RayExecutor, RayOptions
from tests.cluster.ray import ray_cluster
from tests.sweep import executor_contract as contract
from tests.sweep.builders import ROOT
from tests.sweep.fake_jobs import fake_job

pytestmark = [
    pytest.mark.more,
    pytest.mark.skipif("SUITE_TEST_CLUSTER" not in os.environ, reason="make test-cluster runs it"),
]


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.path.dirname(os.path.dirname(ray.__file__))]))
        with ray_cluster() as (made, nodes):
            yield made, nodes


class TestRayExecutor(contract.ExecutorContract):
    @pytest.fixture(autouse=True)
    def cluster(self, cluster):
        """Two nodes."""
        self.address = cluster[0].address

    def executor(self, plan):
        return RayExecutor(RayOptions(self.address, plan.folder / "ray", seconds=0.5), body=fake_job)


class TestRayWithoutASharedFolder(TestRayExecutor):
    def executor(self, plan):
        made = super().executor(plan)
        made.place = replace(made.place, token=str(plan.folder / "not there"))
        return made
