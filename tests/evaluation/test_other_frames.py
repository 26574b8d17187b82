"""A run tested at other frame counts and views."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from suite.__main__ import main
from suite.collect.frames import frames_by_frames
from suite.data.synthetic import synthesize
from suite.evaluation.retest import evaluate_run
from suite.models import registry
from suite.models.cost import cost
from suite.report.tables.frames import frames_table
from suite.report.tables.rendering.formats import to_csv, to_markdown
from suite.spec import BadInput
from suite.store.evaluations import test_folder as place_of
from suite.store.folder import RunFolder
from tests.training.builders import run_spec, train

pytestmark = pytest.mark.slow


@pytest.fixture
def call(capsys, monkeypatch):
    """Runs a command in this process; gives what it printed, its errors and its exit code."""

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["suite", *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return printed.out, printed.err, stop.value.code

    return run


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Two runs of a chain, in a results folder."""
    results = tmp_path_factory.mktemp("results")
    first = train(results, data, run_spec(model="tam-resnet18", epochs=1))
    second = train(results, data, run_spec(model="tam-resnet18", frames=4, parent=first.id, epochs=1))
    return results, first, second


def test_a_run_at_its_own_frames_gives_its_own_predictions_and_other_frames_fill_the_table(data, trained, call):
    results, first, second = trained
    out, _, code = call("eval", first.id, "--frames", "2,4", "--results", results, "--root", data, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["run"], [t["skipped"] for t in found["evaluations"]]) == (first.id, [False, False])
    assert [(t["train_frames"], t["test_frames"]) for t in found["evaluations"]] == [(2, 2), (2, 4)]
    own, other = (Path(test["folder"]) for test in found["evaluations"])
    assert own.parent == other.parent == first.path / "eval"
    assert (own / "predictions.parquet").read_bytes() == first.predictions.read_bytes()
    logits = [np.stack(pd.read_parquet(f / "predictions.parquet").logits) for f in (own, other)]
    assert not np.allclose(*logits)
    assert json.loads((own / "eval.json").read_text())["top1"] == first.result()["top1"]

    before = (other / "eval.json").stat().st_mtime_ns
    out, _, code = call("eval", first.path, "--frames", "4,8", "--root", data)
    lines = out.splitlines()[1:3]  # below the head of the table
    assert [line.split()[0] for line in lines] == ["4", "8"]
    assert ["(already tested)" in line for line in lines] == [True, False]
    assert (other / "eval.json").stat().st_mtime_ns == before

    tests = frames_by_frames([second, first.path])
    assert list(tests.columns[:6]) == ["dataset", "model", "train_frames", "test_frames", "top1", "n"]
    assert tests[["train_frames", "test_frames", "n"]].values.tolist() == [
        [2, 2, 16], [2, 4, 16], [2, 8, 16], [4, 4, 16]
    ]  # fmt: skip
    assert tests.top1[0] == first.result()["top1"]
    table = frames_table(tests)
    csv = [line.split(",") for line in to_csv(table).splitlines()]
    assert table.name == "frames"
    assert [name for name in csv[0] if name[-1].isdigit()] == ["top1_f2", "top1_f4", "top1_f8"]
    assert [line[1:4] for line in csv[1:]] == [["tam-resnet18", "2", "1"], ["tam-resnet18", "4", "2"]]
    place = csv[0].index("top1_f4")
    assert float(csv[1][place]) == tests.top1[1]
    assert csv[2][csv[0].index("top1_f8")] == ""
    assert "tested at, 8 frames" in to_markdown(table)
    assert frames_table(tests[tests.train_frames == tests.test_frames]).parts == []


def test_tests_of_runs_that_differ_in_their_protocol_alone_are_not_averaged(data, tmp_path):
    folders = [train(tmp_path, data, run_spec(epochs=0, lr=lr)) for lr in (0.1, 0.2)]
    with pytest.raises(BadInput, match="one protocol at a time"):
        frames_by_frames(folders)
    folders = [folders[0], train(tmp_path, data, run_spec(epochs=0, lr=0.1, seed=1))]
    places = [Path(evaluate_run(folder, [4], root=data)[0]["folder"]) for folder in folders]
    table = frames_table(frames_by_frames(folders))
    assert len(table.parts[0].rows) == 1
    assert "Several seeds: mean" in table.note
    test = places[1] / "eval.json"
    test.write_text(test.read_text().replace(folders[1].id, folders[0].id))
    with pytest.raises(BadInput, match="another run"):
        frames_by_frames(folders)


class PerFrame(nn.Module):
    """A bias for each place in the clip: its size is the number of frames."""

    def __init__(self, channels, frames):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 1, frames, 1, 1))

    def forward(self, x):
        return x + self.bias


PER_FRAME = registry.TemporalModule(name="perframe", cls=PerFrame, site="block_entrance")


def test_what_cannot_be_tested_again_is_said_in_one_sentence(data, trained, tmp_path, call, monkeypatch):
    _, first, second = trained
    monkeypatch.setitem(registry.TEMPORAL_MODULES, "perframe", PER_FRAME)
    tied = train(tmp_path, data, run_spec(model="perframe-resnet18", epochs=0))
    assert cost("perframe-resnet18", 2, 32, 8).params  # it is a model like others
    unfinished = RunFolder(tmp_path / "mine" / "runs" / run_spec(seed=7).id)
    unfinished.create(run_spec(seed=7))
    foreign = RunFolder(tmp_path / "mine" / "runs" / second.id)
    shutil.copytree(second.path, foreign.path)
    shutil.copy(first.checkpoint, foreign.checkpoint)
    twice = tmp_path / "other" / "runs" / tied.id
    shutil.copytree(tied.path, twice)
    (twice / "predictions.parquet").write_bytes(b"others")  # else it would be one run in two grids
    others = tmp_path / "data"
    synthesize("calib_order", others, videos={"train": 32, "val": 8})
    (tmp_path / "nothing").mkdir()

    assert call("eval", tied.path, "--root", data)[2] == 0
    at = ("--root", data)
    for args, words in (
        ((tied.path, "--frames", "4", *at), "depend on the number of frames"),
        ((tied.id, "--results", tmp_path, *at), "name the folder of one"),
        ((unfinished.path, *at), "is not finished"),
        ((foreign.path, *at), "does not hold the weights of this run"),
        ((first.id, *at), f"Unknown run '{first.id}'"),
        ((tmp_path / "nothing", *at), "is not a run"),
        ((first.path, "--weights", "imagenet", *at), "has its own weights"),
        ((first.path, "--frames", "0", *at), "at least one frame"),
        ((first.path, "--frames", "a", *at), "whole numbers"),
        ((first.path, "--frames", "5", "--root", others), "are not those that"),
        ((first.path, "--crops", "2", "--out", tmp_path / "crops", *at), "crops"),
        (("tam-resnet18", *at), "--weights"),
        (("tam-resnet18", "--weights", "x", "--data", "calib_order", "--frames", "2,4", *at), "Several frame counts"),
        (("tamresnet18", "--weights", "x", "--data", "calib_order", *at), "not a valid model name"),
    ):
        out, err, code = call("eval", *args)
        assert (code, out) == (2, ""), (args, err)
        assert words in err, (args, err)
        assert len(err.strip().splitlines()) == 1, err
    assert not list((first.path / "eval").glob("f5.*"))


def test_other_views_of_a_run_go_to_a_folder_of_their_own(data, trained, tmp_path, call):
    _, first, _ = trained
    before = frames_by_frames([first]).top1.tolist()
    places = {Path(evaluate_run(first, root=data, **how)[0]["folder"]) for how in ({"clips": 3}, {"split": "train"})}
    assert {place.parent for place in places} == {first.path / "eval"}
    assert len(places) == 2
    assert frames_by_frames([first]).top1.tolist() == before  # of tests at other frame counts alone
    args = ("eval", first.path, "--clips", "2", "--out", tmp_path / "views", "--root", data)
    assert call(*args)[2] == 0
    found = json.loads((tmp_path / "views" / "f2" / "eval.json").read_text())
    assert (found["views"], found["size"], found["run"]) == ("2x1", 32, first.id)
    assert "(already tested)" in call(*args)[0]
    _, err, code = call("eval", first.path, "--clips", "3", "--out", tmp_path / "views", "--root", data)
    assert code == 2
    assert "contains another test" in err


def test_a_test_that_was_cut_short_is_made_again(data, trained):
    _, first, _ = trained
    place = place_of(first, replace(first.spec().evaluation(), frames=3))
    place.mkdir(parents=True)
    (place / "predictions.parquet").write_bytes(b"half")
    found = evaluate_run(first, [3], root=data)[0]
    assert not found["skipped"]
    assert len(pd.read_parquet(place / "predictions.parquet")) == 16
    assert Path(found["folder"]) == place
