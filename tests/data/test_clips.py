"""Random numbers, sampling rules, crops, flips, and that clips depend on their key alone."""

import pickle

import numpy as np
import pytest
import torch

from suite.data.clips import EvalClips, TrainClips, worker_settings
from suite.data.datasets import open_dataset
from suite.data.decoding import Decoder, Undecodable
from suite.data.rng import generator, permutation
from suite.data.sampling import test_indices as sample_test
from suite.data.sampling import train_indices as sample_train
from suite.data.transforms import flipped_label, random_box, train_view
from suite.data.transforms import test_views as make_views
from suite.spec import Augmentation, BadInput, Protocol, Sampling
from tests.videos import write_ssv2

UNIFORM, PUBLISHED = Sampling(), Sampling(variant="published")
DENSE = Sampling(rule="dense", stride=2)
LENGTHS = (1, 2, 5, 7, 8, 9, 15, 16, 23, 45, 60, 64, 117)


def draws(n, frames, sampling, count=400):
    return np.stack([sample_train(n, frames, sampling, generator(0, i)) for i in range(count)])


# --- random numbers -----------------------------------------------------------------------------------------------


def test_a_key_is_a_stream_of_its_own():
    assert generator(0, 1, "7", "crop").random() == generator(0, 1, "7", "crop").random()
    keys = [(0, 1, "7", "crop"), (1, 1, "7", "crop"), (0, 2, "7", "crop"), (0, 1, "8", "crop"), (0, 1, "7", "flip")]
    keys += [(0, 1, 7, "crop"), (0, "1", "7", "crop"), (0, 1, "7crop"), (0, 1, "7", "c", "rop")]
    assert len({generator(*key).random() for key in keys}) == len(keys)


def test_an_epoch_is_a_permutation():
    assert sorted(permutation(3, 0, 50)) == list(range(50))
    assert list(permutation(3, 0, 50)) == list(permutation(3, 0, 50))
    assert list(permutation(3, 0, 50)) != list(permutation(3, 1, 50))


def test_random_numbers_do_not_change_between_versions():
    assert generator(0, 3, "78687", "crop").integers(1 << 30) == 655975568


# --- sampling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", [UNIFORM, PUBLISHED, DENSE, Sampling(rule="dense", dense_clip="first")])
@pytest.mark.parametrize("frames", [1, 4, 8, 32])
def test_indices_are_sorted_and_inside_the_video(sampling, frames):
    for n in LENGTHS:
        train, test = draws(n, frames, sampling, 20), sample_test(n, frames, 10, sampling)
        assert train.shape == (20, frames)
        assert test.shape == (10, frames)
        for indices in (train, test):
            assert indices.min() >= 0
            assert indices.max() < n
            assert (np.diff(indices, axis=1) >= 0).all()


def test_segment_sampling_takes_one_frame_of_every_segment_and_can_take_any_frame():
    for n in (8, 9, 23, 45, 60):
        drawn = draws(n, 8, UNIFORM)
        assert set(drawn.ravel()) == set(range(n))
        for g in range(8):
            assert set(drawn[:, g]) == set(range(g * n // 8, -(-(g + 1) * n // 8)))
    assert len({tuple(row - np.arange(8) * 8) for row in draws(64, 8, UNIFORM)}) > 100  # an offset each


def test_no_frame_of_a_short_video_is_ever_left_out():
    for n in (1, 3, 5, 7):
        drawn = draws(n, 8, UNIFORM)
        assert all(set(row) == set(range(n)) for row in drawn)
        assert len({tuple(row) for row in drawn}) > 1 or n == 1


def test_published_sampling_has_one_offset_and_never_sees_the_rest():
    drawn = draws(45, 32, PUBLISHED)
    assert {tuple(row) for row in drawn} == {tuple(range(32))}  # one fixed set, for ever
    drawn = draws(60, 8, PUBLISHED)
    assert {tuple(row - row[0]) for row in drawn} == {tuple(range(0, 56, 7))}
    assert set(drawn.ravel()) == set(range(56))


def test_published_sampling_of_a_short_video_draws_with_replacement():
    drawn = draws(5, 8, PUBLISHED)
    assert set(drawn.ravel()) == set(range(5))
    assert any(len(set(row)) < 5 for row in drawn)


def test_dense_sampling_keeps_the_stride_and_clamps_short_videos():
    assert set(np.diff(draws(40, 8, DENSE), axis=1).ravel()) == {2}
    assert set(draws(40, 8, DENSE)[:, 0]) == set(range(26))
    assert {tuple(row) for row in draws(6, 5, DENSE)} == {(0, 2, 4, 5, 5), (1, 3, 5, 5, 5)}


def test_the_test_clip_is_the_middle_frame_of_each_segment():
    assert sample_test(45, 8, 1, UNIFORM).tolist() == [[2, 8, 14, 19, 25, 30, 36, 42]]
    assert sample_test(16, 8, 1, PUBLISHED).tolist() == [[1, 3, 5, 7, 9, 11, 13, 15]]
    assert sample_test(3, 8, 1, UNIFORM).tolist() == [[0, 0, 0, 1, 1, 2, 2, 2]]
    assert sample_test(1, 4, 2, UNIFORM).tolist() == [[0] * 4] * 2


def test_ten_clips_shift_the_middle_by_five_frames_either_way():
    ours, published = sample_test(160, 4, 10, UNIFORM), sample_test(160, 4, 10, PUBLISHED)
    assert (ours[:, 1] - 60).tolist() == list(range(-5, 5))
    assert (published[:, 1] - 60).tolist() == list(range(-4, 6))
    assert (sample_test(16, 8, 10, UNIFORM)[:, 2]).tolist() == [4] * 5 + [5] * 5  # kept within the segment
    for clips in (1, 2, 3, 5):
        for sampling in (UNIFORM, PUBLISHED):
            assert len({tuple(row) for row in sample_test(160, 4, clips, sampling)}) == clips


def test_dense_test_clips_spread_evenly():
    assert sample_test(40, 8, 1, DENSE)[0, 0] == 12
    assert sample_test(40, 8, 1, Sampling(rule="dense", stride=2, dense_clip="first"))[0, 0] == 0
    assert sample_test(40, 8, 6, DENSE)[:, 0].tolist() == [0, 5, 10, 15, 20, 25]
    assert sample_test(6, 5, 2, DENSE).tolist() == [[0, 2, 4, 5, 5]] * 2


@pytest.mark.parametrize(("n", "frames"), [(0, 8), (8, 0)])
def test_empty_videos_and_empty_clips_are_refused(n, frames):
    with pytest.raises(BadInput):
        sample_train(n, frames, UNIFORM, generator(0))
    with pytest.raises(BadInput):
        sample_test(n, frames, 1, UNIFORM)


# --- crops and flips ----------------------------------------------------------------------------------------------


def test_multi_scale_crops_lie_inside_and_differ_by_at_most_one_step():
    scales = Augmentation().scales
    sides = [int(60 * scale) for scale in scales]
    boxes = [random_box(60, 80, scales, generator(0, i)) for i in range(1000)]
    assert all(0 <= b.top <= 60 - b.height and 0 <= b.left <= 80 - b.width for b in boxes)
    assert {abs(sides.index(b.height) - sides.index(b.width)) for b in boxes} == {0, 1}
    assert len({b[2:] for b in boxes}) == 10
    assert len({b[:2] for b in boxes if b[2:] == (39, 39)}) == 13


def test_scale_one_varies_the_position_alone():
    boxes = {random_box(60, 80, (1.0,), generator(0, i)) for i in range(200)}
    assert {b[2:] for b in boxes} == {(60, 60)}
    assert {b.left for b in boxes} == {0, 5, 10, 15, 20}


def test_all_frames_of_a_clip_get_the_same_crop():
    frame = generator(0).integers(0, 256, (1, 60, 80, 3), dtype=np.uint8)
    clip = train_view(np.repeat(frame, 4, axis=0), 32, Augmentation(), False, generator(1))
    assert clip.shape == (4, 32, 32, 3)
    assert clip.dtype == torch.uint8
    assert (clip == clip[:1]).all()


def test_a_flip_mirrors_the_same_crop():
    frames = generator(0).integers(0, 256, (2, 60, 80, 3), dtype=np.uint8)
    plain, flipped = (train_view(frames, 32, Augmentation(), flip, generator(1)) for flip in (False, True))
    assert torch.equal(plain.flip(2), flipped)


def test_label_aware_flips_follow_the_map_and_blind_ones_do_not():
    flips = {0: 1, 1: 0, 2: 2, 3: None}
    seen = {
        rule: {label: {flipped_label(label, rule, flips, generator(i)) for i in range(50)} for label in flips}
        for rule in ("label_aware", "blind", "none")
    }
    assert seen["label_aware"] == {
        0: {(False, 0), (True, 1)},
        1: {(False, 1), (True, 0)},
        2: {(False, 2), (True, 2)},
        3: {(False, 3)},
    }
    assert seen["blind"][3] == {(False, 3), (True, 3)}
    assert seen["none"][0] == {(False, 0)}


def test_test_views_are_the_centre_or_three_along_the_longer_side():
    frames = np.zeros((2, 40, 80, 3), np.uint8)
    frames[..., 0] = np.arange(80, dtype=np.uint8)
    assert make_views(frames, 40, 1)[0, 0, 0, :, 0].tolist() == list(range(20, 60))
    assert make_views(frames, 40, 3)[:, 1, 0, 0, 0].tolist() == [0, 20, 40]
    upright = frames.transpose(0, 2, 1, 3)
    assert make_views(upright, 40, 3)[:, 1, 0, 0, 0].tolist() == [0, 20, 40]
    assert make_views(frames, 31, 3).shape == (3, 2, 31, 31, 3)


# --- clips --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ssv2(tmp_path_factory):
    return open_dataset("mini_ssv2", write_ssv2(tmp_path_factory.mktemp("ssv2"), train=8, val=4, classes=8))


def train_clips(dataset, seed=0, **kwargs):
    protocol = Protocol(name="test", size=32, epochs=1, batch=4, lr=0.1)
    return TrainClips(dataset, dataset.split("train"), 8, protocol, seed, **kwargs)


def test_a_clip_depends_on_seed_epoch_and_video_alone(ssv2):
    clips = train_clips(ssv2)
    reference = {(e, i): clips[e, i] for e in range(2) for i in range(8)}
    assert reference[0, 0][0].shape == (8, 32, 32, 3)
    again = train_clips(ssv2, decoder=Decoder(cache_bytes=0))
    for key in sorted(reference, reverse=True):
        assert torch.equal(again[key][0], reference[key][0])
        assert again[key][1] == reference[key][1]
    assert not torch.equal(reference[0, 0][0], reference[1, 0][0])
    assert not torch.equal(train_clips(ssv2, seed=1)[0, 0][0], reference[0, 0][0])


def test_workers_give_the_same_clips(ssv2):
    clips = train_clips(ssv2)
    batches = [[(1, 3), (1, 0)], [(1, 6), (0, 3)]]
    loader = torch.utils.data.DataLoader(clips, batch_sampler=batches, **worker_settings(2))
    for keys, (pictures, labels) in zip(batches, loader, strict=True):
        for key, picture, label in zip(keys, pictures, labels, strict=True):
            assert torch.equal(picture, clips[key][0])
            assert label == clips[key][1]


def test_one_sided_classes_are_not_flipped_in_training(ssv2):
    clips = train_clips(ssv2)
    labels = {clips[e, 0][1] for e in range(10)}
    assert labels == {clips.manifest.videos[0].label}


def test_views_come_clip_by_clip_and_crop_by_crop(ssv2):
    val = ssv2.split("val")
    many, single = EvalClips(val, 4, 32, UNIFORM, 3, 3), EvalClips(val, 4, 32, UNIFORM, 3, 1)
    views, index = many[2]
    assert (views.shape, index) == ((9, 4, 32, 32, 3), 2)
    assert views.is_contiguous()
    assert torch.equal(views[1::3], single[2][0])  # the centre crops
    one = EvalClips(val, 4, 32, UNIFORM, 1, 1)
    assert torch.equal(one[2][0][0], single[2][0][1])  # the middle one of three clips is the one clip


def test_a_video_that_vanishes_during_a_run_is_named(ssv2, tmp_path):
    data = write_ssv2(tmp_path, train=1, val=1, classes=1)
    dataset = open_dataset("mini_ssv2", data)
    clips = train_clips(dataset)
    (dataset.root / clips.manifest.videos[0].path).unlink()
    with pytest.raises(BadInput, match="Video '1'"):
        clips[0, 0]


def test_clips_survive_pickling_for_spawned_workers(ssv2):
    clips = train_clips(ssv2)
    picture, label = clips[0, 1]
    copy = pickle.loads(pickle.dumps(clips))
    assert torch.equal(copy[0, 1][0], picture)
    assert copy[0, 1][1] == label


def test_a_video_that_breaks_behind_its_first_frame_counts_as_undecodable_at_the_next_start(tmp_path, monkeypatch):
    data = write_ssv2(tmp_path, train=2, val=1, classes=1)
    dataset = open_dataset("mini_ssv2", data)
    clips = train_clips(dataset)
    video = clips.manifest.videos[0]

    def broken(*args, **more):
        raise Undecodable("it ends in the middle of a frame.")

    monkeypatch.setattr(clips.decoder, "read", broken)
    with pytest.raises(BadInput, match=f"Video '{video.id}'.*allow_missing"):
        clips[0, 0]
    again = open_dataset("mini_ssv2", data).split("train")
    assert again.undecodable == (video.id,)
    with pytest.raises(BadInput, match="1 undecodable"):
        again.require(0)
    assert again.require(1) is again
