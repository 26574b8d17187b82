"""A grid with one run that is the best by far, and confounded."""

import itertools

import numpy as np
import pandas as pd

from suite.evaluation.predictions import Outcome
from suite.spec import TABLES
from tests.builders import factors, summary_row

BEST = 96.21  # of the run with another batch: no table of a strict report may hold it

MODULES = {"tsn": 50.0, "tam": 70.0, "s3d": 68.0}

BODIES = {"resnet18": 0.0, "resnet50": 4.0}

ODD = ("tam", "none", "resnet50", 16)  # trained with another batch

SILENT = ("s3d", "tp", "resnet18", 8)  # does not say how many videos it held out

N = 240


def grid_rows(with_predictions=True):
    """3 modules x 3 backbones x with and without pooling x 2 frame counts, with predictions of N videos each."""
    rng, rows = np.random.default_rng(1), []
    difficulty = rng.random(N)
    for (module, base), (body, more), pooling, frames in itertools.product(
        MODULES.items(), BODIES.items(), ("none", "tp"), (8, 16)
    ):
        where = (module, pooling, body, frames)
        row = summary_row(module, base + more + frames / 8 - 3 * (pooling == "tp"), pooling=pooling, frames=frames)
        name = row["name"].replace("resnet18", body)
        changes = {"batch": 16} if where == ODD else {}
        stated = factors(model=name, frames=frames, **changes) | ({"held_out": None} if where == SILENT else {})
        correct = difficulty < row["top1"] / 100
        ids = np.array([f"v{i:03d}" for i in range(N)])
        row |= {"predictions": Outcome(ids, np.where(correct, 0, 1), np.zeros(N, int)), "top1": 100 * correct.mean()}
        if where == ODD:
            row |= {"top1": BEST, "predictions": "", "n": 12345.0}
        row |= {"name": name, "backbone": body, "factors": stated, "id": f"{name}.f{frames}.s0"}
        row |= {"gmacs": frames / 8 + MODULES[module] / 50 + more, "params": 1e6 * (10 + more)}
        rows.append(row if with_predictions else row | {"predictions": ""})
    return pd.DataFrame(rows)


def frames_tests(rows):
    """Each run without pooling tested at 8 and 16 frames, as `suite.collect.frames.frames_by_frames` gives it."""
    lines = [
        {"dataset": r["dataset"], "model": r["name"], "train_frames": r["frames"], "test_frames": f, "top1": r["top1"]}
        | {"n": int(r["n"]), "control": "", "epochs_seen": 6, "seed": 0, "id": r["id"]}
        for r in rows.to_dict("records")
        for f in (8, 16)
        if r["pooling"] == "none"
    ]
    return pd.DataFrame(lines)


# splits and views have no row here: they need official splits, and runs with several tests (test_views_and_splits)
OTHERS = ("cost", "splits", "views")
TABLES_WITH_ACCURACIES = [name for name in dict.fromkeys((*TABLES, "frames")) if name not in OTHERS]
