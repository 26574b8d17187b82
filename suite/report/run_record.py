"""What MLflow is to have of a run, from the files in its folder."""

from __future__ import annotations

import json
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
from suite.spec import BadInput, file_sha256, one_line, parse_model
from suite.store.evaluations import tested_as
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec, digest

STATUS = {"done": FINISHED, "failed": FAILED, "running": RUNNING, "queued": SCHEDULED}  # of all others: KILLED


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
