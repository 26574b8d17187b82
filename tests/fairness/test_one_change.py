"""Real runs that differ in exactly one thing, and what the ledger says of them."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from suite.collect.resolve import from_run, read_result
from suite.data.synthetic import synthesize
from suite.evaluation.control import Control
from suite.fairness.compare import compare
from suite.models import build, canonical_name, normalisation, spelled_out
from suite.models.backbones.resnet import ResNet
from suite.models.registry import ADD_ON_BLOCKS, find_add_on_block
from suite.models.weights import save_dict
from suite.spec import load_protocol
from suite.store.evaluations import test_folder as place_of
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec
from suite.training.run import execute

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MODEL = "tsn-resnet18+rcca"
SMALL = {"epochs": 1, "batch": 8, "size": 32}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    synthesize("calib_order", root, videos={"train": 16, "val": 16})
    return root


def run(results, data, model=MODEL, **changes):
    protocol = load_protocol("smoke").stage(False, SMALL | changes)
    spec = RunSpec(model, "calib_order", 4, 0, protocol)
    folder = RunFolder(results / "one" / "runs" / spec.id)
    folder.create(spec)
    execute(folder, data, Control(), spec)
    return folder


@pytest.fixture(scope="module")
def plain(data, tmp_path_factory):
    return run(tmp_path_factory.mktemp("plain"), data)


def differing(a, b):
    """The factors that are not known to agree."""
    found = compare(from_run(a), from_run(b))
    return {d["field"] for d in (*found["studied"], *found["confounds"], *found["unknown"], *found.get("minor", ()))}


def test_nothing_changed_is_one_protocol(plain, data, tmp_path):
    again = run(tmp_path, data)
    assert again.id == plain.id
    assert differing(plain, again) == set()
    assert compare(from_run(plain), from_run(again))["grade"] == "same_protocol"


def start(path, seed):
    model = build(MODEL, 8, 4, 32, seed=seed)
    names = json.loads((ROOT / "tests/files/scheme_1/classes.json").read_text())
    torch.save(save_dict(model, names), path)


def test_another_file_under_the_same_init_is_another_run(data, tmp_path):
    folders = []
    for seed in (1, 2):
        start(tmp_path / "start.pt", seed)
        folders.append(run(tmp_path, data, init=str(tmp_path / "start.pt")))
    assert folders[0].id != folders[1].id
    assert differing(*folders) == {"weights"}
    assert compare(*map(from_run, folders))["grade"] == "confounded"
    assert read_result(folders[0].id, tmp_path).label == folders[0].id


def test_exchanged_videos_are_noticed(plain, data, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    shutil.rmtree(next(copy.rglob(".suite-cache")), ignore_errors=True)
    videos = sorted(copy.rglob("*.webm"))[:2]
    contents = [video.read_bytes() for video in videos]
    for video, content in zip(videos, reversed(contents), strict=True):
        video.write_bytes(content)
    other = run(tmp_path, copy)
    assert other.id == plain.id  # data are provenance
    assert differing(plain, other) == {"data"}
    assert not compare(from_run(plain), from_run(other))["comparable"]


def test_another_decoder_is_a_minor_difference(plain, data, tmp_path, monkeypatch):
    monkeypatch.setenv("SUITE_DECODER", "pyav")
    other = run(tmp_path, data)
    assert other.id == plain.id
    assert differing(plain, other) == {"decoder"}
    found = compare(from_run(plain), from_run(other))
    assert (found["grade"], found["comparable"]) == ("minor_differences", True)


@pytest.fixture
def fresh_names():
    """Names resolved anew, before and after."""
    for cached in (canonical_name, spelled_out, normalisation):
        cached.cache_clear()
    yield
    for cached in (canonical_name, spelled_out, normalisation):
        cached.cache_clear()


def test_another_normalisation_is_another_run(plain, data, tmp_path, monkeypatch, fresh_names):
    with monkeypatch.context() as patch:
        patch.setattr(ResNet, "normalisation", "half")
        other = run(tmp_path, data)
    assert other.id != plain.id
    assert "normalisation" in differing(plain, other)
    assert differing(plain, other) <= {"normalisation", "code_train", "code_test"}


def test_a_changed_default_is_another_run(plain, data, tmp_path, monkeypatch, fresh_names):
    block = find_add_on_block("rcca")
    with monkeypatch.context() as patch:
        patch.setitem(ADD_ON_BLOCKS, "rcca", replace(block, options={**block.options, "r": ("2", "1", "3", "4")}))
        other = run(tmp_path, data)
    assert other.id != plain.id
    assert other.spec().model == plain.spec().model  # one name
    for cached in (canonical_name, spelled_out):
        cached.cache_clear()
    found = compare(from_run(plain), from_run(other))
    assert [(d["field"], d["a"], d["b"]) for d in found["studied"]] == [("module", "tsn+rcca", "tsn+rcca@r=2")]


def test_other_test_views_are_another_test_of_the_same_run(plain, data, tmp_path):
    first = run(tmp_path, data)
    weights = first.checkpoint.read_bytes()
    protocol = load_protocol("smoke").stage(False, SMALL | {"evaluation.clips": 2})
    spec = RunSpec(MODEL, "calib_order", 4, 0, protocol)
    assert spec.id == first.id
    result = execute(first, data, Control(), spec)
    assert first.checkpoint.read_bytes() == weights  # nothing was trained
    assert first.predictions.read_bytes() == plain.predictions.read_bytes()  # the first test stays
    assert result["top1"] == json.loads((place_of(first, spec.evaluation()) / "eval.json").read_text())["top1"]
    found = compare(from_run(first), read_result(str(place_of(first, spec.evaluation())), tmp_path))
    assert {d["field"] for d in found["confounds"]} == {"views", "fusion"}


SWEEP = """
title: One model
protocol: smoke
data: calib_order
models: [tsn-resnet18]
chain: {frames: [4]}
set: {epochs: 1, batch: 8, size: 32}
"""


def sweep_with(code, data, results, file, old, new):
    """One run by a copy of the package in which `old` reads `new` in a file."""
    shutil.copytree(ROOT / "suite", code / "suite", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "experiments", code / "experiments")
    text = (code / "suite" / file).read_text()
    assert old in text
    (code / "suite" / file).write_text(text.replace(old, new))
    (code / "one.yaml").write_text(SWEEP)
    command = [sys.executable, "-m", "suite", "sweep", "one.yaml", "--data", str(data), "--results", str(results)]
    subprocess.run(
        [*command, "--no-tracking", "--slots", "1"],
        cwd=code,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(code)},
        timeout=300,
    )
    return RunFolder(next((results / "one" / "runs").iterdir()))


@pytest.mark.more
def test_code_that_draws_is_no_factor_and_code_that_trains_is(data, tmp_path):
    changes = {
        "as_it_is": ("report/figures/scatter.py", "import", "import"),
        "draws": (
            "report/figures/scatter.py",
            "from __future__",
            "ANOTHER = 1\nfrom __future__".replace("ANOTHER = 1\n", "# drawn\n"),
        ),
        "trains": ("training/optimiser.py", "momentum=p.momentum", "momentum=p.momentum + 0.0"),
    }
    runs = {}
    for name, change in changes.items():
        (tmp_path / name).mkdir()
        runs[name] = sweep_with(tmp_path / name, data, tmp_path / name / "results", *change)
    assert differing(runs["as_it_is"], runs["draws"]) == set()
    assert "code_train" in differing(runs["as_it_is"], runs["trains"]) <= {"code_train", "code_test"}
