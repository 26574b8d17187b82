"""MLflow beside a sweep: finished runs are logged as they come, the report at the end."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

from rich.console import Console

from suite.report.tracking import Tracker, TrackingError
from suite.store.evaluations import predictions_of
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun
from suite.sweep.summary import row


class Tracking:
    """Logs finished runs to MLflow from a thread of its own, so that no slot waits for a database."""

    def __init__(self, plan: Plan, console: Console):
        self.plan, self.console = plan, console
        self.tracker = Tracker(None, plan.grid.name, plan.folder.parent)
        self.queue: queue.Queue[PlannedRun | None] = queue.Queue()
        for run in plan.runs:  # an earlier session may have been killed before it logged them
            if run.state() == "done":
                self.queue.put(run)
        self.broken: TrackingError | None = None
        self.thread = threading.Thread(target=self._log, name="mlflow", daemon=True)
        self.thread.start()

    def finished(self, run: PlannedRun) -> None:
        self.queue.put(run)

    def _log(self) -> None:
        while (run := self.queue.get()) is not None:
            if self.broken is None:
                try:
                    folder = run.folder
                    predictions, _ = predictions_of(folder, run.spec)
                    files = [folder.spec_file, folder.result_file, folder.provenance, predictions]
                    self.tracker.log_finished(row(run), run.spec.resolved(), folder.read_history(), files)
                except TrackingError as error:
                    self.broken = error

    def close(self, files: list[Path]) -> None:
        """Waits for what is still to be logged, then logs the report."""
        self.queue.put(None)
        self.thread.join()
        if self.broken is None:
            try:
                self.tracker.log_report(self.plan.grid.name, files)
            except TrackingError as error:
                self.broken = error
        if self.broken:
            self.console.print(f"Not logged to MLflow: {self.broken}. The results on disk are complete.")
