"""How long the runs of a plan take: their work over a speed, from finished runs, a calibration, or an assumption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.data.dataset_info import info
from suite.spec import BadInput
from suite.store.folder import RunFolder
from suite.store.provenance import device_facts
from suite.sweep.calibration import Calibration, Rate, calibration_named, calibration_of, calibrations
from suite.sweep.executors.machine import Machine
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun
from suite.sweep.work import Work

# Sustained multiply-adds per second x 1e12, assumed until a device is measured or runs are finished.
PER_GPU = 60.0
PER_CORE = 0.03  # fp32; the demo's eight runs on two cores of an Intel Xeon lie between 0.029 and 0.031

MOST_READ = 48  # finished runs whose timing is read
ENOUGH = 4  # different networks among them: elements written are fitted beside multiply-adds


@dataclass(frozen=True)
class Speed:
    """How fast a device works: tera_macs, 1e12 multiply-adds per second of one run, `slots` runs at a time.

    With a calibration, `scale` times what that says, and tera_macs is not used.
    """

    device: str  # cpu or cuda
    slots: int
    tera_macs: float
    basis: str  # what the estimate rests on
    calibration: Calibration | None = None
    scale: float = 1.0
    threads: int = 1  # of a run on a CPU; else its GPUs
    workers: int = 0  # data-loading processes of a run
    name: str = ""  # of the device, where it is not this machine's
    model: str = ""  # of the device, as sessions of runs name it; "" where it is assumed
    assumed: bool = False

    def seconds(self, run: PlannedRun, work: Work) -> float:
        """Of some work of a run on one slot."""
        if self.calibration is None:
            return work.macs / (self.tera_macs * 1e12)
        spec, how = run.spec, (self.threads, self.workers)
        return self.scale * self.calibration.seconds(work, spec.protocol.precision, spec.dataset, *how)

    def whole_seconds(self, run: PlannedRun) -> float:
        """Of training and tests, finished or not."""
        return self.seconds(run, run.training) + self.seconds(run, run.testing)

    def left(self, run: PlannedRun) -> float:
        """Seconds that a run still needs, by its state; work before its last checkpoint is not subtracted."""
        if run.state() == "done":
            return 0.0
        return self.seconds(run, run.testing) if run.folder.result_file.exists() else self.whole_seconds(run)

    def device_hours(self, run: PlannedRun) -> float:
        """Of a whole run, finished or not, in hours of one GPU or of the whole CPU."""
        share = 1 / self.slots if self.device == "cpu" else self.threads
        return self.whole_seconds(run) * share / 3600

    def seconds_left(self, plan: Plan) -> float:
        """Until a sweep of the plan ends: all work over all slots, or the longest chain on one slot."""
        left = {run.id: self.left(run) for run in plan.runs}

        def chain(run: PlannedRun) -> float:
            return left.get(run.id, 0.0) + max(map(chain, run.children), default=0.0)

        ready = [run for run in plan.runs if run.parent is None or run.parent.state() == "done"]
        longest = max((chain(run) for run in ready if left[run.id]), default=0.0)
        return max(sum(left.values()) / self.slots, longest)

    def tera_macs_over(self, runs: Iterable[PlannedRun]) -> float:
        """1e12 multiply-adds per second that it reaches on these runs."""
        runs = list(runs)
        seconds = sum(map(self.whole_seconds, runs))
        return sum(run.whole_macs for run in runs) / seconds / 1e12 if seconds else self.tera_macs


def speed_here(plan: Plan, results: Path | None = None, machine: Machine | None = None) -> Speed:
    """The speed of this machine: from runs of the grid that it finished, whatever their settings, and its calibration
    in `results`; else assumed.  machine: what of it the runs may use."""
    machine = machine or Machine.of()
    name = device_facts(machine.device)["name"]
    found = calibration_of(results or plan.folder.parent, machine.device, name)
    return _speed(plan, machine, name, found, "this CPU" if machine.device == "cpu" else "this GPU model")


def speed_on(plan: Plan, text: str, results: Path | None = None) -> Speed:
    """The speed of one device that was measured, by its name or a part of it; `gpu`: of an assumed GPU.

    Raises BadInput where no device, or several, have that name.
    """
    if text.lower() == "gpu":
        return Speed("cuda", 1, PER_GPU, _assumption("cuda"), name="a GPU", assumed=True)
    found = calibration_named(results or plan.folder.parent, text)
    slots = found.slots if found.device == "cpu" else 1
    machine = Machine(slots, found.device, found.threads, found.workers)
    speed = _speed(plan, machine, found.name, found, found.name)
    return Speed(**vars(speed) | {"name": found.name})


def speed_of_nodes(plan: Plan, machine: Machine) -> Speed | None:
    """The speed of the nodes of a cluster: of the device that has finished most runs of the grid, else of the only one
    of its kind that was measured; None where there is neither.  machine: what of a node a run may use."""
    results, device = plan.folder.parent, machine.device
    sessions = [session for folder in _finished(plan) for session in _sessions(folder)]
    names = Counter(str(session["name"]) for session in sessions if session.get("device") == device)
    measured = [one.name for one in calibrations(results) if one.device == device]
    if not names and len(measured) != 1:
        return None
    name = names.most_common(1)[0][0] if names else measured[0]
    found = _speed(plan, machine, name, calibration_of(results, device, name), name)
    return None if found.assumed else found


def _speed(plan: Plan, machine: Machine, name: str, measured: Calibration | None, device_text: str) -> Speed:
    threads = machine.processes * (machine.threads if machine.device == "cpu" else 1)
    timed = _timed_runs(plan, machine.device, name)
    how = {"threads": threads, "workers": machine.workers, "model": name}
    basis = []
    if timed:
        runs = f"{len(timed)} finished run{'s' * (len(timed) > 1)}"
        basis.append(f"from the training time of {runs} on {device_text}")
    if measured:
        text = f"calibration of {device_text} on {measured.measured[:10]}"
        basis.append(f"with the {text}" if timed else f"from the {text}")
        scale = 1.0
        if timed:
            expected = sum(measured.seconds(one.work, one.precision, one.dataset, one.threads, 0) for one in timed)
            scale = sum(one.seconds for one in timed) / expected
        return Speed(machine.device, machine.slots, 0.0, " and ".join(basis), measured, scale, **how)
    if timed:
        per_thread = sum(one.work.macs for one in timed) / sum(one.seconds * one.threads for one in timed) / 1e12
        fitted = _fitted(timed, name, machine.device) if len({one.network for one in timed}) >= ENOUGH else None
        return Speed(machine.device, machine.slots, per_thread * threads, basis[0], fitted, **how)
    tera_macs = (PER_CORE if machine.device == "cpu" else PER_GPU) * threads
    return Speed(machine.device, machine.slots, tera_macs, _assumption(machine.device), **how, assumed=True)


def _assumption(device: str) -> str:
    number, unit = (PER_CORE, "core") if device == "cpu" else (PER_GPU, "GPU")
    return f"assuming {number:g} T multiply-adds per second per {unit} (suite bench device measures it)"


@dataclass(frozen=True)
class _TimedRun:
    """The training of a finished run; threads: on a CPU those of all its processes, else its GPUs."""

    network: tuple[str, int, int]  # name, frames, pixels
    work: Work
    seconds: float
    threads: int  # of all its processes
    precision: str
    dataset: str


def _fitted(timed: list[_TimedRun], name: str, device: str) -> Calibration:
    """What runs of different networks say, in place of a measurement; reading of data is part of it."""
    rate = Rate.fitted((one.work, one.seconds * one.threads) for one in timed)
    return Calibration(name, device, "", 1, 1, 0, {"": rate}, {})


def _timed_runs(plan: Plan, device: str, name: str) -> list[_TimedRun]:
    """Finished runs of the grid, whatever their settings, of which all sessions were on the device."""
    return [found for folder in _finished(plan) if (found := _timed(folder, device, name))]


def _finished(plan: Plan) -> list[RunFolder]:
    return [RunFolder(file.parent) for file in sorted((plan.folder / "runs").glob("*/result.json"))[:MOST_READ]]


def _sessions(folder: RunFolder) -> list[dict[str, Any]]:
    try:
        return [one for one in folder.read_provenance().get("sessions", []) if one.get("name")]
    except BadInput:  # status and report say what is wrong with it
        return []


def _timed(folder: RunFolder, device: str, name: str) -> _TimedRun | None:
    from suite.models.cost import cost

    try:
        result, spec, history = folder.result(), folder.spec(), folder.read_history()
        sessions = folder.read_provenance().get("sessions", [])
    except BadInput:  # status and report say what is wrong with it
        return None
    if not result or not sessions or any((s.get("device"), s.get("name")) != (device, name) for s in sessions):
        return None
    threads = {threads_of(session) for session in sessions}
    seconds = sum(line.get("seconds", 0.0) for line in history)
    videos = result.get("videos", {}).get("train", 0) * (1 - spec.protocol.dev)
    if len(threads) != 1 or not (count := threads.pop()) or seconds <= 0 or videos <= 0:
        return None
    clips, p = videos * len(history), spec.protocol
    try:
        written = cost(spec.network, spec.frames, p.size, info(spec.dataset).num_classes).written
    except BadInput:  # a model that there is no longer
        return None
    work = Work(3 * result["macs"] * clips, 3 * written * clips, clips, clips * spec.frames)
    return _TimedRun((spec.network, spec.frames, p.size), work, seconds, count, p.precision, spec.dataset)


def threads_of(session: dict[str, Any]) -> int:
    """CPU threads that a session of a run had, or its GPUs; 0 where that is not known."""
    processes, threads = session.get("processes", 1), session.get("threads") if session.get("device") == "cpu" else 1
    return processes * threads if isinstance(processes, int) and isinstance(threads, int) else 0
