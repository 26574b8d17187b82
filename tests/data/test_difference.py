"""Two data sets are compared by class names and videos, never by their own names."""

import json
import shutil
import sys

import pytest

from suite.__main__ import main
from suite.data.adding import add_dataset
from suite.data.difference import difference
from tests.videos import moving_frames, write_video


@pytest.fixture
def two(tmp_path, monkeypatch):
    """`first` with classes run and jump, `second` with jump and sit."""
    monkeypatch.chdir(tmp_path)
    for place, (folder, name) in enumerate([("first", "run"), ("first", "jump"), ("second", "sit")]):
        for number in range(4):
            frames = moving_frames(3, 32, 32, 10 * place + number)
            write_video(tmp_path / folder / name / f"{name}{number}.mp4", frames, codec="libx264")
    shutil.copytree(tmp_path / "first" / "jump", tmp_path / "second" / "jump")
    for name in ("first", "second"):
        add_dataset(name, tmp_path / name)
    return tmp_path


def test_shared_classes_and_videos_are_counted(two):
    found = difference("first", "second", two)
    assert found["classes"] == {"shared": ["jump"], "only_a": ["run"], "only_b": ["sit"], "same_numbers": True}
    of_same = [row for row in found["splits"] if row["a"] == row["b"]]
    assert sum(row["same_content"] for row in of_same) == 4, "a class is held out alike in both"
    assert found["labels"] == []


def test_a_video_with_another_class_is_told_and_ends_with_1(two, monkeypatch, capsys):
    (two / "second" / "jump" / "jump0.mp4").rename(two / "second" / "sit" / "jump0.mp4")
    monkeypatch.setattr(sys, "argv", ["suite", "data", "diff", "first", "second", "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert json.loads(capsys.readouterr().out)["labels"] == ["jump/jump0"]
