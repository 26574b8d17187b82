"""Test views: which clips and crops a test takes, and that a view is the same whichever others stand beside it."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.data.clips import EvalClips
from suite.data.datasets import open_dataset
from suite.data.rng import generator
from suite.data.sampling import test_indices as sample_test
from suite.data.transforms import crop_places, crops_at, flipped_label
from suite.spec import BadInput, Sampling, checked, load_protocol
from suite.store.identity import RunSpec
from tests.videos import write_ssv2

UNIFORM, PUBLISHED = Sampling(), Sampling(variant="published")
DENSE = Sampling(rule="dense", stride=2)


def made(frames, size, crops, rule, flips=True):
    return crops_at(frames, size, crop_places(rule, crops, flips), rule)


# --- clips --------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 400), st.integers(1, 64), st.integers(1, 30), st.sampled_from([UNIFORM, PUBLISHED, DENSE]))
def test_clips_are_sorted_inside_the_video_and_always_the_same(n, frames, clips, sampling):
    found = sample_test(n, frames, clips, sampling)
    assert found.shape == (clips, frames)
    assert found.min() >= 0
    assert found.max() < n
    assert (np.diff(found, axis=1) >= 0).all()
    assert (found == sample_test(n, frames, clips, sampling)).all()


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 400), st.integers(1, 64), st.integers(1, 30))
def test_uniform_clips_hit_every_segment_and_differ_wherever_a_segment_has_enough_frames(n, frames, clips):
    found = sample_test(n, frames, clips, UNIFORM)
    first = [g * n // frames for g in range(frames)]
    last = [-(-(g + 1) * n // frames) - 1 for g in range(frames)]
    assert (found >= first).all()
    assert (found <= last).all()
    longest = max(b - a + 1 for a, b in zip(first, last, strict=True))
    distinct = len(np.unique(found, axis=0))
    assert distinct >= min(clips, longest)
    assert all((a <= b).all() for a, b in pairwise(found))  # a later clip shows later frames


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 400), st.integers(1, 32), st.integers(2, 30), st.integers(1, 8))
def test_dense_clips_differ_wherever_the_video_has_enough_starts(n, frames, clips, stride):
    found = sample_test(n, frames, clips, Sampling(rule="dense", stride=stride))
    starts = max(n - (frames - 1) * stride, 1)
    assert len(np.unique(found, axis=0)) == min(clips, starts)


def test_two_dense_clips_are_not_the_first_two_of_ten():
    two, ten = sample_test(100, 8, 2, DENSE), sample_test(100, 8, 10, DENSE)
    assert two[:, 0].tolist() == [ten[0, 0], ten[-1, 0]]
    assert two[1, 0] != ten[1, 0]


# --- crops --------------------------------------------------------------------------------------------------------


@pytest.fixture
def picture():
    """One frame whose red is its column and whose green is its row, in pixels."""
    frames = np.zeros((1, 240, 320, 3), np.uint8)
    frames[..., 0] = np.arange(320) // 2
    frames[..., 1] = np.arange(240)[:, None]
    return frames


def corners(views):
    """(column, row) of the picture in the top left pixel of each view."""
    return [(2 * int(view[0, 0, 0, 0]), int(view[0, 0, 0, 1])) for view in views]


def test_ten_crops_are_four_corners_and_the_centre_and_their_flips(picture):
    views = made(picture, 200, 10, "fixed_240x320")
    assert corners(views[:5]) == [(0, 0), (0, 40), (120, 0), (120, 40), (60, 20)]
    assert torch.equal(views[5:], views[:5].flip(3))
    assert torch.equal(made(picture, 200, 10, "fixed_240x320", flips=False), views[:5])


def test_the_margin_of_tsn_leaves_room_on_both_sides(picture):
    centre = made(picture, 210, 1, "short_side_margin")  # 240 is 8/7 of 210
    assert corners(centre) == [(54, 15)]
    assert corners(made(picture, 210, 3, "short_side_margin")) == [(0, 15), (54, 15), (110, 15)]
    assert corners(made(picture, 210, 3, "diagonal")) == [(0, 0), (54, 15), (110, 30)]


def test_a_fixed_shape_does_not_ask_for_the_shape_of_the_picture():
    upright = generator(0).integers(0, 256, (2, 90, 60, 3), dtype=np.uint8)
    assert made(upright, 224, 1, "fixed_240x320").shape == (1, 2, 224, 224, 3)


@pytest.mark.parametrize("rule", ["short_side", "short_side_margin", "diagonal", "fixed_240x320"])
def test_the_centre_is_in_every_geometry(picture, rule):
    centre = made(picture, 112, 1, rule)[0]
    assert torch.equal(made(picture, 112, 3, rule)[1], centre)
    assert torch.equal(made(picture, 112, 10, rule)[4], centre)


def test_a_class_with_a_side_is_not_flipped_by_skip_sided():
    flips = {0: 1, 1: 0, 2: 2, 3: None}
    seen = {label: {flipped_label(label, "skip_sided", flips, generator(i)) for i in range(50)} for label in flips}
    assert seen == {0: {(False, 0)}, 1: {(False, 1)}, 2: {(False, 2), (True, 2)}, 3: {(False, 3)}}


# --- both ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ssv2(tmp_path_factory):
    return open_dataset("mini_ssv2", write_ssv2(tmp_path_factory.mktemp("ssv2"), train=1, val=2, classes=8))


@pytest.mark.parametrize("sampling", [UNIFORM, PUBLISHED, DENSE])
@pytest.mark.parametrize("rule", ["short_side", "diagonal"])
def test_the_views_of_a_union_are_those_of_each_test(ssv2, sampling, rule):
    val, geometries = ssv2.split("val"), [(1, 1), (2, 3), (5, 1), (1, 10), (10, 1)]
    union = EvalClips(val, 4, 32, sampling, crop_rule=rule, geometries=geometries)
    views, index = union[1]
    assert index == 1
    assert len(views) == len(set(union.views)) < sum(c * k for c, k in geometries)
    for clips, crops in geometries:
        alone = EvalClips(val, 4, 32, sampling, clips, crops, crop_rule=rule)
        assert torch.equal(views[union.numbers(clips, crops)], alone[1][0])


def test_ten_crops_have_no_flips_where_a_class_has_a_side(ssv2):
    assert not ssv2.flips_keep_classes  # Mini-SSV2 has "left" and "right"
    val = ssv2.split("val")
    assert len(EvalClips(val, 4, 32, UNIFORM, 2, 10, flips=False)[0][0]) == 10
    assert len(EvalClips(val, 4, 32, UNIFORM, 2, 10)[0][0]) == 20


# --- settings -----------------------------------------------------------------------------------------------------


def spec(**changes):
    return RunSpec("tsn-resnet18", "calib_order", 8, 0, load_protocol("smoke").stage(False, changes))


def test_size_and_crop_rule_of_a_test_are_in_its_id_alone_and_only_where_they_say_something():
    plain = spec(size=64)
    for changes in ({"evaluation.size": 96}, {"evaluation.crop_rule": "fixed_240x320"}, {"evaluation.crops": 10}):
        changed = spec(size=64, **changes)
        assert changed.id == plain.id
        assert changed.evaluation().id != plain.evaluation().id
        assert RunSpec.from_resolved(changed.resolved()).evaluation() == changed.evaluation()
    assert not {"size", "crop_rule"} & plain.resolved()["protocol"]["evaluation"].keys()
    assert spec(size=64, **{"evaluation.size": 64}).evaluation().id == plain.evaluation().id


def test_several_clips_of_the_published_variant_are_another_test():
    ids = [
        [spec(**{"sampling.variant": variant, "evaluation.clips": clips}).evaluation().id for clips in (1, 10)]
        for variant in ("segment", "published")
    ]
    assert ids[0][0] == ids[1][0]  # one clip is the same clip
    assert ids[0][1] != ids[1][1]


def test_a_crop_larger_than_the_fixed_shape_is_refused():
    with pytest.raises(BadInput, match="no room for a crop of 256 pixels"):
        spec(size=224, **{"evaluation.size": 256, "evaluation.crop_rule": "fixed_240x320"})
    with pytest.raises(BadInput, match="crops"):
        checked(type(spec().protocol.evaluation), {"crops": 2}, "eval")
