"""What `suite logs` prints."""

from __future__ import annotations

from typing import Any

from suite.spec import one_line, printable
from suite.sweep.run_log import LogFollower


def print_logs(found: list[dict[str, Any]]) -> None:
    """The lines of each log, with a heading where there are several; then why the run failed, and its job's logs."""
    for number, one in enumerate(found):
        if len(found) > 1:
            _line(f"{chr(10) * bool(number)}{one['id']}: {one['state']}")
        for line in one["log"]:
            _line(line)
        if not one["log"]:
            _line("(no log yet)" if one["state"] in ("todo", "queued", "running") else "(no log)")
        if one["error"]:
            _line(f"failed: {one_line(one['error'])}")
        for file in one["job_logs"]:
            _line(f"log of its job: {file}")


def print_followed(follower: LogFollower) -> None:
    """New lines until the runs have ended, with a heading where the run changes; then how they ended."""
    last = None
    for folder, line in follower.lines():
        if folder is not last and len(follower.folders) > 1:
            _line(f"\n{folder.id}")
        last = folder
        _line(line)
    for folder in follower.folders:
        state = folder.state()
        error = (folder.error() or {}).get("error") if state == "failed" else None
        _line(f"{folder.id}: {'stopped' if state == 'todo' else state}{f': {one_line(error)}' if error else ''}")


def _line(text: str) -> None:
    print(printable(text, keep="\n"), flush=True)
