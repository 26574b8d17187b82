"""Moments in Time: CSV files without a header, class names with a plus sign."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.data.datasets import open_dataset
from tests.data.formats.reading import class_names, error_of, ids, opens_or_refuses, shown_frames, train_frames
from tests.videos import write_counted, write_text

CATEGORIES = "playing+sports,1\nblocking,0\nadult+male+singing,2\n"
TRAIN = "blocking/getty-karate-video-id635808620_4.mp4,blocking,3,0\nplaying+sports/yt-(a)_1.mp4,playing+sports,3,0\n"
VAL = "adult+male+singing/x y.mp4,adult+male+singing,2,1\n"


def write_set(root, folders=("training/", "validation/"), suffix=".mp4", end="\n", inner=""):
    for name, text in (("moments_categories.txt", CATEGORIES), ("trainingSet.csv", TRAIN), ("validationSet.csv", VAL)):
        write_text(root / inner / name, text.replace("\n", end))
    for folder, text in zip(folders, (TRAIN, VAL), strict=True):
        for place, line in enumerate(text.splitlines()):
            write_counted(root / f"{folder}{line.partition(',')[0].removesuffix('.mp4')}{suffix}", 6 + place)
    return root


@pytest.mark.parametrize(
    ("folders", "end", "inner"),
    [(("training/", "validation/"), "\n", ""), (("", ""), "\r\n", ""), (("", ""), "\n", "annotations")],
)
def test_names_with_plus_signs_follow_the_numbers_of_the_categories(tmp_path, folders, end, inner):
    dataset = open_dataset("mit", write_set(tmp_path, folders, end=end, inner=inner))
    train = dataset.split("train")
    assert dataset.classes == ("blocking", "playing+sports", "adult+male+singing")
    assert [(v.label, v.frames) for v in train.videos] == [(0, 6), (1, 7)]
    assert class_names(dataset.split("val")) == ["adult+male+singing"]
    assert ids(dataset.split("val")) == ["adult+male+singing/x y"]
    assert shown_frames(train, 1) == list(range(7))
    numbers, label = train_frames(dataset, 1)
    assert (numbers, label) == (sorted(numbers), 1)


def test_videos_may_be_folders_of_pictures(user_set):
    root = write_set(user_set("classes: 3\nformat: moments\nlayout: frames"), suffix="")
    assert shown_frames(open_dataset("mine", root).split("train"), 1) == list(range(7))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("trainingSet.csv", "a/b.mp4\n", "trainingSet.csv line 1 is not 'path,class,...'"),
        (
            "trainingSet.csv",
            TRAIN + "a/b.mp4,playing sports,1,0\n",
            "trainingSet.csv line 3: the class 'playing sports'",
        ),
        ("trainingSet.csv", "../../b.mp4,blocking\n", "lies outside"),
        (
            "trainingSet.csv",
            TRAIN + "playing+sports/b.mp4,blocking,1,0\n",
            "trainingSet.csv line 3: the video 'playing+sports/b.mp4' lies in the folder of the class 'playing+sports'",
        ),
        ("trainingSet.csv", ",blocking\n", "trainingSet.csv line 1 has no path"),
        ("trainingSet.csv", TRAIN + TRAIN, "twice"),
        ("trainingSet.csv", '"a,blocking\n', "trainingSet.csv line 1 is not valid CSV"),
        ("moments_categories.txt", "a,0\nb,2\n", "does not number its 2 classes from 0 to 1"),
        ("moments_categories.txt", "a\n", "moments_categories.txt line 1 is not 'class,number'"),
        ("moments_categories.txt", ",0\n", "moments_categories.txt line 1 is not 'class,number'"),
        ("moments_categories.txt", "a,x\n", "moments_categories.txt line 1: the class number 'x'"),
        ("moments_categories.txt", "", "moments_categories.txt lists no classes"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, name, text, words):
    write_text(write_set(tmp_path) / name, text)
    assert words in error_of("mit", tmp_path)


def test_the_split_test_is_not_public(tmp_path):
    assert "has no split 'test'" in error_of("mit", write_set(tmp_path), "test")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from('a/b,0" +\n\r\té.\\'), max_size=30))
def test_any_text_is_read_or_refused(tmp_path, text):
    write_text(tmp_path / "moments_categories.txt", "a,0\n")
    for name in ("trainingSet", "validationSet"):
        write_text(tmp_path / f"{name}.csv", text)
    opens_or_refuses("mit", tmp_path)
