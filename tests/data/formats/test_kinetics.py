"""Kinetics: CSV files, and videos in the folders that copies of it have."""

import csv
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.data.datasets import open_dataset
from suite.data.index import fingerprint
from tests.data.formats.reading import class_names, error_of, ids, opens_or_refuses, shown_frames, train_frames
from tests.videos import write_counted, write_text

HEAD = "label,youtube_id,time_start,time_end,split,is_cc\n"
TRAIN = '"air drumming",_dbcJuKJQNs,40,50,train,0\nyoga,-3B32lodo2M,59,69,train,0\n'
TRAIN += '"cooking, on fire",abcdefghijk,0,10,train,0\n'
VAL = "yoga,__NrybzYzUg,0,10,val,0\n"
CLIPS = {"_dbcJuKJQNs_000040_000050": "air drumming", "-3B32lodo2M_000059_000069": "yoga"}
CLIPS |= {"abcdefghijk_000000_000010": "cooking, on fire", "__NrybzYzUg_000000_000010": "yoga"}
LAYOUTS = {
    "flat": "{clip}",
    "per class": "{name}/{clip}",
    "per class with underscores": "{under}/{clip}",
    "per split and class": "videos/{split}/{name}/{clip}",
    "per split": "{split}/{clip}",
}


def write_set(root, layout="flat", suffix=".mp4", names="{}.csv", end="\n"):
    write_text(root / names.format("train"), (HEAD + TRAIN).replace("\n", end))
    write_text(root / names.format("val"), (HEAD + VAL).replace("\n", end))
    for place, (clip, name) in enumerate(CLIPS.items()):
        split = "val" if place == 3 else "train"
        path = LAYOUTS[layout].format(clip=clip, name=name, under=name.replace(" ", "_"), split=split)
        write_counted(root / f"{path}{suffix}", 6 + place)
    return root


@pytest.mark.parametrize("layout", LAYOUTS)
def test_videos_are_found_by_name_in_every_layout(tmp_path, layout):
    dataset = open_dataset("kinetics400", write_set(tmp_path, layout))
    train = dataset.split("train")
    assert dataset.classes == ("air drumming", "cooking, on fire", "yoga")
    assert class_names(train) == ["air drumming", "yoga", "cooking, on fire"]
    assert [(video.label, video.frames) for video in train.videos] == [(0, 6), (2, 7), (1, 8)]
    assert ids(dataset.split("val")) == ["__NrybzYzUg_000000_000010"]
    assert shown_frames(train, 1) == list(range(7))
    numbers, label = train_frames(dataset, 1)
    assert (numbers, label) == (sorted(numbers), 2)


def test_a_plain_reading_of_the_file_gives_the_same_videos(tmp_path):
    train = open_dataset("kinetics400", write_set(tmp_path, "per split and class")).split("train")
    with (tmp_path / "train.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["label"] for row in rows})
    for video, row in zip(train.videos, rows, strict=True):
        clip = f"{row['youtube_id']}_{int(row['time_start']):06d}_{int(row['time_end']):06d}"
        path = f"videos/train/{row['label']}/{clip}.mp4"
        content = fingerprint(tmp_path / path)
        frames = 6 + list(CLIPS).index(clip)
        assert video == (clip, path, row["label"], names.index(row["label"]), frames, 12.0, content, None)


@pytest.mark.parametrize("layout", ["flat", "per class with underscores", "per split and class"])
def test_folders_of_pictures_are_found_like_videos(user_set, layout):
    root = write_set(user_set("classes: 3\nformat: kinetics\nlayout: frames"), layout, "")
    train = open_dataset("mine", root).split("train")
    assert ids(train) == list(CLIPS)[:3]
    assert shown_frames(train, 2) == list(range(8))


@pytest.mark.parametrize(
    ("names", "end"),
    [("kinetics-400_{}.csv", "\r\n"), ("annotations/{}.csv", "\n"), ("annotations/kinetics400_{}.csv", "\n")],
)
def test_annotation_files_have_the_names_of_several_publishers(tmp_path, names, end):
    assert len(open_dataset("kinetics400", write_set(tmp_path, names=names, end=end)).split("train").videos) == 3


def test_a_byte_order_mark_and_times_with_a_point_are_read(tmp_path):
    write_set(tmp_path)
    write_text(tmp_path / "train.csv", "\ufeff" + HEAD + TRAIN.replace("40,50", "40.0,50.0"))
    assert ids(open_dataset("kinetics400", tmp_path).split("train")) == list(CLIPS)[:3]


def test_test_videos_may_have_no_label(tmp_path):
    write_text(write_set(tmp_path) / "test.csv", "youtube_id,time_start,time_end,split\n_dbcJuKJQNs,40,50,test\n")
    assert [(v.id, v.label) for v in open_dataset("kinetics400", tmp_path).split("test").videos] == [
        ("_dbcJuKJQNs_000040_000050", None)
    ]


def test_the_class_is_that_of_the_annotations_wherever_the_video_lies(tmp_path):
    root = write_set(tmp_path, "per class")
    shutil.move(root / "yoga" / "-3B32lodo2M_000059_000069.mp4", root / "air drumming")
    assert class_names(open_dataset("kinetics400", root).split("train"))[1] == "yoga"


def test_missing_and_broken_videos_are_counted(tmp_path):
    clips = [write_set(tmp_path) / f"{clip}.mp4" for clip in CLIPS]
    clips[0].unlink()
    clips[1].write_bytes(b"")
    clips[2].write_bytes(clips[2].read_bytes()[:700])
    clips[3].write_text("<html>404</html>")
    dataset = open_dataset("kinetics400", tmp_path)
    train = dataset.split("train")
    assert (train.missing, train.undecodable) == (tuple(CLIPS)[:1], tuple(CLIPS)[1:3])
    assert dataset.split("val").undecodable == tuple(CLIPS)[3:]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "train.csv has no column 'youtube_id' in its first line"),
        (HEAD.replace("youtube_id", "yuotube_id") + TRAIN, "no column 'youtube_id'"),
        (HEAD.replace("label", "lable") + TRAIN, "no column 'label'"),
        (HEAD + TRAIN + "yoga,x\n", "train.csv line 5 has 2 fields; the first line has 6"),
        (HEAD + "yoga,x,4O,50,train,0\n", "train.csv line 2: the time '4O' is not a whole number"),
        (HEAD + "yoga,x,-4,50,train,0\n", "train.csv line 2: the time '-4'"),
        (HEAD + "yoga,,4,50,train,0\n", "train.csv line 2 has no youtube_id"),
        (HEAD + " ,x,4,50,train,0\n", "train.csv line 2 has no label"),
        (HEAD + '"yoga,x,4,50,train,0\n', "train.csv line 2 is not valid CSV"),
        (HEAD + TRAIN + TRAIN, "twice"),
        (HEAD + "yoga,../x,4,50,train,0\n", "lies outside"),
        (HEAD + f"yoga,{'x' * 9000},4,50,train,0\n", "cannot be read: File name too long"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, text, words):
    write_text(write_set(tmp_path) / "train.csv", text)
    assert words in error_of("kinetics400", tmp_path)


def test_a_class_of_the_test_file_that_is_unknown_is_refused_with_its_line(tmp_path):
    write_text(write_set(tmp_path) / "test.csv", HEAD + "juggling,x,4,50,test,0\n")
    assert "test.csv line 2: the class 'juggling'" in error_of("kinetics400", tmp_path, "test")


def test_absent_files_are_named(tmp_path):
    assert "train.csv" in error_of("kinetics400", tmp_path)
    assert "does not exist" in error_of("kinetics400", tmp_path / "nowhere")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from('yoga, "1.\n\r\té/\\'), max_size=30))
def test_any_text_is_read_or_refused(tmp_path, text):
    write_text(tmp_path / "train.csv", HEAD + text)
    write_text(tmp_path / "val.csv", text)
    opens_or_refuses("kinetics400", tmp_path)
