"""Videos as folders of pictures, one per frame: `00001.jpg`, `img_00001.jpg`, `frame000000.png`.

Pictures are those whose names differ in a number alone; it counts frames without a gap, from wherever it begins.
Optical flow beside them (flow_x_00001.jpg) is left out.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from suite.spec import BadInput, file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

SUFFIXES = ("jpg", "jpeg", "png", "webp")
FLOW = ("flow_x_", "flow_y_")  # optical flow, which some tools write into the folder of the frames
_NAME = re.compile(rf"(.*?)([0-9]+)\.({'|'.join(SUFFIXES)})", re.IGNORECASE | re.DOTALL)


class Undecodable(BadInput):
    """A file or folder that is there and is not a video that can be read."""


def is_openable(path: Path | str) -> bool:
    """Whether a path is a regular file or a folder; opening a pipe or a device may wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return True  # opening it says why it cannot be read
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


class Pattern(NamedTuple):
    """How the pictures of a folder are called, and how many there are; width: digits, 0 where they are not padded."""

    before: str
    width: int
    suffix: str
    first: int
    count: int

    def name(self, index: int) -> str:
        """The file of frame `index`, counted from 0."""
        return f"{self.before}{self.first + index:0{self.width}d}.{self.suffix}"


def is_frame_folder(path: Path) -> bool:
    """Whether a folder holds a picture with a number for a name; looks no further than the first files."""
    if not path.is_dir():
        return False
    with os.scandir(path) as entries:
        return any(_NAME.fullmatch(entry.name) for _, entry in zip(range(20), entries, strict=False))


def pattern_of(folder: Path | str) -> Pattern:
    """What is in a folder.  Raises Undecodable where its pictures are no sequence, with the first that is missing."""
    try:
        with os.scandir(folder) as entries:  # a pipe or a device is no picture
            names = [entry.name for entry in entries if entry.name[0] != "." and entry.is_file()]
    except OSError as error:
        raise Undecodable(f"Folder {folder} cannot be read: {error.strerror}.") from None
    matches = [match for name in names if (match := _NAME.fullmatch(name))]
    matches = [match for match in matches if match[1] not in FLOW] or matches
    if not matches:
        raise Undecodable(f"Folder {folder} holds no numbered pictures.")
    kinds = {(match[1], match[3]) for match in matches}
    if len(kinds) > 1:
        some = " and ".join(f"{before}*.{suffix}" for before, suffix in sorted(kinds)[:2])
        raise Undecodable(f"Folder {folder} holds several sequences ({some}).")
    before, suffix = next(iter(kinds))
    shortest = min(len(match[2]) for match in matches)
    first = min(int(match[2]) for match in matches)
    padded = any(match[2][0] == "0" and len(match[2]) > 1 for match in matches)
    found = Pattern(before, shortest if padded else 0, suffix, first, len(matches))
    there = {match[0] for match in matches}
    if missing := next((name for name in map(found.name, range(found.count)) if name not in there), None):
        raise Undecodable(f"Folder {folder} has a gap in its {found.count} pictures: {missing} is missing.")
    return found


_pattern = lru_cache(maxsize=2**18)(pattern_of)  # of folders that were indexed; listing one takes longer than a frame


def fingerprint(folder: Path | str) -> str:
    """A cheap identity of the content: SHA-256 (32 hex digits) of names and sizes, and of the first and last picture.

    A change of a picture between them that keeps its size is not seen.  Raises OSError when it cannot be read.
    """
    with os.scandir(folder) as entries:
        pictures = [entry for entry in entries if _NAME.fullmatch(entry.name) and entry.is_file()]
        sizes = sorted((entry.name, entry.stat().st_size) for entry in pictures)
    digest = hashlib.sha256("\0".join(f"{name}\0{size}" for name, size in sizes).encode())
    for name, _ in sizes[:1] + sizes[-1:]:
        digest.update((Path(folder) / name).read_bytes())
    return digest.hexdigest()[:32]


def whole_sha256(folder: Path | str) -> str:
    """SHA-256 of the names and all bytes of the pictures of a folder."""
    digest = hashlib.sha256()
    for name in sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name)):
        digest.update(f"{name}\0{file_sha256(Path(folder) / name)}".encode())
    return digest.hexdigest()


def read_pictures(folder: Path | str, indices: Iterable[int]) -> np.ndarray:
    """Frames `indices`, counted from 0: uint8 `(len(indices), H, W, 3)` RGB.

    Raises Undecodable for a picture that is missing, cannot be decoded, or has another size than the others.
    """
    import numpy as np
    from torchvision.io import ImageReadMode, decode_image, read_file

    pattern, out = _pattern(str(folder)), []
    for index in indices:
        file = os.path.join(folder, pattern.name(index))
        try:
            picture = decode_image(read_file(file), ImageReadMode.RGB)
        except RuntimeError as error:
            reason = (str(error).splitlines() or ["?"])[0]
            raise Undecodable(f"Picture {file} cannot be decoded ({reason}).") from None
        frame = picture.permute(1, 2, 0).numpy()
        if frame.dtype == np.uint16:
            frame = (frame >> 8).astype(np.uint8)  # the upper 8 of 16 bits, as OpenCV reads such a PNG
        out.append(frame)
        if out[-1].shape != out[0].shape:
            raise Undecodable(f"Picture {file} has another size than the first of its folder.")
    return np.stack(out)
