"""`suite data add`: a folder of videos becomes a data set that can be trained on, whatever its annotations."""

import os
from pathlib import Path

import pytest
import yaml

from suite.data.adding import add_dataset
from suite.data.check import check
from suite.data.dataset_info import info
from suite.data.datasets import open_dataset
from suite.spec import BadInput
from tests.videos import moving_frames, write_counted, write_text, write_video

VIDEOS = ("YoYo/v_YoYo_g01_c01", "YoYo/v_YoYo_g02_c01", "Archery/v_Archery_g08_c01", "Archery/v_Archery_g09_c01")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory with three short videos to copy from."""
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        write_video(tmp_path / "one" / f"{number}.mp4", moving_frames(4 + number, 32, 32, number), codec="libx264")
    return tmp_path


def classes_of(here, folder, classes, videos=5):
    """A folder per class; every video has content of its own."""
    for place, name in enumerate(classes):
        for video in range(videos):
            frames = moving_frames(4, 32, 32, 100 * place + video)
            write_video(here / folder / name / f"{video}.mp4", frames, codec="libx264")
    return here / folder


def test_a_folder_per_class_needs_no_option_and_says_which_videos_it_tests_on(here):
    found = add_dataset("mine", classes_of(here, "my videos", ["jump up", "run+fast", "-sit"]))
    assert (found.format, found.classes) == ("class_folders", ("-sit", "jump up", "run+fast"))
    assert (found.train, found.val) == (12, 3)
    assert "chosen by their paths" in found.remarks[0]
    dataset = open_dataset("mine", here / "nowhere")
    train, val = dataset.split("train"), dataset.split("val")
    assert (len(train.videos), len(val.videos)) == (12, 3)
    assert {video.label for video in val.videos} == {0, 1, 2}, "every class is tested on"
    assert not {video.id for video in train.videos} & {video.id for video in val.videos}
    assert dataset.leakage().ids == []
    assert info("mine").expected == {"train": 12, "val": 3, "test": None}


def test_the_same_videos_are_held_out_on_every_machine(here):
    add_dataset("mine", classes_of(here, "videos", ["a", "b"]))
    before = [video.id for video in open_dataset("mine", here).split("val").videos]
    (here / "videos").rename(here / "moved")
    add_dataset("again", here / "moved")
    assert [video.id for video in open_dataset("again", here).split("val").videos] == before


def test_folders_of_splits_are_taken_as_they_are(here):
    for split in ("train", "test"):
        classes_of(here, f"videos/{split}", ["a", "b"], 2 + (split == "train"))
    found = add_dataset("mine", here / "videos")
    assert (found.train, found.val, found.remarks) == (6, 4, ())


def test_below_the_data_folder_the_file_names_no_place_of_this_machine(here):
    add_dataset("mine", classes_of(here, "data/videos", ["a", "b"]), data=here / "data")
    assert yaml.safe_load(Path("experiments/datasets/mine.yaml").read_text())["folder"] == "videos"
    assert len(open_dataset("mine", here / "data").split("train").videos) == 8


LISTS = {
    "mmaction2": ("0.mp4 0\n1.mp4 1\n", "2.mp4 1\n"),
    "pyslowfast": ("0.mp4,0\n1.mp4,1\n", "2.mp4,1\n"),
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("folder", ["videos", "clips of ours"])
def test_lists_are_recognised_and_their_videos_are_found(here, kind, folder):
    os.rename(here / "one", here / folder)
    for name, text in zip(("train", "val"), LISTS[kind], strict=True):
        (here / f"{name}.csv").write_text(text)
    found = add_dataset("mine", here)
    assert (found.format, found.train, found.val) == (kind, 2, 1)
    assert len(open_dataset("mine", here).split("train").videos) == 2


def test_a_table_is_recognised(here):
    (here / "annotations.csv").write_text("path,label,split\n0.mp4,a,train\n1.mp4,b,train\n2.mp4,a,val\n")
    found = add_dataset("mine", here)
    assert (found.format, found.classes, found.train, found.val) == ("table", ("a", "b"), 2, 1)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Mine", "small letters"),
        ("../mine", "small letters"),
        ("", "small letters"),
        ("ssv2", "exists already"),
        ("mine", "holds no annotations"),
    ],
)
def test_what_cannot_become_a_data_set_is_one_sentence_and_writes_nothing(here, name, words):
    (here / "empty").mkdir()
    with pytest.raises(BadInput, match=words) as caught:
        add_dataset(name, here / "empty")
    assert "\n" not in str(caught.value)
    assert not Path("experiments").exists()


def test_annotations_without_their_videos_say_which_video_was_looked_for(here):
    (here / "lists").mkdir()
    (here / "lists" / "train.txt").write_text("a/b.mp4 0\n")
    with pytest.raises(BadInput, match=r"no video such as 'a/b\.mp4'"):
        add_dataset("mine", here / "lists")


def test_a_data_set_is_added_once(here):
    folder = classes_of(here, "videos", ["a", "b"])
    add_dataset("mine", folder)
    with pytest.raises(BadInput, match="exists already"):
        add_dataset("mine", folder)


def test_annotations_that_are_damaged_are_told_and_not_passed_over(here):
    (here / "annotations.csv").write_text("path,label\n0.mp4\n")
    with pytest.raises(BadInput, match=r"annotations\.csv line 2 has 1 fields"):
        add_dataset("mine", here)


def touch(folder, *paths):
    """Empty files, whose names alone matter."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def some(split, videos):
    return [f"{split}/{name}/{number}.mp4" for name in "ab" for number in range(videos)]


def test_folders_of_splits_win_over_a_folder_that_holds_more_videos(here):
    folder = touch(here / "videos", *some("train", 4), *some("val", 8), *some("raw", 40))
    found = add_dataset("mine", folder)
    assert (found.train, found.val) == (8, 16)
    assert "media" not in yaml.safe_load(found.file.read_text())
    (remark,) = found.remarks
    assert remark == "Not read, though with videos in it: 1 folder ('raw').", "no place of this machine"


def test_a_folder_of_videos_that_is_not_read_is_named(here):
    folder = touch(here / "sets", *some("ours", 9), *some("theirs", 4), "notes/today.txt")
    found = add_dataset("mine", folder)
    assert found.train + found.val == 18
    assert any("1 folder ('theirs')" in remark for remark in found.remarks)
    assert not any("notes" in remark for remark in found.remarks)


def test_a_name_that_is_not_utf8_is_one_sentence(here):
    touch(here / "videos", *some("train", 2))
    (here / "videos" / "train" / "a" / os.fsdecode(b"\xff\xfe.mp4")).touch()
    with pytest.raises(BadInput, match=r"'\\udcff\\udcfe\.mp4', which is not UTF-8; rename it\.$"):
        add_dataset("mine", here / "videos")


def official_ucf101(folder, videos=VIDEOS):
    """A copy of UCF101 with two classes and three official splits."""
    for number in (1, 2, 3):
        test = videos[number % 2 :: 2]
        lists = {"testlist": test, "trainlist": [video for video in videos if video not in test]}
        for name, listed in lists.items():
            text = "".join(f"{video}.avi {1 + (video[0] == 'Y')}\n" for video in listed)
            write_text(folder / "ucfTrainTestlist" / f"{name}{number:02}.txt", text)
    write_text(folder / "ucfTrainTestlist" / "classInd.txt", "1 Archery\n2 YoYo\n")
    for place, video in enumerate(videos):
        write_counted(folder / "UCF-101" / f"{video}.avi", 6 + place)
    return folder


def test_a_part_of_ucf101_keeps_its_three_official_splits(here):
    found = add_dataset("tiny_ucf", official_ucf101(here / "data" / "ucf101"), data=here / "data")
    assert found.divisions == 3
    first, second = (open_dataset(name, here / "data").split("val") for name in ("tiny_ucf", "tiny_ucf@split=2"))
    assert {video.id for video in first.videos}.isdisjoint({video.id for video in second.videos})
    assert "A sweep" not in check("tiny_ucf", here / "data")["refused"]
    assert "has 2 classes in" in check("ucf101", here / "data")["refused"]


def test_a_folder_that_holds_several_data_sets_is_refused_with_their_names(here):
    official_ucf101(here / "official" / "ucf101")
    write_text(here / "official" / "hmdb51" / "splits" / "wave_test_split1.txt", "a.avi 1\nb.avi 2\n")
    with pytest.raises(BadInput, match=r"holds several data sets \(hmdb51, ucf101\); give the folder of one of them"):
        add_dataset("wrong", here / "official")
