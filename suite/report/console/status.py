"""What `suite status` prints, once or again and again."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from suite.program import command
from suite.report.console.plain import PlainConsole, duration, show, table
from suite.spec import one_line
from suite.statistics.rounding import rounded

EVERY = 2.0  # seconds between two looks
ALWAYS = ("done", "running", "todo", "failed", "blocked")  # counted where they are 0 too
NOW_AND_THEN = ("queued", "lost", "stale")
OVER = ("done", "failed", "blocked", "stale")


def print_status(grid: str, found: dict[str, Any]) -> None:
    """A line per run, then what to know of failed runs, then the counts."""
    made = table("model", "data", ">frames", ">seed", "state", ">top-1 (%)", "~")
    for run in found["runs"]:
        top1 = "" if run["top1"] is None else rounded(run["top1"], 1)
        made.add_row(_name(run), run["dataset"], str(run["frames"]), str(run["seed"]), run["state"], top1, _about(run))
    again = f"; {command(f'sweep {grid} --rerun stale')} trains the stale runs again" if found["stale"] else ""
    details = []
    for run in found["runs"]:
        if run["state"] == "failed":
            details += [f"\n{run['id']} failed: {one_line(run['error'] or 'without an error message')}"]
            details += [f"  log: {line}" for line in run["log"] or []]
            details += [f"  to run it again: {run['rerun']}"]
    show(made, *details, f"\n{grid}: {counts_text(found)}{again}")


def counts_text(found: dict[str, Any]) -> str:
    """12 done, 2 running, ..."""
    states = [*ALWAYS, *(state for state in NOW_AND_THEN if found[state])]
    return ", ".join(f"{found[state]} {state}" for state in states)


def watch(grid: str, look: Callable[[], dict[str, Any]], sleep: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    """Shows what `look` gives again and again until no run is left to do; returns the last.

    A table in a terminal; elsewhere a line when the counts change.
    """
    console = PlainConsole(soft_wrap=not sys.stdout.isatty())
    live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
    last = ""
    if live:
        live.start()
    try:
        while True:
            found = look()
            text = f"{grid}: {counts_text(found)}"
            if live:
                live.update(_live(text, found), refresh=True)
            elif text != last:
                print(f"{time.strftime('%H:%M:%S')} {one_line(text)}", flush=True)
            last = text
            if all(run["state"] in OVER for run in found["runs"]):
                return found
            sleep(EVERY)
    finally:
        if live:
            live.stop()


def _live(text: str, found: dict[str, Any]) -> Group:
    rows = Table.grid(padding=(0, 2))
    for run in found["runs"]:
        if run["state"] in ("running", "queued", "lost", "failed"):
            rows.add_row(
                *(Text(one_line(cell)) for cell in (_name(run), f"{run['frames']} frames", run["state"])),
                Text(_about(run)),
            )
    return Group(Text(one_line(text), style="bold"), rows)


def _name(run: dict[str, Any]) -> str:
    name = run["name"] + (f" [{run['control']}]" if run["control"] else "")
    return name + (f" ({run['setting']})" if run.get("setting") else "")


def _about(run: dict[str, Any]) -> str:
    """What is to be known of a run beside its state, in one cell."""
    if run["where"]:
        return _place(run["where"], run["state"])
    if run["blocked_by"]:
        return f"{run['blocked_by']} failed"
    changed = f"changed since: {'; '.join(run['changes'])}" if run["changes"] else ""
    return one_line(run["error"] or changed)


def _place(where: dict[str, Any], state: str) -> str:
    if where["damaged"]:
        return f"its claim.json {where['damaged']}"
    parts = [f"step {where['step']} of {where['steps']}"] if "step" in where and "steps" in where else []
    if where.get("videos"):
        parts = [f"testing video {where.get('tested', 0)} of {where['videos']}"]
    job = f" job {where['job']}" if where["job"] else f" process {where['pid']}"
    host = "" if where["job"] and state == "queued" else f" on {where['host']}"  # it would be that of the driver
    parts += [f"{where['executor'] or 'started by hand'},{job}{host}"]
    silent = state == "lost" or where["heartbeat_age"] > 30
    parts += [f"no heartbeat for {duration(where['heartbeat_age'])}"] if silent else []
    return one_line(", ".join(parts))
