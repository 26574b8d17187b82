"""HMDB51: a file per class and division, with 1 for training and 2 for test."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.data.datasets import open_dataset
from tests.data.formats.reading import class_names, error_of, ids, opens_or_refuses, shown_frames, train_frames
from tests.videos import write_counted, write_text

FOLDER = "testTrainMulti_7030_splits"
ODD = "#20_(Rhythm)_Clap!_clap_u_nm_np1_fr_goo_0"
NAMES = {"brush_hair": ("April_09_brush_hair_u_nm_np1_ba_goo_0", "b c"), "clap": (ODD, "-d")}


def write_set(root, media="hmdb51_org", suffix=".avi", end=" \n", folder=FOLDER, nested=True):
    for name, (one, other) in NAMES.items():
        for part, codes in ((1, (1, 2)), (2, (2, 1))):
            lines = f"{one}.avi {codes[0]}{end}{other}.avi {codes[1]}{end}unused.avi 0{end}"
            write_text(root / folder / f"{name}_test_split{part}.txt", lines)
        write_counted(root / media / (name if nested else "") / f"{one}{suffix}", 9)
        write_counted(root / media / (name if nested else "") / f"{other}{suffix}", 5)
    return root


@pytest.mark.parametrize("end", [" \n", " \r\n", "\n"])
def test_classes_are_sorted_and_unused_videos_left_out(tmp_path, end):
    dataset = open_dataset("hmdb51", write_set(tmp_path, end=end))
    assert dataset.classes == ("brush_hair", "clap")
    assert ids(dataset.split("train")) == [NAMES["brush_hair"][0], ODD]
    assert ids(dataset.split("val")) == ["b c", "-d"]
    assert class_names(dataset.split("val")) == ["brush_hair", "clap"]
    assert shown_frames(dataset.split("train"), 1) == list(range(9))
    numbers, label = train_frames(dataset, 1)
    assert (numbers, label) == (sorted(numbers), 1)


def test_split_2_takes_the_files_of_split_2(tmp_path):
    dataset = open_dataset("hmdb51@split=2", write_set(tmp_path, folder="splits"))
    assert ids(dataset.split("train")) == ["b c", "-d"]
    assert "<class>_test_split3.txt" in error_of("hmdb51@split=3", tmp_path)


def test_two_classes_may_have_a_file_of_one_name(tmp_path):
    """Ids of other videos stay their file names."""
    root = write_set(tmp_path)
    for place, name in enumerate(NAMES):
        lists = root / FOLDER / f"{name}_test_split1.txt"
        lists.write_text(lists.read_text() + f"same.avi {place + 1}\n")
        write_counted(root / "hmdb51_org" / name / "same.avi", 6 + place)
    dataset = open_dataset("hmdb51", root)
    assert ids(dataset.split("train")) == [NAMES["brush_hair"][0], "brush_hair/same", ODD]
    assert ids(dataset.split("val")) == ["b c", "-d", "clap/same"]
    assert dataset.split("val").videos[2].frames == 7
    assert dataset.leakage().ids == []


@pytest.mark.parametrize("nested", [True, False])
def test_videos_may_be_folders_of_pictures_with_or_without_a_folder_per_class(user_set, nested):
    root = user_set("classes: 2\nformat: hmdb51\nlayout: frames")
    dataset = open_dataset("mine", write_set(root, "rawframes", "", nested=nested))
    assert shown_frames(dataset.split("val"), 1) == list(range(5))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.avi 3\n", "clap_test_split1.txt line 1 is not 'video 1'"),
        ("a.avi\n", "clap_test_split1.txt line 1 is not"),
        ("\na.avi 1\n1\n", "clap_test_split1.txt line 3 is not"),
        ("a.avi １\n", "clap_test_split1.txt line 1 is not"),
        ("../../a.avi 1\n", "lies outside"),
        ("a.avi 1\na.avi 1\n", "'a' twice"),
        ("a\0 1\n", "is not a text file"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, text, words):
    write_text(write_set(tmp_path) / FOLDER / "clap_test_split1.txt", text)
    assert words in error_of("hmdb51", tmp_path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("a.vi 012\n\r\té/\\"), max_size=30))
def test_any_text_is_read_or_refused(tmp_path, text):
    write_text(tmp_path / FOLDER / "clap_test_split1.txt", text)
    opens_or_refuses("hmdb51", tmp_path)
