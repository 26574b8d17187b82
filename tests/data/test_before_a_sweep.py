"""What is wrong with data is told before a sweep: all of it at once, in seconds, the same each time."""

import pandas as pd
import pytest
from rich.console import Console

from suite.app.data import prepare_data
from suite.app.preflight import refuse_what_cannot_train
from suite.data import decode_check
from suite.data.adding import add_dataset
from suite.data.datasets import open_dataset
from suite.data.pretraining_leakage import record, seen_before
from suite.data.sample_check import SAMPLE, undecodable_in_sample
from suite.fairness.data_factors import leakage_of
from suite.report.tables.notes import leakage_notes
from suite.spec import BadInput
from suite.sweep.executors.machine import Machine
from suite.sweep.plan import Selection, make_plan
from tests.videos import moving_frames, write_video

CONSOLE = Console(quiet=True)
GRID = """
title: Two data sets
protocol: smoke
data: [one, two]
models: [tsn-resnet18]
chain: {frames: [4]}
set: {batch: 16, size: 32}
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Data sets `one` and `two` of 2 x 10 training and 2 x 1 test videos, and a grid of a run on each."""
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate(("one", "two")):
        for number in range(22):
            split, label = ("val", number % 2) if number > 19 else ("train", number % 2)
            path = tmp_path / "data" / name / split / "ab"[label] / f"{number:02}.mp4"
            write_video(path, moving_frames(4, 32, 32, 100 * place + number), codec="libx264")
        add_dataset(name, tmp_path / "data" / name, data=tmp_path / "data")
    (tmp_path / "both.yaml").write_text(GRID)
    return tmp_path


def videos_and_problems(home, **changes):
    plan = make_plan(str(home / "both.yaml"), Selection(set=changes), home / "results", costs=False)
    return plan, *prepare_data(plan, home / "data", CONSOLE)


def break_end(path):
    """A video whose first frame decodes and whose later ones do not; what probing sees stays."""
    write_video(path, moving_frames(60, 128, 128, 99), codec="libx264")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)


def test_sound_data_have_no_problem(home):
    _, videos, problems = videos_and_problems(home)
    assert (videos, problems) == ({"one": 20, "two": 20}, [])


def test_problems_of_all_data_sets_are_told_with_those_of_the_machine(home):
    data = home / "data"
    (data / "one" / "train" / "a" / "00.mp4").write_bytes(b"")
    (data / "two" / "val" / "a" / "20.mp4").write_bytes((data / "two" / "train" / "a" / "02.mp4").read_bytes())
    break_end(data / "two" / "train" / "a" / "00.mp4")
    plan, videos, problems = videos_and_problems(home, batch=24)
    with pytest.raises(BadInput) as caught:
        refuse_what_cannot_train(plan, videos, Machine(2, "cpu", 1, 0), True, problems)
    said = str(caught.value)
    assert said.startswith("5 problems would stop this sweep: (1) data set one: of the 20 videos of split 'train', 1 ")
    assert "1 undecodable (train/a/00) cannot be used, and allow_missing is 0" in said
    assert "(suite data check one lists them)" in said
    assert "(2) data set two: of 8 videos of split 'train', 1 cannot be decoded to the end ('train/a/00': " in said
    assert "suite data check two --full finds all such videos" in said
    assert "(3) data set two: 1 of 2 validation videos also occur in the training split" in said
    assert "(4) the batch size 24" in said
    assert "\n" not in said


def test_annotations_that_are_damaged_do_not_hide_what_else_is_wrong(home):
    (home / "data" / "one" / "val" / "a" / "20.avi").write_bytes(b"")
    (home / "data" / "two" / "train" / "a" / "00.mp4").write_bytes(b"")
    plan, videos, problems = videos_and_problems(home)
    assert len(problems) == 2
    assert "names the video 'val/a/20' twice" in problems[0]
    assert "allow_missing is 0" in problems[1]
    with pytest.raises(BadInput, match="2 problems"):
        refuse_what_cannot_train(plan, videos, Machine(2, "cpu", 1, 0), True, problems)


def test_the_sample_is_spread_evenly_and_the_same_each_time(home, monkeypatch):
    train = open_dataset("one", home / "data").split("train")
    decoded, whole = [], decode_check.decode_whole
    monkeypatch.setattr(decode_check, "decode_whole", lambda path: decoded.append(path.name) or whole(path))
    assert undecodable_in_sample(train) == (SAMPLE, {})
    places = [[video.path.rpartition("/")[2] for video in train.videos].index(name) for name in decoded]
    assert sorted(places) == [0, 2, 5, 8, 10, 13, 16, 19]
    assert undecodable_in_sample(train) == (SAMPLE, {})
    assert len(decoded) == SAMPLE  # a resumed sweep decodes none of them again


def test_a_sweep_that_is_done_decodes_nothing(home, monkeypatch):
    monkeypatch.setattr(decode_check, "decode_whole", lambda path: pytest.fail("decoded"))
    monkeypatch.setattr("suite.sweep.plan.PlannedRun.state", lambda run: "done")
    assert videos_and_problems(home)[2] == []


def test_undecodable_videos_that_are_allowed_do_not_stop_a_sweep(home):
    break_end(home / "data" / "two" / "train" / "a" / "00.mp4")
    assert videos_and_problems(home, allow_missing=1)[2] == []
    assert len(videos_and_problems(home)[2]) == 1


def test_test_videos_that_an_earlier_stage_was_trained_on_stop_a_sweep_and_are_counted_when_allowed(home):
    (home / "both.yaml").write_text(
        GRID.replace("[one, two]", "two") + "pretrain: {data: one, frames: 4, set: {batch: 16}}\n"
    )
    assert videos_and_problems(home)[2] == []
    copied = (home / "data/one/train/a/02.mp4").read_bytes()
    (home / "data/two/val/a/20.mp4").write_bytes(copied)
    (problem,) = videos_and_problems(home)[2]
    assert "1 of 2 validation videos are training videos of one, on which the runs are pretrained" in problem
    assert "--set allow_leakage=1" in problem
    assert videos_and_problems(home, allow_leakage=1)[2] == []
    provenance = {"pretraining_leakage": record(seen_before(open_dataset("two", home / "data"), ["one"], "data"))}
    assert provenance["pretraining_leakage"] == {"one": {"by_id": 0, "by_content": 1}}
    result = {"leakage": {"by_id": 0, "by_content": 0}}
    factor = leakage_of(result, provenance)
    assert factor["pretraining on one"] == 1
    assert leakage_of(result) == 0
    rows = pd.DataFrame({"dataset": ["two"], "factors": [{"leakage": factor}]})
    assert leakage_notes(rows) == [
        "1 validation videos of two are training videos of one, on which models were pretrained."
    ]


def test_pretraining_on_the_same_videos_is_said_and_is_no_leakage(home, monkeypatch):
    (home / "both.yaml").write_text(GRID.replace("[one, two]", "one"))
    monkeypatch.setattr("suite.app.data._data_before", lambda run: ["one"])  # as `init: run:ID` of such a run has it
    console = Console(record=True, width=200)
    plan = make_plan(str(home / "both.yaml"), Selection(), home / "results", costs=False)
    assert prepare_data(plan, home / "data", console)[1] == []
    assert "pretrained on the training split of one too" in console.export_text()
