"""A folder per class, with or without folders for splits."""

import os

import pytest

from suite.data.datasets import open_dataset
from tests.data.formats.reading import class_names, error_of, ids, shown_frames, train_frames
from tests.videos import write_counted

YAML = "classes: 2\nformat: class_folders"


@pytest.mark.parametrize(("suffix", "val"), [(".mp4", "val"), (".webm", "validation"), ("", "val"), (".mp4", "test")])
def test_folders_of_splits_hold_a_folder_per_class(user_set, suffix, val):
    root = user_set(YAML)
    for path, frames in (("train/clap hands/-1 (!)", 9), ("train/Apply+é/2", 6), (f"{val}/clap hands/3", 5)):
        write_counted(root / f"{path}{suffix}", frames)
    (root / "train" / "clap hands" / "notes.txt").write_text("no video")
    (root / "train" / ".hidden").mkdir()
    dataset = open_dataset("mine", root)
    train = dataset.split("train")
    assert dataset.classes == ("Apply+é", "clap hands")
    assert ids(train) == ["train/Apply+é/2", "train/clap hands/-1 (!)"]
    assert class_names(dataset.split("val")) == ["clap hands"]
    assert shown_frames(train, 1) == list(range(9))
    numbers, label = train_frames(dataset, 1)
    assert (numbers, label) == (sorted(numbers), 1)


@pytest.mark.parametrize("suffix", [".mp4", ""])
def test_without_folders_of_splits_a_fifth_of_each_class_is_held_out(user_set, suffix):
    root = user_set(f"{YAML}\nmedia: clips")
    for name in "ab":
        for number in range(5):
            write_counted(root / "clips" / name / f"{number}{suffix}", 3)
    dataset = open_dataset("mine", root)
    assert sorted(class_names(dataset.split("val"))) == ["a", "b"]
    assert len(dataset.split("train").videos) == 8
    assert any("2 of its 10 videos (20 %), some of each class" in remark for remark in dataset.remarks)


def test_a_class_may_be_called_train(user_set):
    root = user_set(YAML)
    for name in ("train", "bus"):
        for number in range(2):
            write_counted(root / name / f"{number}.mp4", 3)
    assert open_dataset("mine", root).classes == ("bus", "train")


def test_files_that_are_no_videos_are_undecodable_and_not_left_out(user_set):
    root = user_set(YAML)
    for name in ("train/a/1.mp4", "val/a/1.mp4"):
        write_counted(root / name)
    whole = (root / "train/a/1.mp4").read_bytes()
    (root / "train/a/2.mp4").write_bytes(b"")
    (root / "train/a/3.mp4").write_bytes(whole[: len(whole) // 2])
    (root / "train/a/4.mp4").write_text("not found\n")
    train = open_dataset("mine", root).split("train")
    assert ids(train) == ["train/a/1"]
    assert train.undecodable == ("train/a/2", "train/a/3", "train/a/4")


def test_a_link_out_of_the_folder_is_refused(user_set, tmp_path):
    root = user_set(YAML)
    write_counted(root / "val/a/1.mp4")
    (root / "train/a").mkdir(parents=True)
    os.symlink(write_counted(tmp_path / "secret.mp4"), root / "train/a/1.mp4")
    assert "lies outside" in error_of("mine", root)


def test_the_same_name_with_two_suffixes_is_refused(user_set):
    root = user_set(YAML)
    for name in ("train/a/1.mp4", "train/a/1.webm", "val/a/1.mp4"):
        write_counted(root / name)
    assert "'train/a/1' twice" in error_of("mine", root)


@pytest.mark.parametrize("yaml", [YAML, f"{YAML}\nmedia: nowhere"])
def test_an_empty_folder_is_described(user_set, yaml):
    assert "<class>/<video>" in error_of("mine", user_set(yaml))


def test_what_is_not_read_is_counted_and_named(user_set):
    root = user_set(YAML)
    for path in ("train/a/1.mp4", "train/b/1.mp4", "val/a/2.mp4", "val/b/2.mp4"):
        write_counted(root / path)
    assert open_dataset("mine", root).remarks == []
    for path in ("train/a/x.gif", "train/b/plain", "train/a/day 1/3.mp4", "train/loose.mp4", "val/c/deep/4.mp4"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    (root / "train" / "d").mkdir()
    assert open_dataset("mine", root).remarks == [
        "Not read, without the suffix of a video: 2 files ('train/a/x.gif', 'train/b/plain').",
        "Not read, outside the class folders: 1 video ('train/loose.mp4').",
        "Not read, inside a class folder: 2 folders ('train/a/day 1', 'val/c/deep').",
        "Not a class, since no video lies directly in it: 2 folders ('train/d', 'val/c').",
    ]


def test_a_second_folder_for_a_split_is_named(user_set):
    root = user_set(YAML)
    for path in ("train/a/1.mp4", "train/b/1.mp4", "val/a/2.mp4", "val/b/2.mp4", "validation/a/3.mp4"):
        write_counted(root / path)
    assert any("1 folder ('validation')" in remark for remark in open_dataset("mine", root).remarks)
