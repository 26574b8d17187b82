"""A small sweep, and the suite in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest

from suite.__main__ import main

ROOT = Path(__file__).parents[2]

GRID = """
title: A small sweep
protocol: smoke
data: calib_order
models: [tsn-resnet18, tam-resnet18]
chain: {frames: [4, 8]}
set: {epochs: 2, batch: 8, size: 32, dropout: 0.5}
"""


def suite_process(*args, check=None, cwd=ROOT, **env):
    command = [sys.executable, "-m", "suite", *map(str, args)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=env, timeout=400)
    if check is not None:
        assert done.returncode == check, done.stdout + done.stderr
    return done


def sweep_args(grid, data, results):
    return ["sweep", grid, "--data", data, "--results", results, "--slots", 2]


def called(capsys, *words):
    """What a command gives as JSON, run in this process."""
    with mock.patch.object(sys, "argv", ["suite", *map(str, words), "--json"]), pytest.raises(SystemExit) as stop:
        main()
    assert words[0] == "compare" or stop.value.code == 0
    return json.loads(capsys.readouterr().out)


def comparable(folder):
    """The files that must not differ between two sweeps, by name."""
    names = [
        *folder.glob("runs/*/spec.yaml"),
        *folder.glob("runs/*/predictions.parquet"),
        *folder.glob("runs/*/result.json"),
    ]
    names += [folder / "summary.csv", *folder.glob("tables/accuracy.*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


def ids(results):
    summary = pd.read_csv(results / "small" / "summary.csv").set_index(["name", "frames"])
    return summary["id"].to_dict()
