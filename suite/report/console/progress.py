"""What a person sees while a sweep runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from suite.report.console.plain import PlainConsole, duration
from suite.spec import one_line
from suite.statistics.rounding import rounded
from suite.sweep.executors.local import LocalExecutor
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun

LINE_EVERY = 30.0  # seconds between plain lines without an event


class Estimate:
    """Time left, from the multiply-adds done in this session against those still to be done."""

    def __init__(self, plan: Plan):
        self.began = time.monotonic()
        self.at_start: dict[str, float] = {}  # part of a run that an earlier session had done
        self.before = {run.id for run in plan.runs if run.state() == "done"}
        self.plan = plan

    def observe(self, executor: LocalExecutor) -> None:
        """Notes where each run took up its work."""
        for slot in executor.slots:
            if slot.progress:
                self.at_start.setdefault(slot.run.id, slot.fraction())

    def seconds_left(self, executor: LocalExecutor) -> float | None:
        """None until there is something to go by."""
        running = {slot.run.id: slot.fraction() for slot in executor.slots if slot.progress}
        worked = left = 0.0
        chain_left = 0.0
        for run in self.plan.runs:
            if run.id in self.before or run.state() in ("failed", "blocked"):
                continue
            done = 1.0 if run.state() == "done" else running.get(run.id, 0.0)
            worked += run.cost_macs * max(0.0, done - self.at_start.get(run.id, 0.0))
            left += run.cost_macs * (1 - done)
            if done < 1 and (run.parent is None or run.parent.folder.result_file.exists()):
                chain_left = max(chain_left, run.chain_cost() - run.cost_macs * done)
        elapsed = time.monotonic() - self.began
        if worked <= 0 or elapsed < 5:
            return None
        slots = max(1, len(executor.slots))
        # Slots fall idle at the end: no sooner than the longest chain on a slot of its own.
        return max(left / worked * elapsed, chain_left / (worked / slots) * elapsed)


def _accuracy(run: PlannedRun) -> str:
    """The top-1 of a finished run; of tuned ones that on dev, so that nobody chooses by their test accuracies."""
    key, split = ("dev_top1", "dev ") if run.spec.protocol.tuned else ("top1", "")
    top1 = (run.result() or {}).get(key)
    return f"{split}top-1 {rounded(float('nan') if top1 is None else top1, 1)} %"


class Display:
    """Follows a sweep; use as a context manager, with `event` and `tick` as the executor's callbacks."""

    def __init__(self, plan: Plan, console: PlainConsole):
        self.plan, self.console = plan, console
        self.estimate = Estimate(plan)
        self.live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self.last_line = time.monotonic()
        self.started: dict[str, float] = {}

    def __enter__(self) -> Display:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.live.stop()

    def event(self, event: str, run: PlannedRun) -> None:
        name = f"{run.spec.model}, {run.spec.frames} frames, {run.spec.dataset}"
        name += f", {run.control}" if run.control else ""
        name += f", {run.setting_text}" if run.setting else ""
        if len({r.spec.seed for r in self.plan.runs}) > 1:
            name += f", seed {run.spec.seed}"
        took = duration(time.monotonic() - self.started.get(run.id, time.monotonic()))
        if event == "started":
            self.started[run.id] = time.monotonic()
            if self.live:
                return
            text = f"started  {name}"
        elif event == "done":
            text = f"done     {name}: {_accuracy(run)} in {took}"
        elif event == "stopped":
            text = f"stopped  {name}; checkpoint saved"
        elif event == "lost":
            text = f"stopped  {name}; it will resume from its last checkpoint"
        else:
            error = (run.folder.error() or {}).get("error", "the run exited without an error message")
            text = f"{'retry    ' if event == 'retry' else 'failed   '}{name}: {error}"
        done = sum(r.state() == "done" for r in self.plan.runs)
        self.console.print(f"[{done:>{len(str(len(self.plan.runs)))}}/{len(self.plan.runs)}] {one_line(text)}")
        self.last_line = time.monotonic()

    def tick(self, executor: LocalExecutor) -> None:
        self.estimate.observe(executor)
        if self.live:
            self.live.update(self.render(executor))
        elif time.monotonic() - self.last_line > LINE_EVERY:
            parts = [f"{slot.run.spec.model} {100 * slot.fraction():.0f} %" for slot in executor.slots]
            self.console.print(f"         {', '.join(parts)}; {self.left(executor)}")
            self.last_line = time.monotonic()

    def left(self, executor: LocalExecutor) -> str:
        seconds = self.estimate.seconds_left(executor)
        return "estimating the time left" if seconds is None else f"about {duration(seconds)} left"

    def render(self, executor: LocalExecutor) -> Group:
        done = sum(run.state() == "done" for run in self.plan.runs)
        total = len(self.plan.runs)
        table = Table.grid(padding=(0, 2))
        for slot in executor.slots:
            p = slot.progress
            testing = p.get("videos") and f"testing {p['tested']}/{p['videos']}"
            doing = testing or f"step {p.get('step', 0)}/{p.get('steps', '?')}"
            table.add_row(
                Text(one_line(slot.run.spec.model)),
                Text(f"{slot.run.spec.frames} frames"),
                Text(slot.run.spec.dataset),
                ProgressBar(total=1.0, completed=slot.fraction(), width=24),
                Text(doing, style="dim"),
            )
        elapsed = duration(time.monotonic() - self.estimate.began)
        head = Text(
            f"{self.plan.grid.name}: {done} of {total} runs done after {elapsed}, {self.left(executor)}", style="bold"
        )
        return Group(head, table)
