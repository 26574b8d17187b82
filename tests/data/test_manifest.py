"""Reading Something-Something V2, manifests, their hash and what they refuse."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from suite.data import manifest as manifests
from suite.data.check import check
from suite.data.dataset_info import info, names
from suite.data.datasets import open_dataset
from suite.data.flips import mirrored, swap_sides
from suite.data.index_file import load
from suite.data.manifest import Item
from suite.data.manifest_building import build_manifest
from suite.spec import BadInput
from tests.videos import TEMPLATES, annotation, moving_frames, official_item, write_json, write_ssv2, write_video


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return write_ssv2(tmp_path_factory.mktemp("original"), train=8, val=4, classes=8, test=1)


@pytest.fixture
def data(original, tmp_path, monkeypatch):
    """A copy to damage."""
    monkeypatch.delenv("SUITE_CACHE", raising=False)
    return shutil.copytree(original, tmp_path / "data")


def videos_of(data):
    return data / "something-something-v2" / "20bn-something-something-v2"


def edit(data, part, change):
    path = annotation(data / "something-something-v2", part)
    content = json.loads(path.read_text())
    change(content)
    write_json(path, content)


def test_the_reader_takes_templates_with_brackets_and_numbers_classes_by_the_mini_list(data):
    dataset = open_dataset("mini_ssv2", data)
    train = dataset.split("train")
    assert [video.class_name for video in train.videos] == [t.replace("[", "").replace("]", "") for t in TEMPLATES]
    assert [dataset.classes[video.label] for video in train.videos] == [video.class_name for video in train.videos]
    assert dataset.classes == info("mini_ssv2").class_list
    assert len(dataset.classes) == 87
    assert {video.fps for video in train.videos} == {12.0}
    assert len({video.frames for video in train.videos}) > 4  # uneven, as they are


def test_the_full_set_numbers_classes_as_its_labels_file_does(data):
    dataset = open_dataset("ssv2", data)
    labels = json.loads(annotation(data / "something-something-v2", "labels").read_text())
    assert [int(labels[name]) for name in dataset.classes] == list(range(len(labels)))
    test = dataset.split("test")
    assert [(video.id, video.label) for video in test.videos] == [("2001", None)]


def test_all_layouts_give_the_same_manifest(data, tmp_path):
    reference = open_dataset("mini_ssv2", data).split("train")
    inner = data / "something-something-v2"
    assert open_dataset("mini_ssv2", inner).split("train") == reference  # the folder itself is named
    for part in ("labels", "train", "validation", "test"):
        target = annotation(inner, part, "folder")
        target.parent.mkdir(exist_ok=True)
        annotation(inner, part).rename(target)
    again = open_dataset("mini_ssv2", data).split("train")
    assert again.sha256 == reference.sha256
    moved = shutil.copytree(data, tmp_path / "elsewhere")
    assert open_dataset("mini_ssv2", moved).split("train").sha256 == reference.sha256


def test_videos_outside_the_87_classes_are_left_out(data):
    edit(data, "train", lambda items: items.append(official_item("9", "Closing [something]")))
    assert "9" not in [video.id for video in open_dataset("mini_ssv2", data).split("train").videos]
    assert open_dataset("ssv2", data).split("train").missing == ("9",)


def test_missing_and_undecodable_videos_are_counted_and_refused(data):
    before = open_dataset("mini_ssv2", data).split("train").sha256
    (videos_of(data) / "3.webm").unlink()
    whole = (videos_of(data) / "5.webm").read_bytes()
    (videos_of(data) / "5.webm").write_bytes(whole[:300])  # the header alone
    whole = (videos_of(data) / "6.webm").read_bytes()
    (videos_of(data) / "6.webm").write_bytes(whole[: len(whole) // 2])  # a download that broke off
    (videos_of(data) / "7.webm").write_bytes(b"")
    train = open_dataset("mini_ssv2", data).split("train")
    assert train.missing == ("3",)
    assert train.undecodable == ("5", "6", "7")
    assert [video.id for video in train.videos] == ["1", "2", "4", "8"]  # none stands in for another
    assert train.sha256 != before
    assert train.require(4) is train
    with pytest.raises(BadInput, match=r"1 missing \(3\) and 3 undecodable \(5, 6, 7\).*allow_missing is 3"):
        train.require(3)


def test_check_tells_what_is_there(data):
    (videos_of(data) / "1002.webm").unlink()
    found = check("mini_ssv2", data)
    assert (found["train"], found["val"], found["classes"]) == (8, 3, 87)
    assert (found["missing"], found["undecodable"]) == (["1002"], [])
    assert len(found["manifest_sha256"]) == 64
    assert any("11799" in note for note in found["notes"])


def test_an_unchanged_video_is_not_probed_again_and_a_changed_one_is(data, monkeypatch):
    first = open_dataset("mini_ssv2", data).split("train")
    probed = []
    probe = manifests.Index._probe
    monkeypatch.setattr(manifests.Index, "_probe", lambda self, paths, n: probed.extend(paths) or probe(self, paths, n))
    assert open_dataset("mini_ssv2", data).split("train") == first
    assert probed == []
    write_video(videos_of(data) / "4.webm", moving_frames(7))
    assert open_dataset("mini_ssv2", data).split("train").videos[3].frames == 7
    assert probed == ["4.webm"]


def test_the_index_goes_where_suite_cache_says(data, tmp_path, monkeypatch):
    monkeypatch.setenv("SUITE_CACHE", str(tmp_path / "cache"))
    open_dataset("mini_ssv2", data).split("val")
    assert list((tmp_path / "cache").glob("*.npz"))
    assert not (data / "something-something-v2" / ".suite-cache").exists()


def test_a_damaged_index_is_made_again(data):
    before = open_dataset("mini_ssv2", data).split("val")
    index = data / "something-something-v2" / ".suite-cache" / "videos.npz"
    for content in (
        b"",
        b"no index",
        index.read_bytes()[:-400],
        index.read_bytes().replace(b"1001.webm", b"1002.webm"),
    ):
        index.write_bytes(content)
        assert open_dataset("mini_ssv2", data).split("val") == before


def test_an_index_of_the_older_version_is_taken_over(data, monkeypatch):
    before = open_dataset("mini_ssv2", data).split("val")
    index = data / "something-something-v2" / ".suite-cache" / "videos.npz"
    rows, full = load(index)
    content = {"version": 2, "videos": {path: list(row) for path, row in rows.rows().items()}, "full": full}
    write_json(index.with_suffix(".json"), content)
    index.unlink()
    monkeypatch.setattr(manifests.Index, "_probe", lambda self, paths, threads: pytest.fail("looked into again"))
    assert open_dataset("mini_ssv2", data).split("val") == before
    assert index.is_file()


@pytest.mark.parametrize("video", ["../secret", "/etc/passwd", "a/../../x", "..\\x", "x\0y"])
def test_an_annotation_cannot_name_a_file_outside_the_data(data, video):
    edit(data, "train", lambda items: items.append(official_item(video, TEMPLATES[0])))
    with pytest.raises(BadInput, match="outside"):
        open_dataset("mini_ssv2", data).split("train")


def test_a_link_cannot_lead_outside_the_data_but_the_videos_may_lie_on_another_disk(data, tmp_path):
    shutil.copy(videos_of(data) / "1.webm", tmp_path / "secret.webm")
    os.symlink(tmp_path / "secret.webm", videos_of(data) / "77.webm")
    os.symlink("2.webm", videos_of(data) / "78.webm")
    edit(data, "train", lambda items: items.append(official_item("78", TEMPLATES[0])))
    moved = videos_of(data).rename(tmp_path / "disk")
    videos_of(data).symlink_to(moved)
    assert [v.id for v in open_dataset("mini_ssv2", data).split("train").videos][-1] == "78"
    edit(data, "train", lambda items: items.append(official_item("77", TEMPLATES[0])))
    with pytest.raises(BadInput, match=r"'77'.*outside"):
        open_dataset("mini_ssv2", data).split("train")


def test_ids_may_begin_with_a_dash(tmp_path):
    write_video(tmp_path / "v" / "-mmq0PT.webm", moving_frames(5))
    manifest = build_manifest("train", ["a"], [Item("-mmq0PT", "-mmq0PT.webm", "a", 0)], tmp_path, "v")
    assert [(video.path, video.frames) for video in manifest.videos] == [("v/-mmq0PT.webm", 5)]


@pytest.mark.parametrize(
    ("part", "content", "says"),
    [
        ("train", '[{"id": "1", "templ', "something-something-v2-train.json is not valid JSON"),
        ("train", '{"id": "1"}', "is not a list of videos"),
        ("train", '[{"template": "x"}]', "entry 0 has no 'id'"),
        ("train", '[{"id": "1"}]', "video '1' has no 'template'"),
        ("train", '[{"id": "1", "template": "Juggling [something]"}]', r"Juggling \[something\].*'1'"),
        ("labels", '{"a": "0", "b": "2"}', "does not number its 2 classes from 0 to 1"),
        ("labels", '{"a": "zero"}', "not a number"),
    ],
)
def test_what_is_wrong_in_an_annotation_file_is_said_in_one_sentence(data, part, content, says):
    annotation(data / "something-something-v2", part).write_text(content)
    with pytest.raises(BadInput, match=says) as error:
        open_dataset("mini_ssv2", data).split("train")
    assert "\n" not in str(error.value)


def test_a_video_named_twice_is_refused(data):
    edit(data, "train", lambda items: items.append(items[0]))
    with pytest.raises(BadInput, match="'1' twice"):
        open_dataset("mini_ssv2", data).split("train")


def test_absent_data_are_described(data, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"something-something-v2-labels\.json.*official page.*SUITE_DATA"):
        open_dataset("ssv2", tmp_path / "empty")
    with pytest.raises(BadInput, match="does not exist"):
        open_dataset("ssv2", tmp_path / "nowhere")
    shutil.rmtree(videos_of(data))
    with pytest.raises(BadInput, match="annotations but no videos"):
        open_dataset("mini_ssv2", data)
    annotation(data / "something-something-v2", "validation").unlink()
    videos_of(data).mkdir()
    with pytest.raises(BadInput, match="'val' has no annotation file"):
        open_dataset("mini_ssv2", data).split("val")


def test_sets_are_known_without_their_data(tmp_path):
    assert info("ssv2").expected == {"train": 168_913, "val": 24_777, "test": 27_157}
    assert {name: info(name).num_classes for name in names()}["mini_kinetics"] == 200
    assert info("calib_order@level=easy") == info("calib_order")
    order, mixed = info("calib_order@level=hard"), info("calib_mixed")
    assert (order.chance, order.ceiling_blind, order.ceiling_ordered, len(order.pairs)) == (1 / 8, 1 / 2, 1, 4)
    assert (mixed.num_classes, mixed.ceiling_blind, len(mixed.pairs)) == (16, 1 / 2, 8)
    assert not info("calib_scene").pairs
    with pytest.raises(BadInput, match="did you mean 'mini_ssv2'"):
        info("mini-ssv2")
    with pytest.raises(BadInput, match="no reader"):
        open_dataset("mini_mit", tmp_path)


def test_data_sets_are_named_without_loading_torch_or_a_decoder():
    code = "import sys, suite.data.datasets; print(*{'torch', 'torchvision', 'decord', 'av', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_left_and_right_change_places_under_a_flip():
    classes = (
        "Pulling something from left to right",
        "Pulling something from right to left",
        "Brightly lit",
        "Left turn",
    )
    assert mirrored(classes) == {0: 1, 1: 0, 2: 2, 3: None}
    assert swap_sides("Left and RIGHT") == "Right and LEFT"


def test_gestures_of_jester_that_a_mirror_exchanges_are_exchanged():
    pairs = [("Swiping Left", "Swiping Right"), ("Sliding Two Fingers Left", "Sliding Two Fingers Right")]
    pairs += [("Turning Hand Clockwise", "Turning Hand Counterclockwise")]
    others = ("Thumb Up", "Rolling Hand Forward", "Zooming In With Full Hand", "No gesture")
    classes = (*others, *(name for pair in pairs for name in pair))
    numbers = {name: number for number, name in enumerate(classes)}
    flips = mirrored(classes)
    assert all(flips[numbers[a]] == numbers[b] and flips[numbers[b]] == numbers[a] for a, b in pairs)
    assert all(flips[numbers[name]] == numbers[name] for name in others)


def test_one_sided_classes_of_mini_ssv2_are_never_flipped():
    classes = info("mini_ssv2").class_list
    never = {classes[label] for label, mirror in mirrored(classes).items() if mirror is None}
    assert never == {
        "Pulling something from right to left",
        "Pushing something from left to right",
        "Turning the camera right while filming something",
    }
    assert all(mirror in (None, label) for label, mirror in mirrored(classes).items())
