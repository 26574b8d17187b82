"""Joining a Ray cluster, or starting one on this machine alone, and asking its nodes whether they can run the suite."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

from suite.device import cores
from suite.spec import BadInput, one_line
from suite.sweep.executors.installation import difference, installation
from suite.sweep.executors.machine import gpus

MISSING = "--executor ray needs the package ray, which is not installed (uv pip install ray)."
STORE = 100 << 20  # bytes of the object store of a cluster on this machine alone; its results go through files
ANSWER = 120.0  # seconds for a node to tell its versions


def need_ray() -> None:
    """Raises BadInput where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise BadInput(MISSING)


def joined_cluster(address: str | None, cpus: int, gpus_of_run: int) -> Any:
    """The package `ray`, connected to a cluster whose nodes can run jobs of so many CPU cores and GPUs.

    address: auto, HOST:PORT or ray://HOST:PORT; None: RAY_ADDRESS, else a cluster of its own on this machine alone.
    Raises BadInput where the cluster cannot be reached, or a node has another installation than this machine.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    own = address == "local"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if own:
        # Ray's own switch for machines that are no cluster: all its servers then listen on the loopback address.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        options |= {"include_dashboard": False, "num_cpus": cores(), "object_store_memory": STORE}
    else:
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")  # Ray tries for 40 s each time
    import ray

    if not own:
        _refuse_if_nothing_listens(address, ray)
    with _own_signal_handlers():
        try:
            ray.init(address, **options)
        except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
            raise BadInput(f"The Ray cluster at {address} cannot be reached: {reason(error)}") from error
    # Ray prints what becomes of its workers even so; there is no public switch for that.
    ray._private.worker._worker_logs_enabled = False
    try:
        _check_nodes(ray, cpus, gpus_of_run, own)
    except BaseException:
        ray.shutdown()
        raise
    return ray


def _refuse_if_nothing_listens(address: str, ray: Any) -> None:
    """Raises BadInput for an address that nothing answers at, sooner than Ray gives up."""
    where = address
    if address == "auto":
        with contextlib.suppress(Exception):  # no public name gives it; without one, ray.init says so
            where = ray._private.services.canonicalize_bootstrap_address("auto") or address
    host, colon, port = where.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise BadInput(f"The Ray cluster at {address} cannot be reached: {error}.") from None


def _check_nodes(ray: Any, cpus: int, gpus_of_run: int, own: bool) -> None:
    nodes = [node for node in ray.nodes() if node["Alive"]]
    asked = {"CPU": cpus, "GPU": gpus_of_run}
    fit = [node for node in nodes if all(node["Resources"].get(what, 0) >= asked[what] for what in asked)]
    if own and not fit:
        here = f"{cores()} and {gpus() if gpus_of_run else 0}"
        raise BadInput(f"A run asks for {cpus} CPU cores and {gpus_of_run} GPUs; this machine has {here}.")
    answers = {
        node["NodeManagerHostname"]: ray.remote(installation)
        .options(num_cpus=0, scheduling_strategy=at_node(ray, node["NodeID"], soft=False))
        .remote()
        for node in fit
    }
    for host, answer in answers.items():
        try:
            found = ray.get(answer, timeout=ANSWER)
        except ray.exceptions.RayError as error:
            raise BadInput(f"The Ray node {host} cannot run the suite ({reason(error)}); install it there.") from error
        if problem := different(found, host):
            raise BadInput(problem)


def different(found: dict[str, str], host: str) -> str:
    """In what the installation of a node differs from this one, as a sentence; empty when it does not."""
    if other := difference(found, installation()):
        return f"The Ray node {host} has another installation ({other}); install the same on all nodes."
    return ""


def at_node(ray: Any, node: str, soft: bool) -> Any:
    """The strategy that places a task at a node; soft: or elsewhere, if that is gone."""
    return ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=soft)


def reason(error: BaseException) -> str:
    """One line of what Ray says: the rest is a traceback of another machine."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return one_line(lines[-1] if "Traceback" in str(error) else lines[0]).strip()[:300].rstrip(".")


@contextlib.contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Keeps the handlers of this process, which ray.init replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # not in the main thread: none was replaced
            for number, handler in before.items():
                signal.signal(number, handler)
