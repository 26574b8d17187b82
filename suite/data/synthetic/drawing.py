"""Draws the videos of the calibration data sets: anti-aliased shapes from signed distances, on a periodic picture.

Lengths are fractions of the picture's side, x to the right and y downwards; time is a fraction of the video.
Whatever is drawn at random is drawn before the direction of the motion is looked at.
"""

from __future__ import annotations

import numpy as np

from suite.data.synthetic.sets import MOTIONS, SHAPES, TRACK_SHAPES, Level

SMALLEST = 0.4  # a growing object starts at this part of its full radius


def draw(
    shape: str | None, motion: str | None, level: Level, gen: np.random.Generator, start: float | None = None
) -> np.ndarray:
    """One video, uint8 `(T, S, S, 3)`.

    shape None: the track's own; motion None: any of the eight; start: the phase at the first frame, None: uniform.
    """
    size = level.pixels
    frames = int(gen.integers(level.frames[0], level.frames[1] + 1))
    anywhere = list(MOTIONS)[int(gen.integers(len(MOTIONS)))]
    track, direction = MOTIONS[motion or anywhere]
    shape = shape or TRACK_SHAPES[track]

    background, foreground = _colours(level, gen)
    radius = gen.uniform(*level.radius)
    travelled = gen.uniform(*level.periods) * (np.arange(frames) / frames)
    phase = gen.uniform()
    phase = ((phase if start is None else start) + direction * travelled) % 1.0
    place = gen.uniform(0.38, 0.62, 2)

    grid = (np.arange(size, dtype=np.float32) + 0.5) / size
    picture = _scene(grid, background, level, gen)
    picture = _paint(picture, _track(grid, track, place, size), 0.6 * background + 0.4 * foreground, 0.8)
    video = np.broadcast_to(picture, (frames, size, size, 3)).astype(np.float32)
    for _ in range(int(gen.integers(level.distractors[0], level.distractors[1] + 1))):
        video = _distractor(video, grid, level, gen, size)
    x, y, r = _pose(track, phase, place, radius)
    video = _paint(video, _coverage(shape, grid, x, y, r, size), foreground, 1.0)
    if level.noise[1] > 0:
        # independent from frame to frame: noise that drifted would tell the direction of time
        sigma = np.float32(gen.uniform(*level.noise))
        video = video + sigma * gen.standard_normal(video.shape, dtype=np.float32)
    return np.clip(video + 0.5, 0, 255).astype(np.uint8)


def _pose(track: str, phase: np.ndarray, place: np.ndarray, radius: float) -> tuple[np.ndarray, ...]:
    """x, y and radius of the object, each `(T,)`, at the phases `(T,)` of its track."""
    still = np.ones_like(phase)
    if track == "horizontal":
        return phase, still * place[1], still * radius
    if track == "vertical":
        return still * place[0], phase, still * radius
    if track == "depth":
        # equal ratios in equal times, as of something that comes nearer
        return still * place[0], still * place[1], 1.9 * radius * SMALLEST ** (1 - phase)
    angle = 2 * np.pi * phase  # y points down, so that a growing angle turns clockwise
    return place[0] + 0.26 * np.cos(angle), place[1] + 0.26 * np.sin(angle), still * radius * 0.9


def _track(grid: np.ndarray, track: str, place: np.ndarray, size: int) -> np.ndarray:
    """How much of each pixel the track covers, `(S, S)`."""
    x, y = grid[None, :] - np.float32(place[0]), grid[:, None] - np.float32(place[1])
    if track == "horizontal":
        distance = np.abs(np.abs(y) - 0.24) + 0 * x
    elif track == "vertical":
        distance = np.abs(np.abs(x) - 0.24) + 0 * y
    elif track == "depth":
        far = np.hypot(x, y)
        distance = np.minimum(np.abs(far - 0.36), np.abs(far - 0.46))
    else:
        far = np.hypot(x, y)
        distance = np.minimum(np.abs(far - 0.26), far - 0.03)
    return np.clip(0.5 - (distance - 0.012) * size, 0, 1)


def _coverage(shape: str, grid: np.ndarray, x: np.ndarray, y: np.ndarray, r: np.ndarray, size: int) -> np.ndarray:
    """How much of each pixel a shape covers at each time, `(T, S, S)`; the picture is a torus."""
    r = r.astype(np.float32)[:, None, None]
    u = _wrapped(grid[None, None, :] - x.astype(np.float32)[:, None, None]) / r
    v = _wrapped(grid[None, :, None] - y.astype(np.float32)[:, None, None]) / r
    return np.clip(0.5 - _distance(shape, u, v) * (r * size), 0, 1)


def _wrapped(difference: np.ndarray) -> np.ndarray:
    return (difference + np.float32(0.5)) % np.float32(1) - np.float32(0.5)


def _distance(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Signed distance (negative inside) from the outline of a shape of radius about 1; broadcasts u against v."""
    if shape == "disc":
        return np.hypot(u, v) - 1
    if shape == "ring":
        return np.abs(np.hypot(u, v) - 0.78) - 0.26
    if shape == "square":
        return np.maximum(np.abs(u), np.abs(v)) - 0.88
    if shape == "frame":
        return np.abs(np.maximum(np.abs(u), np.abs(v)) - 0.72) - 0.22
    if shape == "triangle":
        return np.maximum(0.894 * np.abs(u) - 0.447 * v - 0.45, v - 0.8)
    if shape == "cross":
        a, b = np.abs(u), np.abs(v)
        return np.minimum(np.maximum(a - 1.05, b - 0.32), np.maximum(b - 1.05, a - 0.32))
    if shape == "stripes":
        bars = np.abs((v + 1) % np.float32(0.8) - 0.4) - 0.2
        return np.maximum(np.maximum(np.abs(u), np.abs(v)) - 1, bars)
    if shape == "dots":
        return np.minimum(np.hypot(u - 0.62, v), np.hypot(u + 0.62, v)) - 0.5
    raise AssertionError(shape)


def _paint(picture: np.ndarray, coverage: np.ndarray, colour: np.ndarray, opacity: float) -> np.ndarray:
    alpha = (np.float32(opacity) * coverage.astype(np.float32))[..., None]
    return picture + alpha * (colour.astype(np.float32) - picture)


def _colours(level: Level, gen: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Background and object, RGB `(3,)` each: grey levels `contrast` apart, either the brighter one, any hue."""
    contrast = gen.uniform(*level.contrast)
    middle = gen.uniform(128 - (230 - contrast) / 4, 128 + (230 - contrast) / 4)
    sign = 1 if gen.uniform() < 0.5 else -1
    tint = gen.uniform(-25, 25, (2, 3))
    tint -= tint.mean(axis=1, keepdims=True)
    return middle - sign * contrast / 2 + tint[0], middle + sign * contrast / 2 + tint[1]


def _scene(grid: np.ndarray, background: np.ndarray, level: Level, gen: np.random.Generator) -> np.ndarray:
    """The still background `(S, S, 3)`: a slight gradient, and at higher levels a texture of three octaves."""
    slope = gen.uniform(-18, 18, 2).astype(np.float32)
    grey = slope[0] * (grid[None, :] - 0.5) + slope[1] * (grid[:, None] - 0.5)
    for cells in (4, 9, 20) if level.clutter else ():
        weights = np.maximum(0, 1 - np.abs(grid[:, None] * (cells - 1) - np.arange(cells))).astype(np.float32)
        knots = gen.uniform(-level.clutter, level.clutter, (cells, cells)).astype(np.float32)
        grey = grey + weights @ knots @ weights.T
    return grey[..., None] + background.astype(np.float32)


def _distractor(video: np.ndarray, grid: np.ndarray, level: Level, gen: np.random.Generator, size: int) -> np.ndarray:
    """Paints another shape, standing or drifting in any direction: its motion says nothing of the label."""
    shape = SHAPES[int(gen.integers(len(SHAPES)))]
    colour = gen.uniform(60, 196) + gen.uniform(-30, 30, 3)
    radius = gen.uniform(0.03, 0.09)
    x, y = gen.uniform(size=2)
    speed = gen.uniform(-0.5, 0.5, 2) * (gen.uniform() < 0.5)
    steps = np.arange(len(video)) / len(video) if speed.any() else np.zeros(1)
    x, y = x + speed[0] * steps, y + speed[1] * steps
    return _paint(video, _coverage(shape, grid, x, y, np.full_like(x, radius), size), colour, 0.7)
