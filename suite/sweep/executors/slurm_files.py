"""The files of results/<grid>/slurm, which drivers and jobs share: one writer each, written in one step.

For each run: `<id>.job.json` from its driver (which job, which driver, the key of the claim), `<id>.progress.json` and
`<id>.end.json` from its job, `<id>.cancel` for its job.  `jobs.json`, of all runs, is from earlier versions.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from suite.store.claims.claim import NAME, read_claim
from suite.store.claims.silence import looks_gone
from suite.store.folder import dump_json, write_atomic

JOB = "job.json"


@dataclass(frozen=True)
class Submitted:
    """The job that was last submitted for a run."""

    job: str  # as squeue names it
    claim: str = ""  # the key by which the job takes over the claim of its driver
    driver: str = ""


def file_of(folder: Path, run: str, kind: str) -> Path:
    """The file of a run in results/<grid>/slurm; kind: job.json, progress.json, end.json or cancel."""
    return folder / f"{run}.{kind}"


def write_submitted(folder: Path, run: str, submitted: Submitted) -> None:
    write_atomic(file_of(folder, run, JOB), dump_json(asdict(submitted)))


def submitted_for(folder: Path, run: str) -> Submitted | None:
    """The last job of one run; None where there was none."""
    found = read_json(file_of(folder, run, JOB)) or {"job": read_json(folder / "jobs.json").get(run)}
    texts = [found.get(key) or "" for key in ("job", "claim", "driver")]
    return Submitted(*texts) if texts[0] and all(isinstance(text, str) for text in texts) else None


def all_submitted(folder: Path) -> dict[str, Submitted]:
    """Run id -> its last job."""
    runs = {file.name.removesuffix(f".{JOB}") for file in folder.glob(f"*.{JOB}")} | set(
        read_json(folder / "jobs.json")
    )
    return {run: found for run in sorted(runs) if (found := submitted_for(folder, run))}


def driver_folder(folder: Path, driver: str) -> Path:
    """Where a driver has a claim while it is at work."""
    return folder / "drivers" / driver


def is_at_work(folder: Path, driver: str) -> bool:
    """Whether the driver that submitted a job still follows it."""
    if not re.fullmatch("[0-9a-f]+", driver):
        return False
    file = driver_folder(folder, driver) / NAME
    claim = read_claim(file)
    return claim is not None and not looks_gone(file, claim)


def read_json(file: Path) -> dict[str, Any]:
    """What a JSON file holds; {} where there is none, or it cannot be read yet."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
