"""Options of a sweep that are meant for a cluster: whose they are, and what does not go together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.spec import BadInput, shown
from suite.sweep.executors.choose import ClusterOptions

EXECUTORS = ("local", "slurm", "ray")
BELONGS_TO = {
    "--partition": ("slurm",),
    "--time": ("slurm",),
    "--sbatch": ("slurm",),
    "--detach": ("slurm",),
    "--no-smoke": ("slurm",),
    "--address": ("ray",),
    "--gpus-per-run": EXECUTORS,
    "--cpus-per-run": ("slurm", "ray"),
}


def given_options(**options: Any) -> dict[str, Any]:
    """What was given for a cluster, by its name on the command line; {} where nothing was."""
    named = {f"--{name.replace('_', '-')}": value for name, value in options.items()}
    return {name: value for name, value in named.items() if value not in (None, False, [])}


def cluster_of(
    executor: str,
    given: dict[str, Any],
    slots: int | None,
    device: str | None,
    workers: int | None,
    processes: int = 1,
) -> ClusterOptions | None:
    """What is asked of Slurm or Ray for each run; None for the local executor.

    Raises BadInput for options that do not go together.  Slurm's folder is set when the plan is known.
    """
    if executor not in EXECUTORS:
        raise BadInput(f"--executor expects {', '.join(EXECUTORS[:-1])} or {EXECUTORS[-1]}, not {shown(executor)}.")
    for name in given:
        if executor not in BELONGS_TO[name]:
            raise BadInput(f"{name} needs --executor {' or '.join(BELONGS_TO[name])}.")
    if executor == "local":
        return None
    if device is not None:
        raise BadInput(f"--device is for this machine; with --executor {executor}, --gpus-per-run 1 asks for a GPU.")
    made = _ray(given) if executor == "ray" else _slurm(given)
    made.gpus_per_run, made.cpus_per_run = given.get("--gpus-per-run", 0), given.get("--cpus-per-run", 1)
    made.workers, made.jobs, made.processes = workers, slots or made.jobs, processes
    return made


def processes_of(given: dict[str, Any], processes: int | None) -> int:
    """How many processes train a run.  Raises BadInput where that is not one per GPU."""
    gpus = given.get("--gpus-per-run", 0)
    if gpus and processes not in (None, gpus):
        raise BadInput(
            f"--processes-per-run is for the CPU: with --gpus-per-run {gpus}, a run has one process per GPU."
        )
    return gpus or processes or 1


def device_of(device: str | None, gpus: int | None, processes: int | None) -> str | None:
    """The device of the local executor, by --device, --gpus-per-run and --processes-per-run; None for what is there.

    Raises BadInput for options that do not go together.
    """
    if gpus is not None and device == ("cpu" if gpus else "cuda"):
        raise BadInput(f"--gpus-per-run {gpus} and --device {device} exclude each other.")
    if processes and not gpus and device not in (None, "cpu"):
        raise BadInput("--processes-per-run is for the CPU; --gpus-per-run N gives a run N GPUs.")
    if device is not None:
        return device
    if gpus:
        return "cuda"
    return "cpu" if gpus == 0 or processes else None


def _ray(given: dict[str, Any]) -> ClusterOptions:
    from suite.sweep.executors.ray import RayOptions

    return RayOptions(address=given.get("--address"))


def _slurm(given: dict[str, Any]) -> ClusterOptions:
    from suite.sweep.executors.slurm import SlurmOptions

    options = {key: given[f"--{key}"] for key in ("partition", "time") if f"--{key}" in given}
    for item in given.get("--sbatch", ()):
        key, equals, value = item.partition("=")
        if not (equals and key.strip("-")):
            raise BadInput(f"--sbatch expects key=value, not {shown(item)}.")
        options[key.strip("-")] = value
    return SlurmOptions(Path(), options, detach=given.get("--detach", False), smoke="--no-smoke" not in given)
