"""Plain tables: CSV and JSON lines with path, label, and if wanted split, start and end."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.data.datasets import open_dataset
from tests.data.formats.reading import class_names, error_of, ids, opens_or_refuses, shown_frames, train_frames
from tests.videos import write_counted, write_text

YAML = "classes: 2\nformat: table"
ROWS = [
    {"path": "a/1.mp4", "label": "wave", "split": "train"},
    {"path": "a/-2 (é).mp4", "label": "clap", "split": "Training"},
    {"path": "b/3.mp4", "label": "wave", "split": "validation"},
    {"path": "b/4.mp4", "label": "clap", "split": "val"},
]


def as_csv(rows, end="\n"):
    keys = list(rows[0])
    return end.join([",".join(keys), *(",".join(str(row[key]) for key in keys) for row in rows)]) + end


def as_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_videos(root, suffix=".mp4", folder="videos"):
    for place, row in enumerate(ROWS):
        write_counted(root / folder / f"{row['path'].removesuffix('.mp4')}{suffix}", 12 + place)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("annotations.csv", as_csv(ROWS)),
        ("annotations.csv", "\ufeff" + as_csv(ROWS, "\r\n")),
        ("dataset.jsonl", as_lines(ROWS)),
    ],
)
def test_one_table_gives_both_splits_and_classes_are_sorted(user_set, name, text):
    root = user_set(YAML)
    write_text(root / name, text)
    write_videos(root)
    dataset = open_dataset("mine", root)
    assert dataset.classes == ("clap", "wave")
    assert ids(dataset.split("train")) == ["a/1", "a/-2 (é)"]
    assert class_names(dataset.split("val")) == ["wave", "clap"]
    assert shown_frames(dataset.split("train"), 1) == list(range(13))
    numbers, label = train_frames(dataset, 1)
    assert (numbers, label) == (sorted(numbers), 0)


def test_a_table_per_split_and_test_videos_without_labels(user_set):
    root = user_set(YAML)
    write_text(root / "train.csv", "path,label\nvideos/a/1.mp4,10\n")  # paths from the root
    write_text(root / "val.csv", "path,label\nvideos/b/3.mp4,9\n")
    write_text(root / "test.csv", "path\nvideos/b/4.mp4\n")
    write_videos(root)
    dataset = open_dataset("mine", root)
    assert dataset.classes == ("9", "10")  # numbers by size
    assert [v.label for v in dataset.split("train").videos] == [1]
    assert [(v.id, v.label) for v in dataset.split("test").videos] == [("videos/b/4", None)]


def test_folders_of_pictures_may_be_named_with_or_without_a_suffix(user_set):
    root = user_set(f"{YAML}\nlayout: frames")
    write_text(root / "annotations.csv", as_csv(ROWS))
    write_videos(root, "", "frames")
    assert shown_frames(open_dataset("mine", root).split("train")) == list(range(12))


def test_start_and_end_in_seconds_cut_the_video(user_set):
    root = user_set(YAML)  # 12 frames per second
    text = (
        "path,label,split,start,end\n1.mp4,a,train,0.25,0.75\n1.mp4,b,train,0.75,\n1.mp4,a,val,,0.5\n1.mp4,b,val,9,10\n"
    )
    write_text(root / "annotations.csv", text)
    write_counted(root / "1.mp4", 12)
    dataset = open_dataset("mine", root)
    assert ids(dataset.split("train")) == ["1[0.25-0.75]", "1[0.75-]"]
    assert shown_frames(dataset.split("train"), 0) == [3, 4, 5, 6, 7, 8]
    assert shown_frames(dataset.split("train"), 1) == [9, 10, 11]
    assert shown_frames(dataset.split("val"), 0) == [0, 1, 2, 3, 4, 5]
    assert dataset.split("val").undecodable == ("1[9-10]",)
    assert set(train_frames(dataset, 1)[0]) <= {9, 10, 11}


def test_parts_whose_times_differ_late_in_the_digits_are_different_videos(user_set):
    root = user_set(YAML)
    rows = [
        {"path": "1.mp4", "label": "a", "split": "train", "start": 0, "end": end} for end in (1234567.25, 1234567.5)
    ]
    write_text(root / "annotations.jsonl", as_lines(rows))
    write_counted(root / "1.mp4")
    assert ids(open_dataset("mine", root).split("train")) == ["1[0-1234567.25]", "1[0-1234567.5]"]


def test_seconds_of_a_folder_of_pictures_are_refused(user_set):
    root = user_set(f"{YAML}\nlayout: frames")
    write_text(root / "annotations.csv", "path,label,split,start,end\nd,a,train,0,1\n")
    write_counted(root / "frames" / "d")
    assert "has no frame rate" in error_of("mine", root)


def test_without_a_split_a_fifth_of_each_class_is_held_out_whatever_the_order_of_lines(user_set):
    root = user_set(YAML)
    lines = [f"{name}/{i}.mp4,{name}" for name in "ab" for i in range(10)]
    write_text(root / "annotations.csv", "path,label\n" + "\n".join(lines))
    write_counted(root / "a" / "0.mp4")
    first = open_dataset("mine", root)
    held = {*first.split("val").missing, *ids(first.split("val"))}
    assert sorted(name[0] for name in held) == ["a", "a", "b", "b"]
    assert any("4 of its 20 videos (20 %), some of each class" in remark for remark in first.remarks)
    write_text(root / "annotations.csv", "path,label\n" + "\n".join(reversed(lines)))
    again = open_dataset("mine", root).split("val")
    assert {*again.missing, *ids(again)} == held


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("annotations.csv", "", "annotations.csv has no column 'path'"),
        ("annotations.csv", "path,lable\na,b\n", "annotations.csv has no column 'label' in its first line"),
        ("annotations.csv", "path,label,label\na,b,c\n", "annotations.csv has two columns 'label'"),
        ("annotations.csv", "path,label\na\n", "annotations.csv line 2 has 1 fields; the first line has 2"),
        ("annotations.csv", "path,label\n,b\n", "annotations.csv line 2 has no path"),
        ("annotations.csv", "path,label\na,\n", "annotations.csv line 2 has no label"),
        ("annotations.csv", "path,label,split\na,b,dev\n", "annotations.csv line 2: the split 'dev'"),
        ("annotations.csv", "path,label,split\na,b,val\nc,b,\n", "gives the split of some videos and not of others"),
        ("annotations.csv", "path,label,start\na,b,soon\n", "annotations.csv line 2: start must be seconds"),
        ("annotations.csv", "path,label,start\na,b,nan\n", "annotations.csv line 2: start must be seconds"),
        ("annotations.csv", "path,label,start,end\na,b,2,1\n", "annotations.csv line 2 ends at 1 s, before its start"),
        ("annotations.csv", "path,label,split\n../a,b,train\n", "lies outside"),
        ("annotations.csv", "path,label,split\na,b,train\na,c,train\n", "'a' twice"),
        ("annotations.jsonl", '{"path": "a"\n', "annotations.jsonl line 1 is not valid JSON"),
        ("annotations.jsonl", "\n[1]\n", "annotations.jsonl line 2 is not an object"),
        ("annotations.jsonl", '{"path": 3, "label": "b"}\n', "annotations.jsonl line 1 has no path"),
        ("annotations.jsonl", '{"path": "a", "label": 1.5}\n', "annotations.jsonl line 1 has no label"),
        ("annotations.jsonl", '{"path": "a", "label": ["b", "c"]}\n', "annotations.jsonl line 1 has no label"),
        ("annotations.jsonl", '{"path": "\\ud800", "label": "b"}\n', "annotations.jsonl line 1 is not valid JSON"),
        ("annotations.jsonl", f'{{"path": "a", "label": "b", "end": 1{"0" * 400}}}\n', "line 1: end must be seconds"),
        (
            "annotations.jsonl",
            '{"path": "a", "label": "b"}\n{"path": "c", "label": "b", "label": "c"}\n',
            "annotations.jsonl line 2 is not valid JSON: duplicate key 'label'",
        ),
        ("annotations.jsonl", "[" * 9000, "annotations.jsonl line 1 is not valid JSON"),
    ],
)
def test_a_damaged_table_is_one_sentence(user_set, name, text, words):
    root = user_set(YAML)
    write_text(root / name, text)
    assert words in error_of("mine", root)


def test_absent_tables_are_named(user_set):
    assert "train.csv and annotations.csv" in error_of("mine", user_set(YAML))


@pytest.mark.parametrize(
    ("name", "head", "letters"),
    [
        ("annotations.csv", "path,label,split,start,end\n", 'a/.,"1val\n\r\té\\-'),
        ("annotations.jsonl", "", '{}[]":,path"label1\\u\n'),
    ],
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_text_is_read_or_refused(user_set, name, head, letters, data):
    root = user_set(YAML)
    write_text(root / name, head + data.draw(st.text(st.sampled_from(letters), max_size=40)))
    opens_or_refuses("mine", root)


def test_a_second_table_is_named_with_the_labels_that_disagree(user_set):
    root = user_set(YAML)
    write_text(root / "annotations.jsonl", as_lines(ROWS))
    write_videos(root)
    assert open_dataset("mine", root).remarks == []
    write_text(root / "annotations.csv", as_csv([ROWS[0] | {"label": "clap"}, *ROWS[1:]]))
    write_text(root / "val.csv", "id\n1\n")
    assert open_dataset("mine", root).remarks == [
        "Not read: 2 annotation files ('annotations.jsonl', 'val.csv') beside annotations.csv.",
        "annotations.jsonl gives another class to 1 video ('a/1').",
    ]
