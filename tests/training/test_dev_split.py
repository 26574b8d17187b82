"""Videos held out for selection."""

import json
from dataclasses import replace

import pytest

from suite.data.datasets import open_dataset
from suite.data.manifest import Manifest, Video, hold_out
from suite.spec import BadInput, load_protocol
from suite.training import run as running
from suite.training import tester
from tests.training.builders import run_spec, train


def manifest_of(counts):
    videos = [
        Video(f"{label}-{i}", f"{label}-{i}.mp4", f"class {label}", label, 30, 12.0)
        for label, count in counts.items()
        for i in range(count)
    ]
    return Manifest("train", tuple(f"class {label}" for label in counts), tuple(videos), missing=("lost",))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.25, 0.9])
def test_dev_takes_its_share_of_every_class_and_leaves_each_some(share):
    counts = {0: 400, 1: 11, 2: 2, 3: 1}
    manifest = manifest_of(counts)
    stay, dev = hold_out(manifest, share)
    assert {v.id for v in stay.videos} | {v.id for v in dev.videos} == {v.id for v in manifest.videos}
    assert len(stay.videos) + len(dev.videos) == len(manifest.videos)
    held = [sum(v.label == label for v in dev.videos) for label in counts]
    assert held == [round(400 * share), min(10, max(1, int(11 * share + 0.5))), 1, 0]
    assert (stay.split, dev.split, stay.missing, dev.missing) == ("train", "dev", ("lost",), ())
    for part in (stay, dev):  # in the order of the manifest
        assert [v for v in manifest.videos if v in part.videos] == list(part.videos)


def test_which_videos_are_held_out_depends_on_their_ids_and_their_class_alone():
    def held(manifest):
        return {v.id for v in hold_out(manifest, 0.25)[1].videos}

    manifest = manifest_of({0: 40, 1: 20})
    assert held(manifest) == held(replace(manifest, videos=manifest.videos[::-1]))
    assert held(manifest) == {i for i in held(manifest_of({0: 40, 1: 20, 2: 30})) if i[0] != "2"}
    assert held(manifest) == {i for i in held(manifest_of({0: 40, 1: 24})) if i[0] == "0"} | {
        i for i in held(manifest) if i[0] == "1"
    }
    grown = held(manifest_of({0: 44, 1: 20}))
    assert len(held(manifest) - grown) <= 3  # the order of a class stands; a few newcomers come before old ones
    with pytest.raises(BadInput, match="No class of split 'train' has two videos"):
        hold_out(manifest_of({0: 1, 1: 1}), 0.5)


@pytest.fixture
def seen(monkeypatch):
    """Ids of the videos that training and tests read, in order."""
    ids = {"train": [], "test": []}

    def spy(kind, name):
        class Spy(kind):
            def __getitem__(self, item):
                ids[name].append(self.manifest.videos[item[1] if name == "train" else item].id)
                return super().__getitem__(item)

        return Spy

    monkeypatch.setattr(running, "TrainClips", spy(running.TrainClips, "train"))
    monkeypatch.setattr(tester, "EvalClips", spy(tester.EvalClips, "test"))
    return ids


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_no_held_out_video_is_trained_on_and_the_curve_is_on_them_alone(data, tmp_path, seen, seed):
    folder = train(tmp_path, data, run_spec(seed=seed, dev=0.25, **{"evaluation.every_epochs": 1}))
    dataset = open_dataset("calib_order", data)
    whole, val = dataset.split("train"), dataset.split("val")
    stay, dev = hold_out(whole, 0.25)
    dev_ids, val_ids = [v.id for v in dev.videos], [v.id for v in val.videos]
    assert len(dev_ids) == 8
    assert set(seen["train"]) == {v.id for v in stay.videos}
    assert len(seen["train"]) == 2 * 3 * 8  # 24 videos, in batches of 8: three steps an epoch where there were four
    assert seen["test"] == dev_ids + dev_ids + val_ids
    result, provenance = folder.result(), json.loads(folder.provenance.read_text())
    curve = [line["dev_top1"] for line in folder.read_history()]
    assert not any("val_top1" in line for line in folder.read_history())
    assert (result["dev_top1"], "selected_epoch" in result, "best_top1" in result) == (curve[-1], False, False)
    assert result["dev"] == provenance["data"]["dev"] == {"videos": 8, "sha256": dev.sha256}  # of every seed
    assert result["manifests"] == {"train": whole.sha256, "val": val.sha256}


@pytest.mark.slow
def test_without_a_curve_the_last_weights_are_scored_on_dev_once(data, tmp_path, seen):
    folder = train(tmp_path, data, run_spec(dev=0.25, epochs=0))
    assert len(seen["test"]) == 16 + 8
    assert "dev_top1" in folder.result()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"selection": "best"}, "needs dev above 0"),
        ({"selection": "best", "dev": 0.1}, "evaluation.every_epochs above 0"),
        ({"dev": 1.0}, "dev"),
        ({"dev": -0.1}, "dev"),
        ({"selection": "first"}, "selection"),
        ({"tuning": -1}, "tuning"),
    ],
)
def test_a_selection_without_what_it_needs_is_one_sentence(changes, words):
    with pytest.raises(BadInput, match=words) as caught:
        load_protocol("smoke").stage(False, changes)
    assert "\n" not in str(caught.value)


def test_stages_of_a_chain_hold_out_the_same_videos(tmp_path, monkeypatch):
    (tmp_path / "experiments" / "protocols").mkdir(parents=True)
    (tmp_path / "experiments" / "protocols" / "mine.yaml").write_text(
        "epochs: 1\nbatch: 8\nlr: 0.1\nchained: {dev: 0.1}\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="the same in all stages"):
        load_protocol("mine")


def test_dev_selection_and_tuning_are_part_of_the_identity():
    changes = ({}, {"dev": 0.1}, {"dev": 0.2}, {"tuning": 4})
    changes += (
        {"dev": 0.1, "evaluation.every_epochs": 1},
        {"dev": 0.1, "evaluation.every_epochs": 1, "selection": "best"},
    )
    ids = [run_spec(**change).id for change in changes]
    assert ids[1] == ids[4]  # a curve that nothing is selected on trains nothing
    assert len(set(ids)) == len(changes) - 1
