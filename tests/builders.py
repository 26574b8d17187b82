"""Builders that several tests share."""

import csv
import io
import json
import sys
from unittest import mock

import pytest

from suite.__main__ import main
from suite.fairness.run_factors import of_run
from suite.report.tables.rendering.formats import to_csv
from suite.spec import Protocol
from suite.store.identity import RunSpec

FACTS = {"n": 240, "chance": 12.5, "ceiling_blind": 50.0, "ceiling_ordered": 98.5}


def summary_row(module, top1, *, pooling="none", frames=8, seed=0, **more):
    """A finished run as a row of the summary."""
    name = f"{module}-resnet18" + ("" if pooling == "none" else "-tp")
    row = {"id": f"{name}.f{frames}.s{seed}", "name": name, "dataset": "moving_shapes", "module": module}
    row |= {"backbone": "resnet18", "pooling": pooling, "frames": frames, "seed": seed, "state": "done", "top1": top1}
    row |= {"top5": 95.0, "pair_top1": 97.0, "params": 11.2e6, "conv_gmacs": 1.8, "gmacs": 1.81, "source": "suite"}
    return row | FACTS | more


def csv_of(table):
    return list(csv.DictReader(io.StringIO(to_csv(table))))


def spec(model="tsn-resnet18", frames=8, seed=0, parent=None, **changes):
    protocol = {"name": "p", "init": "scratch", "epochs": 6, "batch": 32, "lr": 0.1} | changes
    return RunSpec(model, "calib_order", frames, seed, Protocol(**protocol), parent)


# what a finished run has recorded
PARTS = {split: {"list": "a" * 64, "content": "b" * 64} for split in ("train", "val")}
RESULT = {"manifests": {"train": "c" * 64, "val": "d" * 64}, "manifest_parts": PARTS, "missing": 0}
RESULT["leakage"] = {"by_id": 0, "by_content": 0}
DECODED = {"backends": ["decord 0.6.0"], "ffmpeg": [], "fallbacks": {}}
SESSION = {"sessions": [{"device": "cpu", "code": "c0ffee", "packages": {"torch": "2", "torchvision": "0"}}]}
SESSION["decoding"] = {"backends": ["decord"], "splits": {"train": DECODED, "val": DECODED}}


def factors(chain=(), **kind):
    """The factors of a finished run."""
    return of_run(spec(**{"tuning": 0} | kind), chain, RESULT, SESSION)


def call_suite(*words):
    """Runs a command in this process."""
    with mock.patch.object(sys, "argv", ["suite", *map(str, words)]):
        main()


def said_by(capsys, *words):
    """What a command that succeeds prints, on one line."""
    with pytest.raises(SystemExit) as ended:
        call_suite(*words)
    assert ended.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def json_of(capsys, *words):
    return json.loads(said_by(capsys, *words, "--json"))


def captured_suite(capsys, monkeypatch, *args):
    """Exit code, standard output and standard error of a command."""
    monkeypatch.setattr(sys, "argv", ["suite", *map(str, args)])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    return stop.value.code, printed.out, printed.err
