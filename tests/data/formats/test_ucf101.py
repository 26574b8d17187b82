"""UCF101: three divisions, classes numbered from 1."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.data.datasets import open_dataset
from tests.data.formats.reading import class_names, error_of, ids, opens_or_refuses, shown_frames, train_frames
from tests.videos import write_counted, write_text

LISTS = "ucfTrainTestlist"
VIDEOS = ("YoYo/v_YoYo_g01_c01", "Archery/v_Archery_g08_c01", "YoYo/v_YoYo_g02_c01", "Archery/v_Archery_g09_c01")


def write_set(root, media="UCF-101", suffix=".avi", end="\n", nested=True):
    files = [f"{video}.avi" for video in VIDEOS]
    texts = {
        "classInd": "2 Archery\n1 YoYo\n",  # not in the order of names
        "trainlist01": f"{files[0]} 1\n{files[1]} 2\n",
        "testlist01": f"{files[2]}\n{files[3]}\n",
        "trainlist02": f"{files[2]} 1\n",
        "testlist02": f"{files[0]}\n",
    }
    for name, text in texts.items():
        write_text(root / LISTS / f"{name}.txt", text.replace("\n", end))
    for place, video in enumerate(VIDEOS):
        write_counted(root / media / f"{video if nested else video.partition('/')[2]}{suffix}", 6 + place)
    return root


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_names_follow_the_numbers_of_the_class_file_and_frames_come_in_order(tmp_path, end):
    dataset = open_dataset("ucf101", write_set(tmp_path, end=end))
    train = dataset.split("train")
    assert dataset.classes == ("YoYo", "Archery")
    assert [(v.id, v.label, v.frames) for v in train.videos] == [("v_YoYo_g01_c01", 0, 6), ("v_Archery_g08_c01", 1, 7)]
    assert class_names(dataset.split("val")) == ["YoYo", "Archery"]
    assert shown_frames(train, 1) == list(range(7))
    numbers, label = train_frames(dataset, 1)
    assert (numbers, label) == (sorted(numbers), 1)


def test_split_2_is_another_data_set_of_the_same_videos(tmp_path):
    second = open_dataset("ucf101@split=2", write_set(tmp_path))
    assert ids(second.split("train")) == ["v_YoYo_g02_c01"]
    assert ids(second.split("val")) == ["v_YoYo_g01_c01"]
    assert "trainlist03.txt does not exist" in error_of("ucf101@split=3", tmp_path)


@pytest.mark.parametrize("nested", [True, False])
def test_videos_may_be_folders_of_pictures_with_or_without_a_folder_per_class(user_set, nested):
    root = user_set("classes: 2\nformat: ucf101\nlayout: frames")
    train = open_dataset("mine", write_set(root, "jpegs_256", "", nested=nested)).split("train")
    assert shown_frames(train, 1) == list(range(7))


def test_lists_may_be_separated_by_tabs_and_name_files_with_blanks(tmp_path):
    write_text(write_set(tmp_path) / LISTS / "trainlist01.txt", f"{VIDEOS[0]}.avi\t1\nYoYo/a b.avi 1\n")
    write_counted(tmp_path / "UCF-101" / "YoYo" / "a b.avi")
    assert ids(open_dataset("ucf101", tmp_path).split("train")) == ["v_YoYo_g01_c01", "a b"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("trainlist01", "YoYo/a.avi 2\n", "trainlist01.txt line 1: the label 2 is not that of the class 'YoYo'"),
        ("trainlist01", "YoYo/a.avi x\n", "trainlist01.txt line 1: the label 'x' is not a whole number"),
        ("trainlist01", "\nYoyo/a.avi 1\n", "trainlist01.txt line 2: the class 'Yoyo' is not among those of classInd"),
        ("trainlist01", "a.avi 1\n", "trainlist01.txt line 1"),
        ("trainlist01", "../YoYo/a.avi 1\n", "lies outside"),
        ("trainlist01", "YoYo/a.avi 1\nYoYo/a.avi 1\n", "'a' twice"),
        ("classInd", "0 YoYo\n1 Archery\n", "does not number its 2 classes from 1 to 2"),
        ("classInd", "YoYo\n", "classInd.txt line 1 is not 'number class'"),
        ("classInd", "one YoYo\n", "classInd.txt line 1: the class number 'one'"),
        ("classInd", "1 YoYo\n1 Archery\n", "classInd.txt line 2: the class 1 'Archery' occurs twice"),
        ("classInd", "\r\n", "classInd.txt lists no classes"),
    ],
)
def test_a_damaged_list_is_one_sentence(tmp_path, name, text, words):
    write_text(write_set(tmp_path) / LISTS / f"{name}.txt", text)
    assert words in error_of("ucf101", tmp_path)


def test_what_is_no_video_is_counted_and_not_replaced(tmp_path):
    root = write_set(tmp_path)
    whole = (root / "UCF-101" / f"{VIDEOS[0]}.avi").read_bytes()
    (root / "UCF-101" / f"{VIDEOS[0]}.avi").write_bytes(whole[: len(whole) // 2])
    (root / "UCF-101" / f"{VIDEOS[1]}.avi").unlink()
    train = open_dataset("ucf101", root).split("train")
    assert (train.videos, train.missing, train.undecodable) == ((), ("v_Archery_g08_c01",), ("v_YoYo_g01_c01",))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("YoYo/a.avi 12\n\r\té\\"), max_size=30))
def test_any_text_is_read_or_refused(tmp_path, text):
    write_text(tmp_path / LISTS / "classInd.txt", "1 YoYo\n")
    for name in ("trainlist01", "testlist01"):
        write_text(tmp_path / LISTS / f"{name}.txt", text)
    opens_or_refuses("ucf101", tmp_path)
