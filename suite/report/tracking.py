"""Finished runs and reports in MLflow, so that they can be looked through in its browser interface.

Only the driver of a sweep writes here: many processes that open a fresh MLflow database crash each other.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.report.mlflow_store import artifact_location, is_server, relocate_artifacts, settings, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

RUN_TAG, RESULT_TAG, REPORT_TAG = "suite.run_id", "suite.result", "suite.report"
METRICS = (
    *("top1", "top5", "top1_video", "pair_top1", "best_top1"),  # percent
    *("params", "conv_gmacs", "gmacs", "n", "epochs_seen"),
)
KEY_LENGTH, VALUE_LENGTH = 250, 6000  # characters, MLflow's limits
BATCH = {"metrics": 1000, "params": 100}  # per log_batch call, MLflow's limits


class TrackingError(RuntimeError):
    """MLflow cannot be written to.  The results on disk are untouched: warn, and go on."""


class Tracker:
    """One MLflow experiment, connected at the first use (about 7 s: its import, and a new database).

    `uri` None: that of `tracking_uri(root)`.  Artifacts lie in `root`/mlartifacts unless a server keeps them.
    Every method raises TrackingError, and nothing else, when MLflow is missing, broken or out of reach.
    """

    def __init__(self, uri: str | None, experiment: str, root: Path):
        self.uri = uri or tracking_uri(root)
        self.experiment = experiment
        self.root = Path(root)
        self._client: MlflowClient | None = None
        self._experiment_id = ""
        self._lock = threading.Lock()

    def log_finished(
        self, row: dict[str, Any], params: dict[str, Any], history: list[dict[str, Any]], artifacts: list[Path]
    ) -> bool:
        """Logs one finished run; False if it was there already.

        One that was half logged, or logged with another result, is deleted and logged again.

        `row` is a row of the summary (its id becomes the tag suite.run_id), `params` the resolved specification, in
        which nested keys become dotted ones, `history` one entry per epoch: each number becomes a metric
        epoch/<key> at step epoch.  `artifacts` are files or folders.
        """
        with self._guarded(f"log run {row['id']}") as client:
            result = hashlib.sha256(json.dumps(row, sort_keys=True, default=str).encode()).hexdigest()
            for run in self._tagged(client, RUN_TAG, row["id"]):
                if run.info.status == "FINISHED" and run.data.tags.get(RESULT_TAG) == result:
                    return False
                client.delete_run(run.info.run_id)
            run_id = client.create_run(
                self._experiment_id, run_name=row["id"], tags={RUN_TAG: row["id"], RESULT_TAG: result}
            ).info.run_id
            identity = {k: row[k] for k in ("name", "module", "backbone", "pooling") if isinstance(row.get(k), str)}
            self._log(client, run_id, {**identity, **_flat(params)}, _metrics(row, history))
            for path in artifacts:
                _log_path(client, run_id, path)
            client.set_terminated(run_id, "FINISHED")
            return True

    def log_report(self, grid_name: str, files: list[Path]) -> None:
        """Puts tables, figures and the page into the one run 'report' of a grid, in place of those of the last call.

        Files of folders tables/ and figures/ keep that folder, and runs with other settings (`--set`) have their own.
        """
        with self._guarded(f"log the report of {grid_name}") as client:
            old = self._tagged(client, REPORT_TAG, grid_name)
            tags = {REPORT_TAG: grid_name}
            run = old[0] if old else client.create_run(self._experiment_id, run_name="report", tags=tags)
            for superfluous in old[1:]:
                client.delete_run(superfluous.info.run_id)
            if old:
                _empty(run.info.artifact_uri)
                client.update_run(run.info.run_id, status="RUNNING")
            for path in map(Path, files):
                # a part with other settings (suite.sweep.parts) has a folder of its own
                folder = [part.name for part in path.parents if part.name.startswith("with-")][:1]
                folder += [path.parent.name] if path.parent.name in ("tables", "figures") else []
                client.log_artifact(run.info.run_id, str(path), "/".join(folder) or None)
            client.set_terminated(run.info.run_id, "FINISHED")

    @contextlib.contextmanager
    def _guarded(self, doing: str) -> Iterator[MlflowClient]:
        """The connected client; whatever goes wrong inside becomes a TrackingError of one sentence."""
        try:
            with self._lock:
                if self._client is None:
                    self._connect()
                yield self._client
        except Exception as error:  # MLflow raises what its database driver, HTTP library or file system raises
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            message = f"MLflow at {self.uri} could not {doing}: {reason}"
            raise TrackingError(re.sub(r"//[^/@\s]*@", "//", message)) from error  # no password on the screen

    def _connect(self) -> None:
        os.environ.update(settings(quiet=True))
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):  # where the person has set another level in the environment, it stands
            logging.getLogger(name).setLevel(os.environ["MLFLOW_LOGGING_LEVEL"])
        location = None
        if not is_server(self.uri):
            self.root.mkdir(parents=True, exist_ok=True)
            location = artifact_location(self.root)
            relocate_artifacts(self.root)
        client = MlflowClient(tracking_uri=self.uri)
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            self._experiment_id = client.create_experiment(self.experiment, artifact_location=location)
        else:
            self._experiment_id = found.experiment_id
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)
        self._client = client

    def _tagged(self, client: MlflowClient, tag: str, value: str) -> list[Any]:
        return list(client.search_runs([self._experiment_id], f"tags.`{tag}` = '{value}'"))

    def _log(self, client: MlflowClient, run_id: str, params: dict[str, str], metrics: list[tuple]) -> None:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        all_params = [Param(key, value) for key, value in params.items()]
        all_metrics = [Metric(key, value, now, step) for key, value, step in metrics]
        for start in range(0, len(all_params), BATCH["params"]):
            client.log_batch(run_id, params=all_params[start : start + BATCH["params"]], synchronous=True)
        for start in range(0, len(all_metrics), BATCH["metrics"]):
            client.log_batch(run_id, metrics=all_metrics[start : start + BATCH["metrics"]], synchronous=True)


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested keys dotted, names in MLflow's characters, values as text, both cut to MLflow's lengths."""
    out: dict[str, str] = {}
    for key, value in data.items():
        name = prefix + str(key)
        if isinstance(value, dict) and value:
            out |= _flat(value, name + ".")
        else:
            out[_name(name)] = str(value)[:VALUE_LENGTH]
    return out


def _name(key: str) -> str:
    return re.sub(r"[^\w./ -]", "_", key)[:KEY_LENGTH]


def _metrics(row: dict[str, Any], history: list[dict[str, Any]]) -> list[tuple[str, float, int]]:
    """(name, value, step): the row's numbers at step 0, then those of every epoch."""
    out = [(key, float(row[key]), 0) for key in METRICS if _is_number(row.get(key))]
    for i, entry in enumerate(history):
        step = int(entry["epoch"]) if _is_number(entry.get("epoch")) else i
        out += [(_name(f"epoch/{k}"), float(v), step) for k, v in entry.items() if k != "epoch" and _is_number(v)]
    return out


def _is_number(value: Any) -> bool:
    if value is None or isinstance(value, (str, bool, list, tuple, dict)):
        return False
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):  # pandas' NA among them
        return False


def _log_path(client: MlflowClient, run_id: str, path: Path) -> None:
    path = Path(path)
    if path.is_dir():
        client.log_artifacts(run_id, str(path), path.name)
    else:
        client.log_artifact(run_id, str(path))


def _empty(artifact_uri: str) -> None:
    """Removes a run's artifacts, so that a figure no longer drawn does not stay; some stores cannot."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    with contextlib.suppress(Exception):
        get_artifact_repository(artifact_uri).delete_artifacts("")
