"""No video is left out, held out or relabelled without a line in the run's record and under its accuracy table."""

import json

import pandas as pd
import pytest

from suite.data.adding import add_dataset
from suite.data.datasets import open_dataset
from suite.data.flips import mirrored
from suite.data.manifest import Manifest
from suite.data.remarks import left_out, relabelled
from suite.data.video_table import Video
from suite.evaluation.control import Control
from suite.report.build import write_report
from suite.report.tables.notes import data_notes
from suite.sweep.plan import Selection, make_plan
from suite.training.run import execute
from tests.videos import moving_frames, write_text, write_video

VIDEO = Video("v", "v.mp4", "a", 0, 8, 12.0)
SIDED = ("Turn left", "Turn right", "Move left", "Stop")
RELABELLED = (
    "Label-aware flips give flipped training clips of 2 classes the label of the mirrored class and leave out the "
    "clips of 1 class whose mirrored class is not in the data set."
)
GRID = """
title: One run
protocol: smoke
data: mine
models: [tsn-resnet18]
chain: {frames: [4]}
set: {epochs: 1, batch: 4, size: 32, allow_missing: 1, dev: 0.3, augmentation.flip: label_aware}
"""


def notes_of(*recorded, **factors):
    """The notes of a table of one run, without the name of its data set."""
    rows = pd.DataFrame({"dataset": ["ssv2"], "factors": [factors], "data_notes": [list(recorded)]})
    return [note.removeprefix("Something-Something V2: ") for note in data_notes(rows)]


@pytest.mark.parametrize(
    ("missing", "undecodable", "said"),
    [
        ((), (), []),
        (("a",), (), ["1 of 2 videos of split 'train' are left out: 1 missing (a)."]),
        ((), ("b", "c"), ["2 of 3 videos of split 'train' are left out: 2 undecodable (b, c)."]),
        (("a",), ("b",), ["2 of 3 videos of split 'train' are left out: 1 missing (a), 1 undecodable (b)."]),
        (tuple("abcdef"), (), ["6 of 7 videos of split 'train' are left out: 6 missing (a, b, c, d, e, ...)."]),
    ],
)
def test_videos_that_cannot_be_used_are_counted_and_named(missing, undecodable, said):
    assert left_out(Manifest("train", ("a",), [VIDEO], missing, undecodable)) == said
    assert notes_of(*said, missing=len(missing) + len(undecodable)) == said


def test_a_run_from_before_these_sentences_has_its_missing_videos_under_its_table():
    said = "2 training and validation videos are missing or undecodable, and left out."
    assert notes_of(missing=2) == [said]
    assert notes_of(missing=0) == []


def test_labels_that_a_flip_changes_are_told_where_runs_flip_so():
    assert relabelled(mirrored(("Up", "Down"))) == []
    (said,) = relabelled(mirrored(SIDED))
    assert said == RELABELLED
    assert notes_of(said, augmentation={"flip": "label_aware"}) == [said]
    assert notes_of(said, augmentation={"flip": "none"}) == []


def test_training_videos_that_are_held_out_are_told():
    assert notes_of(held_out=0.1) == ["10 % of the training videos are held out (dev split) and not trained on."]
    assert notes_of(held_out=0.0) == []


def test_a_part_that_a_file_does_not_have_is_left_out_and_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        write_video(tmp_path / "v" / f"{number}.mp4", moving_frames(12, 32, 32, number), codec="libx264")
    rows = "0.mp4,a,train,,\n1.mp4,b,train,9,10\n2.mp4,a,val,,\n3.mp4,b,val,,\n"
    write_text(tmp_path / "v" / "annotations.csv", "path,label,split,start,end\n" + rows)
    add_dataset("mine", tmp_path / "v")
    dataset = open_dataset("mine", tmp_path)
    assert dataset.split("train").undecodable == ("1[9-10]",)
    assert "1 of 2 videos of split 'train' are left out: 1 undecodable (1[9-10])." in dataset.notes


def test_an_end_beyond_the_end_of_the_file_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        write_video(tmp_path / "v" / f"{number}.mp4", moving_frames(12, 32, 32, number), codec="libx264")
    rows = "0.mp4,a,train,0,1\n1.mp4,b,train,0.5,5\n2.mp4,a,val,,\n3.mp4,b,val,,\n"
    write_text(tmp_path / "v" / "annotations.csv", "path,label,split,start,end\n" + rows)
    add_dataset("mine", tmp_path / "v")
    dataset = open_dataset("mine", tmp_path)
    assert [video.frames for video in dataset.split("train").videos] == [12, 6]
    said = "1 of 2 videos of split 'train' end before the annotated end (1[0.5-5])."
    assert said in dataset.notes
    assert notes_of(said) == [said]


def test_classes_and_videos_that_a_copy_lacks_are_told_under_the_table():
    lacks, fewer = (
        "The annotations lack 3 of the 174 classes of X.",
        "Split 'val' of ssv2 lists 7 videos; 24777 are expected.",
    )
    numbers = "Other numbers of videos than expected: Something-Something V2: val 7 of 24777."
    assert sorted(notes_of(lacks, fewer)) == sorted([lacks, numbers])


@pytest.mark.slow
def test_a_run_tells_all_of_it_in_its_record_and_its_table(tmp_path, monkeypatch):
    """Undecodable, held out by path, held out for the dev split, relabelled by flips."""
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate(SIDED):
        for number in range(8):
            path = tmp_path / "videos" / name / f"{number}.mp4"
            write_video(path, moving_frames(4, 32, 32, 100 * place + number), codec="libx264")
    (tmp_path / "videos" / "Stop" / "9.mp4").write_bytes(b"")
    add_dataset("mine", tmp_path / "videos")
    (tmp_path / "one.yaml").write_text(GRID)
    plan = make_plan(str(tmp_path / "one.yaml"), Selection(), tmp_path / "results")
    run = plan.runs[0]
    run.folder.create(run.spec)
    execute(run.folder, tmp_path, Control())
    write_report(plan)
    recorded = " ".join(json.loads(run.folder.provenance.read_text())["data"]["notes"])
    table = (plan.folder / "tables" / "accuracy.md").read_text()
    for place in (recorded, table):
        assert "were chosen by their paths." in place
        assert "are left out: 1 undecodable (Stop/9)." in place
        assert RELABELLED in place
    assert json.loads(run.folder.provenance.read_text())["data"]["dev"]["videos"] > 0
    assert "30 % of the training videos are held out (dev split) and not trained on." in table
    facts, batch = json.loads(run.folder.provenance.read_text())["data"], run.spec.protocol.batch
    trained = facts["train"]["videos"] - facts["dev"]["videos"]
    assert trained % batch, "the case of a batch that is not full"
    assert f"Each epoch leaves out {trained % batch} of {trained} training videos" in table
    assert f"each epoch leaves out {trained % batch} of {trained} videos" in run.folder.log.read_text()
