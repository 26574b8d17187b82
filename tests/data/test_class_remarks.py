"""Classes that cannot be learnt or tested are told: without videos, or with nearly the same name as another."""

import sys

import pytest

from suite.__main__ import main
from suite.data.class_remarks import nearly_equal, without_videos
from suite.data.datasets import open_dataset
from suite.data.manifest import Manifest
from suite.data.video_table import Video
from tests.data.formats.reading import error_of
from tests.videos import write_counted, write_text


def split(name, *classes):
    return Manifest(name, ("a", "b", "c", "d"), [Video(f"{i}", "v", n, 0, 4, 12.0) for i, n in enumerate(classes)])


def test_classes_are_told_by_the_videos_that_they_lack():
    assert without_videos(("a", "b", "c", "d"), split("train", "a", "b"), split("val", "a", "c")) == [
        "Without training videos: 1 class ('c') of 4.",
        "Without test videos: 1 class ('b') of 4.",
        "Without any video: 1 class ('d') of 4.",
    ]
    assert without_videos(("a",), split("train", "a"), split("val", "a")) == []


@pytest.mark.parametrize("other", ["Jump up", "jump\u200b up", "jump up ", "jump  up", "jump\u00a0up"])
def test_class_names_that_look_the_same_are_told(other):
    told = nearly_equal(("jump up", other, "sit"))
    assert told[0].endswith(f"Unicode form: 'jump up' and {other!a}.")
    assert nearly_equal(("jump up", "jump down", "sit")) == []


def test_composed_and_decomposed_letters_are_told():
    assert "'caf\\xe9' and 'cafe\\u0301'" in nearly_equal(("caf\u00e9", "cafe\u0301"))[0]


def test_a_gap_in_the_labels_of_a_list_is_in_the_record_and_fails_the_check(user_set, monkeypatch, capsys):
    root = user_set("classes: 101\nformat: mmaction2")
    for name, rows in (("train", "1.mp4 0\n2.mp4 100\n"), ("val", "3.mp4 0\n4.mp4 100\n")):
        write_text(root / f"{name}.txt", rows)
    for number in range(1, 5):
        write_counted(root / f"{number}.mp4", 4 + number)
    said = "Without any video: 99 classes ('1', '2', '3', ...) of 101."
    assert said in open_dataset("mine", root).notes
    monkeypatch.setattr(sys, "argv", ["suite", "data", "check", "mine", "--data", "."])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert said in capsys.readouterr().out


def test_a_label_far_beyond_the_number_of_videos_is_refused(user_set):
    root = user_set("classes: 100\nformat: mmaction2")
    write_text(root / "train.txt", "1.mp4 0\n2.mp4 99999\n")
    assert "has 2 videos and the label 99999" in error_of("mine", root)
