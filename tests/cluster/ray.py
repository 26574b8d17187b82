"""A real Ray cluster of several nodes on this machine for tests, on 127.0.0.1 alone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

STORE = 80 << 20  # bytes, about the least that Ray takes


@contextlib.contextmanager
def ray_cluster(cpus=(1, 1)):
    """A cluster with a head that runs nothing and one node per number of CPUs; gives (address, nodes).

    The suite's own process joins it by the address.  A node of Ray's is a raylet with its workers.
    """
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # before Ray is imported: all listens on the loopback address
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False},
    )
    try:
        nodes = [cluster.add_node(num_cpus=number, object_store_memory=STORE) for number in cpus]
        cluster.wait_for_nodes()
        yield cluster, nodes
    finally:
        cluster.shutdown()


def kill_node(node) -> None:
    """Kills a node as a power cut does: its raylet and every process below it, at once, with SIGKILL."""
    raylet = node.all_processes["raylet"][0].process.pid
    for pid in [raylet, *below(raylet)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def parent(pid: int) -> int:
    """The process that has started a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def below(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(entry.name)] = parent(int(entry.name))
    found = [pid]
    while more := [child for child, above in parents.items() if above in found and child not in found]:
        found += more
    return found[1:]


@contextlib.contextmanager
def node_without(folder: Path, address: str, cpus: int):
    """A node of the cluster at `address` that sees an empty folder in place of `folder`; gives its process.

    Needs the user root.  Raises OSError where this machine allows no file systems of a process's own.
    """
    code = f"from tests.cluster.ray import join; join({address!r}, {cpus})"
    mount = f"mount -t tmpfs none '{folder}' && exec '{sys.executable}' -c \"{code}\""
    if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", folder], capture_output=True).returncode:
        raise OSError("mount is not allowed here")
    process = subprocess.Popen(["unshare", "-m", "sh", "-c", mount])
    try:
        yield process
    finally:
        for pid in [*below(process.pid), process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def join(address: str, cpus: int) -> None:
    """Adds a node to a cluster and stays until it is killed."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=False)
    cluster.head_node, cluster.redis_address = SimpleNamespace(gcs_address=address), None
    cluster.add_node(wait=False, num_cpus=cpus, object_store_memory=STORE)
    signal.pause()
