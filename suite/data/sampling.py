"""Which frames of a video make a clip.

`n` frames in the video, `T = frames` wanted, `C` clips. The rules are those of deep_analysis (uniform) and of
TSN-style dense sampling; test indices are computed in integers, so that no machine rounds differently.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from suite.spec import BadInput, Sampling

# Where a test clip lies, the same in every test that has it. uniform: its shift in frames. dense: which share of the
# possible starts lies before its own; None for half of them rounded down, where one clip starts.
ClipPlace = int | Fraction | None


def train_indices(n: int, frames: int, sampling: Sampling, gen: np.random.Generator) -> np.ndarray:
    """Frame indices of one training clip, int64 `(T,)`, sorted, within [0, n).

    uniform, segment: one frame from each segment [g n/T, (g+1) n/T), each with its own offset; when n < T, one
    offset for all segments, so that repeated frames stay evenly spread.  Every frame can be drawn.
    uniform, published: segments of n // T frames and one offset for all; frames from T * (n // T) on are never
    drawn.  When n < T, T draws with replacement, sorted.
    dense: T frames `stride` apart from a random start; when the video is too short the last frame repeats (clamp,
    which keeps the order of time; wrapping round would not).
    """
    _check(n, frames)
    segment = np.arange(frames)
    if sampling.rule == "dense":
        room = n - _span(frames, sampling.stride)
        # a short video starts within the first stride, so that frames between the strides are seen too
        start = gen.integers(room + 1) if room >= 0 else gen.integers(min(sampling.stride, n))
        return _dense(n, frames, int(start), sampling.stride)
    if sampling.variant == "published":
        if n < frames:
            return np.sort(gen.integers(n, size=frames))
        length = n // frames
        return segment * length + gen.integers(length)
    offset = gen.random(frames) if n >= frames else gen.random()
    return np.minimum(((segment + offset) * n / frames).astype(np.int64), n - 1)


def test_indices(n: int, frames: int, clips: int, sampling: Sampling) -> np.ndarray:
    """Frame indices of the test clips, int64 `(C, T)`, each row sorted, within [0, n).  Nothing is drawn at random.

    uniform: the middle frame of each segment; clip i is shifted by i frames, kept within its segment, with
    -C/2 <= i < C/2 (segment), or -C//2 + 1 <= i <= C//2 as in the authors' code (published; for ten clips -4 to 5).
    dense: C starts spread evenly from the first to the last possible one; one clip starts in the middle or at the
    first frame (`dense_clip`).  Too short a video repeats its last frame (clamp).
    """
    return indices_at(n, frames, clip_places(clips, sampling), sampling)


def clip_places(clips: int, sampling: Sampling) -> list[ClipPlace]:
    """Where the clips of a test lie.  Two uniform clips are two of ten; two dense ones are the first and the last."""
    if clips < 1:
        raise BadInput(f"The number of test clips must be at least 1, not {clips}.")
    if sampling.rule == "dense":
        if clips == 1:
            return [None if sampling.dense_clip == "middle" else Fraction(0)]
        return [Fraction(c, clips - 1) for c in range(clips)]
    first = -clips // 2 + 1 if sampling.variant == "published" else -(clips // 2)
    return list(range(first, first + clips))


def indices_at(n: int, frames: int, places: list[ClipPlace], sampling: Sampling) -> np.ndarray:
    """Frame indices of the test clips at `places`, int64 `(P, T)`."""
    _check(n, frames)
    if sampling.rule == "dense":
        room = max(n - _span(frames, sampling.stride), 0)
        starts = [room // 2 if place is None else int(place * room + Fraction(1, 2)) for place in places]
        return np.stack([_dense(n, frames, start, sampling.stride) for start in starts])
    segment = np.arange(frames)
    first, last = segment * n // frames, -(-(segment + 1) * n // frames) - 1
    middle = (2 * segment + 1) * n // (2 * frames)
    return np.clip(middle + np.array(places)[:, None], first, last)


test_indices.__test__ = False  # the name is the field's; pytest is not to collect it


def _dense(n: int, frames: int, start: int, stride: int) -> np.ndarray:
    return np.minimum(start + stride * np.arange(frames), n - 1)


def _span(frames: int, stride: int) -> int:
    return (frames - 1) * stride + 1


def _check(n: int, frames: int) -> None:
    if frames < 1:
        raise BadInput(f"The number of frames per clip must be at least 1, not {frames}.")
    if n < 1:
        raise BadInput("A video without frames cannot be sampled.")
