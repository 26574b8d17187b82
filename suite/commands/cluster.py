"""Options of a sweep that are meant for a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.spec import BadInput, shown

EXECUTORS = ("local", "slurm")


def slurm_options(
    partition: str | None,
    time: str | None,
    gpus_per_run: int | None,
    cpus_per_run: int | None,
    sbatch: list[str] | None,
    detach: bool,
) -> dict[str, Any]:
    """What was given for Slurm, by its name on the command line; {} where nothing was."""
    given = {
        "--partition": partition,
        "--time": time,
        "--gpus-per-run": gpus_per_run,
        "--cpus-per-run": cpus_per_run,
        "--sbatch": sbatch or None,
        "--detach": detach or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def cluster_of(
    executor: str, given: dict[str, Any], slots: int | None, device: str | None, workers: int | None
) -> Any | None:
    """The options of the Slurm executor; None for the local one.  Raises BadInput for options that do not go together.

    The folder is set when the plan is known.
    """
    if executor not in EXECUTORS:
        raise BadInput(f"--executor expects {' or '.join(EXECUTORS)}, not {shown(executor)}.")
    if executor == "local":
        if given:
            raise BadInput(f"{next(iter(given))} needs --executor slurm.")
        return None
    from suite.sweep.executors.slurm import SlurmOptions

    if device is not None:
        raise BadInput("--device is for this machine; with --executor slurm, --gpus-per-run 1 asks for a GPU.")
    if given.get("--gpus-per-run", 0) > 1:
        raise BadInput("A run trains on one GPU: --gpus-per-run expects 0 or 1.")
    options = {key: given[f"--{key}"] for key in ("partition", "time") if f"--{key}" in given}
    for item in given.get("--sbatch", ()):
        key, equals, value = item.partition("=")
        if not (equals and key.strip("-")):
            raise BadInput(f"--sbatch expects key=value, not {shown(item)}.")
        options[key.strip("-")] = value
    made = SlurmOptions(Path(), options, given.get("--gpus-per-run", 0), given.get("--cpus-per-run", 1), workers)
    made.jobs = slots or made.jobs
    made.detach = given.get("--detach", False)
    return made
