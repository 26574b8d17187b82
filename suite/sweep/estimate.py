"""How long the runs of a plan take on this machine: multiply-adds over a speed, measured where runs are finished."""

from __future__ import annotations

from dataclasses import dataclass

from suite.spec import BadInput
from suite.store.folder import RunFolder
from suite.store.provenance import device_facts
from suite.sweep.executors.machine import Machine
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun

# Sustained multiply-adds per second x 1e12, assumed until runs are finished.
PER_GPU = 60.0
PER_CORE = 0.03  # fp32; the demo's eight runs on two cores of an Intel Xeon lie between 0.029 and 0.031

MOST_READ = 48  # finished runs whose timing is read


@dataclass(frozen=True)
class Speed:
    """How fast this machine works: tera_macs, 1e12 multiply-adds per second of one run, `slots` runs at a time."""

    device: str  # cpu or cuda
    slots: int
    tera_macs: float
    basis: str  # what the estimate rests on

    def seconds(self, macs: float) -> float:
        """Of `macs` multiply-adds on one slot."""
        return macs / (self.tera_macs * 1e12)

    def device_hours(self, run: PlannedRun) -> float:
        """Of a whole run, finished or not, in hours of one GPU or of the whole CPU."""
        slots_per_device = self.slots if self.device == "cpu" else 1
        return self.seconds(run.whole_macs) / slots_per_device / 3600

    def seconds_left(self, plan: Plan) -> float:
        """Until a sweep of the plan ends: all work over all slots, or the longest chain on one slot."""
        ready = [run for run in plan.runs if run.parent is None or run.parent.state() == "done"]
        longest = max((run.chain_cost() for run in ready if run.state() != "done"), default=0.0)
        return max(self.seconds(sum(map(left, plan.runs))) / self.slots, self.seconds(longest))


def left(run: PlannedRun) -> float:
    """Multiply-adds that a run still needs, by its state; work before its last checkpoint is not subtracted."""
    return 0.0 if run.state() == "done" else run.cost_macs


def speed_here(plan: Plan) -> Speed:
    """The speed of this machine: from runs of the grid that it finished, whatever their settings, else assumed."""
    machine = Machine.of()
    name = device_facts(machine.device)["name"]
    folders = [RunFolder(file.parent) for file in sorted((plan.folder / "runs").glob("*/result.json"))[:MOST_READ]]
    timed = [found for folder in folders if (found := _training_speed(folder, machine.device, name))]
    if timed:
        per_thread = sum(macs for macs, _ in timed) / sum(seconds for _, seconds in timed) / 1e12
        runs = f"{len(timed)} finished run{'s' * (len(timed) > 1)}"
        basis = f"from the training time of {runs} on this {'CPU' if machine.device == 'cpu' else 'GPU model'}"
    elif machine.device == "cpu":
        per_thread, basis = PER_CORE, f"assuming {PER_CORE:g} T multiply-adds per second per core"
    else:
        per_thread, basis = PER_GPU, f"assuming {PER_GPU:g} T multiply-adds per second per GPU"
    threads = machine.threads if machine.device == "cpu" else 1
    return Speed(machine.device, machine.slots, per_thread * threads, basis)


def _training_speed(folder: RunFolder, device: str, name: str) -> tuple[float, float] | None:
    """Multiply-adds of the training of a finished run, and its seconds times CPU threads; None if made elsewhere."""
    try:
        result, spec, history = folder.result(), folder.spec(), folder.read_history()
        sessions = folder.read_provenance().get("sessions", [])
    except BadInput:  # status and report say what is wrong with it
        return None
    if not result or not sessions or any((s.get("device"), s.get("name")) != (device, name) for s in sessions):
        return None
    threads = {s.get("threads") for s in sessions} if device == "cpu" else {1}
    seconds = sum(line.get("seconds", 0.0) for line in history)
    videos = result.get("videos", {}).get("train", 0) * (1 - spec.protocol.dev)
    if len(threads) != 1 or not isinstance(count := threads.pop(), int) or seconds <= 0 or videos <= 0:
        return None
    return 3 * result["macs"] * videos * len(history), seconds * count
