"""Databases and servers that runs are published to: broken, out of reach, fresh, copied."""

import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from suite.report.mlflow_store import make_database
from suite.report.publishing import Publisher
from suite.report.tracking import TrackingError
from tests.report.tracking.tracked import differences, finished, publish, read_artifact, runs_of, spec_of

pytestmark = pytest.mark.slow  # they make databases


def test_a_server_out_of_reach_is_one_sentence_without_password(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    with pytest.raises(
        TrackingError, match=r"MLflow at http://127\.0\.0\.1:9 could not log .*: Connection refused$"
    ) as e:
        Publisher(tmp_path / "demo").publish(True)
    assert "secret" not in str(e.value)


def test_a_broken_database_is_a_tracking_error(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_text("this is no database, " * 100)
    with pytest.raises(TrackingError, match="not a database"):
        Publisher(tmp_path / "demo").publish(True)


def test_a_new_database_is_whole_from_the_moment_it_is_there(tmp_path):
    """A process that is killed while it makes one leaves none that is broken."""
    maker = threading.Thread(target=make_database, args=(tmp_path,))
    maker.start()
    while not (tmp_path / "mlflow.db").exists():
        assert maker.is_alive() or (tmp_path / "mlflow.db").exists()  # it may end between the two looks
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("SELECT count(*) FROM experiments").fetchone() == (1,)
        at_first = database.execute("SELECT version_num FROM alembic_version").fetchall()
        maker.join()
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == at_first
    assert [file.name for file in tmp_path.iterdir()] == ["mlflow.db"]


@pytest.mark.more
def test_two_grids_that_log_into_a_fresh_database_do_not_collide(tmp_path, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folders = [finished(tmp_path / name, spec_of(4)) for name in ("a", "b")]
    other = threading.Thread(target=publish, args=(tmp_path / "a",))
    other.start()
    publish(tmp_path / "b")
    other.join()
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    assert [differences(client, tmp_path / name, [f]) for name, f in zip("ab", folders, strict=True)] == [[], []]


def test_a_copied_results_folder_has_its_artifacts_where_it_lies(grid, root, tmp_path):
    """After it was opened once: MLflow stores absolute paths."""
    from mlflow import MlflowClient

    first = finished(grid, spec_of(4))
    publish(grid)
    copy = tmp_path / "elsewhere" / "my results"
    shutil.copytree(root, copy)
    before = sorted(root.rglob("*"))
    finished(copy / grid.name, spec_of(4, seed=1))
    publish(copy / grid.name)
    assert sorted(root.rglob("*")) == before, "nothing is written into the old place"
    moved = root.rename(tmp_path / "gone")  # what the copy still finds in the old place proves nothing
    try:
        there = MlflowClient(tracking_uri=f"sqlite:///{copy}/mlflow.db")
        children, _ = runs_of(there, grid.name)
        assert len(children) == 2
        for run in children.values():
            assert run.info.artifact_uri.startswith(f"{copy}/mlartifacts/")
        text = (copy / grid.name / "runs" / first.id / "spec.yaml").read_text()
        assert read_artifact(there, children[first.id], "spec.yaml", tmp_path / "read") == text
    finally:
        moved.rename(root)


def test_the_user_of_an_environment_variable_is_heeded(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mine.db")
    assert Publisher(tmp_path / "demo").tracker.uri == os.environ["MLFLOW_TRACKING_URI"]
    assert not Path(tmp_path / "mlflow.db").exists()
