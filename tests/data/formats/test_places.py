"""What is wrong with a video is told with the annotation file and the line, or the entry of a JSON list."""

import json
import re

import pytest

from tests.data.formats.reading import error_of
from tests.videos import write_counted, write_text

KINETICS = "label,youtube_id,time_start,time_end,split\n"
FRAMES = "original_vido_id video_id frame_id path labels\n"
# format -> (its training list, how a line names a video with number 0, other files)
LISTS = {
    "mmaction2": ("train.txt", "{}.mp4 0\n", {"val.txt": ""}),
    "pyslowfast": ("train.csv", "{}.mp4,0\n", {"val.csv": ""}),
    "pyslowfast_frames": ("train.csv", "{0} 0 0 {0}/00001.jpg 0\n", {"val.csv": ""}),
    "tsm": ("train.txt", "{} 3 0\n", {"val.txt": ""}),
    "deep_analysis": ("train.txt", "{} 1 3 0\n", {"val.txt": ""}),
    "table": ("train.csv", "{}.mp4,a\n", {"val.csv": "path,label\n"}),
    "kinetics": ("train.csv", "a,{},0,10,train\n", {"val.csv": KINETICS}),
    "moments": ("trainingSet.csv", "{}.mp4,a,3,0\n", {"moments_categories.txt": "a,0\nb,1\n"}),
    "something_csv": ("something-something-v1-train.csv", "{};a\n", {"something-something-v1-labels.csv": "a\nb\n"}),
    "hmdb51": ("splits/a_test_split1.txt", "{}.avi 1\n", {"splits/b_test_split1.txt": "z.avi 1\n"}),
}
HEADS = {"table": "path,label\n", "kinetics": KINETICS, "pyslowfast_frames": FRAMES}


def write_list(user_set, kind, videos):
    file, line, others = LISTS[kind]
    layout = "frames" if kind in ("tsm", "deep_analysis", "pyslowfast_frames") else "videos"
    root = user_set(f"classes: 2\nformat: {kind}\nlayout: {layout}\nmedia: v")
    (root / "v").mkdir()
    (root / "20bn-something-something-v1").mkdir()
    for name, text in others.items():
        write_text(root / name, text)
    write_text(root / file, HEADS.get(kind, "") + "".join(line.format(video) for video in videos))
    return root, root / file, 1 + (kind in HEADS)


@pytest.mark.parametrize("kind", LISTS)
def test_a_path_that_leaves_the_data_is_told_with_its_line(user_set, kind):
    root, file, first = write_list(user_set, kind, ["ok", "../../secret"])
    said = error_of("mine", root)
    assert f"({file} line {first + 1}) lies outside" in said


@pytest.mark.parametrize("kind", [kind for kind in LISTS if kind != "pyslowfast_frames"])  # its lines are frames
def test_a_repeated_id_is_told_with_both_lines(user_set, kind):
    root, file, first = write_list(user_set, kind, ["x", "y", "x"])
    said = error_of("mine", root)
    assert re.search(r"names the video 'x(_000000_000010)?' twice", said)
    assert f"in {file} line {first} and line {first + 2};" in said


@pytest.mark.parametrize(("video", "words"), [("../x", "entry 2) lies outside"), ("a", "entry 0 and entry 2;")])
def test_entries_of_json_lists_are_counted_from_0_as_in_other_messages(user_set, video, words):
    root = user_set("classes: 2\nformat: diving48")
    write_text(root / "Diving48_vocab.json", '["x", "y"]')
    entries = [{"vid_name": name, "label": 0, "start_frame": 0, "end_frame": 4} for name in ("a", "b", video)]
    file = write_text(root / "Diving48_train.json", json.dumps(entries))
    said = error_of("mine", root)
    assert words in said
    assert str(file) in said


def test_entries_of_something_something_v2_are_told(user_set):
    root = user_set("classes: 2\nformat: something\nfolder: mine")
    (root / "20bn-something-something-v2").mkdir()
    write_text(root / "labels" / "labels.json", '{"a": "0", "b": "1"}')
    entries = [{"id": name, "template": "[a]"} for name in ("1", "2", "1")]
    file = write_text(root / "labels" / "train.json", json.dumps(entries))
    assert f"in {file} entry 0 and entry 2;" in error_of("mine", root.parent)
    file.write_text(json.dumps([{"id": "../1", "template": "a"}]))
    assert f"({file} entry 0) lies outside" in error_of("mine", root.parent)


def test_two_files_of_one_name_in_a_folder_per_class_are_told_with_both_paths(user_set):
    root = user_set("classes: 2\nformat: class_folders")
    for path in ("train/a/x.mp4", "train/a/x.avi", "train/b/y.mp4", "val/a/z.mp4"):
        write_counted(root / path, 4)
    assert "names the video 'train/a/x' twice, as 'train/a/x.avi' and 'train/a/x.mp4';" in error_of("mine", root)
