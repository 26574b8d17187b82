"""Videos are known by their content: fingerprints, what the index notices, shared videos, full checks."""

import json
import os
import shutil

import pytest

from suite.data import index as indexing
from suite.data.check import check
from suite.data.datasets import open_dataset
from suite.data.index import BLOCK, fingerprint
from suite.data.leakage import duplicates, find_leakage
from suite.data.manifest import Manifest, Video, mark_undecodable
from suite.data.synthetic import synthesize
from suite.spec import BadInput, file_sha256
from tests.videos import annotation, moving_frames, write_json, write_ssv2, write_video


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Six training and four validation videos of twelve frames each, padded to one size."""
    root = write_ssv2(tmp_path_factory.mktemp("original"), train=6, val=4, lengths=(12, 12))
    files = sorted(root.rglob("*.webm"))
    size = max(file.stat().st_size for file in files)
    for file in files:
        file.write_bytes(file.read_bytes().ljust(size, b"\0"))
    return root


@pytest.fixture
def data(original, tmp_path, monkeypatch):
    """A copy to change."""
    monkeypatch.delenv("SUITE_CACHE", raising=False)
    return shutil.copytree(original, tmp_path / "data")


@pytest.fixture
def probed(monkeypatch):
    """Names of files whose frames were counted."""
    from suite.data import probing

    names, probe = [], probing.probe
    monkeypatch.setattr(probing, "probe", lambda path: names.append(path.name) or probe(path))
    return names


def file_of(data, video):
    return data / "something-something-v2" / "20bn-something-something-v2" / f"{video}.webm"


def split(data, name="train"):
    return open_dataset("mini_ssv2", data).split(name)


def rewrite(path, content):
    """Puts other bytes into a file, as many as before, and its clock back."""
    times = os.stat(path)
    with open(path, "r+b") as file:
        file.write(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (os.stat(path).st_size, os.stat(path).st_mtime_ns) == (times.st_size, times.st_mtime_ns)


# --- the manifest's hash ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["written into the files", "files renamed"])
def test_exchanging_two_videos_of_one_size_length_and_time_changes_the_hash(data, how):
    first, second = file_of(data, 1), file_of(data, 2)
    for file in (first, second):
        os.utime(file, ns=(10**18, 10**18))
    before = split(data)
    if how == "files renamed":
        first.rename(data / "aside")
        second.rename(first)
        (data / "aside").rename(second)
    else:
        one, two = first.read_bytes(), second.read_bytes()
        rewrite(first, two)
        rewrite(second, one)
    after = split(data)
    assert after.sha256 != before.sha256
    assert after.content_sha256 != before.content_sha256
    assert after.list_sha256 == before.list_sha256  # ids, labels and lengths are the same
    assert not after.matches(before.sha256)


def test_a_copy_of_a_data_set_has_its_hash_and_its_frames_are_not_counted_again(data, tmp_path, probed):
    before = split(data)
    assert len(probed) == 6
    copy = shutil.copytree(data, tmp_path / "copy")  # with times, and the index
    assert split(copy).sha256 == before.sha256
    assert len(probed) == 6


def test_a_video_that_was_repaired_in_its_middle_is_counted_again(data, probed):
    dataset = open_dataset("mini_ssv2", data)
    manifest = dataset.split("train")
    mark_undecodable(manifest, manifest.videos[0])
    assert split(data).undecodable == ("1",)
    file_of(data, 1).touch()
    assert split(data).undecodable == ()


def test_hashes_of_results_from_before_fingerprints_are_recognised():
    videos = (Video("1", "v/1.webm", "a", 0, 12, 12.0), Video("2", "v/2.webm", None, None, 30, 29.97003))
    manifest = Manifest("val", ("a", "b"), videos, ("3",), ("4",))
    # as the commit before fingerprints hashed it
    of_scheme_1 = "335e56c9bc6d7e472488a8011f604f9a26c2c50964a5041a9297f97f912429f0"
    assert manifest.list_sha256 == of_scheme_1
    assert manifest.matches(of_scheme_1)
    assert manifest.matches(manifest.sha256)
    assert not manifest.matches(None)
    assert manifest.content_sha256 is None  # no fingerprint was taken: nothing is said of the content


@pytest.mark.parametrize("size", [1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1, 5 * BLOCK])
def test_a_fingerprint_sees_the_size_and_both_ends_of_a_file(tmp_path, size):
    path = tmp_path / "video"
    content = bytes(i % 251 for i in range(size))

    def of(changed):
        path.write_bytes(changed)
        return fingerprint(path), file_sha256(path)

    before = of(content)
    places = {0, min(BLOCK, size) - 1, max(0, size - BLOCK), size - 1}
    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= 1
        assert of(flipped)[0] != before[0], place
    assert of(content + b"x")[0] != before[0]
    assert of(content[:-1])[0] != before[0]
    middle = bytearray(content)
    middle[size // 2] ^= 1
    short, whole = of(middle)
    assert (short == before[0]) == (size > 2 * BLOCK)  # what only a full hash sees
    assert whole != before[1]


@pytest.mark.slow
def test_a_calibrated_set_made_twice_has_one_hash_and_shares_no_video(tmp_path):
    made = []
    for place in ("a", "b"):
        synthesize("calib_scene", tmp_path / place, {"train": 8, "val": 8})
        made.append(open_dataset("calib_scene", tmp_path / place))
    for name in ("train", "val"):
        assert made[0].split(name).sha256 == made[1].split(name).sha256
        assert duplicates(made[0].split(name)) == 0
    assert made[0].leakage().ids == []


# --- full hashes --------------------------------------------------------------------------------------------------


def test_a_full_check_names_the_videos_whose_bytes_changed_since_the_last_one(data):
    padded = file_of(data, 3).read_bytes() + bytes(3 * BLOCK)
    file_of(data, 3).write_bytes(padded)
    first = check("mini_ssv2", data, full=True)
    assert first["changed"] is None
    assert check("mini_ssv2", data, full=True)["changed"] == []
    middle = bytearray(padded)
    middle[len(padded) // 2] ^= 1
    rewrite(file_of(data, 3), middle)
    again = check("mini_ssv2", data, full=True)
    assert again["manifest_sha256"] == first["manifest_sha256"]  # a fingerprint reads the ends alone
    assert again["changed"] == ["3"]
    assert again["full_sha256"]["train"] != first["full_sha256"]["train"]
    assert again["full_sha256"]["val"] == first["full_sha256"]["val"]


def test_an_index_that_cannot_be_kept_costs_time_alone(data, monkeypatch):
    before = split(data)
    monkeypatch.setattr(indexing.os, "replace", lambda *paths: (_ for _ in ()).throw(OSError("disk full")))
    write_video(file_of(data, 1), moving_frames(9))
    assert split(data).videos[0].frames == 9
    assert split(data).sha256 != before.sha256


# --- shared videos ------------------------------------------------------------------------------------------------


def videos(*facts):
    return tuple(Video(name, path, "a", 0, 12, 12.0, content) for name, path, content in facts)


@pytest.mark.parametrize(
    ("val", "by_id", "by_content", "same_id_only"),
    [
        (("1", "train/1", "x"), ("1",), (), ()),  # the same file
        (("1", "train/1", ""), ("1",), (), ()),
        (("1", "val/1", "x"), ("1",), (), ()),  # a copy under its own id
        (("9", "val/9", "x"), (), (("9", "1"),), ()),  # a copy under another id
        (("9", "train/1", "x"), (), (("9", "1"),), ()),  # one file under two ids
        (("1", "val/1", "z"), (), (), ("1",)),  # both splits count from 1
        (("2", "val/2", "x"), (), (("2", "1"),), ("2",)),  # they do, and one is a copy
        (("9", "val/9", "z"), (), (), ()),
        (("9", "val/9", ""), (), (), ()),  # unknown content is no content
    ],
)
def test_a_video_is_shared_where_its_file_or_content_is(val, by_id, by_content, same_id_only):
    train = Manifest("train", ("a",), videos(("1", "train/1", "x"), ("2", "train/2", "y"), ("3", "train/3", "")))
    found = find_leakage(train, Manifest("val", ("a",), videos(val)))
    assert (found.by_id, found.by_content, found.same_id_only) == (by_id, by_content, same_id_only)


def test_no_video_counts_twice_and_the_limit_is_a_limit():
    train = Manifest("train", ("a",), videos(("1", "t/1", "x"), ("2", "t/2", "y")))
    val = Manifest("val", ("a",), videos(("1", "t/1", "x"), ("2", "t/2", "y"), ("7", "v/7", "y"), ("8", "v/8", "z")))
    found = find_leakage(train, val)
    assert found.ids == ["1", "2", "7"]
    assert found.counts == {"by_id": 2, "by_content": 1}
    found.require(3, "set")
    with pytest.raises(BadInput, match=r"3 of 4 validation videos.*by id: 2, by content: 1; 1, 2, 7 = 2.*is 2;"):
        found.require(2, "set")
    assert duplicates(val) == 1


def test_check_lists_shared_videos_and_notes_duplicates(data):
    base = data / "something-something-v2"
    items = {part: json.loads(annotation(base, part).read_text()) for part in ("train", "validation")}
    write_json(annotation(base, "validation"), [*items["validation"], items["train"][1]])
    shutil.copy(file_of(data, 3), file_of(data, 1001))
    shutil.copy(file_of(data, 1002), file_of(data, 1003))
    found = check("mini_ssv2", data)
    assert found["leakage"] == ["2", "1001"]
    assert found["duplicates"] == {"train": 0, "val": 1}
    notes = " ".join(found["notes"])
    assert "2 of 5 validation videos also occur in the training split (by id: 1, by content: 1; 2, 1001 = 3)." in notes
    assert "Split 'val': 1 of 5 videos repeat the content of an earlier one." in notes
