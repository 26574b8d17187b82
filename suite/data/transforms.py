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


def resized(clip: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """uint8 `(T, H, W, 3)` -> uint8 `(T, height, width, 3)`, bilinear with antialiasing; itself when it fits."""
    if tuple(clip.shape[1:3]) == (height, width):
        return clip
    # (T, 3, H, W) seen through the same memory is channels-last, for which torch has a fast uint8 path
    out = functional.resize_image(clip.permute(0, 3, 1, 2), [height, width], antialias=True)
    return out.permute(0, 2, 3, 1)


def flipped_label(
    label: int, rule: Literal["label_aware", "blind", "none"], flip_map: dict[int, int | None], gen: np.random.Generator
) -> tuple[bool, int]:
    """Whether this clip is flipped (one time in two, where the rule allows it), and its label then."""
    if rule == "none" or gen.random() >= 0.5:
        return False, label
    if rule == "blind":
        return True, label
    mirror = flip_map[label]
    return (False, label) if mirror is None else (True, mirror)


def train_view(
    frames: np.ndarray, size: int, augmentation: Augmentation, flip: bool, gen: np.random.Generator
) -> torch.Tensor:
    """A training clip: frames uint8 `(T, H, W, 3)` -> uint8 `(T, size, size, 3)`, contiguous."""
    box = random_box(frames.shape[1], frames.shape[2], augmentation.scales, gen)
    clip = torch.from_numpy(frames)[:, box.top : box.top + box.height, box.left : box.left + box.width]
    clip = resized(clip, size, size)
    return (clip.flip(2) if flip else clip).contiguous()


def test_views(frames: np.ndarray, size: int, crops: int) -> torch.Tensor:
    """Test views: frames uint8 `(T, H, W, 3)` -> uint8 `(crops, T, size, size, 3)`, contiguous.

    The short side is resized to `size`; one crop is the centre, three lie along the longer side, first to last.
    """
    height, width = frames.shape[1:3]
    short = min(height, width)
    height, width = max(size, round(height * size / short)), max(size, round(width * size / short))
    clip = resized(torch.from_numpy(frames), height, width)
    views = []
    for step in (1,) if crops == 1 else (0, 1, 2):
        top, left = (height - size) * step // 2, (width - size) * step // 2
        views.append(clip[:, top : top + size, left : left + size])
    return torch.stack(views)


test_views.__test__ = False  # the name is the field's; pytest is not to collect it
