"""What would stop a sweep, found before its first run and told all at once, with the option that mends it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from suite.app.data import datasets_of
from suite.data.dataset_info import info
from suite.data.datasets import open_dataset
from suite.evaluation.retest import check_checkpoint
from suite.report.console.plain import duration, memory
from suite.spec import BadInput, SeveralProblems, run_named
from suite.store.pretraining import finished_source
from suite.sweep.batches import too_large
from suite.sweep.estimate import speed_here
from suite.sweep.executors.machine import Machine
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun
from suite.training.division import Division

CPU_HOURS = 12.0  # estimated; a longer sweep on a CPU is rather a mistake
BYTES_PER_PARAMETER = 8  # of a checkpoint: weights and momentum


def refuse_without_weights_or_data(plan: Plan, data: Path) -> None:
    """Raises BadInput for weights files and data sets that are not there; before costs are counted."""
    problems = [_why_no_weights(run, plan) for run in plan.runs if run.spec.missing_weights]
    not_there: dict[str, tuple[list[str], str]] = {}  # folder -> data sets of one copy, such as splits, and the problem
    for name in datasets_of(plan):
        about = info(name)
        if about.reader != "calibrated":
            try:
                open_dataset(name, data)
            except BadInput as error:
                not_there.setdefault(about.folder, ([], str(error).rstrip(".")))[0].append(name)
    for folder, (names, problem) in not_there.items():
        also = f"; {', '.join(names[1:])} need the same files" if len(names) > 1 else ""
        problems.append(f"{problem}{also} (folder {Path(data) / folder}; docs/data.md says how it is laid out)")
    refuse([*problems, *_damaged_sources(plan)])


def _damaged_sources(plan: Plan) -> list[str]:
    """What is wrong with the checkpoints of finished runs that others are to start from.

    Those that pretrained are read whole; of a chain, the next stage does that when it starts.
    """
    results, sources, chained = plan.folder.parent, {}, set()
    for run in plan.runs:
        if run.state() == "done":
            continue
        if run.parent is not None and run.parent.state() == "done":
            sources[run.parent.id] = run.parent.folder
            chained |= set() if run.spec.transfer else {run.parent.id}
        elif run.parent is None and run_named(run.spec.protocol.init) and not run.spec.missing_weights:
            sources[run.spec.protocol.init] = finished_source(run.spec.protocol.init, results)
    problems = []
    for source, folder in sources.items():
        try:
            if not folder.checkpoint.is_file():
                raise BadInput(
                    f"{folder.checkpoint} is missing, and other runs start from it; restore it, or remove "
                    f"{folder.path} to train it again."
                )
            if source not in chained:
                check_checkpoint(folder)
        except BadInput as error:
            problems.append(str(error).rstrip("."))
    return problems


def _why_no_weights(run: PlannedRun, plan: Plan) -> str:
    """Why the weights that a run starts from cannot be taken."""
    missing = str(run.spec.missing_weights)
    if run_named(missing):
        try:
            finished_source(missing, plan.folder.parent)
        except BadInput as error:
            return str(error).rstrip(".")
    return (
        f"{run.spec.model} needs the weights file {missing}, which is neither in the working directory nor in the "
        "folder given by SUITE_WEIGHTS"
    )


def refuse_what_cannot_train(
    plan: Plan, videos: Mapping[str, int], machine: Machine | None, cpu_is_meant: bool, of_data: Iterable[str] = ()
) -> None:
    """Raises BadInput for batches, memory, disk and time that the runs of a plan with costs cannot have.

    videos: data set -> its training videos; machine: None where the runs go to others; cpu_is_meant: somebody asked for
    the CPU; of_data: what is wrong with the data, told with the rest.
    """
    todo = [run for run in plan.runs if run.state() != "done"]
    of_memory = _memory(todo, machine) if machine else []
    of_time = _time(plan, machine, cpu_is_meant) if machine else []
    refuse([*of_data, *too_large(todo, videos), *of_memory, *_disk(plan, todo), *of_time])


def refuse(problems: Iterable[str]) -> None:
    """Raises BadInput that tells all problems at once; none is fine."""
    found = list(dict.fromkeys(problems))
    if len(found) == 1:
        raise BadInput(f"{found[0][0].upper()}{found[0][1:]}.")
    if found:
        raise SeveralProblems(f"{len(found)} problems would stop this sweep", found)


def refuse_uneven_batches(plan: Plan, processes: int) -> None:
    """Raises BadInput where so many processes cannot divide the batches of a run evenly."""
    for run in plan.runs:
        if run.state() != "done":
            Division.of(run.spec.protocol, processes)


def _memory(todo: list[PlannedRun], machine: Machine) -> list[str]:
    if machine.device != "cuda" or not todo:
        return []
    import torch

    def needed(run: PlannedRun) -> float:
        """GiB of a step on each GPU."""
        splits = Division.of(run.spec.protocol, machine.processes).splits
        return run.gib / machine.processes if splits else run.gib

    largest = max(todo, key=needed)
    there = torch.cuda.get_device_properties(0).total_memory / 2**30
    if needed(largest) <= there:
        return []
    batch, per_step = largest.spec.protocol.batch, largest.spec.protocol.per_step
    fits = max(1, int(per_step * there / largest.gib))  # where each GPU has whole steps
    fits = max(n for n in range(1, fits + 1) if batch % n == 0 and (n == 1 or batch // n % machine.processes == 0))
    each = f" on each of {machine.processes} GPUs" if machine.processes > 1 else ""
    return [
        f"a step of {largest.id} needs about {memory(needed(largest))}{each} and the GPU has {memory(there)} "
        f"(--set step_batch={fits} fits; batch normalisation then sees {fits} clips)"
    ]


def _disk(plan: Plan, todo: list[PlannedRun]) -> list[str]:
    needed, runs = sum(run.params for run in todo) * BYTES_PER_PARAMETER, f"{len(todo)} run{'s' * (len(todo) > 1)}"
    place = next(folder for folder in (plan.folder, *plan.folder.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if needed <= free:
        return []
    return [
        f"the checkpoints of {runs} need about {memory(needed / 2**30)} and the disk of {plan.folder} has "
        f"{memory(free / 2**30)} free (--results DIR names another place)"
    ]


def _time(plan: Plan, machine: Machine, cpu_is_meant: bool) -> list[str]:
    if machine.device != "cpu" or cpu_is_meant:
        return []
    seconds = speed_here(plan).seconds_left(plan)
    if seconds <= CPU_HOURS * 3600:
        return []
    return [
        f"the sweep would take about {duration(seconds)} on this CPU, which is more than {CPU_HOURS:g} hours "
        "(--device cpu starts it nevertheless)"
    ]
