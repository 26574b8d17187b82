"""Which executor places the runs of a sweep: local without options of a cluster, else that of the options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from suite.sweep.executors.base import Executor
from suite.sweep.executors.local import LocalExecutor
from suite.sweep.executors.machine import Machine
from suite.sweep.executors.ray import RayExecutor, RayOptions
from suite.sweep.executors.slurm import SlurmExecutor, SlurmOptions

ClusterOptions = SlurmOptions | RayOptions


def executor_of(options: ClusterOptions | None, folder: Path, machine: Machine | None = None) -> Executor:
    """The executor for the runs of the grid in `folder` (results/<grid>).

    options: of a cluster; None: this machine, as `machine` says.  Raises BadInput where the cluster's software is
    missing or the cluster cannot be reached.
    """
    if isinstance(options, RayOptions):
        return RayExecutor(replace(options, folder=folder / "ray"))
    if isinstance(options, SlurmOptions):
        return SlurmExecutor(replace(options, folder=folder / "slurm"))
    return LocalExecutor(machine or Machine.of())
