"""Finished runs of other grids that a grid uses as its own: recorded in results/<grid>/reused.json, never copied.

A record holds for as long as the result is the one that was taken.  Where the other grid has trained the run again, the
result that was taken lies in results/<other grid>/replaced, and is used from there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from suite.spec import BadInput, file_sha256
from suite.store.folder import RunFolder, dump_json, intact, sealed, write_atomic
from suite.store.locks import lock

FILE = "reused.json"
REPLACED = "replaced"  # in results/<grid>: <time>/<run id>, runs that were trained again (`--rerun`)
NAME = r"[A-Za-z0-9_+=-][A-Za-z0-9._+=-]*"
PLACE = re.compile(rf"{NAME}/runs/{NAME}")  # of a run, in the folder of all results


def reused_folder(runs: Path, run: str) -> RunFolder | None:
    """The folder of a run that is not below `runs`, and that its grid uses from another grid; None where it has none.

    Raises BadInput where the record was edited.
    """
    record = _records(runs.parent).get(run)
    return _taken(runs, run, record) if record else None


def reused_runs(runs: Path) -> dict[str, RunFolder]:
    """All of them, by id; not those that the grid has trained itself since."""
    found = {run: reused_folder(runs, run) for run in _records(runs.parent) if not (runs / run).is_dir()}
    return {run: folder for run, folder in sorted(found.items()) if folder is not None}


def lost_runs(runs: Path) -> list[str]:
    """A sentence for each run that was used from another grid, and has disappeared there or is another one now."""
    return [
        f"{run} was used from {record['folder']}, which {_what_became_of_it(runs, record)}; the next sweep trains it."
        for run, record in sorted(_records(runs.parent).items())
        if not (runs / run).is_dir() and _taken(runs, run, record) is None
    ]


def run_folders(runs: Path) -> list[Path]:
    """The folders of a grid's runs, those that it uses from other grids included, by id.

    Without the latter where their record is damaged: whoever plans the grid is told.
    """
    own = [file.parent for file in runs.glob("*/spec.yaml")]
    with contextlib.suppress(BadInput):
        own += [folder.path for folder in reused_runs(runs).values()]
    return sorted(own, key=lambda path: path.name)


def record_reuse(grid: Path, taken: Iterable[RunFolder], dropped: Iterable[str] = ()) -> None:
    """Notes in results/<grid> which finished runs of other grids it uses, and which ids it no longer does."""
    taken, dropped = list(taken), set(dropped)
    if not taken and not dropped & _records(grid).keys():
        return
    (grid / "runs").mkdir(parents=True, exist_ok=True)
    with lock(grid / ".lock-reused", wait=30, busy=f"{grid / FILE} is in use by another process."):  # shards share it
        known, now = _records(grid), time.strftime("%Y-%m-%dT%H:%M:%S%z")
        made = {run: record for run, record in known.items() if run not in dropped}
        for folder in taken:
            before = reused_folder(grid / "runs", folder.id) if folder.id in made else None
            if before is not None and before.path.resolve() == folder.path.resolve():
                continue  # the record holds
            place = folder.path.relative_to(grid.parent).as_posix()
            made[folder.id] = {"folder": place, "result_sha256": file_sha256(folder.result_file), "since": now}
        if made != known:
            write_atomic(grid / FILE, dump_json(sealed({"runs": made})))


def _records(grid: Path) -> dict[str, dict[str, Any]]:
    """Run id -> folder (in the folder of all results), result_sha256, since."""
    try:
        found = os.stat(grid / FILE)
    except OSError:
        return {}
    return _read(grid / FILE, found.st_mtime_ns, found.st_size, found.st_ino)


@lru_cache(maxsize=64)
def _read(file: Path, *state: int) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(file.read_text())
        runs = content["runs"]
        sound = intact(content) and "checksum" in content
        for run, record in runs.items():
            sound &= bool(PLACE.fullmatch(record["folder"])) and record["folder"].endswith(f"/{run}")
            sound &= isinstance(record["result_sha256"], str)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise BadInput(f"{file} is damaged or was changed; remove it, and the next sweep writes it anew.")
    return runs


def _taken(runs: Path, run: str, record: dict[str, Any]) -> RunFolder | None:
    results = runs.parents[1]
    grid = record["folder"].partition("/")[0]
    for place in (results / record["folder"], *sorted((results / grid / REPLACED).glob(f"*/{run}"))):
        if _result_sha256(place / "result.json") == record["result_sha256"]:
            return RunFolder(place)
    return None


def _what_became_of_it(runs: Path, record: dict[str, Any]) -> str:
    gone = _result_sha256(runs.parents[1] / record["folder"] / "result.json") is None
    return "has disappeared" if gone else "has another result now"


def _result_sha256(file: Path) -> str | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return _sha256(file, found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns)


@lru_cache(maxsize=4096)
def _sha256(file: Path, *state: int) -> str:
    return file_sha256(file)
