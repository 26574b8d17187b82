"""The calibration data sets have the properties on which their upper bounds rest."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from suite.data.check import check
from suite.data.dataset_info import info
from suite.data.datasets import open_dataset
from suite.data.decoding import read_frames
from suite.data.probing import probe
from suite.data.rng import generator
from suite.data.sampling import test_indices as sample_test
from suite.data.synthetic import encode, synthesize
from suite.data.synthetic import generate as synthetic
from suite.data.synthetic import sets as calibrated
from suite.data.synthetic.drawing import draw
from suite.data.synthetic.sets import LEVELS, MIRROR, MOTIONS, PAIRS, SETS
from suite.spec import BadInput, Sampling

EASY, HARD = LEVELS["easy"], LEVELS["hard"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    synthesize("calib_order", root, {"train": 16, "val": 8})
    return root


# --- one frame says nothing of the direction of time --------------------------------------------------------------


@pytest.mark.parametrize("level", ["easy", "hard"])
def test_encoding_a_reversed_video_gives_the_reversed_frames_bit_for_bit(tmp_path, level):
    frames = draw(None, "grow", LEVELS[level], generator(0))
    for name, video in (("forth", frames), ("back", frames[::-1])):
        encode(video, tmp_path / f"{name}.webm", LEVELS[level].crf)
    forth, back = (read_frames(tmp_path / f"{name}.webm", range(len(frames)))[0] for name in ("forth", "back"))
    assert np.array_equal(forth, back[::-1])
    assert np.abs(forth.astype(int) - frames).mean() < 12
    assert probe(tmp_path / "forth.webm") == (len(frames), 12.0, "vp9")


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_classes_of_a_pair_are_each_others_reversal(pair):
    """What starts at one phase and goes forth shows the frames of what starts at its end and goes back."""
    level = replace(EASY, frames=(20, 20), periods=(0.7, 0.7))
    forth, back = (draw(None, motion, level, generator(4), start=0.3) for motion in pair)
    end = (0.3 + MOTIONS[pair[0]][1] * 0.7 * 19 / 20) % 1.0
    returned = draw(None, pair[1], level, generator(4), start=end)
    assert np.abs(returned[::-1].astype(int) - forth).max() <= 1
    assert np.array_equal(forth[0], back[0])  # at the same phase the two look the same
    assert not np.array_equal(forth[1], back[1])


def videos(count, motions, level=replace(EASY, pixels=32)):
    """(videos at the 8 test frames (N, 8, S, S), which motion (N,))."""
    middle, labels = [], np.arange(count) % len(motions)
    for i, label in enumerate(labels):
        video = draw(None, motions[label], level, generator(1, i)).mean(axis=3)
        middle.append(video[sample_test(len(video), 8, 1, Sampling())[0]])
    return np.stack(middle), labels


def ridge_accuracy(features, labels):
    """Ridge regression onto +-1, learnt on the first half and tested on the second."""
    features = features.reshape(len(labels), -1)
    half, sign = len(labels) // 2, 2.0 * labels - 1
    features = (features - features[:half].mean(axis=0)) / (features[:half].std(axis=0) + 1e-6)
    kernel = features @ features[:half].T
    weights = np.linalg.solve(kernel[:half] + 10 * features.shape[1] / 100 * np.eye(half), sign[:half])
    return float(((kernel[half:] @ weights > 0) == labels[half:].astype(bool)).mean())


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_order_blind_features_do_not_beat_one_half_within_a_pair(pair):
    clips, labels = videos(400, pair)
    small = clips.reshape(400, 8, 16, 2, 16, 2).mean(axis=(3, 5))
    low, high = binom.ppf([0.005, 0.995], 200, 0.5) / 200
    blind = {
        "mean over time": small.mean(axis=1),
        "deviation over time": small.std(axis=1),
        "middle frame": small[:, 4],
    }
    for name, features in blind.items():
        assert low <= ridge_accuracy(features, labels) <= high, name


@pytest.mark.slow
def test_the_order_of_frames_tells_a_pair_apart():
    clips, labels = videos(200, PAIRS[0])
    # the first Fourier component along x turns one way or the other
    profile = np.abs(clips - np.median(clips, axis=(2, 3), keepdims=True)).mean(axis=2)
    turn = np.fft.fft(profile, axis=2)[:, :, 1]
    phase = np.angle(turn[:, 1:] * turn[:, :-1].conj()).sum(axis=1)
    accuracy = ((phase < 0) == labels.astype(bool)).mean()
    assert accuracy > 0.95


@pytest.mark.slow
def test_noise_and_brightness_do_not_change_along_a_hard_video():
    moments = np.stack(
        [
            [video[frame].std() for frame in (0, len(video) // 2, -1)]
            for video in (draw(None, "right", replace(HARD, pixels=64), generator(2, i)) for i in range(40))
        ]
    )
    assert np.abs(moments.mean(axis=0) / moments.mean() - 1).max() < 0.03


def test_no_motion_covers_a_whole_period_and_lengths_vary():
    assert all(level.periods[1] < 1 for level in LEVELS.values())
    assert len({len(draw(None, "up", EASY, generator(3, i))) for i in range(40)}) > 8


# --- classes, flips, ceilings -------------------------------------------------------------------------------------


def test_a_mirrored_video_belongs_to_the_class_of_the_flip_map():
    for motion, (track, _) in MOTIONS.items():
        mirror = MIRROR.get(motion, motion)
        assert MOTIONS[mirror][0] == track
        assert (mirror != motion) == (track in ("horizontal", "dial"))
    order = SETS["calib_order"]
    assert order.flip["Turning something clockwise"] == "Turning something counterclockwise"
    assert order.flip["Enlarging something"] == "Enlarging something"
    assert all(kinds.flip[mirror] == name for kinds in SETS.values() for name, mirror in kinds.flip.items())


def test_classes_and_pairs_are_as_many_as_the_ceilings_say():
    for kinds in SETS.values():
        paired = {name for pair in kinds.pairs for name in pair}
        assert len(kinds.classes) == len(set(kinds.classes))
        # a model that sees no order guesses within a pair and is right elsewhere
        assert kinds.ceiling_blind == 1 - 0.5 * len(paired) / len(kinds.classes)


@pytest.mark.parametrize("name", ["calib_scene", "calib_mixed"])
def test_the_other_sets_are_read_too(tmp_path, name):
    synthesize(name, tmp_path, {"train": 16, "val": 0})
    dataset = open_dataset(name, tmp_path)
    assert len(dataset.split("train").videos) == 16
    assert len(dataset.classes) == dataset.info.num_classes == info(name).num_classes


# --- files --------------------------------------------------------------------------------------------------------


def test_a_set_is_read_by_the_reader_of_something_something(root):
    dataset = open_dataset("calib_order", root)
    assert dataset.classes == SETS["calib_order"].classes
    train = dataset.split("train")
    assert sorted(video.label for video in train.videos) == sorted([*range(8)] * 2)
    assert {dataset.classes[a]: dataset.classes[b] for a, b in dataset.flip_map.items()} == SETS["calib_order"].flip
    assert open_dataset("calib_order", root / "calib_order").split("train").sha256 == train.sha256
    assert check("calib_order", root)["notes"] == []
    item = json.loads((root / "calib_order" / "labels" / "train.json").read_text())[0]
    assert set(item) == {"id", "label", "template", "placeholders"}
    with pytest.raises(BadInput, match="no test split"):
        dataset.split("test")


@pytest.mark.slow
def test_synthesis_is_deterministic_whatever_the_number_of_threads(root, tmp_path):
    synthesize("calib_order", tmp_path, {"train": 16, "val": 8}, processes=1)
    for path in sorted((root / "calib_order").rglob("*.[jw]*")):
        other = tmp_path / path.relative_to(root)
        if ".suite-cache" not in path.parts:
            first, second = (read_frames(p, [0, 9])[0] if p.suffix == ".webm" else p.read_text() for p in (path, other))
            assert np.array_equal(first, second)


@pytest.mark.slow
def test_a_complete_set_is_left_alone_and_other_settings_replace_it(tmp_path, monkeypatch):
    folder = synthesize("calib_order", tmp_path, {"train": 8, "val": 0})
    made = (folder / "calibration.json").stat().st_mtime_ns
    assert synthesize("calib_order", tmp_path, {"train": 8, "val": 0}) == folder
    assert synthesize("calib_order", tmp_path) == folder  # any number will do
    assert (folder / "calibration.json").stat().st_mtime_ns == made
    synthesize("calib_order", tmp_path, {"train": 9, "val": 0})
    assert len(open_dataset("calib_order", tmp_path).split("train").videos) == 9
    monkeypatch.setattr(synthetic, "VERSION", 99)
    synthesize("calib_order", tmp_path, {"train": 9, "val": 0})
    assert json.loads((folder / "calibration.json").read_text())["version"] == 99
    assert [path.name for path in tmp_path.iterdir()] == ["calib_order"]


def test_a_killed_synthesis_leaves_no_half_set(tmp_path, monkeypatch):
    def killed(frames, path, crf):
        if path.stem == "3":
            raise KeyboardInterrupt
        encode(frames, path, crf)

    monkeypatch.setattr(synthetic, "encode", killed)
    with pytest.raises(KeyboardInterrupt):
        synthesize("calib_order", tmp_path, {"train": 8, "val": 0})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BadInput, match="is not in"):
        open_dataset("calib_order", tmp_path)


def test_a_folder_of_somebody_else_is_never_overwritten(tmp_path):
    (tmp_path / "calib_order").mkdir()
    (tmp_path / "calib_order" / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="is not a calibration data set"):
        synthesize("calib_order", tmp_path, {"train": 8, "val": 0})
    assert (tmp_path / "calib_order" / "thesis.txt").read_text() == "mine"


def test_levels_lie_in_folders_of_their_own(tmp_path):
    folder = synthesize("calib_scene@level=hard", tmp_path, {"train": 2, "val": 0})
    assert folder.name == "calib_scene-hard"
    assert open_dataset("calib_scene@level=hard", tmp_path).info.level == "hard"
    shutil.copytree(folder, tmp_path / "calib_scene")
    with pytest.raises(BadInput, match="another data set"):
        open_dataset("calib_scene", tmp_path)
    for name in ("calib_scene@level=medium", "calib_sceen", "calib_scene@size=3"):
        with pytest.raises(BadInput):
            synthesize(name, tmp_path)


def test_the_card_says_what_the_set_is(root):
    card = json.loads((root / "calib_order" / calibrated.CARD).read_text())
    assert (card["level"], card["seed"], card["chance"], card["ceiling_blind"]) == ("easy", 0, 1 / 8, 1 / 2)
    assert card["pairs"][0] == ["Moving something left", "Moving something right"]
    assert card["videos"] == {"train": 16, "val": 8}
