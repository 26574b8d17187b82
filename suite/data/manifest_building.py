"""Building a manifest: every path of the annotations looked at, and refused where it leaves the folder of videos."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from stat import S_ISLNK

from suite.data.index import Index
from suite.data.index_file import ABSENT, INODE
from suite.data.manifest import Item, Manifest
from suite.data.video_table import VideoTable
from suite.spec import BadInput, shown

WHOLE = (None, None, None, None)  # first, frames, start and end of an item that is all of its file
PART = slice(Item._fields.index("first"), Item._fields.index("end") + 1)


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
    _refuse_repeated(items, split)
    states = _states(items, base, split)
    index = Index(Path(root), base)
    index.update([item[1] for item in items], states, threads)
    videos, missing, undecodable = _videos(items, states, index, "" if folder == "." else f"{folder}/")
    useless = {*missing, *undecodable}
    lost = {item.id: item.path for item in items if item.id in useless}
    cut = tuple(_ending_early(items, index, useless))
    return Manifest(split, tuple(classes), videos, tuple(missing), tuple(undecodable), Path(root), folder, lost, cut)


def _refuse_repeated(items: list[Item], split: str) -> None:
    if len({item[0] for item in items}) == len(items):
        return
    first: dict[str, Item] = {}
    for item in items:
        before = first.setdefault(item.id, item)
        if before is not item:
            break
    places = f", as {shown(before.path)} and {shown(item.path)}" if before.path != item.path else ""
    if item.place:
        same_file = before.file == item.file
        places = f", in {before.place} and {item.place.removeprefix(f'{item.file} ') if same_file else item.place}"
    raise BadInput(f"Split '{split}' names the video {shown(item.id)} twice{places}; remove one of the two.")


def _states(items: list[Item], base: Path, split: str) -> array[int]:
    """The four numbers of the `FileState` of each item's file, ABSENT where there is none."""
    states, inside = array("q"), _Inside(base, split)
    stat, add = inside.stat, states.extend
    for item in items:
        found = stat(item)
        add(ABSENT if found is None else (found.st_size, found.st_mtime_ns, found.st_ino & INODE, found.st_ctime_ns))
    return states


def _videos(
    items: list[Item], states: array[int], index: Index, prefix: str
) -> tuple[VideoTable, list[str], list[str]]:
    """The videos of items, with `prefix` before their paths, and the ids of those missing and those undecodable."""
    there = [size >= 0 for size in states[::4]]
    found, missing = items, []
    if not all(there):
        found = [item for item, is_there in zip(items, there, strict=True) if is_there]
        missing = [item.id for item, is_there in zip(items, there, strict=True) if not is_there]
    rows = [index.entries.place[item[1]] for item in found]
    frames, fps, contents = ([column[row] for row in rows] for column in index.entries.facts())
    firsts: list[int | None] = [None] * len(found)
    for number, item in enumerate(found):
        if item[PART] != WHOLE:
            firsts[number], frames[number] = first, count = _part(item, frames[number], fps[number])
            contents[number] += "" if first is None else f"#{first}+{count}"
    ids, paths = [item[0] for item in found], [prefix + item[1] for item in found]
    columns = [ids, paths, [item[2] for item in found], [item[3] for item in found], frames, fps, contents, firsts]
    undecodable = [video for video, count in zip(ids, frames, strict=True) if count < 1]
    if undecodable:
        columns = [[value for value, count in zip(column, frames, strict=True) if count >= 1] for column in columns]
    return VideoTable.of_columns(*columns), missing, undecodable


def _part(item: Item, frames: int, fps: float) -> tuple[int | None, int]:
    """First frame (None: all of the file) and number of frames of an item; 0 where the file is shorter than it says."""
    if frames and not fps and (item.start is not None or item.end is not None):
        raise BadInput(
            f"Video {shown(item.id)}{_at(item)} is a folder of pictures, which has no frame rate, so its start and end "
            f"cannot be given in seconds."
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


def _ending_early(items: list[Item], index: Index, useless: set[str]) -> Iterator[str]:
    """Ids of the usable items whose file ends before the end that the annotations give."""
    for item in items:
        if item.end is None or item.id in useless:
            continue
        entry = index.entries.get(item.path)
        if entry is not None and int(item.end * entry.fps + 0.5) > entry.frames:
            yield item.id


def _at(item: Item) -> str:
    """Where the annotations name a video, in brackets with a blank before it; "" where that is not known."""
    return f" ({item.place})" if item.place else ""


class _Inside:
    """Looks at files below a folder, and refuses paths that lead out of it."""

    def __init__(self, base: Path, split: str) -> None:
        self.base, self.split = str(base), split
        self.real = os.path.realpath(base)
        self.parents: set[str] = set()  # folders already found to be inside

    def stat(self, item: Item) -> os.stat_result | None:
        """What the system says of the file of an item, or None when there is no such file."""
        path = item[1]
        parent = path.rpartition("/")[0]
        climbs = ".." in path and ".." in path.split("/")
        if climbs or path[:1] in ("", "/") or path == "." or "\\" in path or "\0" in path:
            raise self._leaves(item)
        full = f"{self.base}/{path}"
        try:
            if parent not in self.parents:
                self._check(f"{self.base}/{parent}", item)
                self.parents.add(parent)
            found = os.lstat(full)
            if S_ISLNK(found.st_mode):
                self._check(full, item)
                found = os.stat(full)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except UnicodeEncodeError:
            raise BadInput(f"The id {item.id!a} of split '{self.split}'{_at(item)} holds half a character.") from None
        except OSError as error:
            raise BadInput(
                f"Video {shown(item.id)} of split '{self.split}'{_at(item)} cannot be read: {error.strerror}."
            ) from None
        return found

    def _check(self, path: str, item: Item) -> None:
        real = os.path.realpath(path)
        if real != self.real and not real.startswith(self.real.rstrip("/") + "/"):
            raise self._leaves(item)

    def _leaves(self, item: Item) -> BadInput:
        return BadInput(
            f"Video {shown(item.id)} of split '{self.split}'{_at(item)} lies outside {self.base}; an annotation may "
            f"only name files inside."
        )
