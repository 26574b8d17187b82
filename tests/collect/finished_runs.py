"""Run folders as a sweep leaves them, written without training."""

import json

import numpy as np
import pandas as pd

from suite.spec import load_protocol
from suite.store.folder import RunFolder, sealed
from suite.store.identity import RunSpec

CLASSES = [f"class {i}" for i in range(8)]
VIDEOS = 40


def run_spec(model="tsn-resnet18", frames=8, seed=0, dataset="calib_order", parent=None, **changes):
    return RunSpec(model, dataset, frames, seed, load_protocol("smoke").stage(parent is not None, changes), parent)


def write_run(results, spec, state="done", grid="mine"):
    """The folder of a run: done, failed, or begun."""
    folder = RunFolder(results / grid / "runs" / spec.id)
    folder.create(spec)
    if state == "failed":
        folder.fail("no space left on device", "error")
    if state != "done":
        return folder
    labels = np.arange(VIDEOS) % len(CLASSES)
    logits = np.random.default_rng(int(spec.id[-8:], 16)).normal(size=(VIDEOS, len(CLASSES))).astype(np.float32)
    logits[np.arange(VIDEOS), labels] += 2
    ids = [f"v{i:03d}" for i in range(VIDEOS)]
    pd.DataFrame({"id": ids, "label": labels, "logits": list(logits)}).to_parquet(folder.predictions)
    right = logits.argmax(1) == labels
    result = {"id": spec.id, "n": VIDEOS, "top1": 100 * float(right.mean()), "class_names": CLASSES}
    best = np.argsort(-logits, axis=1)[:, :5]
    result |= {"top5": 100 * float((best == labels[:, None]).any(1).mean())}
    result |= {"params": 1, "conv_macs": 1, "macs": 1, "videos": {"train": 80, "val": VIDEOS}}
    result |= {"classes": len(CLASSES), "epochs_seen": spec.protocol.epochs, "missing": 0}
    result |= {"manifests": {"train": "a", "val": "b"}, "spec_sha256": folder.spec_sha256()}
    folder.result_file.write_text(json.dumps(sealed(result)))
    return folder
