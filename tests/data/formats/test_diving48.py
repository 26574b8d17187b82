"""Diving48: JSON lists, and a vocabulary that names the classes."""

import json

import pytest

from suite.data.datasets import open_dataset
from tests.data.formats.reading import class_names, error_of, ids, shown_frames, train_frames
from tests.videos import write_counted, write_json, write_text

VOCABULARY = [["Back", "15som", "05Twis", "FREE"], ["Forward", "Dive", "NoTwis", "PIKE"]]


def entry(video, label):
    return {"vid_name": video, "label": label, "start_frame": 0, "end_frame": 48}


TRAIN, TEST = [entry("-mmq0PT-u8k_00155", 1), entry("a b", 0)], [entry("c", 1)]


def write_set(root, version="_V2", suffix=".mp4", folder="", mark=b""):
    for name, content in (("_vocab", VOCABULARY), (f"{version}_train", TRAIN), (f"{version}_test", TEST)):
        path = root / folder / f"Diving48{name}.json"
        write_json(path, content)
        path.write_bytes(mark + path.read_bytes())
    for place, video in enumerate(TRAIN + TEST):
        write_counted(root / "rgb" / f"{video['vid_name']}{suffix}", 6 + place)
    return root


@pytest.mark.parametrize(
    ("name", "version", "folder", "mark"),
    [("diving48", "_V2", "", b""), ("diving48", "_V2", "annotations", b"\xef\xbb\xbf"), ("diving48_v1", "", "", b"")],
)
def test_the_vocabulary_names_the_classes_and_whole_files_are_the_videos(tmp_path, name, version, folder, mark):
    dataset = open_dataset(name, write_set(tmp_path, version, folder=folder, mark=mark))
    train = dataset.split("train")
    assert dataset.classes == ("Back 15som 05Twis FREE", "Forward Dive NoTwis PIKE")
    assert [(v.id, v.label, v.frames, v.first) for v in train.videos] == [
        ("-mmq0PT-u8k_00155", 1, 6, None),
        ("a b", 0, 7, None),
    ]
    assert class_names(dataset.split("val")) == ["Forward Dive NoTwis PIKE"]
    assert shown_frames(train, 1) == list(range(7))
    numbers, label = train_frames(dataset, 1)
    assert (numbers, label) == (sorted(numbers), 0)


def test_both_versions_may_lie_in_one_folder(tmp_path):
    write_set(tmp_path)
    write_set(tmp_path, "")
    write_json(tmp_path / "Diving48_train.json", TRAIN[:1])
    assert len(open_dataset("diving48", tmp_path).split("train").videos) == 2
    assert len(open_dataset("diving48_v1", tmp_path).split("train").videos) == 1


def test_videos_may_be_folders_of_pictures(user_set):
    root = write_set(user_set("classes: 2\nformat: diving48\nlayout: frames"), suffix="")
    assert shown_frames(open_dataset("mine", root).split("train"), 1) == list(range(7))


def test_missing_and_broken_videos_are_counted(tmp_path):
    rgb = write_set(tmp_path) / "rgb"
    (rgb / "a b.mp4").unlink()
    (rgb / "-mmq0PT-u8k_00155.mp4").write_bytes(b"")
    train = open_dataset("diving48", tmp_path).split("train")
    assert (train.missing, train.undecodable) == (("a b",), ("-mmq0PT-u8k_00155",))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("_V2_train", '[{"vid_name": "a", "la', "Diving48_V2_train.json is not valid JSON"),
        ("_V2_train", "", "Diving48_V2_train.json is not valid JSON"),
        ("_V2_train", "{}", "Diving48_V2_train.json is not a list of videos"),
        ("_V2_train", "[3]", "Diving48_V2_train.json: entry 0 has no 'vid_name'"),
        ("_V2_train", json.dumps([entry("a", 2)]), "the label 2 of video 'a' is not one of the 2 classes"),
        ("_V2_train", json.dumps([entry("a", "1")]), "the label '1' of video 'a'"),
        ("_V2_train", json.dumps([entry("a", True)]), "the label true of video 'a'"),
        ("_V2_train", json.dumps([entry("c", 0), entry("c", 1)]), "'c' twice"),
        ("_V2_train", json.dumps([entry("../c", 0)]), "lies outside"),
        ("_V2_train", json.dumps([entry("\ud800", 0)]), "half a character"),
        ("_vocab", "[]", "Diving48_vocab.json is not a list of dives"),
        ("_vocab", '[["a"], [3]]', "Diving48_vocab.json does not name dive 1"),
        ("_vocab", '[["a"], ["a"]]', "Diving48_vocab.json names a dive twice"),
        ("_vocab", '[["a"], ["\\ud800"]]', "Diving48_vocab.json does not name dive 1"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, name, text, words):
    write_text(write_set(tmp_path) / f"Diving48{name}.json", text)
    assert words in error_of("diving48", tmp_path)


def test_absent_files_are_named(tmp_path):
    assert "Diving48_V2_train.json and Diving48_vocab.json" in error_of("diving48", tmp_path)
    assert "has no split 'test'" in error_of("diving48", write_set(tmp_path), "test")
    assert ids(open_dataset("diving48", tmp_path).split("val")) == ["c"]
