"""Building a manifest: every path of the annotations looked at, and refused where it leaves the folder of videos."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from stat import S_ISLNK

from suite.data.index import FileState, Index
from suite.data.manifest import Item, Manifest, Video
from suite.spec import BadInput, shown

WHOLE = (None, None, None, None)  # first, frames, start and end of an item that is all of its file


def build_manifest(
    split: str, classes: Iterable[str], items: Iterable[Item], root: Path, folder: str = ".", threads: int = 0
) -> Manifest:
    """Indexes the videos of a split.

    root: the data set's root; folder: where in it the videos are (it may itself be a link to another disk);
    threads: 0 takes one per core, at most 16.
    Frame counts and fingerprints come from the index cache where a file is unchanged (`Index`).  Raises BadInput when
    a path of the annotations leaves the folder, or an id occurs twice.
    """
    items = list(items)
    base = Path(root) / folder
    index = Index(Path(root), base)
    states = _states(items, base, split)
    index.update({path: state for path, state in states.items() if state is not None}, threads)
    videos, missing, undecodable = _videos(items, states, index, "" if folder == "." else f"{folder}/")
    useless = {*missing, *undecodable}
    lost = {item.id: item.path for item in items if item.id in useless}
    return Manifest(split, tuple(classes), tuple(videos), tuple(missing), tuple(undecodable), Path(root), folder, lost)


def _states(items: list[Item], base: Path, split: str) -> dict[str, FileState | None]:
    """Path -> what is there, None where nothing is."""
    states: dict[str, FileState | None] = {}
    seen: set[str] = set()
    inside = _Inside(base)
    for video, path, *_ in items:
        if video in seen:
            raise BadInput(f"Split '{split}' names the video {shown(video)} twice; its annotation file is damaged.")
        seen.add(video)
        states[path] = inside.stat(path, video, split)
    return states


def _videos(
    items: list[Item], states: dict[str, FileState | None], index: Index, prefix: str
) -> tuple[list[Video], list[str], list[str]]:
    """The videos of items, with `prefix` before their paths, and the ids of those missing and those undecodable."""
    videos: list[Video] = []
    missing: list[str] = []
    undecodable: list[str] = []
    for item in items:
        if states[item.path] is None:
            missing.append(item.id)
            continue
        known = index.entries[item.path]
        first, frames = (None, known.frames) if item[4:] == WHOLE else _part(item, known.frames, known.fps)
        if frames < 1:
            undecodable.append(item.id)
            continue
        content = known.fingerprint if first is None else f"{known.fingerprint}#{first}+{frames}"
        videos.append(
            Video(item.id, prefix + item.path, item.class_name, item.label, frames, known.fps, content, first)
        )
    return videos, missing, undecodable


def _part(item: Item, frames: int, fps: float) -> tuple[int | None, int]:
    """First frame (None: all of the file) and number of frames of an item; 0 where the file is shorter than it says."""
    if frames and not fps and (item.start is not None or item.end is not None):
        raise BadInput(
            f"Video {shown(item.id)} is a folder of pictures, which has no frame rate, so its start and end cannot be "
            f"given in seconds."
        )
    first, last = item.first or 0, frames
    if item.frames is not None:
        last = first + item.frames
    if item.start is not None:
        first = int(item.start * fps + 0.5)
    if item.end is not None:
        last = min(frames, int(item.end * fps + 0.5))
    if frames == 0 or last > frames or last <= first:
        return None, 0
    return (None if (first, last) == (0, frames) else first), last - first


class _Inside:
    """Looks at files below a folder, and refuses paths that lead out of it."""

    def __init__(self, base: Path) -> None:
        self.base = str(base)
        self.real = os.path.realpath(base)
        self.parents: set[str] = set()  # folders already found to be inside

    def stat(self, path: str, video: str, split: str) -> FileState | None:
        """What changes when the file does, or None when there is no such file."""
        climbs = ".." in path and ".." in path.split("/")
        if climbs or path[:1] in ("", "/") or path == "." or "\\" in path or "\0" in path:
            raise self._leaves(video, split)
        full = f"{self.base}/{path}"
        parent = path.rpartition("/")[0]
        try:
            if parent not in self.parents:
                self._check(f"{self.base}/{parent}", video, split)
                self.parents.add(parent)
            found = os.lstat(full)
            if S_ISLNK(found.st_mode):
                self._check(full, video, split)
                found = os.stat(full)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except UnicodeEncodeError:
            raise BadInput(f"The id {video!a} of split '{split}' holds half a character.") from None
        except OSError as error:
            raise BadInput(f"Video {shown(video)} of split '{split}' cannot be read: {error.strerror}.") from None
        return FileState.of(found)

    def _check(self, path: str, video: str, split: str) -> None:
        real = os.path.realpath(path)
        if real != self.real and not real.startswith(self.real.rstrip("/") + "/"):
            raise self._leaves(video, split)

    def _leaves(self, video: str, split: str) -> BadInput:
        return BadInput(
            f"Video '{video}' of split '{split}' lies outside {self.base}; an annotation may only name files inside."
        )
