"""Parts of a data set, chosen by rule: the same on every machine, and a smaller part lies in a larger one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.data.adding import add_dataset
from suite.data.dataset_info import info
from suite.data.datasets import open_dataset
from suite.data.manifest import Item
from suite.data.subsets import Subset, parse_subset
from suite.spec import BadInput
from tests.videos import moving_frames, write_video

CLASSES = tuple(f"class {number}" for number in range(40))


@given(st.integers(2, 40), st.integers(0, 38), st.integers(0, 5))
def test_a_smaller_part_lies_in_a_larger_one_with_the_same_seed(many, fewer, seed):
    small, large = max(2, many - fewer), many
    chosen = [Subset(classes=count, seed=seed).choose(CLASSES) for count in (small, large)]
    assert set(chosen[0]) <= set(chosen[1])
    assert [len(part) for part in chosen] == [small, large]
    assert [CLASSES.index(name) for name in chosen[1]] == sorted(CLASSES.index(name) for name in chosen[1])


def test_another_seed_is_another_half():
    assert Subset(classes=-1).choose(CLASSES) != Subset(classes=-1, seed=1).choose(CLASSES)
    assert len(Subset(classes=-1).choose(CLASSES)) == 20


def test_every_class_keeps_as_many_videos_as_are_asked_for():
    items = [Item(f"{name}/{number}", f"{name}/{number}.mp4", name, 0) for name in "ab" for number in range(9)]
    kept = Subset(videos=4).thin(items)
    assert [item.class_name for item in kept] == ["a"] * 4 + ["b"] * 4
    assert kept == [item for item in items if item in kept]
    assert set(kept) <= set(Subset(videos=5).thin(items))
    assert Subset(videos=99).thin(items) == items


def test_the_name_of_a_part_has_one_spelling():
    names = ("kinetics400@seed=2@classes=100", "kinetics400@classes=100@seed=2")
    assert {info(name).name for name in names} == {"kinetics400@classes=100@seed=2"}
    assert info("kinetics400@classes=100@seed=0").name == "kinetics400@classes=100"
    assert info("ucf101@split=2@videos=10").name == "ucf101@split=2@videos=10"
    assert parse_subset("ucf101@split=2") == ("ucf101@split=2", None)


def test_a_part_knows_its_classes_and_claims_no_size_of_the_whole():
    part = info("kinetics400@classes=100")
    assert (part.num_classes, part.chance) == (100, 1 / 100)
    assert part.title == "Kinetics-400 (100 of 400 classes)"
    assert set(part.expected.values()) == {None}
    assert info("hmdb51@videos=10").expected["val"] == info("hmdb51").expected["val"]


@pytest.mark.parametrize(
    "name",
    [
        *("ssv2@classes=1", "ssv2@classes=175", "ssv2@classes=half@classes=2", "ssv2@classes=x", "ssv2@classes="),
        *("ssv2@videos=0", "ssv2@seed=1", "ssv2@videos=1@seed=-1", "ssv2@test=0"),
        *("ssv2@class=2", "nothing@classes=2", "ssv2@videos=" + "9" * 99),
    ],
)
def test_a_part_that_cannot_be_is_one_sentence(name):
    with pytest.raises(BadInput) as caught:
        info(name)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_part_is_opened_with_its_classes_and_its_videos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate(["run", "jump", "sit"]):
        for number in range(5):
            frames = moving_frames(3, 32, 32, 10 * place + number)
            write_video(tmp_path / "videos" / name / f"{number}.mp4", frames, codec="libx264")
    add_dataset("mine", tmp_path / "videos")
    whole, part = (open_dataset(name, tmp_path) for name in ("mine", "mine@classes=2@videos=2"))
    assert len(part.classes) == 2
    assert set(part.classes) < set(whole.classes)
    train, val = part.split("train"), part.split("val")
    assert sorted(video.label for video in train.videos) == [0, 0, 1, 1]
    assert {video.id for video in val.videos} == {
        v.id for v in whole.split("val").videos if v.class_name in part.classes
    }
    assert all(part.classes[video.label] == video.class_name for video in (*train.videos, *val.videos))
    assert train.sha256 != whole.split("train").sha256
