"""`suite data check`: every video that something is wrong with is named, with what is wrong."""

import csv
import os
import re
import sys

import av
import pytest

from suite.__main__ import main
from suite.data import decode_check
from suite.data.adding import add_dataset
from suite.data.check import check
from suite.data.datasets import open_dataset
from suite.data.probing import probe
from suite.data.sample_check import undecodable_in_sample
from tests.videos import moving_frames, write_video


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A data set of 2 x 6 videos of 10 frames in `train` and 2 x 2 in `val`."""
    monkeypatch.chdir(tmp_path)
    seed = 0
    for split, videos in (("train", 6), ("val", 2)):
        for name in ("a", "b"):
            for number in range(videos):
                seed += 1
                path = tmp_path / "videos" / split / name / f"{split}{number}.mp4"
                write_video(path, moving_frames(10, 64, 64, seed), codec="libx264")
    add_dataset("mine", tmp_path / "videos")
    return tmp_path / "videos"


def problems(found):
    return {(problem["id"], problem["problem"].partition(":")[0]) for problem in found["problems"]}


def test_a_sound_data_set_has_no_problem(mine):
    found = check("mine", mine.parent, full=True)
    assert found["problems"] == []
    assert found["classes_without"] == []
    assert (found["truncated"], found["too_short"]) == ([], [])


def test_empty_truncated_and_foreign_files_are_named_with_the_reason(mine):
    (mine / "train" / "a" / "train0.mp4").write_bytes(b"")
    (mine / "train" / "a" / "train1.mp4").write_text("not a video")
    found = check("mine", mine.parent)
    reasons = {problem["id"]: problem["problem"] for problem in found["problems"]}
    assert reasons["train/a/train0"] == "undecodable: the file is empty"
    assert "cannot be decoded" in reasons["train/a/train1"]
    assert set(found["undecodable"]) == set(reasons)


def test_a_video_that_breaks_in_its_middle_is_found_by_the_full_check_alone(mine):
    path = write_video(mine / "train" / "b" / "train0.mp4", moving_frames(60, 128, 128, 99), codec="libx264")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    assert check("mine", mine.parent)["problems"] == []
    found = check("mine", mine.parent, full=True)
    assert found["undecodable"] == ["train/b/train0"]
    assert found["problems"][0]["problem"].startswith("undecodable: frame ")


def test_videos_shorter_than_a_clip_are_counted_and_are_no_error(mine, monkeypatch, capsys):
    found = check("mine", mine.parent, frames=16)
    assert len(found["too_short"]) == 16
    monkeypatch.setattr(sys, "argv", ["suite", "data", "check", "mine", "--frames", "16"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert "too_short: 16 (" in capsys.readouterr().out


def test_a_class_without_a_validation_video_is_named(mine):
    for path in (mine / "val" / "b").iterdir():
        path.unlink()
    assert check("mine", mine.parent)["classes_without"] == ["b"]


def test_a_full_check_decodes_no_file_twice(mine, monkeypatch):
    check("mine", mine.parent, full=True)
    decoded, whole = [], decode_check.decode_whole
    monkeypatch.setattr(decode_check, "decode_whole", lambda path: decoded.append(path.name) or whole(path))
    check("mine", mine.parent, full=True)
    assert decoded == []
    write_video(mine / "val" / "a" / "val0.mp4", moving_frames(12, 64, 64, 77), codec="libx264")
    check("mine", mine.parent, full=True)
    assert decoded == ["val0.mp4"]


def test_an_interrupted_full_check_goes_on_where_it_stopped(mine, monkeypatch):
    def stop(done, of):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("mine", mine.parent, full=True, progress=stop)
    decoded, whole = [], decode_check.decode_whole
    monkeypatch.setattr(decode_check, "decode_whole", lambda path: decoded.append(path.name) or whole(path))
    check("mine", mine.parent, full=True)
    assert len(decoded) == 16 - 5


def test_the_csv_file_has_a_line_per_problem(mine, monkeypatch, capsys):
    (mine / "train" / "a" / "train0.mp4").write_bytes(b"")
    monkeypatch.setattr(sys, "argv", ["suite", "data", "check", "mine", "--csv", "problems.csv"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    with open("problems.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["split", "id", "path", "problem"],
        ["train", "train/a/train0", "train/a/train0.mp4", "undecodable: the file is empty"],
    ]
    assert "undecodable: 1 (train/a/train0)" in capsys.readouterr().out


def test_a_pipe_with_the_name_of_a_video_is_not_opened(mine):
    for full in (False, True):
        (mine / "train" / "a" / "train0.mp4").unlink()
        os.mkfifo(mine / "train" / "a" / "train0.mp4")
        found = check("mine", mine.parent, full=full)
        assert [problem["problem"] for problem in found["problems"]] == ["undecodable: is not a regular file"]


def test_damage_that_ffmpeg_conceals_is_told_by_the_full_check(mine):
    path = write_video(mine / "train" / "b" / "train0.mp4", moving_frames(30, 128, 128, 99), codec="libx264")
    with av.open(str(path)) as source:
        first = next(source.demux())
    content = bytearray(path.read_bytes())
    place = first.pos + first.size // 2
    content[place : place + 16] = bytes(byte ^ 0x55 for byte in content[place : place + 16])
    path.write_bytes(content)
    found = check("mine", mine.parent, full=True)
    assert (found["damaged"], found["undecodable"]) == (["train/b/train0"], [])
    assert re.match(r"decoded with errors: [0-9]+ of its 30 frames are damaged$", found["problems"][0]["problem"])
    assert undecodable_in_sample(open_dataset("mine", mine.parent).split("train"))[1] == {}, "a sweep does not stop"


@pytest.mark.parametrize(("kept", "reason"), [(0, "has 9 of its 10 frames"), (1, "frame 9 is cut off")])
def test_a_file_that_lost_only_its_last_frame_is_truncated(mine, kept, reason):
    path = mine / "val" / "a" / "val0.mp4"
    front = mine / "front.mp4"
    with av.open(str(path)) as source, av.open(str(front), "w", options={"movflags": "faststart"}) as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copy
                out.mux(packet)
    with av.open(str(front)) as source:
        last = max((packet.pos, packet.size) for packet in source.demux() if packet.size)
    path.write_bytes(front.read_bytes()[: last[0] + kept * last[1] // 2])
    found = check("mine", mine.parent)
    assert (found["truncated"], found["undecodable"]) == (["val/a/val0"], ["val/a/val0"])
    assert reason in found["problems"][0]["problem"]


def test_a_file_whose_edit_list_leaves_out_its_beginning_is_whole(mine):
    path = mine / "val" / "a" / "val0.mp4"
    cut = mine / "cut.mp4"
    with av.open(str(path)) as source, av.open(str(cut), "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                shift = round(4 / 12 / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = copy
                out.mux(packet)
    os.replace(cut, path)
    assert probe(path)[0] == 6
    assert check("mine", mine.parent, full=True, frames=4)["problems"] == []
