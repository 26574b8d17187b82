"""Small runs."""

import torch

from suite.evaluation.control import Control
from suite.spec import load_protocol
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec
from suite.training.run import execute

SMALL = {"epochs": 2, "batch": 8, "size": 32, "dropout": 0.5}


def run_spec(model="tsn-resnet18", frames=2, seed=0, parent=None, **changes):
    return RunSpec(model, "calib_order", frames, seed, load_protocol("smoke").stage(False, SMALL | changes), parent)


def train(results, data, spec, **control):
    folder = RunFolder(results / "mine" / "runs" / spec.id)
    folder.create(spec)
    execute(folder, data, Control(**control))
    return folder


def state_of(folder):
    return torch.load(folder.checkpoint, weights_only=True)["state"]


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
