"""A real Slurm on this machine for tests: munged, slurmctld and two slurmd from Debian's packages, on 127.0.0.1 alone.

Nothing is installed: packages are downloaded and unpacked below a folder.  `python -m tests.cluster.slurm DIR` starts
one and prints its environment; Ctrl-C stops it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PACKAGES = (
    "libhwloc15 liblua5.1-0 libmunge2 munge slurm-client slurm-wlm slurm-wlm-basic-plugins slurmctld slurmd".split()
)
SECONDS = 60  # for nodes to come up


class Unavailable(Exception):
    """Why there is no Slurm here, in one sentence."""


CONF = """\
ClusterName=suite
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={d}/munge/munge.sock,cred_expire=5
SlurmctldPort={port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={d}/state
SlurmdSpoolDir={d}/spool/%n
SlurmctldPidFile={d}/slurmctld.pid
SlurmdPidFile={d}/slurmd.%n.pid
SlurmctldLogFile={d}/log/slurmctld.log
SlurmdLogFile={d}/log/slurmd.%n.log
PlugStackConfig={d}/none.plugstack
PluginDir={plugins}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters={select}
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,sched_min_interval=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=5
MinJobAge=86400
SlurmdTimeout=10
SlurmdParameters=config_overrides
{nodes}
PartitionName=main Nodes={names} Default=YES MaxTime=60 State=UP
"""


def unpacked(folder: Path) -> Path:
    """The packages' files below `folder`, downloaded by apt-get the first time.  Raises Unavailable."""
    root, ready = folder / "root", folder / "ready"
    if ready.exists():
        return root
    if shutil.which("apt-get") is None or os.getuid() != 0:
        raise Unavailable("Slurm for tests needs apt-get and the user root.")
    folder.mkdir(parents=True, exist_ok=True)
    for command in (["apt-get", "update"], ["apt-get", "download", *PACKAGES]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"The packages of Slurm cannot be downloaded: {done.stderr.strip().splitlines()[-1]}")
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, root], check=True)
    for name in ("slurmctld", "slurmd"):
        link = root / "usr" / "sbin" / name
        if not link.exists():
            link.symlink_to(f"{name}-wlm")
    ready.touch()
    return root


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def slurm(folder: Path, packages: Path, nodes: int = 2, cpus: int = 2, select: str = "CR_CPU"):
    """The environment of a cluster at work; it is taken down at the end.  Raises Unavailable.

    select: what jobs are given: CR_CPU, or CR_CPU_Memory.
    """
    root, d = unpacked(packages), folder.absolute()
    plugins = root.absolute() / "usr/lib/x86_64-linux-gnu/slurm-wlm"
    env = os.environ | {
        "SLURM_CONF": str(d / "slurm.conf"),
        "PATH": f"{root.absolute()}/usr/sbin:{root.absolute()}/usr/bin:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": f"{plugins}:{plugins.parent}",
    }
    for name in ("munge", "state", "spool", "log"):
        (d / name).mkdir(parents=True, mode=0o755, exist_ok=True)
    (d / "none.plugstack").touch()
    key = d / "munge" / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    host, names = socket.gethostname().partition(".")[0], [f"n{number}" for number in range(1, nodes + 1)]
    port, *ports = free_ports(1 + nodes)
    lines = [
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=8000 State=UNKNOWN"
        for name, port in zip(names, ports, strict=True)
    ]
    (d / "slurm.conf").write_text(
        CONF.format(
            host=host,
            user="root",
            d=d,
            port=port,
            plugins=plugins,
            nodes="\n".join(lines),
            names=",".join(names),
            select=select,
        )
    )
    daemons = []
    munge = [f"--{what}-file={d}/munge/munge.{end}" for what, end in (("key", "key"), ("pid", "pid"), ("log", "log"))]
    munge += [f"--seed-file={d}/munge/munge.seed", f"--socket={d}/munge/munge.sock", "--force"]
    stepd = root.absolute() / "usr/sbin/slurmstepd-wlm"

    def start(*command):
        daemons.append(subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    try:
        start("munged", "--foreground", *munge)
        start("slurmctld", "-D")
        for name in names:
            start("slurmd", "-D", "-N", name, "-d", str(stepd))
        until = time.monotonic() + SECONDS
        while (found := _idle(env)) < nodes:
            if time.monotonic() > until or any(daemon.poll() is not None for daemon in daemons):
                raise Unavailable(f"{found} of {nodes} nodes came up; the logs are in {d / 'log'}.")
            time.sleep(0.2)
        yield env
    finally:
        _empty_queue(env)
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in reversed(daemons):
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(timeout=30)
            daemon.kill()
            daemon.wait()


@contextlib.contextmanager
def slurm_on_path(folder: Path, packages: Path, submitit, **options):
    """A cluster at work that this process and those that it starts find; submitit: the module, wherever it is."""
    with pytest.MonkeyPatch.context() as patch:
        try:
            with slurm(folder, packages, **options) as environment:
                for name in ("SLURM_CONF", "PATH", "LD_LIBRARY_PATH"):
                    patch.setenv(name, environment[name])
                places = [Path(__file__).parents[2], Path(submitit.__file__).parents[1]]
                patch.setenv("PYTHONPATH", os.pathsep.join(map(str, places)))
                yield environment
        except Unavailable as why:
            pytest.skip(str(why))


def _empty_queue(env) -> None:
    """Cancels all jobs and waits for the end of their processes."""
    subprocess.run(["scancel", "--user=root"], env=env, capture_output=True)
    until = time.monotonic() + 20
    while time.monotonic() < until and subprocess.run(["squeue", "-h"], env=env, capture_output=True).stdout:
        time.sleep(0.5)


def _idle(env) -> int:
    done = subprocess.run(["sinfo", "-h", "-N", "-o", "%t"], env=env, capture_output=True, text=True)
    return done.stdout.split().count("idle")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    with slurm(place / "cluster", place / "packages") as environment:
        for variable in ("SLURM_CONF", "PATH", "LD_LIBRARY_PATH"):
            print(f"export {variable}={environment[variable]}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
