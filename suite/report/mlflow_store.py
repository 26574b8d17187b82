"""Where MLflow keeps runs and artifacts, and with which settings the suite uses and opens it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import sqlite3
import sys
import tempfile
from pathlib import Path

from suite.spec import BadInput

HOST = "127.0.0.1"
DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"  # in the folder of all results
TELEMETRY_OFF = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
QUIET = {
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A server that does not answer must cost seconds, not MLflow's default of many minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
}


def settings(quiet: bool) -> dict[str, str]:
    """The environment for MLflow: no telemetry, and what the user has set in the environment stays."""
    return {**TELEMETRY_OFF, **(QUIET if quiet else {}), **os.environ}


def tracking_uri(root: Path) -> str:
    """$MLFLOW_TRACKING_URI, or the SQLite database `root`/mlflow.db."""
    return os.environ.get("MLFLOW_TRACKING_URI") or database_uri(root)


def database_uri(root: Path) -> str:
    return f"sqlite:///{Path(root).resolve()}/{DATABASE}"


def without_password(text: str) -> str:
    """The text without names and passwords in addresses."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def reason(error: Exception) -> str:
    """Why MLflow failed, in a few words; what libraries say of a lost connection is long."""
    text = str(error).strip()
    if "timed out" in text or "too many 5" in text:
        return "no answer in time"
    if refused := re.search(r"\[Errno -?\d+\] ([^\"')]+)", text):
        return refused[1]
    return without_password((text.splitlines() or [type(error).__name__])[0])


def is_server(uri: str) -> bool:
    """Whether a server keeps the artifacts."""
    return uri.startswith(("http://", "https://", "databricks"))


def artifact_location(root: Path) -> str:
    return str(Path(root).resolve() / ARTIFACTS)


def make_database(root: Path) -> None:
    """Makes `root`/mlflow.db where there is none.

    Under another name first: MLflow needs seconds for it, and a database that two processes make at once, or that one
    did not finish, is broken for good.  Raises BadInput where something else has its name.
    """
    database = Path(root).resolve() / DATABASE
    if database.is_file():
        return
    if database.exists():  # MLflow would try for minutes
        raise BadInput(f"{database} is no regular file; move it away.")
    os.environ.update(settings(quiet=True))
    from mlflow import MlflowClient

    quiet_logs()
    with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=database.parent) as folder:
        fresh = Path(folder) / DATABASE
        MlflowClient(tracking_uri=f"sqlite:///{fresh}").search_experiments(max_results=1)
        try:
            os.link(fresh, database)
        except FileExistsError:
            pass  # another process was faster
        except OSError:  # a file system without links
            fresh.rename(database)


def quiet_logs() -> None:
    """What MLflow logs is not printed; where the person has set another level in the environment, it stands."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(os.environ["MLFLOW_LOGGING_LEVEL"])


def relocate_artifacts(root: Path) -> None:
    """Makes `root`/mlflow.db refer to the artifacts in `root`/mlartifacts.

    MLflow stores absolute paths, so that the database of a folder that was copied or moved refers to the old place.
    Only paths to a local folder `mlartifacts` are changed.  Raises sqlite3.Error.
    """
    database, new = Path(root) / DATABASE, artifact_location(root)
    if not database.is_file() or not Path(new).is_dir():
        return
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"experiments", "runs"} <= tables:
            return
        for experiment, old in connection.execute(
            "SELECT experiment_id, artifact_location FROM experiments"
        ).fetchall():
            if not old or not old.startswith("/") or Path(old).name != ARTIFACTS or old == new:
                continue
            connection.execute(
                "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) "
                "WHERE experiment_id = ? AND substr(artifact_uri, 1, ?) = ?",
                (new, len(old) + 1, experiment, len(old) + 1, f"{old}/"),
            )
            connection.execute(
                "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (new, experiment)
            )


def open_interface(root: Path, port: int) -> None:
    """Becomes MLflow's browser interface on this machine; does not return.  Raises BadInput where it cannot start."""
    uri = tracking_uri(root)
    if is_server(uri):
        raise BadInput("MLFLOW_TRACKING_URI names a server that is running already; open its address in a browser.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise BadInput(f"Port {port} cannot be used ({error.strerror}); choose another with --port.") from None
    Path(root).mkdir(parents=True, exist_ok=True)
    if uri == database_uri(root):
        make_database(root)
    try:
        relocate_artifacts(root)
    except sqlite3.Error as error:
        raise BadInput(f"{Path(root) / DATABASE} cannot be used: {error}.") from None
    command = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", uri, "--default-artifact-root", artifact_location(root)]
    print(f"MLflow: http://{HOST}:{port} (Ctrl-C stops it)", file=sys.stderr, flush=True)
    os.execve(sys.executable, command, settings(quiet=False))
