"""A small finished sweep."""

import json
import shutil
from dataclasses import replace

from suite.data.synthetic import synthesize
from suite.evaluation.control import Control
from suite.report.build import write_report
from suite.store.folder import RunFolder, sealed
from suite.sweep.plan import Selection, make_plan
from suite.training.run import execute

GRID = """
title: Small
protocol: smoke
data: calib_order
models: [tsn-resnet18, tam-resnet18]
chain: {frames: [4, 8]}
set: {epochs: 1, batch: 8, size: 32, evaluation.video_clips: 2}
"""
PREDICTIONS = ("predictions.parquet", "predictions_video.parquet")


def make_small_sweep(home):
    """data/, small.yaml, and results/small with three finished runs and one that failed."""
    synthesize("calib_order", home / "data", videos={"train": 16, "val": 16})
    (home / "small.yaml").write_text(GRID)
    plan = make_plan(str(home / "small.yaml"), Selection(), home / "results")
    for run in plan.runs[:3]:
        run.folder.create(run.spec)
        execute(run.folder, home / "data", Control())
    failed = plan.runs[3].folder
    failed.create(plan.runs[3].spec)
    failed.fail(f"There is no checkpoint at {home}/results/small/runs/x/checkpoint.pt or /srv/my data/x.pt.", "input")
    write_report(plan)


def small_plan(home):
    return make_plan(str(home / "small.yaml"), Selection(), home / "results")


def one_run(plan, tmp_path, number=1):
    """A plan of one finished run, whose folder is a copy that may be spoilt; its parent lies beside it."""
    for run in plan.runs[:2]:
        shutil.copytree(run.folder.path, tmp_path / "runs" / run.id)
    run = plan.runs[number]
    return replace(plan, runs=[replace(run, folder=RunFolder(tmp_path / "runs" / run.id), children=[])])


def spoil_result(folder, **changes):
    folder.result_file.write_text(json.dumps(sealed(folder.result() | changes)))  # who edits may know of the checksum
