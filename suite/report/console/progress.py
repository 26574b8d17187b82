"""What a person sees while a sweep runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from types import TracebackType

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from suite.report.console.plain import PlainConsole, duration
from suite.spec import one_line
from suite.statistics.rounding import rounded
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun
from suite.sweep.running import Running

ESTIMATE_EVERY = 2.0  # seconds
LINE_EVERY = 30.0  # seconds between plain lines without an event


class Estimate:
    """Time left, from the multiply-adds done in this session against those still to be done."""

    def __init__(self, plan: Plan):
        self.began = time.monotonic()
        self.at_start: dict[str, float] = {}  # part of a run that an earlier session had done
        self.before = {run.id for run in plan.runs if run.state() == "done"}
        self.planned = {run.id for run in plan.runs}
        self.plan = plan

    def observe(self, running: Collection[Running]) -> None:
        """Notes where each run took up its work."""
        for one in running:
            if one.progress:
                self.at_start.setdefault(one.run.id, one.fraction())

    def seconds_left(
        self, running: Collection[Running], finished: Collection[str], failed: Collection[str]
    ) -> float | None:
        """None until there is something to go by.

        finished, failed: ids of runs; asking every run for its state would read many files.
        """
        fractions = {one.run.id: one.fraction() for one in running if one.progress}
        worked = left = 0.0
        chain_left = 0.0
        for run in self.plan.runs:
            if run.id in self.before or any(one.id in failed for one in _with_parents(run)):
                continue
            done = 1.0 if run.id in finished else fractions.get(run.id, 0.0)
            worked += run.cost_macs * max(0.0, done - self.at_start.get(run.id, 0.0))
            left += run.cost_macs * (1 - done)
            if done < 1 and (run.parent is None or run.parent.id in finished or run.parent.id not in self.planned):
                chain_left = max(chain_left, run.chain_cost() - run.cost_macs * done)
        elapsed = time.monotonic() - self.began
        if worked <= 0 or elapsed < 5:
            return None
        slots = max(1, len(running))
        # Slots fall idle at the end: no sooner than the longest chain on a slot of its own.
        return max(left / worked * elapsed, chain_left / (worked / slots) * elapsed)


def _with_parents(run: PlannedRun) -> Iterator[PlannedRun]:
    """A run, the run that it starts from, and so on."""
    while run is not None:
        yield run
        run = run.parent


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
        self.queued = 0  # jobs that wait for a place
        self.done = set(self.estimate.before)  # ids
        self.failed: set[str] = set()
        self.placed: set[str] = set()  # by this sweep, not by another one
        self.time_left, self.estimated = "estimating the time left", 0.0

    def __enter__(self) -> Display:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.live.stop()

    def event(self, event: str, run: PlannedRun, reason: str = "") -> None:
        if event == "stopping":
            self._line(f"stopping: waiting for the runs to save their state, {reason}; a second signal ends them now")
            return
        name = f"{run.spec.model}, {run.spec.frames} frames, {run.spec.dataset}"
        name += f", {run.control}" if run.control else ""
        name += f", {run.setting_text}" if run.setting else ""
        if len({r.spec.seed for r in self.plan.runs}) > 1:
            name += f", seed {run.spec.seed}"
        if event == "failed":
            self.failed.add(run.id)
        elif event in ("started", "queued"):
            self.placed.add(run.id)
        elif event == "waiting":
            self.placed.discard(run.id)
        took = duration(time.monotonic() - self.started.get(run.id, time.monotonic()))
        if event == "started":
            self.started[run.id] = time.monotonic()
            if self.live:
                return
            text = f"started  {name}"
        elif event == "queued":
            if self.live:
                return
            text = f"queued   {name}"
        elif event == "waiting":
            text = f"waiting  {name}: {reason or 'in use by another process'}"
        elif event == "done":
            self.done.add(run.id)
            here = f" in {took}" if run.id in self.started else ""  # a short job may end before it is seen to start
            where = here if run.id in self.placed else " (in another sweep)"
            text = f"done     {name}: {_accuracy(run)}{where}"
        elif event == "stopped":
            text = f"stopped  {name}; checkpoint saved"
        elif event == "cancelled":
            text = f"cancelled {name}; the same command continues it later"
        elif event == "lost":
            text = f"stopped  {name}; it will resume from its last checkpoint"
        elif event == "left":
            text = f"left     {name}; its job stays in the queue, and the same command takes it over"
        elif event in ("stalled", "resumed"):
            text = f"{event:<9}{name}: {reason or 'it was told to stop; it continues from its checkpoint'}"
        else:
            reason = reason or (run.folder.error() or {}).get("error", "the run exited without an error message")
            text = f"{event:<9}{name}: {reason}"
        self._line(text)

    def _line(self, text: str) -> None:
        self.console.print(
            f"[{len(self.done):>{len(str(len(self.plan.runs)))}}/{len(self.plan.runs)}] {one_line(text)}"
        )
        self.last_line = time.monotonic()

    def tick(self, started: Collection[Running]) -> None:
        running = [one for one in started if not one.queued]
        self.queued = len(started) - len(running)
        self.estimate.observe(running)
        if self.live:
            self.live.update(self.render(running))
        elif time.monotonic() - self.last_line > LINE_EVERY:
            parts = [f"{self.queued} queued"] if self.queued else []
            parts += [f"{one.run.spec.model} {100 * one.fraction():.0f} %" for one in running]
            self.console.print(f"         {', '.join(parts)}; {self.left(running)}")
            self.last_line = time.monotonic()

    def left(self, running: Collection[Running]) -> str:
        if time.monotonic() - self.estimated > ESTIMATE_EVERY:
            self.estimated, seconds = time.monotonic(), self.estimate.seconds_left(running, self.done, self.failed)
            self.time_left = "estimating the time left" if seconds is None else f"about {duration(seconds)} left"
        return self.time_left

    def render(self, running: Collection[Running]) -> Group:
        done, total = len(self.done), len(self.plan.runs)
        table = Table.grid(padding=(0, 2))
        for one in running:
            p = one.progress
            testing = p.get("videos") and f"testing {p['tested']}/{p['videos']}"
            doing = testing or f"step {p.get('step', 0)}/{p.get('steps', '?')}"
            table.add_row(
                Text(one_line(one.run.spec.model)),
                Text(f"{one.run.spec.frames} frames"),
                Text(one.run.spec.dataset),
                ProgressBar(total=1.0, completed=one.fraction(), width=24),
                Text(doing, style="dim"),
            )
        elapsed = duration(time.monotonic() - self.estimate.began)
        queued = f"{self.queued} queued, " if self.queued else ""
        told = f"{done} of {total} runs done after {elapsed}, {queued}{self.left(running)}"
        head = Text(f"{self.plan.grid.name}: {told}", style="bold")
        return Group(head, table)
