"""`suite publish`: a grid in MLflow from its files, once or for as long as its runs are at work."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from suite.app.publishing import CLAIM, LOOK, follow
from suite.collect.resolve import resolve_grid
from suite.report.mlflow_store import without_password
from suite.report.publishing import Publisher
from suite.spec import BadInput, load_grid
from suite.store.claims.claim import Busy
from suite.store.claims.held import held
from suite.store.folder import RunFolder
from suite.store.locks import is_locked

WAIT = 30.0  # seconds for a sweep's own process to end
BUSY = "A sweep or another suite publish is logging {} now."


def publish_grid(name: str, results: Path, following: bool, log: Callable[[str], None]) -> dict[str, Any]:
    """Logs a grid to MLflow; gives what MLflow has then.

    {"grid", "server", "complete", "problem", "experiment", "mlflow_run", "runs": [{"id", "mlflow_run", "status",
    "epochs", "action"}], "skipped": [{"id", "reason"}]}.  Raises BadInput where the grid has no results, or while a
    sweep logs it.
    """
    folder = results_folder(name, results)
    publisher = Publisher(folder)
    ended, problems = threading.Event(), []
    if following:
        watch = threading.Thread(target=_wait_for_end, args=(folder, ended), daemon=True)
        watch.start()
    else:
        ended.set()
        try:
            with held(folder / CLAIM, wait=WAIT):
                pass
        except Busy:
            raise BadInput(BUSY.format(folder.name)) from None

    def tell(message: dict[str, Any]) -> None:
        if problem := BUSY.format(folder.name) if "waiting" in message else message.get("problem"):
            problems.append(problem)
            if following:
                log(problem)

    try:
        complete = follow(publisher, ended, tell)
    except KeyboardInterrupt:
        complete = False
        problems.append("Stopped before everything was logged.")
    complete = complete and not publisher.skipped
    found = publisher.last or {"experiment": folder.name, "mlflow_run": None, "runs": []}
    skipped = [{"id": name, "reason": reason} for name, reason in sorted(publisher.skipped.items())]
    return {
        "grid": folder.name,
        "server": without_password(publisher.tracker.uri),
        "complete": complete,
        "problem": None if complete or not problems else problems[-1],
        **found,
        "skipped": skipped,
    }


def results_folder(name: str, results: Path) -> Path:
    """results/<grid>, also of a grid whose file is gone.  Raises BadInput where it has no runs."""
    name, models = resolve_grid(name)
    if models:
        raise BadInput("suite publish takes a whole grid.")
    with contextlib.suppress(BadInput):
        name = load_grid(name).name
    folder = Path(results) / name
    if Path(name).name != name or not (folder / "runs").is_dir():
        raise BadInput(f"There are no runs of {name} in {results}.")
    return folder


def _wait_for_end(folder: Path, ended: threading.Event) -> None:
    """In a thread: sets `ended` when no sweep and no run of the grid is at work."""
    while any(map(is_locked, folder.glob(".lock*"))) or any(
        RunFolder(path).state() in ("running", "queued") for path in folder.glob("runs/*")
    ):
        ended.wait(LOOK)
    ended.set()
