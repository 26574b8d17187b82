"""Crops and flips of uint8 clips `(T, H, W, 3)`: one crop and one flip for all frames of a clip."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from torchvision.transforms.v2 import functional

from suite.spec import Augmentation


class Box(NamedTuple):
    """A crop in pixels of the picture it is taken from."""

    top: int
    left: int
    height: int
    width: int


class CropPlace(NamedTuple):
    """Where a test crop lies: halves of the room along the longer and across the shorter side of the picture."""

    along: int
    across: int
    flip: bool = False


CENTRE = CropPlace(1, 1)
FlipRule = Literal["label_aware", "skip_sided", "blind", "none"]


def random_box(height: int, width: int, scales: tuple[float, ...], gen: np.random.Generator) -> Box:
    """The multi-scale crop of TSN (Wang et al., ECCV 2016): scales of the short side, 13 fixed positions.

    Scales of width and height are at most one step apart in the list; `(1.0,)` leaves the position alone to chance.
    """
    short = min(height, width)
    sides = [max(1, int(short * scale)) for scale in scales]
    shapes = [(h, w) for i, h in enumerate(sides) for j, w in enumerate(sides) if abs(i - j) <= 1]
    h, w = shapes[gen.integers(len(shapes))]
    down, right = (height - h) // 4, (width - w) // 4
    # corners, middles of the edges and the centre, then four between the centre and the corners
    places = [(i, j) for i in (0, 2, 4) for j in (0, 2, 4)] + [(i, j) for i in (1, 3) for j in (1, 3)]
    i, j = places[gen.integers(len(places))]
    return Box(i * down, j * right, h, w)


def jittered_side(height: int, width: int, size: int, short_side: tuple[int, ...], gen: np.random.Generator) -> int:
    """Side in pixels of the square that becomes `size` pixels when the short side becomes a random one of `short_side`.

    Cutting before resizing gives the same crop as resizing the picture first, to a rounding of one pixel, for less.
    """
    short = min(height, width)
    return max(1, min(short, round(size * short / int(gen.integers(short_side[0], short_side[-1] + 1)))))


def resized_box(
    height: int, width: int, area: tuple[float, ...], aspect: tuple[float, ...], gen: np.random.Generator
) -> Box:
    """The random resized crop (Szegedy et al., CVPR 2015): share of the area uniform, width / height log-uniform.

    A shape that does not fit is drawn again; after ten, it is the largest one at the centre with an allowed aspect.
    """
    for _ in range(10):
        pixels = height * width * gen.uniform(area[0], area[-1])
        ratio = float(np.exp(gen.uniform(np.log(aspect[0]), np.log(aspect[-1]))))
        h, w = max(1, round((pixels / ratio) ** 0.5)), max(1, round((pixels * ratio) ** 0.5))
        if h <= height and w <= width:
            return _anywhere(height, width, h, w, gen)
    ratio = min(max(width / height, aspect[0]), aspect[-1])
    h, w = min(height, max(1, round(width / ratio))), min(width, max(1, round(height * ratio)))
    return Box((height - h) // 2, (width - w) // 2, h, w)


def _anywhere(height: int, width: int, h: int, w: int, gen: np.random.Generator) -> Box:
    return Box(int(gen.integers(height - h + 1)), int(gen.integers(width - w + 1)), h, w)


def _in_picture(box: Box, height: int, width: int) -> Box:
    """The part of a picture that becomes `box` when the picture is resized to 240x320 pixels."""
    top, bottom = (round(side * height / 240) for side in (box.top, box.top + box.height))
    left, right = (round(side * width / 320) for side in (box.left, box.left + box.width))
    top, left = min(top, height - 1), min(left, width - 1)
    return Box(top, left, max(1, bottom - top), max(1, right - left))


def training_box(height: int, width: int, size: int, how: Augmentation, gen: np.random.Generator) -> Box:
    """Which part of a picture becomes the training crop of `size` pixels (`Augmentation.crop`); all in pixels.

    short_side: a random short side, then a crop anywhere (Simonyan and Zisserman 2015; SlowFast).  diagonal: then the
    top left, the centre or the bottom right (CSTransformer, Sec. 4.1).
    """
    if how.picture == "240x320":
        box = training_box(240, 320, size, how.model_copy(update={"picture": "stored"}), gen)
        return _in_picture(box, height, width)
    if how.crop == "multi_scale":
        return random_box(height, width, how.scales, gen)
    if how.crop == "random_resized":
        return resized_box(height, width, how.area, how.aspect, gen)
    side = jittered_side(height, width, size, how.short_side, gen)
    if how.crop == "short_side":
        return _anywhere(height, width, side, side, gen)
    step = int(gen.integers(3))
    return Box((height - side) * step // 2, (width - side) * step // 2, side, side)


def resized(clip: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """uint8 `(T, H, W, 3)` -> uint8 `(T, height, width, 3)`, bilinear with antialiasing; itself when it fits."""
    if tuple(clip.shape[1:3]) == (height, width):
        return clip
    # (T, 3, H, W) seen through the same memory is channels-last, for which torch has a fast uint8 path
    out = functional.resize_image(clip.permute(0, 3, 1, 2), [height, width], antialias=True)
    return out.permute(0, 2, 3, 1)


def flipped_label(
    label: int, rule: FlipRule, flip_map: dict[int, int | None], gen: np.random.Generator
) -> tuple[bool, int]:
    """Whether this clip is flipped (one time in two, where the rule allows it), and its label then."""
    if rule == "none" or gen.random() >= 0.5:
        return False, label
    if rule == "blind":
        return True, label
    mirror = flip_map[label]
    if rule == "skip_sided" and mirror != label:
        return False, label
    return (False, label) if mirror is None else (True, mirror)


def train_view(
    frames: np.ndarray, size: int, augmentation: Augmentation, flip: bool, gen: np.random.Generator
) -> torch.Tensor:
    """A training clip: frames uint8 `(T, H, W, 3)` -> uint8 `(T, size, size, 3)`, contiguous."""
    box = training_box(*frames.shape[1:3], size, augmentation, gen)
    clip = torch.from_numpy(frames)[:, box.top : box.top + box.height, box.left : box.left + box.width]
    clip = resized(clip, size, size)
    return (clip.flip(2) if flip else clip).contiguous()


def crop_places(rule: str, crops: int, flips: bool = True) -> list[CropPlace]:
    """Where the test crops of a picture lie; a crop has one place in every test that has it.

    1: the centre.  3: along the longer side, first to last; `diagonal`: top left, centre, bottom right (CSTransformer,
    Sec. 4.1).  10: the four corners and the centre, then their flips; without `flips` the first five.  A test does not
    know the label, so its views are flipped only where the flip changes the class of no video (`flips`).
    """
    if crops == 1:
        return [CENTRE]
    if crops == 3:
        return [CropPlace(step, step if rule == "diagonal" else 1) for step in range(3)]
    five = [CropPlace(along, across) for along in (0, 2) for across in (0, 2)] + [CENTRE]
    return five + ([place._replace(flip=True) for place in five] if flips else [])


def resized_shape(height: int, width: int, size: int, rule: str) -> tuple[int, int]:
    """Height and width in pixels to which `rule` resizes a picture before crops of `size` are cut.

    short_side: the short side to `size`.  short_side_margin and diagonal: the short side to 8/7 of `size`, that is 256
    for 224 pixels (TSN).  fixed_240x320: whatever the shape of the picture (GTA, Sec. 4.1).
    """
    if rule == "fixed_240x320":
        return 240, 320
    short, target = min(height, width), size if rule == "short_side" else round(size * 8 / 7)
    return max(target, round(height * target / short)), max(target, round(width * target / short))


def crops_at(frames: np.ndarray, size: int, places: list[CropPlace], rule: str = "short_side") -> torch.Tensor:
    """Test crops: frames uint8 `(T, H, W, 3)` -> uint8 `(len(places), T, size, size, 3)`, contiguous."""
    height, width = resized_shape(*frames.shape[1:3], size, rule)
    clip = resized(torch.from_numpy(frames), height, width)
    views = []
    for place in places:
        down, right = (place.across, place.along) if width >= height else (place.along, place.across)
        top, left = (height - size) * down // 2, (width - size) * right // 2
        crop = clip[:, top : top + size, left : left + size]
        views.append(crop.flip(2) if place.flip else crop)
    return torch.stack(views)


def test_views(frames: np.ndarray, size: int, crops: int) -> torch.Tensor:
    """Test views by the rule short_side: frames uint8 `(T, H, W, 3)` -> uint8 `(crops, T, size, size, 3)`."""
    return crops_at(frames, size, crop_places("short_side", crops))


test_views.__test__ = False  # the name is the field's; pytest is not to collect it
