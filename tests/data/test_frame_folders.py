"""Folders of pictures as videos."""

import os
import struct
import zlib

import numpy as np
import pytest

from suite.data import frame_folders
from suite.data.clips import EvalClips
from suite.data.decoding import read_frames
from suite.data.frame_folders import Undecodable, is_frame_folder, pattern_of, read_pictures
from suite.data.manifest import Item
from suite.data.manifest_building import build_manifest
from suite.data.probing import probe
from suite.spec import BadInput
from tests.videos import counted_frames, frame_numbers, write_counted, write_pictures


@pytest.mark.parametrize(
    ("name", "first", "count"),
    [
        ("{:05d}.jpg", 1, 12),
        ("{:06d}.jpg", 0, 12),
        ("img_{:05d}.JPG", 1, 12),
        ("frame{:06d}.jpeg", 0, 5),
        ("{}.jpg", 1, 12),  # 10.jpg comes after 9.jpg
        ("{:02d}.jpg", 95, 12),  # 99.jpg, 100.jpg
        ("v_1_(a) {:04d}.jpg", 7, 3),
    ],
)
def test_frames_come_in_the_order_of_their_numbers(tmp_path, name, first, count):
    folder = write_pictures(tmp_path / "d", counted_frames(count), name, first)
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / ".hidden_00001.jpg").write_bytes(b"x")
    assert probe(folder)[:2] == (count, 0.0)
    frames, backend = read_frames(folder, [count - 1, 0, 0, count // 2])
    assert frame_numbers(frames) == [count - 1, 0, 0, count // 2]
    assert backend == "torchvision"


def test_optical_flow_beside_the_frames_is_left_out(tmp_path):
    folder = write_pictures(tmp_path / "d", counted_frames(4), "img_{:05d}.jpg")
    for axis in "xy":
        write_pictures(folder, counted_frames(3), f"flow_{axis}_{{:05d}}.jpg")
    assert pattern_of(folder).count == 4


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: (d / "00003.jpg").unlink(), r"gap in its 5 pictures: 00003\.jpg is missing"),
        (lambda d: [(d / f"0000{n}.jpg").unlink() for n in (2, 4)], r"gap in its 4 pictures: 00002\.jpg is missing"),
        (lambda d: (d / "00002.jpg").rename(d / "2.jpg"), r"1\.jpg is missing"),
        (lambda d: (d / "00002.jpg").rename(d / "img_00002.jpg"), r"several sequences \(\*\.jpg and img_\*\.jpg\)"),
        (lambda d: [path.unlink() for path in d.iterdir()], "holds no numbered pictures"),
        (lambda d: (d / "00001.jpg").write_bytes(b""), r"00001\.jpg cannot be decoded"),
        (lambda d: (d / "00001.jpg").write_text("no picture"), r"00001\.jpg cannot be decoded"),
    ],
)
def test_a_damaged_folder_is_undecodable_and_the_reason_names_the_picture(tmp_path, change, reason):
    change(write_counted(tmp_path / "d", 6))
    with pytest.raises(Undecodable, match=reason) as error:
        probe(tmp_path / "d")
    assert "\n" not in str(error.value)
    manifest = build_manifest("train", ["a"], [Item("d", "d", "a", 0)], tmp_path)
    assert (manifest.videos, manifest.undecodable) == ((), ("d",))


def test_a_picture_that_breaks_later_is_named_and_counted_by_the_next_start(tmp_path):
    folder = write_counted(tmp_path / "d", 6)
    items = [Item("d", "d", "a", 0)]
    manifest = build_manifest("val", ["a"], items, tmp_path)
    (folder / "00004.jpg").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"'d' was readable.*00004\.jpg cannot be decoded"):
        EvalClips(manifest, 6, 16)[0]
    assert build_manifest("val", ["a"], items, tmp_path).undecodable == ("d",)


def test_pictures_of_two_sizes_are_undecodable(tmp_path):
    folder = write_counted(tmp_path / "d", 2)
    write_pictures(folder, counted_frames(1, 16, 16), first=3)
    with pytest.raises(Undecodable, match=r"00003\.jpg has another size"):
        read_pictures(folder, range(3))


def test_the_fingerprint_changes_with_names_sizes_and_the_first_picture(tmp_path):
    folder = write_counted(tmp_path / "d", 4)
    found = {frame_folders.fingerprint(folder)}
    (folder / "00004.jpg").rename(folder / "00005.jpg")
    found.add(frame_folders.fingerprint(folder))
    whole = (folder / "00001.jpg").read_bytes()
    (folder / "00001.jpg").write_bytes(whole[:-1] + b"\0")
    found.add(frame_folders.fingerprint(folder))
    (folder / "00002.jpg").write_bytes(b"longer")
    found.add(frame_folders.fingerprint(folder))
    assert len(found) == 4


def test_a_folder_without_numbered_pictures_is_no_frame_folder(tmp_path):
    assert not is_frame_folder(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    assert not is_frame_folder(tmp_path)
    assert is_frame_folder(write_counted(tmp_path / "d", 1))


def test_16_bit_pictures_give_the_upper_8_bits(tmp_path):
    values = np.array([[0, 255, 256, 32767], [32768, 40000, 65279, 65535]], ">u2")
    pixels = np.repeat(values[:, :, None], 3, 2)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    (tmp_path / "00001.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 2, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    (frame,) = read_pictures(tmp_path, [0])
    assert frame.dtype == np.uint8
    assert frame.tolist() == (pixels // 256).tolist()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_a_pipe_among_the_pictures_is_a_missing_picture(tmp_path):
    folder = write_counted(tmp_path / "d", 4)
    (folder / "00004.jpg").unlink()
    os.mkfifo(folder / "00004.jpg")
    assert pattern_of(folder).count == 3
    assert len(frame_folders.fingerprint(folder)) == 32
