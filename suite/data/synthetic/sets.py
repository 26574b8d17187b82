"""The calibration sets: generated videos whose best possible accuracies are known, with and without order in time.

    calib_order   the label is a motion; four pairs of motions that are each other's reversal
    calib_scene   the label is an appearance; the motion is drawn at random, so that order is worth nothing
    calib_mixed   the label is both

A motion is periodic (what leaves on one side enters on the other; growing jumps back to small) and starts at a uniform
phase.  So a frame has the same distribution in both classes of a pair, and so has any set of frames whose times are
distributed symmetrically about the middle of the video: only the order of frames tells the two apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.program import command
from suite.spec import BadInput, unknown

GENERATOR = "video-fair-bench calibrated sets"
VERSION = 1
CARD = "calibration.json"

# motion -> (track, direction); the track is seen in every frame, the direction in none
MOTIONS = {
    "left": ("horizontal", -1),
    "right": ("horizontal", +1),
    "up": ("vertical", -1),
    "down": ("vertical", +1),
    "grow": ("depth", +1),
    "shrink": ("depth", -1),
    "clockwise": ("dial", +1),
    "counterclockwise": ("dial", -1),
}
PAIRS = (("left", "right"), ("up", "down"), ("grow", "shrink"), ("clockwise", "counterclockwise"))
MIRROR = {"left": "right", "right": "left", "clockwise": "counterclockwise", "counterclockwise": "clockwise"}
SHAPES = ("disc", "ring", "square", "frame", "triangle", "cross", "stripes", "dots")
TRACK_SHAPES = {"horizontal": "square", "vertical": "triangle", "depth": "disc", "dial": "dots"}

_MOVING = {
    "left": "Moving {} left",
    "right": "Moving {} right",
    "up": "Moving {} up",
    "down": "Moving {} down",
    "grow": "Enlarging {}",
    "shrink": "Shrinking {}",
    "clockwise": "Turning {} clockwise",
    "counterclockwise": "Turning {} counterclockwise",
}


@dataclass(frozen=True)
class Kind:
    """One class: what a template says, and which shape and motion it fixes (None: drawn at random, or by the track)."""

    template: str
    shape: str | None
    motion: str | None

    @property
    def name(self) -> str:
        """The class name: the template without brackets."""
        return self.template.replace("[", "").replace("]", "")


@dataclass(frozen=True)
class CalibratedSet:
    """A synthetic data set; the upper bounds (without and with temporal order) are fractions."""

    name: str
    kinds: tuple[Kind, ...]
    ceiling_blind: float
    ceiling_ordered: float = 1.0

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of their numbers."""
        return tuple(kind.name for kind in self.kinds)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Classes that differ in nothing but the direction of time."""
        return tuple(
            (a.name, b.name)
            for a in self.kinds
            for b in self.kinds
            if a.shape == b.shape and (a.motion, b.motion) in PAIRS
        )

    @property
    def flip(self) -> dict[str, str]:
        """Class name -> class name after a horizontal flip."""
        names = {(kind.shape, kind.motion): kind.name for kind in self.kinds}
        return {kind.name: names[kind.shape, MIRROR.get(kind.motion, kind.motion)] for kind in self.kinds}


def _of_shape(shape: str) -> str:
    what = {"cross": "a cross", "stripes": "a row of stripes", "dots": "a pair of dots"}.get(shape, f"a {shape}")
    return f"[something] shaped like {what}"


_MIXED = [(s, m) for s in ("disc", "square", "cross", "ring") for m in ("left", "right", "up", "down")]
SETS = {
    s.name: s
    for s in (
        CalibratedSet(
            "calib_order",
            tuple(Kind(text.format("[something]"), None, motion) for motion, text in _MOVING.items()),
            ceiling_blind=0.5,
        ),
        CalibratedSet(
            "calib_scene",
            tuple(Kind("Showing " + _of_shape(shape), shape, None) for shape in SHAPES),
            ceiling_blind=1.0,
        ),
        CalibratedSet(
            "calib_mixed",
            tuple(Kind(_MOVING[motion].format(_of_shape(shape)), shape, motion) for shape, motion in _MIXED),
            ceiling_blind=0.5,
        ),
    )
}


@dataclass(frozen=True)
class Level:
    """How much is in the way.  Pixels, videos a split, and ranges that are drawn from uniformly for each video."""

    pixels: int
    videos: tuple[tuple[str, int], ...]
    radius: tuple[float, float]  # of the object, as a fraction of the picture
    periods: tuple[float, float]  # travelled over the whole video; below 1, so that 8 samples do not alias
    contrast: tuple[float, float]  # between object and background, grey levels
    clutter: float  # amplitude of the background's texture, grey levels
    distractors: tuple[int, int]  # other shapes, standing or drifting any way
    noise: tuple[float, float]  # standard deviation, drawn anew for every pixel and frame, grey levels
    crf: int  # constant quality of VP9, 0 (best) to 63
    frames: tuple[int, int] = (16, 30)


LEVELS = {
    "easy": Level(
        pixels=64,
        videos=(("train", 640), ("val", 400)),
        radius=(0.17, 0.25),
        periods=(0.5, 0.9),
        contrast=(110, 170),
        clutter=0.0,
        distractors=(0, 0),
        noise=(0, 0),
        crf=20,
    ),
    "hard": Level(
        pixels=128,
        videos=(("train", 8000), ("val", 2000)),
        radius=(0.06, 0.16),
        periods=(0.3, 0.95),
        contrast=(40, 110),
        clutter=22.0,
        distractors=(2, 5),
        noise=(3, 10),
        crf=32,
    ),
}


def find(name: str, level: str) -> tuple[CalibratedSet, Level]:
    """A set and one of its levels of difficulty.  Raises BadInput for an unknown one."""
    if name not in SETS:
        raise unknown("calibration data set", name, SETS)
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    return SETS[name], LEVELS[level]


def folder_name(name: str, level: str) -> str:
    """The folder of a set under the data root."""
    return name if level == "easy" else f"{name}-{level}"


def locate(name: str, level: str, root: Path) -> Path:
    """Where the set lies in `root`, which contains its folder or is it.  Raises BadInput when it was not made yet."""
    inner = root / folder_name(name, level)
    for folder in (inner, root):
        if (folder / CARD).is_file() and (folder == inner or folder.name == inner.name):
            return folder
    raise BadInput(
        f"The calibration data set '{name}' (level {level}) is not in '{root}': there is no {inner / CARD}; "
        f"generate it with {command('data synthesize')}, or give another folder with DATA= or SUITE_DATA."
    )


def read_card(folder: Path, name: str, level: str) -> dict[str, Any]:
    """`calibration.json`: generator, version, level, seed, videos, chance, ceilings, flip map and pairs."""
    path = folder / CARD
    try:
        card = json.loads(path.read_text())
        right = card["generator"] == GENERATOR and (card["set"], card["level"]) == (name, level)
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{path} cannot be read; delete the folder and generate the data set again.") from None
    if not right:
        raise BadInput(
            f"{path} describes another data set than '{name}' at level {level}; delete the folder and "
            "generate it again."
        )
    return card
