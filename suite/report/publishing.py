"""The runs of a grid in MLflow, from the files in its folder alone: what is new since the last look is logged.

The files are the truth: whatever MLflow has is completed from them, or replaced where it contradicts them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from suite.report.tracked_run import (
    FAILED,
    FINAL,
    FINISHED,
    KILLED,
    RUNNING,
    SCHEDULED,
    TEST,
    TrackedRun,
    flat,
    is_number,
    metric_name,
)
from suite.report.tracking import Tracker
from suite.spec import BadInput, file_sha256, one_line, parse_model
from suite.store.earlier import run_folder, source_folder
from suite.store.evaluations import tested_as
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec, digest

STATUS = {"done": FINISHED, "failed": FAILED, "running": RUNNING, "queued": SCHEDULED}  # of all others: KILLED
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
        for folder in self._folders(planned if ended or not self.seen else {}):
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
                if folder.path.parents[1] != self.folder:
                    record.tags["suite.grid"] = folder.path.parents[1].name
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

    def _folders(self, planned: dict[str, Planned]) -> list[RunFolder]:
        """The run folders, each behind the one that it starts from; of planned runs also those in other grids."""
        runs = self.folder / "runs"
        found = {file.parent.name: RunFolder(file.parent) for file in sorted(runs.glob("*/spec.yaml"))}
        for name, run in planned.items():
            if name not in found:
                at = source_folder(runs, name) if run.pretrains else run_folder(runs, name)
                found |= {name: at} if at.id == name and at.result_file.exists() else {}
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
        entries = json.loads((folder / "plan.json").read_text())["runs"]
        sources = {entry["parent"] for entry in entries if entry["spec"].get("transfer")}
        return {str(entry["folder"]): Planned(str(entry["id"]), entry["id"] in sources) for entry in entries}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def record_of(folder: RunFolder, id: str, state: str) -> TrackedRun | None:
    """What MLflow is to have of a run; None of one that has not begun.

    Raises BadInput where its files are damaged or were edited.
    """
    result = folder.result() if state == "done" else None
    history = folder.read_history()
    status = STATUS.get(state, KILLED)
    if status in (KILLED, SCHEDULED) and not (history or folder.log.exists()):
        return None
    spec = folder.spec()
    record = TrackedRun(id, status, params=_params(spec), starts_from=spec.parent)
    record.started = _started(folder)
    record.tags = {"suite.state": state}
    if spec.control:
        record.tags["suite.control"] = spec.control
    if error := (folder.error() if state == "failed" else None):
        record.tags["suite.error"] = one_line(error["error"])
    for i, entry in enumerate(history):
        step = int(entry.get("epoch", i))
        record.times[step] = 0
        for key, value in entry.items():
            if key != "epoch" and is_number(value):
                record.epochs[metric_name(f"epoch/{key}"), step] = float(value)
    record.times = _epoch_times(folder, history)
    if result is not None:
        record.metrics = _final_metrics(result) | _further_tests(folder)
    if status not in (RUNNING, SCHEDULED):
        files = [folder.spec_file, folder.result_file, folder.provenance, folder.log]
        files += [folder.predictions, folder.video_predictions] if result else []
        record.artifacts = [(file, "") for file in files if file.is_file()]
        record.ended = _milliseconds(max(file.stat().st_mtime for file, _ in record.artifacts))
        record.content = _content(record)
    return record


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


def _params(spec: RunSpec) -> dict[str, str]:
    name = parse_model(spec.model)
    identity = {"name": spec.model, "module": name.module, "backbone": name.backbone, "pooling": name.pooling}
    return {**{key: value for key, value in identity.items() if isinstance(value, str)}, **flat(spec.resolved())}


def _final_metrics(result: dict[str, Any]) -> dict[str, float]:
    """Those of `FINAL` that a result has."""
    video = result.get("video")
    values = result | {"top1_video": video.get("top1") if isinstance(video, dict) else None}
    values |= {
        name: values[key] / 1e9 for name, key in (("gmacs", "macs"), ("conv_gmacs", "conv_macs")) if key in values
    }
    return {key: float(values[key]) for key in FINAL if is_number(values.get(key))}


def _further_tests(folder: RunFolder) -> dict[str, float]:
    """The accuracies of tests that were made after training: test/<test id>/top1, and others."""
    out = {}
    for file in sorted(folder.path.glob("eval/*/eval.json")):
        try:
            found = json.loads(file.read_text())
        except (OSError, ValueError, RecursionError):
            continue
        if (test := tested_as(found)) and found.get("run") == folder.id:
            for key in ("top1", "top5", "pair_top1", "n"):
                if is_number(found.get(key)):
                    out[metric_name(f"{TEST}{test}/{key}")] = float(found[key])
    return out


def _content(record: TrackedRun) -> str:
    """A digest of what is logged; large files count by their size, for the result was written with them."""
    files = [
        [str(Path(inner, file.name)), file.stat().st_size if file.suffix == ".parquet" else file_sha256(file)]
        for file, inner in record.artifacts
    ]
    epochs = sorted([key, step, value] for (key, step), value in record.epochs.items())
    logged = [record.status, record.params, record.tags, record.metrics, epochs, record.starts_from, files]
    return digest(logged, 64)


def _epoch_times(folder: RunFolder, history: list[dict[str, Any]]) -> dict[int, int]:
    """When each epoch ended, in milliseconds: the file was last written with the last one."""
    if not history:
        return {}
    at, out = folder.history.stat().st_mtime, {}
    for i, entry in reversed(list(enumerate(history))):
        out[int(entry.get("epoch", i))] = _milliseconds(at)
        at -= float(entry.get("seconds", 0.0))
    return out


def _started(folder: RunFolder) -> int:
    """When its training began, in milliseconds."""
    try:
        first = folder.read_provenance()["sessions"][0]["started"]
        return _milliseconds(datetime.strptime(first, "%Y-%m-%dT%H:%M:%S%z").timestamp())
    except (BadInput, KeyError, IndexError, TypeError, ValueError):
        return _milliseconds(folder.spec_file.stat().st_mtime)


def _milliseconds(seconds: float) -> int:
    return int(1000 * seconds)
