"""What lies in the folder of a data set and is not read: folders with videos, files that are not videos."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from pathlib import Path

from suite.data.formats.annotations import VIDEO_SUFFIXES
from suite.data.frame_folders import is_frame_folder
from suite.spec import BadInput, shown

NAMED = 3  # names that a sentence lists
Parse = Callable[[Path], Iterable[tuple[str, str | None]]]  # an annotation file -> (id, name of its class)
LOOKED_AT = 2_000  # entries of a folder that is searched for a video


def unread_folders(root: Path, media: str, read: Collection[str] = ()) -> list[str]:
    """A sentence where other folders in `root` hold videos than the folder `media`, or than those of `read` in it."""
    used = {*read} or ({Path(media).parts[0]} if Path(media).parts else set())
    if not used:
        return []
    others = [name for name in subfolders(root) if name not in used and holds_video(root / name)]
    if not others:
        return []
    return [f"Not read, though with videos in it: {named(others, 'folder')}."]


def unread_files(
    root: Path, names: Iterable[str], read: Collection[Path], labels: Mapping[str, str], parse: Parse
) -> list[str]:
    """Sentences where annotation files of `names` below `root` are there beside those that were read.

    labels: id -> name of its class, as they were read; parse: gives the (id, name of its class) of the videos of a
    file, or raises BadInput where it has another format.
    """
    there = [name for name in dict.fromkeys(names) if (root / name).is_file() and (root / name) not in read]
    if not there:
        return []
    told = [f"Not read: {named(there, 'annotation file')} beside {', '.join(sorted(path.name for path in read))}."]
    for name in there:
        try:
            found = list(parse(root / name))
        except BadInput:
            continue
        other = [video for video, label in found if labels.get(video, label) != label]
        if other:
            told.append(f"{name} gives another class to {named(other, 'video')}.")
    return told


def subfolders(folder: Path) -> list[str]:
    """The names of the folders in a folder, in order, without hidden ones."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.name[0] != "." and entry.is_dir())
    except OSError:
        return []


def holds_video(folder: Path) -> bool:
    """Whether a video file or a folder of frames is found below a folder; looks at its first entries only."""
    walked = ((Path(place), [*names, *files]) for place, names, files in os.walk(folder))
    entries = ((place, name) for place, names in walked for name in names)
    return is_frame_folder(folder) or any(
        os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES or is_frame_folder(place / name)
        for place, name in islice(entries, LOOKED_AT)
    )


def named(names: Iterable[str], what: str, plural: str = "") -> str:
    """`1 folder ('raw')`, `5 folders ('a', 'b', 'c', ...)`; plural: of `what`, where it is not formed with an s."""
    names = list(names)
    some = ", ".join(shown(name) for name in names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    return f"{len(names)} {what if len(names) == 1 else plural or what + 's'} ({some})"
