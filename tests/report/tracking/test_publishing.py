"""Runs of a grid in MLflow, from their files: written, read back, written again."""

import shutil

import pytest

from suite.report.publishing import Publisher
from suite.report.tracking import TrackingError
from suite.store.folder import dump_json
from suite.store.identity import EvaluationSpec
from suite.store.reused import record_reuse
from tests.report.tracking.tracked import (
    at_work,
    begin,
    differences,
    epochs_of,
    eval_file,
    finish,
    finished,
    publish,
    read_artifact,
    runs_of,
    spec_of,
    train,
)

pytestmark = pytest.mark.slow  # the first of them makes a database


def actions(publisher):
    return {run["id"]: run["action"] for run in publisher.last["runs"]}


def test_a_finished_chain_is_read_back_as_its_files_are(grid, client, tmp_path, capfd):
    first = finished(grid, spec_of(4))
    second = finished(grid, spec_of(8, parent=first.id), top1=65.5)
    tables = grid / "with-lr=1" / "tables"
    tables.mkdir(parents=True)
    (tables / "accuracy.md").write_text("65.5")
    (grid / "summary.csv").write_text("id\n")
    publish(grid)
    assert differences(client, grid, [first, second]) == []
    children, parent = runs_of(client, grid.name)
    run = children[second.id]
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics == {"done": 2, "failed": 0, "running": 0, "left": 0}
    assert run.data.tags["suite.starts_from"] == first.id
    assert run.data.tags["suite.starts_from_mlflow_run"] == children[first.id].info.run_id
    assert children[first.id].info.run_id in run.data.tags["mlflow.note.content"]
    assert run.data.params["protocol.sampling.rule"] == "uniform"
    assert (run.data.params["module"], run.data.params["backbone"]) == ("tsn", "resnet18")
    assert (run.data.metrics["gmacs"], run.data.metrics["conv_gmacs"]) == (2.0, 1.9)
    assert "pair_top1" not in run.data.metrics
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        *("spec.yaml", "result.json", "predictions.parquet", "log.txt"),
    }
    assert read_artifact(client, run, "spec.yaml", tmp_path / "read") == second.spec_file.read_text()
    assert {file.path for file in client.list_artifacts(parent.info.run_id)} == {"summary.csv", "with-lr=1"}
    assert read_artifact(client, parent, "with-lr=1/tables/accuracy.md", tmp_path / "read") == "65.5"
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", ""), "MLflow and alembic keep quiet"


def test_publishing_twice_changes_nothing(grid, client):
    folders = [finished(grid, spec_of(4, seed=seed)) for seed in range(2)]
    assert set(actions(publish(grid)).values()) == {"created"}
    before = {run: child.info.run_id for run, child in runs_of(client, grid.name)[0].items()}
    assert set(actions(publish(grid)).values()) == {"unchanged"}
    children, _ = runs_of(client, grid.name)
    assert {run: child.info.run_id for run, child in children.items()} == before
    assert len(client.get_metric_history(before[folders[0].id], "epoch/loss")) == 3


def test_the_epochs_of_a_run_come_while_it_is_at_work_and_a_resumed_one_continues(grid, client):
    folder, publisher = begin(grid, spec_of(4)), Publisher(grid)

    def state():
        publisher.publish(False)
        children, parent = runs_of(client, grid.name)
        assert parent.info.status == "RUNNING"
        run = children[folder.id]
        return run.info.run_id, run.info.status, epochs_of(client, run, "epoch/loss")

    with at_work(folder):
        train(folder, 0)
        run, *now = state()
        assert now == ["RUNNING", {0: 1.0}]
        train(folder, 1)
        assert state() == (run, "RUNNING", {0: 1.0, 1: 0.5})
    assert state() == (run, "KILLED", {0: 1.0, 1: 0.5})
    folder.keep_history(1)  # what it had not saved is trained again
    with at_work(folder):
        assert state()[:2] == (run, "RUNNING")
        train(folder, 1, 2, seconds=9.0)
        publisher = Publisher(grid)  # the driver was started again, too
        assert state() == (run, "RUNNING", {0: 1.0, 1: 0.5, 2: pytest.approx(1 / 3)})
        finish(folder)
    publisher.publish(True)
    assert runs_of(client, grid.name)[0][folder.id].info.run_id == run
    assert differences(client, grid, [folder]) == []
    assert set(actions(publish(grid)).values()) == {"unchanged"}


def test_a_run_trained_again_with_another_result_replaces_the_one_before(grid, client):
    folder = finished(grid, spec_of(4))
    publish(grid)
    first = runs_of(client, grid.name)[0][folder.id].info.run_id
    shutil.rmtree(folder.path)
    again = begin(grid, spec_of(4))
    with at_work(again):
        train(again, 0, loss=2.0)
        publish(grid, ended=False)
        run = runs_of(client, grid.name)[0][folder.id]
        assert run.info.run_id != first
        assert (run.info.status, "top1" in run.data.metrics) == ("RUNNING", False)
        train(again, 1, 2, loss=2.0)
        finish(again, top1=50.0)
    publish(grid)
    assert differences(client, grid, [again]) == []


def test_epochs_beyond_those_of_the_finished_run_do_not_stay(grid, client):
    folder = begin(grid, spec_of(4))
    train(folder, 0, 1, 2, 3)
    publish(grid)
    folder.keep_history(3)
    finish(folder)
    publish(grid)
    assert differences(client, grid, [folder]) == []


def test_a_failed_run_says_why_until_it_is_mended(grid, client):
    folder = begin(grid, spec_of(4))
    folder.fail("The loss is not finite.", "input")
    publish(grid)
    children, parent = runs_of(client, grid.name)
    run = children[folder.id]
    assert (run.info.status, run.data.tags["suite.error"]) == ("FAILED", "The loss is not finite.")
    assert parent.info.status == "FAILED"
    train(folder, 0, 1, 2)
    finish(folder)
    publish(grid)
    children, parent = runs_of(client, grid.name)
    assert children[folder.id].info.run_id == run.info.run_id
    assert (children[folder.id].info.status, parent.info.status) == ("FINISHED", "FINISHED")
    assert "suite.error" not in children[folder.id].data.tags


def test_runs_and_report_of_an_earlier_version_are_kept_below_the_sweep(grid, client, root):
    folder, other = finished(grid, spec_of(4)), finished(grid, spec_of(4, seed=1))
    publish(grid)  # the experiment, with artifacts where they belong
    children, parent = runs_of(client, grid.name)
    experiment = parent.info.experiment_id
    for run in [*children.values(), parent]:
        client.delete_run(run.info.run_id)
    flat = {}
    for at in (folder, other):  # as the last version logged them: one by one, by the id alone
        made = client.create_run(experiment, run_name=at.id, tags={"suite.run_id": at.id, "suite.result": "of a row"})
        flat[at.id] = made.info.run_id
        for key, value in (("model", "tsn-resnet18"), ("protocol.epochs", "3"), ("name", "tsn-resnet18")):
            client.log_param(made.info.run_id, key, value)
        for entry in at.read_history():
            for key in ("loss", "train_top1", "seconds"):
                client.log_metric(made.info.run_id, f"epoch/{key}", entry[key], step=entry["epoch"])
        client.log_metric(made.info.run_id, "top1", 61.25 if at is folder else 12.5)
        client.set_terminated(made.info.run_id, "FINISHED")
    report = client.create_run(experiment, run_name="report", tags={"suite.report": grid.name}).info.run_id
    client.set_terminated(report, "FINISHED")
    assert actions(publish(grid)) == {folder.id: "continued", other.id: "replaced"}
    children, parent = runs_of(client, grid.name)
    assert parent.info.run_id == report
    assert children[folder.id].info.run_id == flat[folder.id], "it had the same numbers"
    assert differences(client, grid, [folder, other]) == []


def test_a_description_that_a_person_wrote_stays(grid, client):
    first = finished(grid, spec_of(4))
    second = finished(grid, spec_of(8, parent=first.id))
    publish(grid)
    run = runs_of(client, grid.name)[0][second.id].info.run_id
    client.set_tag(run, "mlflow.note.content", "look at this one")
    second.add_log("tested again")
    publish(grid)
    assert client.get_run(run).data.tags["mlflow.note.content"] == "look at this one"


def test_further_tests_are_metrics_of_their_own(grid, client):
    folder = finished(grid, spec_of(4))
    facts = {"dataset": "calib_order", "split": "val", "frames": 4, "size": 32, "fusion": "logits", "precision": "fp32"}
    facts |= {"views": "10x3", "sampling": {"rule": "uniform", "stride": 1, "dense_clip": "random"}}
    test = EvaluationSpec.from_facts(facts).id
    eval_file(folder, test, facts | {"run": folder.id, "model": "tsn-resnet18", "top1": 68.75, "n": 16})
    eval_file(folder, "mine", {"run": folder.id})
    publish(grid)
    metrics = runs_of(client, grid.name)[0][folder.id].data.metrics
    assert {key: metrics[key] for key in metrics if key.startswith("test/")} == {
        f"test/{test}/top1": 68.75,
        f"test/{test}/n": 16,
    }


def test_more_metrics_than_one_request_takes_are_all_there(grid, client):
    folder = begin(grid, spec_of(4))
    train(folder, *range(700))
    finish(folder)
    publish(grid)
    [run] = runs_of(client, grid.name)[0].values()
    assert epochs_of(client, run, "epoch/loss") == {epoch: 1 / (epoch + 1) for epoch in range(700)}


def test_a_report_takes_the_place_of_the_one_before(grid, client, tmp_path):
    finished(grid, spec_of(4))
    for name in ("tables/accuracy.md", "figures/old.png"):
        (grid / name).parent.mkdir()
        (grid / name).write_text("first")
    publish(grid)
    (grid / "tables" / "accuracy.md").write_text("second")
    (grid / "figures" / "old.png").unlink()
    publish(grid)
    _, parent = runs_of(client, grid.name)
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["tables"]
    assert read_artifact(client, parent, "tables/accuracy.md", tmp_path / "read") == "second"


def test_a_damaged_run_is_left_out_and_named(grid, client):
    good, bad = finished(grid, spec_of(4)), finished(grid, spec_of(4, seed=1))
    bad.result_file.write_text("{")
    publisher = publish(grid)
    assert set(publisher.skipped) == {bad.id}
    assert "result.json is damaged" in publisher.skipped[bad.id]
    assert differences(client, grid, [good]) == []


def test_a_run_deleted_in_the_interface_is_logged_again(grid, client):
    folder, publisher = begin(grid, spec_of(4)), Publisher(grid)
    with at_work(folder):
        train(folder, 0)
        publisher.publish(False)
        client.delete_run(runs_of(client, grid.name)[0][folder.id].info.run_id)
        train(folder, 1, 2)
        finish(folder)
    with pytest.raises(TrackingError, match=folder.id):
        publisher.publish(True)
    publisher.publish(True)
    assert differences(client, grid, [folder]) == []


def test_a_run_that_another_grid_has_trained_is_logged_with_the_grid_that_uses_it(grid, client, root):
    used = finished(root / f"{grid.name}-other", spec_of(4, seed=78))
    record_reuse(grid, [used])
    folder = finished(grid, spec_of(8, parent=used.id))
    publish(grid)
    assert differences(client, grid, [used, folder]) == []
    children, _ = runs_of(client, grid.name)
    assert children[used.id].data.tags["suite.grid"] == f"{grid.name}-other"
    assert children[folder.id].data.tags["suite.starts_from_mlflow_run"] == children[used.id].info.run_id
    assert "suite.grid" not in children[folder.id].data.tags


def test_what_pretrained_in_another_grid_is_logged_with_this_one_too(grid, client, root):
    source = finished(root / f"{grid.name}-other", spec_of(4, seed=77))
    folder = finished(grid, spec_of(8, parent=source.id))
    entries = [{"id": run.id, "folder": run.id, "parent": run.spec().parent} for run in (source, folder)]
    plan = {"runs": [entry | {"spec": {"transfer": entry["parent"] is not None}} for entry in entries]}
    (grid / "plan.json").write_text(dump_json(plan))
    publish(grid)
    assert differences(client, grid, [source, folder]) == []
    children, parent = runs_of(client, grid.name)
    assert children[source.id].data.tags["suite.grid"] == f"{grid.name}-other"
    assert (parent.info.status, parent.data.metrics["left"]) == ("FINISHED", 0)
