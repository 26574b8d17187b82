"""`suite data check`: every video that something is wrong with is named, with what is wrong."""

import csv
import os
import sys

import pytest

from suite.__main__ import main
from suite.data import decode_check
from suite.data.adding import add_dataset
from suite.data.check import check
from tests.videos import moving_frames, write_video


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A data set of 2 x 6 videos of 10 frames in `train` and 2 x 2 in `val`."""
    monkeypatch.chdir(tmp_path)
    seed = 0
    for split, videos in (("train", 6), ("val", 2)):
        for name in ("a", "b"):
            for number in range(videos):
                seed += 1
                path = tmp_path / "videos" / split / name / f"{split}{number}.mp4"
                write_video(path, moving_frames(10, 64, 64, seed), codec="libx264")
    add_dataset("mine", tmp_path / "videos")
    return tmp_path / "videos"


def problems(found):
    return {(problem["id"], problem["problem"].partition(":")[0]) for problem in found["problems"]}


def test_a_sound_data_set_has_no_problem(mine):
    found = check("mine", mine.parent, full=True)
    assert found["problems"] == []
    assert found["classes_without"] == []
    assert (found["truncated"], found["too_short"]) == ([], [])


def test_empty_truncated_and_foreign_files_are_named_with_the_reason(mine):
    (mine / "train" / "a" / "train0.mp4").write_bytes(b"")
    (mine / "train" / "a" / "train1.mp4").write_text("not a video")
    found = check("mine", mine.parent)
    reasons = {problem["id"]: problem["problem"] for problem in found["problems"]}
    assert reasons["train/a/train0"] == "undecodable: the file is empty"
    assert "cannot be decoded" in reasons["train/a/train1"]
    assert set(found["undecodable"]) == set(reasons)


def test_a_video_that_breaks_in_its_middle_is_found_by_the_full_check_alone(mine):
    path = write_video(mine / "train" / "b" / "train0.mp4", moving_frames(60, 128, 128, 99), codec="libx264")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    assert check("mine", mine.parent)["problems"] == []
    found = check("mine", mine.parent, full=True)
    assert found["undecodable"] == ["train/b/train0"]
    assert found["problems"][0]["problem"].startswith("undecodable: frame ")


def test_videos_shorter_than_a_clip_are_counted_and_are_no_error(mine, monkeypatch, capsys):
    found = check("mine", mine.parent, frames=16)
    assert len(found["too_short"]) == 16
    monkeypatch.setattr(sys, "argv", ["suite", "data", "check", "mine", "--frames", "16"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert "too_short: 16 (" in capsys.readouterr().out


def test_a_class_without_a_validation_video_is_named(mine):
    for path in (mine / "val" / "b").iterdir():
        path.unlink()
    assert check("mine", mine.parent)["classes_without"] == ["b"]


def test_a_full_check_decodes_no_file_twice(mine, monkeypatch):
    check("mine", mine.parent, full=True)
    decoded, whole = [], decode_check.decode_whole
    monkeypatch.setattr(decode_check, "decode_whole", lambda path: decoded.append(path.name) or whole(path))
    check("mine", mine.parent, full=True)
    assert decoded == []
    write_video(mine / "val" / "a" / "val0.mp4", moving_frames(12, 64, 64, 77), codec="libx264")
    check("mine", mine.parent, full=True)
    assert decoded == ["val0.mp4"]


def test_an_interrupted_full_check_goes_on_where_it_stopped(mine, monkeypatch):
    def stop(done, of):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("mine", mine.parent, full=True, progress=stop)
    decoded, whole = [], decode_check.decode_whole
    monkeypatch.setattr(decode_check, "decode_whole", lambda path: decoded.append(path.name) or whole(path))
    check("mine", mine.parent, full=True)
    assert len(decoded) == 16 - 5


def test_the_csv_file_has_a_line_per_problem(mine, monkeypatch, capsys):
    (mine / "train" / "a" / "train0.mp4").write_bytes(b"")
    monkeypatch.setattr(sys, "argv", ["suite", "data", "check", "mine", "--csv", "problems.csv"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    with open("problems.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["split", "id", "path", "problem"],
        ["train", "train/a/train0", "train/a/train0.mp4", "undecodable: the file is empty"],
    ]
    assert "undecodable: 1 (train/a/train0)" in capsys.readouterr().out


def test_a_pipe_with_the_name_of_a_video_is_not_opened(mine):
    for full in (False, True):
        (mine / "train" / "a" / "train0.mp4").unlink()
        os.mkfifo(mine / "train" / "a" / "train0.mp4")
        found = check("mine", mine.parent, full=full)
        assert [problem["problem"] for problem in found["problems"]] == ["undecodable: is not a regular file"]
