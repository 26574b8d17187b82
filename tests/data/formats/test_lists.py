"""Lists of MMAction2, PySlowFast, TSM and deep_analysis."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.data.datasets import open_dataset
from tests.data.formats.reading import class_names, error_of, ids, opens_or_refuses, shown_frames, train_frames
from tests.videos import counted_frames, write_counted, write_pictures, write_text

FRAMES = "classes: 3\nlayout: frames\nformat: "
HEADER = "original_vido_id video_id frame_id path labels\n"


@pytest.fixture
def make(user_set):
    """Writes a list as train.txt and val.txt, with the class names beside it."""

    def write(yaml, text, names="wave\nclap\n日本 (!)\n"):
        root = user_set(yaml if "classes" in yaml else f"classes: 3\nformat: {yaml}")
        write_text(root / "train.txt", text)
        write_text(root / "val.txt", text)
        if names:
            write_text(root / "classes.txt", names)
        return root

    return write


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("mmaction2", "some/path/000.mp4 1\n-a b/c+d.mp4 2\n"),
        ("mmaction2", "\ufeffsome/path/000.mp4 1\r\n-a b/c+d.mp4 2\r\n"),
        ("pyslowfast", "some/path/000.mp4 1\n-a b/c+d.mp4 2\n"),
        ("pyslowfast", "some/path/000.mp4,1\n-a b/c+d.mp4,2\n"),
        ("pyslowfast", 'some/path/000.mp4\t1\n"-a b/c+d.mp4"\t2\n'),
    ],
)
def test_labels_are_numbers_and_the_class_file_names_them(make, dialect, text):
    root = make(dialect, text)
    write_counted(root / "videos" / "some/path/000.mp4", 9)
    write_counted(root / "videos" / "-a b/c+d.mp4", 6)
    dataset = open_dataset("mine", root)
    train = dataset.split("train")
    assert ids(train) == ["some/path/000", "-a b/c+d"]
    assert class_names(train) == ["clap", "日本 (!)"]
    assert shown_frames(train) == list(range(9))
    numbers, label = train_frames(dataset, 0)
    assert (numbers, label) == (sorted(numbers), 1)


@pytest.mark.parametrize(
    ("dialect", "text", "picture"),
    [
        ("mmaction2", "a b/c 12 1\nd 8 0\n", "img_{:05d}.jpg"),
        ("tsm", "a b/c 12 1\nd 8 0\n", "{:05d}.jpg"),
        ("tsm", "a b/c 12 1\nd 8 0\n", "{:06d}.jpg"),
        ("deep_analysis", "a b/c 1 12 1\nd 1 8 0\n", "{:05d}.jpg"),
        ("deep_analysis", "a b/c;1;12;1\nd;1;8;0\n", "{}.jpg"),
        ("pyslowfast", "a b/c 1\nd 0\n", "img_{:05d}.jpg"),
    ],
)
def test_folders_of_pictures_are_read_in_order_whatever_their_names(make, dialect, text, picture):
    root = make(FRAMES + dialect, text)
    write_pictures(root / "rawframes" / "a b" / "c", counted_frames(12), picture)
    write_pictures(root / "rawframes" / "d", counted_frames(8), picture)
    train = open_dataset("mine", root).split("train")
    assert [(v.id, v.class_name, v.frames, v.first) for v in train.videos] == [
        ("a b/c", "clap", 12, None),
        ("d", "wave", 8, None),
    ]
    assert shown_frames(train) == list(range(12))


@pytest.mark.parametrize(
    ("dialect", "text"),
    [("mmaction2", "d 3 5 1\nd 10 4 2\n"), ("deep_analysis", "d 4 8 1\nd 11 14 2\n")],
)
def test_parts_of_a_folder_begin_at_their_offset(make, dialect, text):
    root = make(FRAMES + dialect, text)
    write_counted(root / "frames" / "d", 14)
    dataset = open_dataset("mine", root)
    train = dataset.split("train")
    assert [(v.id, v.class_name, v.frames) for v in train.videos] == [("d[3+5]", "clap", 5), ("d[10+4]", "日本 (!)", 4)]
    assert shown_frames(train, 0) == [3, 4, 5, 6, 7]
    assert shown_frames(train, 1) == [10, 11, 12, 13]
    numbers, _ = train_frames(dataset, 1)
    assert set(numbers) <= {10, 11, 12, 13}


def test_parts_of_a_video_begin_at_their_offset(make):
    root = make("deep_analysis", "a.mp4 4 8 1\n")
    write_counted(root / "videos" / "a.mp4", 14)
    assert shown_frames(open_dataset("mine", root).split("train")) == [3, 4, 5, 6, 7]


def test_a_part_beyond_the_last_frame_is_undecodable(make):
    root = make(FRAMES + "mmaction2", "d 10 5 1\n")
    write_counted(root / "frames" / "d", 14)
    assert open_dataset("mine", root).split("train").undecodable == ("d[10+5]",)


def test_a_list_may_name_fewer_frames_than_there_are_but_not_more(make):
    root = make(FRAMES + "tsm", "a 9 1\nb 11 1\n")
    write_counted(root / "frames" / "a", 10)
    write_counted(root / "frames" / "b", 10)
    train = open_dataset("mine", root).split("train")
    assert shown_frames(train) == list(range(9))
    assert train.undecodable == ("b",)


@pytest.mark.parametrize("header", [HEADER, HEADER.replace("vido", "video"), ""])
def test_a_list_of_frames_gives_one_video_per_folder(make, header):
    lines = [f'{v} {n} {i} {v}/{v}-{i + 1:06d}.jpg "{n}"\n' for n, v in enumerate(("a", "b")) for i in range(6)]
    root = make(FRAMES + "pyslowfast_frames", header + "".join(lines))
    for video in ("a", "b"):
        write_pictures(root / "frames" / video, counted_frames(6), video + "-{:06d}.jpg")
    train = open_dataset("mine", root).split("train")
    assert [(v.id, v.class_name, v.frames) for v in train.videos] == [("a", "wave", 6), ("b", "clap", 6)]
    assert shown_frames(train, 1) == list(range(6))


def test_paths_may_begin_at_the_root(make):
    root = make("mmaction2", "videos/a.mp4 1\n")
    write_counted(root / "videos" / "a.mp4")
    assert open_dataset("mine", root).split("train").missing == ()


def test_ids_without_a_suffix_get_that_of_the_yaml(make):
    root = make("classes: 3\nformat: pyslowfast\nsuffix: .webm", "a 1\n")
    write_counted(root / "videos" / "a.webm")
    assert ids(open_dataset("mine", root).split("train")) == ["a"]


def test_classes_without_names_are_called_by_their_numbers(make):
    root = make("mmaction2", "a.mp4 1\n", names="")
    dataset = open_dataset("mine", root)
    assert dataset.classes == ("0", "1")
    assert any("named by their numbers" in remark for remark in dataset.remarks)


def test_the_yaml_may_name_the_classes(make, tmp_path):
    root = make("classes: 2\nformat: mmaction2\nclass_list: mine.txt", "a.mp4 1\n")
    write_text(tmp_path / "experiments" / "datasets" / "mine.txt", "zero\none\n")
    write_counted(root / "a.mp4")
    assert class_names(open_dataset("mine", root).split("train")) == ["one"]


@pytest.mark.parametrize(
    ("dialect", "text", "words"),
    [
        ("mmaction2", "d 163 1 3 5\n", "train.txt line 1 has several labels"),
        ("mmaction2", "a.mp4 1 3\n", "train.txt line 1 has several labels"),
        ("mmaction2", "d 163 1\nd 163 1 2\n", "train.txt line 2 has more or fewer numbers"),
        ("mmaction2", "a.mp4\n", "train.txt line 1 is not 'path label'"),
        ("mmaction2", "a.mp4 3\n", "train.txt line 1 has label 3, but there are 3 class names"),
        ("mmaction2", "d " + "9" * 5000 + " 1\n", "train.txt line 1: the frame number"),
        ("mmaction2", "a.mp4 1\na.mp4 1\n", "'a' twice"),
        ("mmaction2", "../a.mp4 1\n", "lies outside"),
        ("mmaction2", "/a.mp4 1\n", "lies outside"),
        ("pyslowfast", "a.mp4 x\n", "train.txt line 1: the label 'x'"),
        ("pyslowfast", "1\n", "train.txt line 1 is not 'path label'"),
        ("pyslowfast", "a.mp4 1,2\n", "train.txt line 1 has several labels"),
        ("pyslowfast_frames", HEADER + 'a 0 0 a/1.jpg "1,2"\n', "train.txt line 2 has several labels"),
        ("pyslowfast_frames", HEADER + "a 0 0 a/1.jpg\n", "train.txt line 2 is not"),
        ("pyslowfast_frames", HEADER + "a 0 0 1.jpg 1\n", "train.txt line 2 is not"),
        ("pyslowfast_frames", HEADER + "a 0 0 a/1.jpg 1\na 0 1 b/2.jpg 1\n", "line 3: the video 'a' has two folders"),
        ("tsm", "d 1\n", "train.txt line 1 is not 'folder frames label'"),
        ("tsm", "d x 1\n", "train.txt line 1: the number of frames 'x'"),
        ("deep_analysis", "d 0 30 1\n", "train.txt line 1 gives frames 0 to 30"),
        ("deep_analysis", "d 9 8 1\n", "train.txt line 1 gives frames 9 to 8"),
        ("deep_analysis", "d 30 1\n", "train.txt line 1 is not 'folder first-frame last-frame label'"),
    ],
)
def test_a_damaged_list_is_one_sentence(make, dialect, text, words):
    assert words in error_of("mine", make(dialect, text))


def test_a_huge_label_is_refused_before_that_many_classes_are_made(make):
    root = make("mmaction2", "a.mp4 999999999\n", names="")
    assert "train.txt line 1: the label 999999999 is larger" in error_of("mine", root)


def test_class_names_that_occur_twice_are_refused_with_their_line(make):
    assert "classes.txt line 2: the class 1 'a'" in error_of("mine", make("mmaction2", "a.mp4 1\n", names="a\na\n"))


@pytest.mark.parametrize("dialect", ["mmaction2", "pyslowfast", "pyslowfast_frames", "tsm", "deep_analysis"])
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from('a/.mp4 12;,"\n\r\té１\\'), max_size=30))
def test_any_text_is_read_or_refused(make, dialect, text):
    opens_or_refuses("mine", make(dialect, text))


@pytest.mark.parametrize("dialect", ["mmaction2", "pyslowfast", "pyslowfast_frames", "tsm", "deep_analysis"])
def test_a_line_of_blanks_and_letters_takes_no_quadratic_time(make, dialect):
    root = make(dialect, ("a" + " " * 9000 + "b\n") * 20)
    error_of("mine", root)  # would take minutes


def test_a_second_list_is_named_with_the_labels_that_disagree(make):
    root = make("mmaction2", "a.mp4 0\nb.mp4 1\n")
    write_text(root / "train.csv", "a.mp4 1\nb.mp4 1\n")
    write_text(root / "annotations.csv", "path,label\na.mp4,wave\n")
    remarks = open_dataset("mine", root).remarks
    assert any("2 annotation files ('train.csv', 'annotations.csv') beside train.txt" in remark for remark in remarks)
    assert "train.csv gives another class to 1 video ('a')." in remarks


@pytest.mark.parametrize("names", ["1 b\n0 a\n", "b,1\na,0\n", "1\tb\r\n0\ta\r\n\r\n"])
def test_numbers_in_the_class_file_count(make, names):
    root = make("mmaction2", "x.mp4 0\ny.mp4 1\n", names=names)
    assert open_dataset("mine", root).classes == ("a", "b")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("a\n\nb\n", "classes.txt line 2 is blank"),
        ("\na\nb\n", "classes.txt line 1 is blank"),
        ("1 a\n2 b\n", "classes.txt does not number its 2 classes from 0 to 1"),
        ("0 a\n0 b\n", "classes.txt line 2: the class 0 'b' occurs twice"),
    ],
)
def test_a_class_file_that_would_shift_labels_is_refused(make, names, words):
    assert words in error_of("mine", make("mmaction2", "x.mp4 0\n", names=names))


def test_names_of_which_some_begin_with_a_number_are_names(make):
    root = make("mmaction2", "x.mp4 0\n", names="3 steps\nwalk\n")
    assert open_dataset("mine", root).classes == ("3 steps", "walk")
