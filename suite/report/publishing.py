"""The runs of a grid in MLflow, from the files in its folder alone: what is new since the last look is logged.

The files are the truth: whatever MLflow has is completed from them, or replaced where it contradicts them.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from suite.report.run_record import record_of
from suite.report.tracked_run import FAILED, FINISHED, KILLED, RUNNING
from suite.report.tracking import Tracker
from suite.spec import BadInput, file_sha256, one_line
from suite.store.earlier import source_folder
from suite.store.folder import RunFolder
from suite.store.identity import digest
from suite.store.reused import reused_runs

SPEC, PLAN = "spec.yaml", "plan.json"
REPORT = ("summary.csv", "timing.csv", "report.html")
REPORT_FOLDERS = ("tables", "figures")


class Publisher:
    """Brings MLflow to what the files of `results/<grid>` say, as often as it is asked to."""

    def __init__(self, folder: Path, uri: str | None = None, progress: Callable[[float], None] = lambda seconds: None):
        self.folder = Path(folder)
        self.tracker = Tracker(uri, self.folder.name, self.folder.parent, progress)
        self.seen: dict[str, tuple] = {}  # state of the files of each run at the last look
        self.done: dict[str, dict[str, Any]] = {}  # what was last logged of each run
        self.skipped: dict[str, str] = {}  # runs whose files cannot be read, with the reason
        self.elsewhere: list[RunFolder] = []  # runs of other grids that this one uses
        self.last: dict[str, Any] = {}  # what MLflow had after the last look

    def publish(self, ended: bool) -> None:
        """Logs what is new.  Raises TrackingError.

        ended: the sweep is over: all runs are looked at, and the report is logged as well.
        """
        try:
            self.last = self._publish(ended)
        except Exception:
            self.seen.clear()  # MLflow may have lost what it had
            raise

    def _publish(self, ended: bool) -> dict[str, Any]:
        planned, states = planned_runs(self.folder), {}
        for folder in self._folders(planned if ended or not self.seen else None):
            before = self.seen.get(folder.id)
            if before and before[0] == "done" and not ended:
                states[folder.id] = "done"
                continue
            try:
                state = folder.state()
                now = (state, *_stamps(folder))
                states[folder.id] = state
                if now == before:
                    continue
                self.skipped.pop(folder.id, None)
                id = planned[folder.id].id if folder.id in planned else folder.id
                record = record_of(folder, id, state)
            except (BadInput, OSError, LookupError, TypeError, ValueError, AttributeError) as error:  # files are edited
                self.skipped[folder.id] = one_line(str(error))
                continue
            if record is not None:
                if folder in self.elsewhere:
                    record.tags["suite.grid"] = grid_of(folder, self.folder.parent)
                mlflow_id, action = self.tracker.put_run(record)
                self.done[record.id] = {
                    "id": record.id,
                    "mlflow_run": mlflow_id,
                    "status": record.status,
                    "epochs": len(record.times),
                    "action": action,
                }
            self.seen[folder.id] = now
        missing = len(set(planned) - set(states))
        counts = {state: sum(found == state for found in states.values()) for state in ("done", "failed", "running")}
        left = len(states) - sum(counts.values()) + missing
        parent = self.tracker.put_sweep(_sweep_status(counts, left, ended), counts | {"left": left})
        if ended:
            files = list(report_files(self.folder))
            content = digest([[str(file.relative_to(self.folder)), file_sha256(file)] for file in files], 64)
            self.tracker.put_report(self.folder, files, content)
        return {"experiment": self.tracker.experiment, "mlflow_run": parent, "runs": list(self.done.values())}

    def _folders(self, planned: dict[str, Planned] | None) -> list[RunFolder]:
        """The run folders, each behind the one that it starts from; with a plan, those in other grids are looked up."""
        runs = self.folder / "runs"
        names = sorted(os.listdir(runs)) if runs.is_dir() else []  # one look at the disk for all that are known
        found = {name: RunFolder(runs / name) for name in names if name in self.seen or (runs / name / SPEC).is_file()}
        if planned is not None:
            with contextlib.suppress(BadInput):  # its record was edited: whoever plans the grid is told
                found |= reused_runs(runs)
            sources = (
                source_folder(runs, name) for name, run in planned.items() if run.pretrains and name not in found
            )
            found |= {source.id: source for source in sources if source.result_file.exists()}
            self.elsewhere = [folder for folder in found.values() if folder.path.parent != runs]
        found |= {folder.id: folder for folder in self.elsewhere if folder.id not in found}
        if all(name in self.seen for name in found):
            return list(found.values())
        depth: dict[str, int] = {}
        for name, folder in found.items():
            place, count = folder, 0
            while place is not None and count < len(found):
                place, count = found.get(_parent(place) or ""), count + 1
            depth[name] = count
        return sorted(found.values(), key=lambda folder: depth[folder.id])


@dataclass(frozen=True)
class Planned:
    """A run of the stored plan; pretrains: others start from it on other data, and it may lie in another grid."""

    id: str
    pretrains: bool


def planned_runs(folder: Path) -> dict[str, Planned]:
    """The runs of the stored plan by the names of their folders; {} without a plan."""
    try:
        found = (folder / PLAN).stat()
        return _read_plan(folder / PLAN, found.st_mtime_ns, found.st_size)
    except OSError:
        return {}


@lru_cache(maxsize=1)
def _read_plan(file: Path, *state: int) -> dict[str, Planned]:
    """What a plan.json holds, read once for as long as it stays as it is."""
    try:
        entries = json.loads(file.read_text())["runs"]
        sources = {entry["parent"] for entry in entries if entry["spec"].get("transfer")}
        return {str(entry["folder"]): Planned(str(entry["id"]), entry["id"] in sources) for entry in entries}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def grid_of(folder: RunFolder, results: Path) -> str:
    """The grid that a run lies in."""
    path, root = folder.path.resolve(), results.resolve()
    return path.relative_to(root).parts[0] if path.is_relative_to(root) else path.parents[1].name


def report_files(folder: Path) -> Iterator[Path]:
    """The files of the report in results/<grid>: its own, and those of parts with other settings."""
    for place in [folder, *sorted(folder.glob("with-*"))]:
        yield from (file for name in REPORT if (file := place / name).is_file())
        for name in REPORT_FOLDERS:
            yield from sorted(
                file for file in (place / name).rglob("*") if file.is_file() and not file.name.startswith(".")
            )


def _sweep_status(counts: dict[str, int], left: int, ended: bool) -> str:
    if not ended or counts["running"]:
        return RUNNING
    if counts["failed"]:
        return FAILED
    return KILLED if left else FINISHED


def _stamps(folder: RunFolder) -> Iterator[tuple[int, int] | None]:
    """Time and size of the files of a run that change while it is at work, and of its further tests."""
    further = sorted(folder.path.glob("eval/*/eval.json"))
    for file in (folder.spec_file, folder.history, folder.result_file, folder.error_file, *further):
        try:
            found = file.stat()
            yield found.st_mtime_ns, found.st_size
        except FileNotFoundError:
            yield None


def _parent(folder: RunFolder) -> str | None:
    try:
        return folder.spec().parent
    except (BadInput, OSError):
        return None
