"""One MLflow experiment: a parent run for the sweep of a grid, and a child run for each of its runs.

Only one process per grid writes here: many processes that open a fresh MLflow database crash each other.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.report.mlflow_store import (
    artifact_location,
    database_uri,
    is_server,
    make_database,
    quiet_logs,
    reason,
    relocate_artifacts,
    settings,
    tracking_uri,
    without_password,
)
from suite.report.tracked_run import CHILD_OF, NOTE, RESULT_TAG, RUNNING, SCHEDULED, TrackedRun
from suite.store.locks import lock

if TYPE_CHECKING:
    from mlflow import MlflowClient

RUN_TAG, SWEEP_TAG = "suite.run_id", "suite.sweep"
REPORT_TAG, FILES_TAG = "suite.report", "suite.report_files"  # REPORT_TAG: earlier versions put it on a run of its own
BATCH = {"metrics": 1000, "params": 100}  # per log_batch call, MLflow's limits
PAGE = 500  # runs per search
BUSY = "another process has kept the MLflow database locked for a minute"


class TrackingError(RuntimeError):
    """MLflow cannot be written to.  The results on disk are untouched: warn, and continue."""


class Tracker:
    """An MLflow experiment, connected at the first use (seconds: the import of MLflow, and a new database).

    `uri` None: that of `tracking_uri(root)`.  Artifacts lie in `root`/mlartifacts unless a server keeps them.
    Every method raises TrackingError, and nothing else, when MLflow is missing, broken or out of reach; then what was
    remembered of MLflow's content is forgotten, and read again at the next use.
    """

    def __init__(
        self, uri: str | None, experiment: str, root: Path, progress: Callable[[float], None] = lambda seconds: None
    ):
        """progress: is called before each step, with the seconds that the step may take; 0 for the usual time."""
        self.uri = uri or tracking_uri(root)
        self.experiment = experiment
        self.root = Path(root)
        self.progress = progress
        self.experiment_id = ""
        self._client: MlflowClient | None = None
        self._children: dict[str, TrackedRun] = {}
        self._parent: Any = None

    def put_sweep(self, status: str, counts: dict[str, float]) -> str:
        """The parent run, with its state and numbers of runs by state; gives its MLflow run id."""
        with self._guarded(f"log the sweep of {self.experiment}") as client:
            run = self._parent
            now = time.time_ns() // 1_000_000
            new = {key: value for key, value in counts.items() if run.data.metrics.get(key) != value}
            if new:
                self._log_metrics(client, run.info.run_id, [(key, value, now, 0) for key, value in new.items()])
            if run.info.status != status:
                _set_status(client, run.info.run_id, status, now)
            if new or run.info.status != status:
                self._parent = client.get_run(run.info.run_id)
            return run.info.run_id

    def put_run(self, record: TrackedRun) -> tuple[str, str]:
        """Brings the child run of `record` to what it says; gives its MLflow run id and what was done.

        created; continued (something was added); replaced, where what MLflow has contradicts the record, as after a
        rerun with another result; or unchanged.
        """
        with self._guarded(f"log run {record.id}") as client:
            wanted = self._linked(record)
            known, done = self._children.get(record.id), "continued"
            if known is not None:
                if known.matches(wanted):
                    return known.mlflow_id, "unchanged"
                self._read_epochs(client, known)
                if known.contradicts(wanted):
                    client.delete_run(known.mlflow_id)
                    del self._children[record.id]
                    known, done = None, "replaced"
            if known is None:
                known = self._create(client, wanted)
                done = "created" if done == "continued" else done
            self._complete(client, known, wanted)
            return known.mlflow_id, done

    def put_report(self, folder: Path, files: Iterable[Path], content: str) -> bool:
        """Puts files of a grid's `folder` into the parent run, in place of earlier ones; False if they are there.

        content: a digest of what they hold.
        """
        with self._guarded(f"log the report of {self.experiment}") as client:
            run = self._parent
            if run.data.tags.get(FILES_TAG) == content:
                return False
            client.set_tag(run.info.run_id, FILES_TAG, "")
            self._empty(run.info.artifact_uri)
            for file in files:
                self.progress(0)
                inner = file.relative_to(folder).parent.as_posix()
                client.log_artifact(run.info.run_id, str(file), None if inner == "." else inner)
            client.set_tag(run.info.run_id, FILES_TAG, content)
            self._parent = client.get_run(run.info.run_id)
            return True

    @contextlib.contextmanager
    def _guarded(self, doing: str) -> Iterator[MlflowClient]:
        """The connected client; whatever goes wrong inside becomes a TrackingError of one sentence."""
        try:
            if self._client is None:
                self._connect()
                self._read_runs()
            self.progress(0)
            yield self._client
        except Exception as error:  # MLflow raises what its database driver, HTTP library or file system raises
            self._client = None
            where = without_password(self.uri)
            raise TrackingError(f"MLflow at {where} could not {doing}: {reason(error)}") from error

    def _connect(self) -> None:
        os.environ.update(settings(quiet=True))
        self.progress(30)
        from mlflow import MlflowClient

        quiet_logs()
        if is_server(self.uri):
            self.progress(0)
            client = MlflowClient(tracking_uri=self.uri)
            self._find_experiment(client, None)
        else:
            self.root.mkdir(parents=True, exist_ok=True)
            with lock(self.root / ".mlflow.lock", wait=60, busy=BUSY):
                if self.uri == database_uri(self.root):
                    make_database(self.root)
                relocate_artifacts(self.root)
                client = MlflowClient(tracking_uri=self.uri)
                self._find_experiment(client, artifact_location(self.root))
        self._client = client

    def _find_experiment(self, client: MlflowClient, location: str | None) -> None:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            self.experiment_id = client.create_experiment(self.experiment, artifact_location=location)
        else:
            self.experiment_id = found.experiment_id
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)

    def _read_runs(self) -> None:
        """What MLflow has: the parent, made where it is missing, and the children by run id."""
        runs = list(self._search())
        children: dict[str, TrackedRun] = {}
        for run in sorted(runs, key=_age):
            if name := run.data.tags.get(RUN_TAG):
                if name in children:  # two processes without a common lock logged it
                    self._client.delete_run(run.info.run_id)
                else:
                    children[name] = TrackedRun.of_mlflow(name, run)
        self._children = children
        parents = sorted((run for run in runs if self._is_parent(run)), key=_age)
        if not parents:
            tags = {SWEEP_TAG: self.experiment}
            self._client.create_run(self.experiment_id, run_name=self.experiment, tags=tags)
            parents = sorted(filter(self._is_parent, self._search()), key=_age)
        for superfluous in parents[1:]:
            self._client.delete_run(superfluous.info.run_id)
        parent = parents[0].info.run_id
        if SWEEP_TAG not in parents[0].data.tags:  # the run `report` of an earlier version
            self._client.set_tag(parent, SWEEP_TAG, self.experiment)
            self._client.update_run(parent, name=self.experiment)
        self._parent = self._client.get_run(parent)

    def _is_parent(self, run: Any) -> bool:
        return self.experiment in (run.data.tags.get(SWEEP_TAG), run.data.tags.get(REPORT_TAG))

    def _search(self) -> Iterator[Any]:
        token = None
        while True:
            self.progress(0)
            page = self._client.search_runs([self.experiment_id], max_results=PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _linked(self, record: TrackedRun) -> TrackedRun:
        """The record with the tags that need MLflow's ids: its parent, and the run that it starts from."""
        tags = {**record.tags, RUN_TAG: record.id, CHILD_OF: self._parent.info.run_id}
        before = self._children.get(record.starts_from or "")
        if record.starts_from:
            tags["suite.starts_from"] = record.starts_from
            if before is not None:
                link = f"#/experiments/{self.experiment_id}/runs/{before.mlflow_id}"
                tags |= {
                    "suite.starts_from_mlflow_run": before.mlflow_id,
                    NOTE: f"Starts from [{record.starts_from}]({link})",
                }
        return record.with_tags(tags)

    def _create(self, client: MlflowClient, wanted: TrackedRun) -> TrackedRun:
        made = client.create_run(
            self.experiment_id, start_time=wanted.started, run_name=wanted.id, tags=dict(wanted.tags)
        )
        self._children[wanted.id] = TrackedRun.of_mlflow(wanted.id, made)
        self._children[wanted.id].epochs_read = True
        return self._children[wanted.id]

    def _read_epochs(self, client: MlflowClient, known: TrackedRun) -> None:
        """The metrics of all epochs; of several at one step the latest counts, as in MLflow's charts."""
        if known.epochs_read:
            return
        for key in [key for key in known.metrics if key.startswith("epoch/")]:
            self.progress(0)
            history = client.get_metric_history(known.mlflow_id, key)
            for metric in sorted(history, key=lambda metric: metric.timestamp):
                known.epochs[key, metric.step] = metric.value
                known.logged_at = max(known.logged_at, metric.timestamp)
        known.epochs_read = True

    def _complete(self, client: MlflowClient, known: TrackedRun, wanted: TrackedRun) -> None:
        """Adds to MLflow's run what it lacks.  The tag RESULT_TAG comes last: where it is, nothing is missing."""
        from mlflow.entities import Param, RunTag

        run = known.mlflow_id
        params = [Param(key, value) for key, value in wanted.params.items() if key not in known.params]
        for start in range(0, len(params), BATCH["params"]):
            client.log_batch(run, params=params[start : start + BATCH["params"]], synchronous=True)
        known.params |= wanted.params
        metrics = known.missing_metrics(wanted)
        self._log_metrics(client, run, metrics)
        known.note_metrics(wanted, metrics)
        if wanted.content and wanted.content != known.tags.get(RESULT_TAG):
            for path, inner in wanted.artifacts:
                self.progress(0)
                client.log_artifact(run, str(path), inner or None)
        tags = known.missing_tags(wanted)
        if tags:
            client.log_batch(run, tags=[RunTag(key, value) for key, value in tags.items()], synchronous=True)
        for key in known.superfluous_tags(wanted):
            client.delete_tag(run, key)
            del known.tags[key]
        known.tags |= tags
        if known.status != wanted.status:
            _set_status(client, run, wanted.status, wanted.ended)
            known.status = wanted.status
        if wanted.content and wanted.content != known.tags.get(RESULT_TAG):
            client.set_tag(run, RESULT_TAG, wanted.content)
            known.tags[RESULT_TAG] = wanted.content

    def _log_metrics(self, client: MlflowClient, run: str, metrics: list[tuple[str, float, int, int]]) -> None:
        from mlflow.entities import Metric

        found = [Metric(key, value, at, step) for key, value, at, step in metrics]
        for start in range(0, len(found), BATCH["metrics"]):
            self.progress(0)
            client.log_batch(run, metrics=found[start : start + BATCH["metrics"]], synchronous=True)

    def _empty(self, artifact_uri: str) -> None:
        """Removes a run's artifacts, so that a figure no longer drawn does not stay; some stores cannot."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with contextlib.suppress(Exception):
            get_artifact_repository(artifact_uri, tracking_uri=self.uri).delete_artifacts("")


def _set_status(client: MlflowClient, run: str, status: str, ended: int | None) -> None:
    if status in (RUNNING, SCHEDULED):
        client.update_run(run, status=status)
    else:
        client.set_terminated(run, status, end_time=ended)


def _age(run: Any) -> tuple[int, str]:
    return run.info.start_time or 0, run.info.run_id
