"""What Slurm's own commands say of jobs and partitions."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

# https://slurm.schedmd.com/squeue.html, "Job State Codes": in any other state a job does not run and will not.
ACTIVE = set(
    "PENDING RUNNING CONFIGURING COMPLETING SUSPENDED REQUEUED REQUEUE_HOLD REQUEUE_FED SPECIAL_EXIT RESIZING "
    "SIGNALING STAGE_OUT STOPPED".split()
)
WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"}
SECONDS = 60  # for a controller to answer
AT_ONCE = 100  # jobs per scancel


@dataclass(frozen=True)
class Limits:
    """What a partition lets a job ask for; None: no limit, or Slurm does not tell it."""

    minutes: int | None = None
    gib: float | None = None  # memory of its largest node
    counts_memory: bool = False  # whether jobs are given memory of their own, and so have to ask for it


def states_of_jobs() -> dict[str, str] | None:
    """Job -> state, of those of this user that Slurm still knows; None where it cannot be asked."""
    found = _said("squeue", "--noheader", "--array", "--states=all", "--format=%i|%T", "--me")
    return None if found is None else {line[0]: line[1] for line in found if len(line) == 2}


def state_of(number: str) -> tuple[str, str, str] | None:
    """(state, node, reason) of one job, empty where Slurm no longer knows it; None where it cannot be asked."""
    found = _said("squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%N|%r", "--me")
    if found is None:
        return None
    rows = [line for line in found if len(line) == 4 and line[0] == number]
    return (rows[0][1], rows[0][2], rows[0][3]) if rows else ("", "", "")


def cancel(numbers: Sequence[str], *options: str) -> None:
    """Takes jobs out of the queue, or ends them; says nothing of those that have ended."""
    for first in range(0, len(numbers), AT_ONCE):
        _said("scancel", *options, *numbers[first : first + AT_ONCE])


def limits_of(partitions: str = "") -> Limits:
    """What every one of the named partitions (separated by commas) allows; without a name, the default one."""
    names = {name for name in partitions.split(",") if name}
    rows = [line for line in _said("sinfo", "--all", "--noheader", "--format=%P|%l|%m") or [] if len(line) == 3]
    chosen = [row for row in rows if (row[0].rstrip("*") in names if names else row[0].endswith("*"))]
    minutes = [found for row in chosen if (found := minutes_of(row[1])) is not None]
    mib = [int(found.group()) for row in chosen if (found := re.match(r"\d+", row[2]))]
    return Limits(
        min(minutes, default=None),
        max(mib) / 1024 if mib else None,
        any("memory" in line.lower() for line in _config()),
    )


def minutes_of(text: str) -> int | None:
    """Whole minutes of a time as Slurm writes it (30:00, 1:00:00, 2-00:00:00); None for `infinite` and the like."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text.strip())
    if not found:
        return None
    days, hours, minutes, _ = (int(part or 0) for part in found.groups())
    return (24 * days + hours) * 60 + minutes


def _config() -> list[str]:
    """The lines on what is given to jobs, e.g. SelectTypeParameters = CR_CORE_MEMORY."""
    lines = [line[0] for line in _said("scontrol", "show", "config") or []]
    return [line for line in lines if line.strip().startswith("SelectTypeParameters")]


def _said(*command: str) -> list[list[str]] | None:
    """The lines that a command prints, in parts between bars; None where it fails, or does not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else [line.strip().split("|") for line in done.stdout.splitlines()]
