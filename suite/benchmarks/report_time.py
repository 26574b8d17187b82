"""How long and how much memory a report over many runs takes, measured on generated ones."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from suite.statistics.best import Measured, best_set
from suite.store.folder import dump_json, write_atomic
from suite.sweep.plan import Selection, make_plan

GRID = {  # 25 models x 4 frame counts x 3 seeds
    "protocol": "mini_ssv2",
    "data": "mini_ssv2",
    "axes": {
        "module": ["tsn", "tsm", "tam", "s3d", "i3d"],
        "backbone": ["inception_v1", "resnet18", "resnet34", "resnet50", "resnet101"],
        "seed": [0, 1, 2],
    },
    "chain": {"frames": [8, 16, 32, 64]},
    "reference": "deep_analysis",
}
CLASSES = 87


def bench_report(videos: int = 12_000, folder: Path | None = None) -> dict[str, Any]:
    """Generates 300 finished runs with `videos` predictions each, reports on them in a process of its own.

    Gives runs, videos, seconds of the command `suite report` and its peak memory in GiB, and the seconds that bold
    takes in one large table.
    """
    with tempfile.TemporaryDirectory(dir=folder) as home:
        grid = Path(home) / "many.yaml"
        grid.write_text(yaml.safe_dump(GRID))
        results = Path(home) / "results"
        runs = generate(grid, results, videos)
        began = time.monotonic()
        command = [sys.executable, "-m", "suite", "report", str(grid), "--results", str(results)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        if process.returncode:
            raise RuntimeError(f"suite report ended with {process.returncode}")
    return {
        "runs": runs,
        "videos": videos,
        "seconds": seconds,
        "gib": usage.ru_maxrss / 2**20,
        "cores": os.cpu_count(),
        "bold_seconds": seconds_of_bold(),
    }


def seconds_of_bold(models: int = 96, videos: int = 12_000) -> float:
    """Seconds to find the models that bold marks in one table, of models that are equally good."""
    correct = np.random.default_rng(7).random((models, 1, videos)) < 0.6
    began = time.perf_counter()
    best_set([Measured(math.nan, math.nan, correct=of_model) for of_model in correct])
    return time.perf_counter() - began


def generate(grid: Path, results: Path, videos: int) -> int:
    """Writes folders of finished runs of a grid, as training would have left them; gives how many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, videos)
    hard = rng.normal(size=videos)
    ids = pa.array([f"{i:07d}" for i in range(videos)])
    offsets = pa.array(np.arange(videos + 1, dtype=np.int32) * CLASSES)
    plan = make_plan(str(grid), Selection(), results, costs=False)
    noise = rng.normal(size=(videos, CLASSES)).astype(np.float32)
    for number, run in enumerate(plan.runs):
        logits = np.roll(noise, number, axis=1)
        module, backbone = run.spec.model.split("-")
        strong = GRID["axes"]["module"].index(module) / 8 + GRID["axes"]["backbone"].index(backbone) / 8
        strong += np.log2(run.spec.frames) / 6 + 0.02 * rng.normal()
        logits[np.arange(videos), labels] += (1.0 + strong - hard).astype(np.float32)
        right = 100 * float((logits.argmax(1) == labels).mean())
        rank = np.count_nonzero(logits > logits[np.arange(videos), labels][:, None], axis=1)
        values = pa.ListArray.from_arrays(offsets, pa.array(logits.ravel()))
        run.folder.create(run.spec)
        pq.write_table(
            pa.table({"id": ids, "label": labels, "logits": values}), run.folder.predictions, compression="none"
        )
        before = run.parent.spec.protocol.epochs if run.parent else 0
        result = {"id": run.id, "top1": right, "top5": 100 * float((rank < 5).mean()), "n": videos}
        result |= {
            "params": 10**7 + number,
            "conv_macs": 10**10,
            "macs": 10**10 * run.spec.frames,
            "epochs_seen": before + run.spec.protocol.epochs,
        }
        result |= {
            "missing": 0,
            "manifests": {"train": "a" * 64, "val": "b" * 64},
            "videos": {"train": 80_000, "val": videos},
        }
        session = {"device": "cpu", "name": "generated", "threads": 1, "code": "generated", "packages": {"torch": "x"}}
        write_atomic(run.folder.provenance, dump_json({"sessions": [session]}))
        run.folder.add_history({"epoch": 0, "seconds": 1.0})
        write_atomic(run.folder.result_file, dump_json(result))
    return len(plan.runs)
