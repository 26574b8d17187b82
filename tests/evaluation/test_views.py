"""One pass over the views of several tests: each is the test that it would be alone, bit for bit."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from suite.__main__ import main
from suite.collect.resolve import from_run, read_result
from suite.data.synthetic import synthesize
from suite.evaluation.inference import Predictions, _same_views
from suite.evaluation.retest import check_fit, evaluate_run
from suite.evaluation.views import read_views
from suite.fairness.compare import compare
from suite.models.cost import cost
from suite.spec import BadInput
from suite.store.folder import RunFolder
from tests.training.builders import run_spec, train

VIEWS = "1x1,2x1,5x1,1x3,5x3,1x10"


def test_views_are_read_or_refused_in_one_sentence():
    assert read_views("1x1, 10x3") == [(1, 1), (10, 3)]
    for text, words in (
        ("1x1,1x1", "twice"),
        ("0x1", "clips"),
        ("1x2", "crops"),
        ("1001x1", "clips"),
        ("11x", "such as 1x1,5x1,10x3"),
        ("", "such as"),
        ("1x1,", "such as"),
        ("-1x1", "such as"),
        ("1.5x1", "such as"),
        ("1x1x1", "such as"),
    ):
        with pytest.raises(BadInput, match=words):
            read_views(text)


def test_the_number_of_different_views_is_counted_where_it_is_smaller():
    views = torch.randint(0, 256, (2, 4, 2, 16, 16, 3), dtype=torch.uint8)
    views[1, 2] = views[1, 0]
    views[1, 3] = views[1, 0]
    views[1, 3, 0, 1, 1, 1] ^= 1  # a pixel that the quick look does not see
    same = np.array(_same_views(views))
    assert same.tolist() == [[0, 1, 2, 3], [0, 1, 0, 3]]
    found = Predictions(["a", "b"], None, np.zeros((2, 4, 3), np.float32), same)
    assert found.distinct_views(4) == {"distinct_views": {"3": 1, "4": 1}}
    assert found.of([0, 1, 3]).distinct_views(3) == {}


def test_position_embeddings_are_tied_to_the_size_that_they_were_trained_at():
    spec = run_spec(model="cstransformer-v2", frames=8, size=32)
    check_fit(spec, 8, 8, 32)
    with pytest.raises(BadInput, match="trained at 32 pixels it cannot be tested at 64"):
        check_fit(spec, 8, 8, 64)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    synthesize("calib_order", root, videos={"train": 16, "val": 16})
    return root


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return train(tmp_path_factory.mktemp("results"), data, run_spec(model="tam-resnet18", epochs=1))


@pytest.fixture
def call(capsys, monkeypatch):
    """Runs a command in this process; gives what it printed, its errors and its exit code."""

    def made(*args):
        monkeypatch.setattr(sys, "argv", ["suite", *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        return printed.out, printed.err, stop.value.code

    return made


def copied(run, to):
    return RunFolder(shutil.copytree(run.path, to / "mine" / "runs" / run.id))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        (),
        pytest.param(("--rule", "dense", "--stride", "2"), marks=pytest.mark.more),
        pytest.param(("--crop-rule", "diagonal"), marks=pytest.mark.more),
    ],
)
def test_one_pass_over_all_views_equals_separate_tests_bit_for_bit(data, run, tmp_path, call, options):
    together, alone = copied(run, tmp_path / "a"), copied(run, tmp_path / "b")
    at = ("--root", data, "--batch", "5", "--json", *options)
    out, err, code = call("eval", together.path, "--views", VIEWS, *at)
    assert code == 0, err
    rows = json.loads(out)
    assert [f"{row['clips']}x{row['crops']}" for row in rows] == VIEWS.split(",")
    macs = cost("tam-resnet18", 2, 32, 8).macs
    for row in rows:
        out, err, code = call("eval", alone.path, "--clips", row["clips"], "--crops", row["crops"], *at)
        assert code == 0, err
        test = json.loads(out)["evaluations"][0]
        mine, other = Path(row["folder"]), Path(test["folder"])
        assert mine.relative_to(together.path) == other.relative_to(alone.path)
        for file in ("predictions.parquet", "views.parquet"):
            assert (mine / file).read_bytes() == (other / file).read_bytes(), (row, file)
        facts = [json.loads((place / "eval.json").read_text()) for place in (mine, other)]
        for told in facts:
            told.pop("folder")
            told.pop("checksum")
            told["weights"].pop("source")
        assert facts[0] == facts[1]
        assert (row["top1"], row["n"]) == (test["top1"], 16)
        crops = 5 if row["crops"] == 10 else row["crops"]  # a flip changes classes of calib_order
        assert row["macs"] == macs * row["clips"] * crops
        assert row["ci95"][0] <= row["top1"] <= row["ci95"][1]


@pytest.mark.slow
def test_views_are_tested_once_and_shown_as_a_table(data, run, tmp_path, call):
    mine = copied(run, tmp_path)
    evaluate_run(mine, root=data, clips=2)
    figure = ("--figure", tmp_path / "curve" / "views.png")
    out, err, code = call("eval", mine.path, "--views", "1x1,2x1,2x3", "--root", data, *figure)
    assert code == 0, err
    lines = out.splitlines()
    assert [line.split()[:3] for line in lines[1:4]] == [["1", "x", "1"], ["2", "x", "1"], ["2", "x", "3"]]
    assert ["(already tested)" in line for line in lines[1:4]] == [False, True, False]
    assert "GMACs x views" in lines[0]
    assert "distinct views per video: 2 (16 videos)" in out  # square pictures have one crop
    for ending in ("png", "pdf"):
        assert (tmp_path / "curve" / f"views.{ending}").stat().st_size > 1000
        assert f"views.{ending}" in out
    test = json.loads(next((mine.path / "eval").glob("f2.2x3-*/eval.json")).read_text())
    assert test["distinct_views"] == {"2": 16}
    assert len(pd.read_parquet(next((mine.path / "eval").glob("f2.2x3-*/views.parquet")))) == 16 * 6


@pytest.mark.slow
def test_other_sizes_and_crop_rules_are_confounds(data, run, tmp_path):
    mine = copied(run, tmp_path)
    for how, named in (({"size": 48}, "48"), ({"crop_rule": "short_side_margin"}, "32, short_side_margin")):
        test = evaluate_run(mine, root=data, **how)[0]
        found = compare(from_run(mine), read_result(test["folder"], tmp_path))
        assert [(d["field"], str(d["b"])) for d in found["confounds"]] == [("test_crop", named)]


@pytest.mark.slow
def test_a_run_is_tested_at_a_size_of_its_own(data, tmp_path):
    larger = train(tmp_path, data, run_spec(epochs=0, **{"evaluation.size": 48, "evaluation.crops": 3}))
    again = evaluate_run(larger, root=data)[0]
    assert (again["size"], again["views"]) == (48, "1x3")
    assert (Path(again["folder"]) / "predictions.parquet").read_bytes() == larger.predictions.read_bytes()
    assert larger.result()["distinct_views"] == again["distinct_views"] == {"1": 16}


@pytest.mark.slow
def test_views_that_cannot_be_tested_are_refused_in_one_sentence(data, run, call):
    for args, words in (
        (("--views", "1x1,1x1"), "twice"),
        (("--views", "0x1"), "clips"),
        (("--views", "1x2"), "crops"),
        (("--views", "11x"), "such as"),
        (("--views", "1x1", "--clips", "2"), "leave out --clips"),
        (("--views", "1x1", "--frames", "2,4"), "one number of frames"),
        (("--figure", "x"), "needs --views"),
        (("--crop-rule", "middle"), "crop_rule"),
        (("--crop-rule", "fixed_240x320", "--size", "256"), "no room"),
    ):
        out, err, code = call("eval", run.path, "--root", data, *args)
        assert (code, out) == (2, ""), (args, err)
        assert words in err, (args, err)
        assert len(err.strip().splitlines()) == 1, err
    out, err, code = call("eval", "tsn-resnet18", "--weights", "x", "--data", "calib_order", "--views", "1x1")
    assert code == 2
    assert "finished runs only" in err
