"""Run folders that grow as those of a sweep do, and what MLflow has of them."""

import contextlib
import json
import os
import time
from pathlib import Path

from suite.report.publishing import Publisher
from suite.spec import Protocol
from suite.store.folder import RunFolder, dump_json, sealed, write_atomic
from suite.store.identity import RunSpec

ARCHITECTURE = "tsn-resnet18"  # given, so that nobody has to import torch to find it


def spec_of(frames=4, parent=None, seed=0, **protocol):
    protocol = {"name": "p", "init": "scratch", "epochs": 3, "batch": 8, "lr": 0.1} | protocol
    return RunSpec(
        *("tsn-resnet18", "calib_order", frames, seed, Protocol(**protocol), parent),
        architecture=ARCHITECTURE,
        normalisation="imagenet",
    )


def begin(grid, spec) -> RunFolder:
    """The folder of a run that has just started, in results/<grid>."""
    folder = RunFolder(grid / "runs" / spec.id)
    folder.create(spec)
    folder.add_log("started: from scratch")
    return folder


@contextlib.contextmanager
def at_work(folder):
    """A process holds the run while the block lasts."""
    with folder.claimed():
        yield


def train(folder, *epochs, seconds=1.5, loss=1.0):
    for epoch in epochs:
        folder.add_history({"epoch": epoch, "loss": loss / (epoch + 1), "train_top1": 10.0 * epoch, "seconds": seconds})


def finish(folder, top1=61.25, **more):
    result = {"id": folder.id, "n": 16, "top1": top1, "top5": 90.0, "params": 11_000_000, "macs": 2 * 10**9}
    result |= {"conv_macs": 19 * 10**8, "video": {"top1": 70.0}, "epochs_seen": 3}
    write_atomic(folder.predictions, b"logits")
    write_atomic(folder.result_file, dump_json(sealed(result | more)))
    folder.error_file.unlink(missing_ok=True)


def finished(grid, spec, **more) -> RunFolder:
    folder = begin(grid, spec)
    train(folder, 0, 1, 2)
    finish(folder, **more)
    return folder


def differences(client, grid, folders):
    """What MLflow's experiment of a grid has otherwise than the files of finished runs; [] where all is equal."""
    children, parent = runs_of(client, grid.name)
    odd = [] if set(children) == {folder.id for folder in folders} else [f"runs {sorted(children)}"]
    for folder in folders:
        if folder.id not in children:
            continue
        run, result = children[folder.id], folder.result()
        told = {**run.data.metrics, "status": run.info.status, "parent": run.data.tags["mlflow.parentRunId"]}
        wanted = {key: result[key] for key in ("top1", "top5", "n", "params", "epochs_seen") if key in result}
        wanted |= {"top1_video": result["video"]["top1"]} if "video" in result else {}
        wanted |= {"status": "FINISHED", "parent": parent.info.run_id}
        odd += [f"{folder.id} {key} {told.get(key)}" for key in wanted if told.get(key) != wanted[key]]
        for entry in folder.read_history():
            for key in set(entry) - {"epoch"}:
                logged = epochs_of(client, run, f"epoch/{key}")
                if logged.get(entry["epoch"]) != entry[key]:
                    odd.append(f"{folder.id} epoch {entry['epoch']} {key} {logged.get(entry['epoch'])}")
                if len(logged) != len(folder.read_history()):
                    odd.append(f"{folder.id} {key} {sorted(logged)}")
    return odd


def runs_of(client, experiment):
    """The children by run id, and the parent, of which there must be one."""
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    [parent] = [run for run in found if "suite.sweep" in run.data.tags]
    children = [run for run in found if run is not parent]
    by_id = {run.data.tags["suite.run_id"]: run for run in children}
    assert len(by_id) == len(children), "a run is there twice"
    return by_id, parent


def epochs_of(client, run, key):
    """Values by epoch; of several at one, the latest counts."""
    history = client.get_metric_history(run.info.run_id, key)
    return {metric.step: metric.value for metric in sorted(history, key=lambda metric: metric.timestamp)}


def read_artifact(client, run, path, folder):
    folder.mkdir(exist_ok=True)
    return Path(client.download_artifacts(run.info.run_id, path, str(folder))).read_text()


def eval_file(folder, name, content):
    place = folder.path / "eval" / name
    place.mkdir(parents=True)
    (place / "eval.json").write_text(json.dumps(content))


def publish(grid, ended=True) -> Publisher:
    """Logs a grid to MLflow, by a publisher that knows nothing yet."""
    publisher = Publisher(grid)
    publisher.publish(ended)
    return publisher


def client_of(grid):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{grid.parent}/mlflow.db")


def wait_for(condition, what, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{what} within {seconds} s"
        time.sleep(0.1)
