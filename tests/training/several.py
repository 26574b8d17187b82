"""Runs and functions in several processes of this machine."""

import pickle
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from suite.evaluation.control import Control, Stopped
from suite.evaluation.group import Group
from suite.store.folder import RunFolder
from suite.sweep.executors.base import DONE, STOPPED, End, Job
from suite.sweep.ranks import run_processes
from suite.training.run import execute
from tests.training.builders import run_spec

NETWORK = "tests.training.several:small_network"


def small_network(num_classes, frames, size):
    """With batch normalisation and dropout, of volumes and of vectors, and a layer that is not used."""
    layers = [nn.Conv3d(3, 4, 3, 2, 1), nn.BatchNorm3d(4), nn.ReLU(), nn.Conv3d(4, 8, 3, 2, 1), nn.BatchNorm3d(8)]
    head = [nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, num_classes)]
    made = nn.Sequential(*layers, *head)
    made[0].unused = nn.Linear(2, 2)
    return made


def in_processes(number, function, stopping=lambda: False, report=lambda progress: None):
    """What `function(group)` returns in each process, by rank; the end of a run of these processes where one fails."""
    found = []

    def train(job, stopping, report, group):
        torch.set_num_threads(1)
        told = group.to_main(function(group))
        if group.main:
            report({"found": pickle.dumps(told)})
        return End(DONE), ""

    end, _ = run_processes(
        Job("", {}, "", processes=number), stopping, lambda said: found.extend(pickle.loads(said["found"])), train
    )
    return found if end.cause == DONE else end


def train_in(number, results, data, monkeypatch, stop_at=None, **changes):
    """A small run in float64, trained by `number` processes; its folder.

    stop_at: the step after which one process is asked to stop.
    """
    from suite.evaluation import inference
    from suite.training import loop, run

    def double(function):
        return lambda *args, **given: function(*args, **given).double()

    for module, name in ((loop, "to_network"), (inference, "to_network"), (run, "build")):
        monkeypatch.setattr(module, name, double(getattr(module, name)))
    spec = run_spec(NETWORK, 4, **changes)
    folder = RunFolder(Path(results) / "mine" / "runs" / spec.id)
    folder.create(spec)

    def train(job, stopping, report, group):
        torch.set_num_threads(1)
        steps = []
        asked = group.rank == group.world - 1 and stop_at is not None
        control = Control(
            stopping=lambda: asked and len(steps) >= stop_at,
            report=lambda progress: steps.append(progress) if progress.get("step") else None,
            group=group,
        )
        with suppress(Stopped):
            execute(folder, data, control)
            return End(DONE), ""
        return End(STOPPED), ""

    job = Job(str(folder.path), spec.resolved(), str(data), processes=number)
    if number == 1:
        end, _ = train(job, None, None, Group())
    else:
        end, _ = run_processes(job, lambda: False, lambda progress: None, train)
    assert end.cause == (DONE if stop_at is None else STOPPED), end
    monkeypatch.undo()
    return folder
