"""Finished runs that nobody trained: folders with the files of a sweep, for tests of what reads them."""

import json

import numpy as np
import pandas as pd

from suite.evaluation.inference import parquet_bytes
from suite.evaluation.own_predictions import read_own
from suite.store.folder import dump_json, sealed, write_atomic
from suite.store.identity import digest
from suite.store.provenance import environment
from suite.sweep.plan import Plan, Selection, make_plan

CLASSES = ("up", "down", "left", "right")
VIDEOS = 16


def made_up_plan(grid: str, results) -> Plan:
    """The plan of a grid whose runs all have results, each with other predictions."""
    plan = make_plan(grid, Selection(), results, costs=False)
    for number, run in enumerate(plan.runs):
        finish(run, np.random.default_rng(number))
    return plan


def finish(run, rng) -> None:
    """Writes the files of a finished run."""
    run.folder.create(run.spec)
    labels = np.arange(VIDEOS) % len(CLASSES)
    logits = rng.normal(size=(VIDEOS, len(CLASSES))).astype(np.float32)
    logits[np.arange(VIDEOS), labels] += 1
    table = pd.DataFrame({"id": [f"v{i:02}" for i in range(VIDEOS)], "label": labels, "logits": list(logits)})
    write_atomic(run.folder.predictions, parquet_bytes(table))
    outcome = read_own(run.folder.predictions, CLASSES)
    right = outcome.correct()
    result = {
        "id": run.id,
        "n": VIDEOS,
        "top1": 100 * float(right.mean()),
        "top5": outcome.top5,
        "per_class": {name: 100 * float(right[labels == i].mean()) for i, name in enumerate(CLASSES)},
        "spec_sha256": digest(run.spec.resolved(), 64),
        "params": 11_000_000,
        "conv_macs": 10**9,
        "macs": 10**9,
        "epochs_seen": run.spec.protocol.epochs,
        "classes": len(CLASSES),
        "class_names": list(CLASSES),
        "videos": {"train": VIDEOS, "val": VIDEOS},
        "missing": 0,
        "leakage": {"by_id": 0, "by_content": 0},
        "manifests": {"train": "a" * 64, "val": "b" * 64},
        "manifest_scheme": 2,
        "manifest_parts": {split: {"list": "c" * 64, "content": "d" * 64} for split in ("train", "val")},
    }
    session = {"device": "cpu", "name": "CPU", "threads": 1, "python": "3.11.0", "packages": {"torch": "2.11.0"}}
    facts = {"videos": VIDEOS, "sha256": "a" * 64}
    write_atomic(
        run.folder.provenance,
        dump_json({"sessions": [session], "data": {"train": facts, "val": facts}, "weights": {"source": "scratch"}}),
    )
    write_atomic(run.folder.history, json.dumps({"epoch": 0, "seconds": 1.5, "loss": 1.0}) + "\n")
    write_atomic(run.folder.result_file, dump_json(sealed(result)))


def note_session(run, **changes):
    """A session of today in a run's provenance, as training records it."""
    found = run.folder.read_provenance()
    session = found["sessions"][0] | environment(run.spec.model) | changes
    write_atomic(run.folder.provenance, dump_json(sealed(found | {"sessions": [session]})))


def change_code(run, kind, part):
    """As if the run had been trained or tested with other code."""
    digests = {key: dict(environment(run.spec.model)[key]) for key in ("code_train", "code_test")}
    digests[kind][part] = "0" * 10
    note_session(run, **digests)
