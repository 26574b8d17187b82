"""Runs and reports in MLflow: written, read back, written again."""

import threading

import pytest

from suite.report.tracking import RUN_TAG, Tracker, TrackingError

ROW = {"id": "d.i3d-resnet18.f8.s0-0123456789", "name": "i3d-resnet18", "module": "i3d", "backbone": "resnet18"}
ROW |= {"top1": 61.25, "top5": 90.0, "pair_top1": float("nan"), "gmacs": 4.9, "params": 33_200_000}
PARAMS = {"model": "i3d-resnet18", "protocol": {"lr": 0.01, "sampling": {"rule": "uniform"}, "note": "x" * 9000}}
HISTORY = [{"epoch": epoch, "loss": 1 / (epoch + 1), "phase": "train"} for epoch in range(3)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One database for all tests: a fresh one takes seconds.  A space in its path, as people have."""
    return tmp_path_factory.mktemp("my results")


@pytest.fixture
def tracker(root, monkeypatch, request):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Tracker(None, request.node.name, root)


@pytest.fixture
def client(root):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{root}/mlflow.db")


def runs_of(client, experiment):
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def contents(client, run, path, folder):
    from pathlib import Path

    return Path(client.download_artifacts(run.info.run_id, path, str(folder))).read_text()


def test_a_finished_run_is_read_back_as_it_was_logged(tracker, client, tmp_path, capfd):
    spec = tmp_path / "spec.yaml"
    spec.write_text("model: i3d-resnet18\n")
    assert tracker.log_finished(ROW, PARAMS, HISTORY, [spec])
    [run] = runs_of(client, tracker.experiment)
    assert run.data.tags[RUN_TAG] == ROW["id"]
    assert run.info.status == "FINISHED"
    assert run.data.params["protocol.sampling.rule"] == "uniform"
    assert run.data.params["protocol.lr"] == "0.01"
    assert run.data.params["protocol.note"] == "x" * 6000
    assert {k: run.data.metrics[k] for k in ("top1", "top5", "gmacs", "params")} == {
        **{"top1": 61.25, "top5": 90.0},
        **{"gmacs": 4.9, "params": 33_200_000},
    }
    assert "pair_top1" not in run.data.metrics
    losses = client.get_metric_history(run.info.run_id, "epoch/loss")
    assert [(m.step, m.value) for m in losses] == [(0, 1.0), (1, 0.5), (2, pytest.approx(1 / 3))]
    assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["spec.yaml"]
    assert contents(client, run, "spec.yaml", tmp_path) == "model: i3d-resnet18\n"
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", ""), "MLflow and alembic keep quiet"


def test_logging_twice_gives_one_run(tracker, client, root):
    assert tracker.log_finished(ROW, PARAMS, HISTORY, [])
    assert not tracker.log_finished(ROW, PARAMS, HISTORY, [])
    assert not Tracker(None, tracker.experiment, root).log_finished(ROW, PARAMS, HISTORY, [])
    assert len(runs_of(client, tracker.experiment)) == 1


def test_a_half_logged_run_is_replaced_by_a_whole_one(tracker, client, tmp_path):
    missing = tmp_path / "not-there.txt"
    with pytest.raises(TrackingError, match=ROW["id"]):
        tracker.log_finished(ROW, PARAMS, HISTORY, [missing])
    assert [run.info.status for run in runs_of(client, tracker.experiment)] == ["RUNNING"]
    missing.write_text("now it is")
    assert tracker.log_finished(ROW, PARAMS, HISTORY, [missing])
    assert [run.info.status for run in runs_of(client, tracker.experiment)] == ["FINISHED"]


def test_more_parameters_and_metrics_than_one_request_takes_are_all_there(tracker, client):
    history = [{"epoch": epoch, "loss": float(epoch)} for epoch in range(1500)]
    tracker.log_finished(ROW, {f"key{i}": i for i in range(230)} | {"a@b,c": 1}, history, [])
    [run] = runs_of(client, tracker.experiment)
    assert {f"key{i}" for i in range(230)} <= set(run.data.params)
    assert run.data.params["a_b_c"] == "1"
    assert run.data.metrics["epoch/loss"] == 1499.0


def test_a_report_is_one_run_whose_files_are_replaced(tracker, client, tmp_path):
    table, figure = tmp_path / "tables" / "accuracy.md", tmp_path / "figures" / "old.png"
    for path in (table, figure):
        path.parent.mkdir()
        path.write_text("first")
    tracker.log_report("demo", [table, figure])
    table.write_text("second")
    tracker.log_report("demo", [table])
    [run] = runs_of(client, tracker.experiment)
    assert run.info.run_name == "report"
    assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["tables"]
    assert contents(client, run, "tables/accuracy.md", tmp_path) == "second"


def test_the_environment_names_the_server_and_one_out_of_reach_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    tracker = Tracker(None, "demo", tmp_path)
    with pytest.raises(TrackingError, match=r"MLflow at http://127\.0\.0\.1:9 could not log") as caught:
        tracker.log_finished(ROW, PARAMS, HISTORY, [])
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_broken_database_is_a_tracking_error(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_text("this is no database, " * 100)
    with pytest.raises(TrackingError, match="not a database"):
        Tracker(None, "demo", tmp_path).log_report("demo", [])


def test_two_threads_that_log_into_a_fresh_database_do_not_collide(tracker, client):
    other = threading.Thread(target=tracker.log_finished, args=({**ROW, "id": "another-run"}, PARAMS, HISTORY, []))
    other.start()
    assert tracker.log_finished(ROW, PARAMS, HISTORY, [])
    other.join()
    assert {run.data.tags[RUN_TAG] for run in runs_of(client, tracker.experiment)} == {ROW["id"], "another-run"}
