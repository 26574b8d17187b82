"""Small finished sweeps of grids that pretrain, fuse, test with several views, and tune."""

import contextlib
from unittest import mock

from suite.app.ensembles import make_ensembles
from suite.data.synthetic import synthesize
from suite.evaluation.control import Control
from suite.report.build import write_report
from suite.report.figures import pairs, scatter, tradeoffs
from suite.sweep.plan import Selection, make_plan
from suite.training.run import execute

TRANSFER = """
title: From scenes to order
protocol: smoke
data: calib_order
models: [tsn-resnet18]
frames: [2, 4]
pretrain: {data: calib_scene, frames: 2, set: {epochs: 1, batch: 8}}
set: {epochs: 1, batch: 8, sampling.rule: dense, evaluation.views: [2x1]}
fuse: [{frames: [2, 4], views: 2x3, fusion: softmax}, {frames: [2, 4], fusion: logits, only: ['tsn-*']}]
tables: [accuracy, views, splits]
"""
TUNED = """
title: An equal tuning budget
protocol: smoke
data: calib_order
models: [tsn-resnet18, tsm-resnet18]
tune: {weight_decay: [0.0], lr: [0.02, 0.0001], on: dev}
frames: [2]
set: {epochs: 1, batch: 8, dev: 0.25}
tables: [accuracy]
"""


@contextlib.contextmanager
def drawing_nothing():
    """Reports without the figures that others test: they take most of the time."""
    with contextlib.ExitStack() as stack:
        for module, name in ((scatter, "write_figures"), (tradeoffs, "write_pareto"), (pairs, "write_pairwise")):
            stack.enter_context(mock.patch.object(module, name, return_value=[]))
        yield


def train(plan, data):
    """Trains and tests what a plan still needs, in this process."""
    for run in plan.runs:
        if run.state() != "done":
            run.folder.create(run.spec)
            execute(run.folder, data, Control(), run.spec)


def sweep(home, name, text):
    """results/<name> of a grid, all runs finished, with its ensembles and its report."""
    (home / f"{name}.yaml").write_text(text)
    plan = planned(home, name)
    train(plan, home / "data")
    make_ensembles(plan)
    write_report(plan)


def make_new_keys_sweeps(home):
    """data/, and results/ with the sweeps `transfer` and `tuned`."""
    for data in ("calib_scene", "calib_order"):
        synthesize(data, home / "data", videos={"train": 16, "val": 8})
    with drawing_nothing():
        sweep(home, "transfer", TRANSFER)
        sweep(home, "tuned", TUNED)


def planned(home, name, **selection):
    return make_plan(str(home / f"{name}.yaml"), Selection(**selection), home / "results", costs=False)
