"""Which part of a picture a training clip shows, by every rule of `augmentation.crop`."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.data.clips import TrainClips
from suite.data.datasets import open_dataset
from suite.data.rng import generator
from suite.data.transforms import Box, train_view, training_box
from suite.spec import Augmentation, BadInput, Protocol, checked
from tests.videos import write_ssv2

SIDES = st.integers(1, 500)


@st.composite
def crops(draw):
    """An augmentation, and a training size that fits into its short side."""
    low = draw(st.integers(16, 400))
    short = (low, draw(st.integers(low, 480)))
    area = sorted(draw(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1))))
    aspect = sorted(draw(st.tuples(st.floats(0.1, 10), st.floats(0.1, 10))))
    rule = draw(st.sampled_from(["multi_scale", "short_side", "random_resized", "diagonal"]))
    picture = draw(st.sampled_from(["stored", "240x320"]))
    how = {"crop": rule, "picture": picture, "short_side": short, "area": tuple(area), "aspect": tuple(aspect)}
    return Augmentation(**how), draw(st.integers(16, low))


@settings(max_examples=200, deadline=None)
@given(SIDES, SIDES, crops(), st.integers(0, 10**6))
def test_the_crop_lies_inside_any_picture_and_depends_on_its_key_alone(height, width, crop, key):
    how, size = crop
    box = training_box(height, width, size, how, generator(key))
    assert box == training_box(height, width, size, how, generator(key))
    assert min(box.height, box.width) >= 1
    assert 0 <= box.top <= height - box.height
    assert 0 <= box.left <= width - box.width
    if how.crop in ("short_side", "diagonal") and how.picture == "stored":
        assert box.height == box.width


@settings(max_examples=50, deadline=None)
@given(
    crops().filter(lambda crop: crop[0].crop in ("short_side", "diagonal") and crop[0].picture == "stored"),
    st.integers(0, 10**6),
)
def test_a_crop_is_as_large_as_in_the_resized_picture(crop, key):
    how, size = crop
    side = training_box(1000, 1400, size, how, generator(key)).height
    short = size * 1000 / side  # of the picture that it stands for
    assert how.short_side[0] * side / (side + 0.5) - 1 <= short <= how.short_side[1] * side / (side - 0.5) + 1


def boxes(how, count=2000, size=224):
    return [training_box(256, 340, size, how, generator(0, i)) for i in range(count)]


def test_short_sides_and_positions_are_uniform():
    found = boxes(Augmentation(crop="short_side", short_side=(256, 320)))
    assert {round(224 * 256 / s) for s in range(256, 321)} == {b.height for b in found}
    scales = np.array([224 * 256 / b.height for b in found])
    assert np.histogram(scales, 4, (255, 321))[0] == pytest.approx(500, rel=0.2)
    for at, room in (("top", "height"), ("left", "width")):
        spare = {"height": 256, "width": 340}[room]
        share = [getattr(b, at) / (spare - getattr(b, room)) for b in found if spare > getattr(b, room)]
        assert np.histogram(share, 4, (0, 1.0001))[0] == pytest.approx(len(share) / 4, rel=0.2)


def test_one_short_side_leaves_the_position_alone_to_chance():
    found = boxes(Augmentation(crop="short_side", short_side=(256, 256)))
    assert {b[2:] for b in found} == {(224, 224)}
    assert {b.top for b in found} == set(range(33))
    assert {b.left for b in found} == set(range(117))


def test_a_diagonal_crop_has_three_places_of_equal_chance():
    found = boxes(Augmentation(crop="diagonal", short_side=(256, 256)))
    places = {Box(0, 0, 224, 224): 0, Box(16, 58, 224, 224): 0, Box(32, 116, 224, 224): 0}
    for box in found:
        places[box] += 1
    assert len(places) == 3
    assert list(places.values()) == pytest.approx([667] * 3, rel=0.15)


def test_a_random_resized_crop_has_the_areas_and_aspects_asked_for():
    found = boxes(Augmentation(crop="random_resized", area=(0.2, 0.6), aspect=(0.75, 1.3333)))
    area = np.array([b.height * b.width / (256 * 340) for b in found])
    aspect = np.array([b.width / b.height for b in found])
    assert area.min() > 0.19
    assert area.max() < 0.61
    assert np.histogram(area, 4, (0.195, 0.605))[0] == pytest.approx(500, rel=0.2)
    assert 0.73 < aspect.min() < 0.78
    assert 1.3 < aspect.max() < 1.36
    assert np.mean(aspect > 1) == pytest.approx(0.5, abs=0.05)  # log-uniform: wide as often as tall


def test_a_shape_that_never_fits_becomes_the_largest_at_the_centre():
    how = Augmentation(crop="random_resized", area=(1.0, 1.0), aspect=(1.0, 1.0))
    assert training_box(100, 300, 64, how, generator(0)) == Box(0, 100, 100, 100)
    assert training_box(300, 100, 64, how, generator(0)) == Box(100, 0, 100, 100)


def test_a_picture_of_240x320_is_cropped_as_if_it_had_been_resized():
    resized, stored = Augmentation(picture="240x320"), Augmentation()
    for key in range(50):
        of_resized = training_box(240, 320, 224, stored, generator(key))
        assert training_box(240, 320, 224, resized, generator(key)) == of_resized
        wide = training_box(480, 1280, 224, resized, generator(key))
        assert wide == Box(2 * of_resized.top, 4 * of_resized.left, 2 * of_resized.height, 4 * of_resized.width)


@pytest.mark.parametrize("rule", ["short_side", "random_resized", "diagonal"])
def test_all_frames_of_a_clip_get_the_same_crop(rule):
    frame = generator(0).integers(0, 256, (1, 60, 80, 3), dtype=np.uint8)
    how = Augmentation(crop=rule, short_side=(40, 60))
    clip = train_view(np.repeat(frame, 4, axis=0), 32, how, False, generator(1))
    assert clip.shape == (4, 32, 32, 3)
    assert (clip == clip[:1]).all()


def test_clips_differ_with_seed_epoch_and_video_and_with_nothing_else(tmp_path):
    dataset = open_dataset("mini_ssv2", write_ssv2(tmp_path, train=2, val=1, classes=1))
    how = {"crop": "short_side", "short_side": (40, 60), "flip": "none"}
    protocol = Protocol(name="test", size=32, epochs=1, batch=1, lr=0.1, augmentation=Augmentation(**how))

    def clip(seed, epoch, index):
        return TrainClips(dataset, dataset.split("train"), 4, protocol, seed)[epoch, index][0]

    assert torch.equal(clip(0, 0, 0), clip(0, 0, 0))
    others = [clip(1, 0, 0), clip(0, 1, 0), clip(0, 0, 1)]
    assert not any(torch.equal(clip(0, 0, 0), other) for other in others)


@pytest.mark.parametrize(
    ("augmentation", "words"),
    [
        ({"crop": "centre"}, "multi_scale"),
        ({"short_side": [320, 256]}, "from its smallest to its largest value, not 320 to 256"),
        ({"short_side": [256]}, "short_side"),
        ({"area": [0.0, 1.0]}, "area"),
        ({"aspect": [0.01, 1.0]}, "aspect"),
        ({"crop": "short_side", "short_side": [200, 256]}, "leaves no room for a crop of 224 pixels"),
        ({"crop": "diagonal", "short_side": [200, 256]}, "leaves no room for a crop of 224 pixels"),
    ],
)
def test_impossible_crops_are_refused_in_one_sentence(augmentation, words):
    data = {"name": "test", "epochs": 1, "batch": 4, "lr": 0.1, "augmentation": augmentation}
    with pytest.raises(BadInput, match=words) as caught:
        checked(Protocol, data, "protocol test")
    assert "\n" not in str(caught.value)
