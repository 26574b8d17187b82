"""Something-Something V1 and Jester: CSV files with semicolons, folders of pictures."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.data.datasets import open_dataset
from tests.data.formats.reading import class_names, error_of, ids, opens_or_refuses, shown_frames, train_frames
from tests.videos import write_counted, write_text

LABELS = 'Turning something left\nApproaching something\nÉcrire "quelque" chose\n'  # not sorted
SETS = {"ssv1": "something-something-v1", "jester": "jester-v1"}


def write_set(root, name="ssv1", suffix="", end="\n"):
    stem, media = SETS[name], root / f"20bn-{SETS[name]}"
    texts = {
        "labels": LABELS,
        "train": '100218;Approaching something\n7;Turning something left\n-8;Écrire "quelque" chose\n',
        "validation": "9;Turning something left\n",
        "test": "10\n",
    }
    for part, text in texts.items():
        write_text(root / f"{stem}-{part}.csv", text.replace("\n", end))
    for video, frames in (("100218", 12), ("7", 10), ("-8", 5), ("9", 4), ("10", 3)):
        write_counted(media / f"{video}{suffix}", frames)
    return root


@pytest.mark.parametrize(("name", "end"), [("ssv1", "\n"), ("jester", "\r\n")])
def test_classes_are_numbered_in_the_order_of_the_labels_file_and_frames_come_in_order(tmp_path, name, end):
    dataset = open_dataset(name, write_set(tmp_path, name, end=end))
    train = dataset.split("train")
    assert dataset.classes == tuple(LABELS.splitlines())
    assert ids(train) == ["100218", "7", "-8"]
    assert [video.label for video in train.videos] == [1, 0, 2]
    assert [video.frames for video in train.videos] == [12, 10, 5]
    assert shown_frames(train) == list(range(12))
    numbers, _ = train_frames(dataset, 2)
    assert numbers == sorted(numbers)
    assert max(numbers) <= 4
    assert [(v.id, v.label) for v in dataset.split("test").videos] == [("10", None)]


def test_the_set_may_be_in_its_folder_and_may_begin_with_a_byte_order_mark(tmp_path):
    base = write_set(tmp_path / "something-something-v1")
    for path in base.glob("*.csv"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert ids(open_dataset("ssv1", tmp_path).split("train")) == ["100218", "7", "-8"]


def test_videos_may_be_files(tmp_path, user_set):
    root = user_set("classes: 3\nformat: something_csv")
    dataset = open_dataset("mine", write_set(root, suffix=".webm"))
    assert shown_frames(dataset.split("train"), 1) == list(range(10))
    assert class_names(dataset.split("val")) == ["Turning something left"]


def test_missing_and_incomplete_folders_are_counted(tmp_path):
    media = write_set(tmp_path) / "20bn-something-something-v1"
    (media / "7" / "00004.jpg").unlink()
    (media / "100218").rename(tmp_path / "elsewhere")
    train = open_dataset("ssv1", tmp_path).split("train")
    assert (train.missing, train.undecodable, ids(train)) == (("100218",), ("7",), ["-8"])


@pytest.mark.parametrize(
    ("part", "text", "words"),
    [
        ("train", "7,Approaching something\n", "train.csv line 1 is not 'id;class'"),
        ("train", "7;Approaching something\n\n8;Juggling\n", "train.csv line 3: the class 'Juggling'"),
        ("train", ";Approaching something\n", "train.csv line 1"),
        ("train", "7;Approaching something\n7;Approaching something\n", "'7' twice"),
        ("train", "../7;Approaching something\n", "lies outside"),
        ("train", "/etc/passwd;Approaching something\n", "lies outside"),
        ("train", "7;App\0roaching\n", "is not a text file"),
        ("train", "7;" + "x" * 20_000, "train.csv line 1 has 20,002 characters"),
        ("labels", "", "labels.csv lists no classes"),
        ("labels", "a\nb\na\n", "labels.csv line 3: the class 2 'a' occurs twice"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, part, text, words):
    write_text(write_set(tmp_path) / f"something-something-v1-{part}.csv", text)
    assert words in error_of("ssv1", tmp_path)


def test_a_binary_file_is_one_sentence(tmp_path):
    (write_set(tmp_path) / "something-something-v1-train.csv").write_bytes(b"\xff\xd8\xff\xe0")
    assert "train.csv is not UTF-8 text" in error_of("ssv1", tmp_path)


def test_absent_files_are_named(tmp_path):
    assert "something-something-v1-labels.csv" in error_of("ssv1", tmp_path)
    write_text(tmp_path / "something-something-v1-labels.csv", LABELS)
    assert "has annotations but no folder 20bn-something-something-v1" in error_of("ssv1", tmp_path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from('7;/.A" ,\n\r\té\x0b\u2028'), max_size=30))
def test_any_text_is_read_or_refused(tmp_path, text):
    (tmp_path / "20bn-something-something-v1").mkdir(exist_ok=True)
    write_text(tmp_path / "something-something-v1-labels.csv", "A\n7\n")
    for part in ("train", "validation"):
        write_text(tmp_path / f"something-something-v1-{part}.csv", text)
    opens_or_refuses("ssv1", tmp_path)
