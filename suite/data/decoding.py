"""Frames of a video: decord where it can be trusted, PyAV otherwise; torchvision for folders of pictures.

decord 0.6 returns wrong frames without a word on B-frame AVI and on MPEG-4, and fails on webm files of one frame or
of narrow pictures; so it is used for H.264 and VP9 in mp4 and webm alone, and whatever it refuses goes to PyAV.
The environment variable SUITE_DECODER forces one of them for all files: `decord` or `pyav`; `auto` is the rule above.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from suite.data import frame_folders
from suite.data.frame_folders import Undecodable
from suite.spec import BadInput, unknown

if TYPE_CHECKING:
    import numpy as np

DECORD_CODECS = ("h264", "vp9")
DECORD_SUFFIXES = (".mp4", ".webm")
PICTURES = "pictures"  # stands for the codec of a folder of frames
SETTING = "SUITE_DECODER"
SETTINGS = ("auto", "decord", "pyav")
LIBRARIES = ("libavcodec", "libavformat", "libswscale")  # of FFmpeg: what PyAV decodes and converts with


def chosen_decoder() -> str:
    """What SUITE_DECODER says, "auto" when it is not set.  Raises BadInput for anything but SETTINGS."""
    setting = os.environ.get(SETTING) or "auto"
    if setting not in SETTINGS:
        raise unknown(f"decoder in {SETTING}", setting, SETTINGS)
    return setting


@lru_cache
def versions(backend: str) -> tuple[str, str]:
    """(backend with its version, the FFmpeg libraries that it reports or "")."""
    if backend == "decord":
        import decord

        return f"decord {decord.__version__}", ""
    if backend == "torchvision":
        import torchvision

        return f"torchvision {torchvision.__version__}", ""
    import av

    found = {name: ".".join(map(str, number)) for name, number in av.library_versions.items()}
    return f"pyav {av.__version__}", ", ".join(f"{name} {found[name]}" for name in LIBRARIES if name in found)


def read_frames(path: Path | str, indices: Sequence[int] | np.ndarray) -> tuple[np.ndarray, str]:
    """Frames `indices` (any order, repeats allowed) of a file: uint8 `(len(indices), H, W, 3)` RGB, and the backend.

    Raises Undecodable when the file cannot be read or is shorter than asked.
    """
    frames, backend, _ = _read(str(path), indices, _picture(str(path)), chosen_decoder())
    return frames, backend


class Picture(NamedTuple):
    """What a file says of its pictures, in pixels."""

    width: int
    height: int
    codec: str


class Decoder:
    """Reads frames, remembers small videos, and counts who decoded what (of its own process).

    cache_bytes: whole decoded videos are kept up to this sum.  Only videos of at most a 256th of it are kept: a set
    of larger ones would not fit, and would cost every data-loader worker the memory.  Nothing is ever evicted: an
    epoch in random order makes any eviction a loss.
    journal: a file to which every process of a data loader adds which backends it used, and every fallback.
    Raises BadInput when SUITE_DECODER is not one of SETTINGS.
    """

    def __init__(self, cache_bytes: int = 1 << 30, journal: Path | None = None) -> None:
        self.cache_bytes, self.journal, self.setting = cache_bytes, journal, chosen_decoder()
        self._cache: dict[str, np.ndarray] = {}
        self._used = 0
        self._counts: Counter[str] = Counter()
        self._fallbacks: Counter[str] = Counter()
        self._fallen: set[str] = set()
        self._noted: set[tuple[str, str]] = set()  # (backend, split)

    def read(
        self, path: Path | str, indices: Sequence[int] | np.ndarray, frames: int = 0, split: str = "", video: str = ""
    ) -> np.ndarray:
        """Frames `indices` of a file, uint8 `(len(indices), H, W, 3)`; do not write into them.

        frames: how many the file has, from the manifest; 0 means unknown, and the video is not kept.
        split, video: of which split, and the id of the video in it; for the journal.
        """
        key = str(path)
        decoded = self._cache.get(key)
        if decoded is None:
            picture = _picture(key)
            whole = frames > 0 and self._fits(frames * picture.width * picture.height * 3)
            decoded, backend, reason = _read(key, range(frames) if whole else indices, picture, self.setting)
            self._count(key, backend, reason, split, video)
            if not whole:
                return decoded
            self._cache[key] = decoded
            self._used += decoded.nbytes
        return decoded[indices]

    def _count(self, path: str, backend: str, reason: str, split: str, video: str) -> None:
        first = (backend, split) not in self._noted or (reason and path not in self._fallen)
        self._counts[backend] += 1
        self._noted.add((backend, split))
        if reason:
            self._fallbacks[reason] += 1
            self._fallen.add(path)
        if self.journal is not None and first:
            version, ffmpeg = versions(backend)
            note = {"backend": backend, "version": version, "ffmpeg": ffmpeg, "reason": reason}
            note |= {"video": Path(path).name, "split": split, "id": video}
            with open(self.journal, "a") as file:  # short lines: appends of several processes do not mix
                file.write(json.dumps(note) + "\n")

    def report(self) -> dict[str, Any]:
        """For provenance, of all processes with a journal: {"backends": names, "fallbacks": {reason: names of files},
        "splits": {split: {"backends": with versions, "ffmpeg": versions, "fallbacks": {reason: number of videos}}}}.

        Without one, of this process: {"decoded": {backend: reads}, "fallbacks": {reason: reads}, "cached_bytes": int}.
        """
        if self.journal is None:
            return {"decoded": dict(self._counts), "fallbacks": dict(self._fallbacks), "cached_bytes": self._used}
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        notes = [json.loads(line) for line in lines if line.endswith("}")]  # a kill may cut a line short
        fallbacks: dict[str, set[str]] = {}
        for note in notes:
            if note["reason"]:
                fallbacks.setdefault(note["reason"], set()).add(note["video"])
        return {
            "backends": sorted({note["backend"] for note in notes}),
            "fallbacks": {reason: sorted(videos) for reason, videos in sorted(fallbacks.items())},
            "splits": {
                split: _of_split([note for note in notes if note.get("split", "") == split])
                for split in sorted({note.get("split", "") for note in notes})
            },
        }

    def _fits(self, size: int) -> bool:
        return size <= min(self.cache_bytes // 256, self.cache_bytes - self._used)

    def __getstate__(self) -> dict[str, Any]:
        # a spawned worker gets the settings, not a gigabyte of frames
        return {**self.__dict__, "_cache": {}, "_used": 0, "_counts": Counter(), "_fallbacks": Counter()}


def _of_split(notes: list[dict[str, str]]) -> dict[str, Any]:
    """What the journal says of one split; lines of older versions of the suite name no version."""
    fallbacks = {note["reason"]: set() for note in notes if note["reason"]}
    for note in notes:
        if note["reason"]:
            fallbacks[note["reason"]].add(note.get("id") or note["video"])
    return {
        "backends": sorted({note.get("version") or note["backend"] for note in notes}),
        "ffmpeg": sorted({note["ffmpeg"] for note in notes if note.get("ffmpeg")}),
        "fallbacks": {reason: len(videos) for reason, videos in sorted(fallbacks.items())},
    }


def _read(
    path: str, indices: Sequence[int] | np.ndarray, picture: Picture, setting: str
) -> tuple[np.ndarray, str, str]:
    """Frames, backend, and why it was not decord ("" when it was, or PyAV was asked for)."""
    import numpy as np

    indices = np.asarray(indices, dtype=np.int64)
    if indices.size == 0 or indices.min() < 0:
        raise BadInput(f"Frame indices for {path} must be a list of whole numbers from 0.")
    wanted, back = np.unique(indices, return_inverse=True)
    backend, frames, reason = "decord", None, ""
    if picture.codec == PICTURES:
        frames, backend = frame_folders.read_pictures(path, wanted), "torchvision"
    elif setting != "pyav":
        frames, reason = _by_decord(path, wanted, picture.codec)
    if frames is None and setting == "decord":
        raise BadInput(
            f"{SETTING} is decord, which cannot be used for {path} ({reason}); set {SETTING} to auto or "
            "pyav, or unset it."
        )
    if frames is None:
        frames, backend = _by_pyav(path, wanted), "pyav"
    return (frames if len(wanted) == len(indices) and (back[:-1] < back[1:]).all() else frames[back]), backend, reason


def _by_decord(path: str, wanted: np.ndarray, codec: str) -> tuple[np.ndarray | None, str]:
    """Frames, or None and the reason."""
    if not path.lower().endswith(DECORD_SUFFIXES):
        return None, "container"
    if codec not in DECORD_CODECS:
        return None, f"codec {codec}"
    try:
        import decord
    except (ImportError, OSError):
        return None, "decord cannot be imported"
    try:
        # one thread: data-loader workers are the parallelism, and further threads change nothing but the speed
        frames = decord.VideoReader(path, num_threads=1).get_batch(wanted.tolist()).asnumpy()
    except Exception:  # decord raises its own error, and RuntimeError or IndexError by version
        return None, "decord failed on the file"
    return frames, ""


def _by_pyav(path: str, wanted: np.ndarray) -> np.ndarray:
    """Exact frames: decodes from the beginning, counts, and stops after the last one."""
    import av
    import numpy as np

    out, position = [], 0
    try:
        with av.open(path) as container:
            stream = container.streams.video[0]
            one_thread(stream)
            for frame in container.decode(stream):
                if position == wanted[len(out)]:
                    out.append(frame.to_ndarray(format="rgb24"))
                    if len(out) == len(wanted):
                        return np.stack(out)
                position += 1
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise Undecodable(f"Video {path} cannot be decoded ({first_line(error)}).") from None
    raise Undecodable(f"Video {path} has {position} decodable frames, but frame {wanted[-1]} was requested.")


def _picture(path: str) -> Picture:
    if os.path.isdir(path):
        height, width = frame_folders.read_pictures(path, [0]).shape[1:3]
        return Picture(width, height, PICTURES)
    import av

    try:
        with av.open(path) as container:
            context = container.streams.video[0].codec_context
            return Picture(context.width, context.height, context.name)
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise Undecodable(f"Video {path} cannot be decoded ({first_line(error)}).") from None


def one_thread(stream: Any) -> None:
    """Data-loader workers are the parallelism."""
    stream.thread_type = "NONE"
    stream.thread_count = 1


def first_line(error: Exception) -> str:
    """What FFmpeg says, without the file's name."""
    return (str(error).splitlines() or [type(error).__name__])[0].split(": '/")[0]
