"""A data set is one YAML file: those of the suite, and those of a user."""

import pytest

from suite.data.dataset_info import info, names
from suite.data.datasets import open_dataset
from suite.fairness.factors import judge
from suite.fairness.run_factors import of_run
from suite.spec import BadInput, load_protocol
from suite.store.identity import RunSpec
from suite.sweep.plan import Selection, make_plan
from tests.videos import moving_frames, official_item, write_json, write_video

MINE = "title: My gestures\nclasses: 2\nformat: something\nvideos: {train: 2, val: 2}\nsource: recorded here\n"


@pytest.fixture
def experiments(tmp_path, monkeypatch):
    """A working directory with one data set, one protocol and one grid of its own."""
    folder = tmp_path / "experiments"
    (folder / "datasets").mkdir(parents=True)
    (folder / "datasets" / "gestures.yaml").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    return folder


def write_videos(root):
    labels = {"Waving something to the left": "0", "Dropping something": "1"}
    folder = root / "gestures"
    write_json(folder / "labels" / "labels.json", labels)
    for split, first in (("train", 1), ("validation", 3)):
        items = [official_item(str(first + i), template) for i, template in enumerate(labels)]
        write_json(folder / "labels" / f"{split}.json", items)
        for item in items:
            write_video(
                folder / "20bn-something-something-v2" / f"{item['id']}.webm", moving_frames(8, int(item["id"]))
            )


def test_a_users_yaml_is_a_data_set_like_the_others(experiments, tmp_path):
    write_videos(tmp_path)
    assert info("gestures").num_classes == 2
    assert "gestures" in names()
    dataset = open_dataset("gestures", tmp_path)
    assert [len(dataset.split(split).videos) for split in ("train", "val")] == [2, 2]
    assert not [note for note in dataset.notes if "expected" in note]
    assert dataset.flip_map == {0: None, 1: 1}  # the mirror of "to the left" is no class here


def test_a_data_set_without_sides_keeps_its_classes_when_flipped(experiments, tmp_path):
    (experiments / "datasets" / "gestures.yaml").write_text(MINE + "flip: keep\n")
    write_videos(tmp_path)
    assert open_dataset("gestures", tmp_path).flip_map == {0: 0, 1: 1}


def test_a_grid_names_a_users_data_set(experiments, tmp_path):
    (experiments / "mine.yaml").write_text(
        "protocol: smoke\ndata: gestures\nmodels: [tsn-resnet18]\nchain: {frames: [8]}"
    )
    (experiments / "protocols").mkdir()
    (experiments / "protocols" / "smoke.yaml").write_text("init: scratch\nepochs: 1\nbatch: 2\nlr: 0.01\n")
    plan = make_plan("mine", Selection(), tmp_path / "results", costs=False)
    assert [run.spec.dataset for run in plan.runs] == ["gestures"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MINE.replace("classes: 2", "classes: two"), "Invalid value 'two' of 'classes'"),
        (MINE.replace("format: something", "format: kinetcs"), "'kinetcs'; did you mean 'kinetics'"),
        (MINE + "class_list: ../secret.txt\n", "class_list must name a file in its folder"),
        (MINE + "colour: red\n", "Unknown key in data set gestures.yaml 'colour'"),
        ("- a\n", "does not contain keys and values"),
        (MINE.replace("classes: 2", "classes: 1" + "0" * 30), "'classes' in data set gestures.yaml"),
        (MINE.replace("train: 2", "train: -2"), "'videos.train' in data set gestures.yaml"),
        (MINE + "pairs: [[a]]\n", r"does not specify 'pairs\[0\]\[1\]'"),
    ],
)
def test_a_wrong_yaml_is_one_sentence(experiments, text, words):
    (experiments / "datasets" / "gestures.yaml").write_text(text)
    with pytest.raises(BadInput, match=words) as caught:
        info("gestures")
    assert "\n" not in str(caught.value)


def test_a_class_list_that_is_no_text_is_one_sentence(experiments):
    (experiments / "datasets" / "gestures.yaml").write_text(MINE + "class_list: gestures.txt\n")
    (experiments / "datasets" / "gestures.txt").write_bytes(b"\xff\xfe\nb\n")
    with pytest.raises(BadInput, match=r"gestures\.txt is not UTF-8 text"):
        info("gestures")


def test_a_folder_in_place_of_the_yaml_is_one_sentence(experiments):
    (experiments / "datasets" / "gestures.yaml").unlink()
    (experiments / "datasets" / "gestures.yaml").mkdir()
    with pytest.raises(BadInput, match=r"gestures\.yaml cannot be read: Is a directory"):
        info("gestures")


def test_a_yaml_may_list_pairs_that_only_order_tells_apart(experiments):
    (experiments / "datasets" / "gestures.yaml").write_text(MINE + "pairs: [[a, b]]\n")
    assert info("gestures").pairs == (("a", "b"),)


def test_a_users_yaml_cannot_take_the_name_of_a_data_set_of_the_suite(experiments):
    (experiments / "datasets" / "ssv2.yaml").write_text(MINE)
    with pytest.raises(BadInput, match="choose another one"):
        info("ssv2")


def test_the_ledger_tells_a_set_whose_classes_have_sides_from_one_whose_classes_have_none():
    spec = RunSpec("tsn-resnet18", "gestures", 8, 0, load_protocol("smoke"))
    sided, plain = (of_run(spec, result=result) for result in ({}, {"flip": "blind"}))
    assert [d.field for d in judge(sided, plain).confounds] == ["augmentation"]
