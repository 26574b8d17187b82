"""Reader of a folder per class, whose name is the name of the class.

    {train,val[,test]}/<class>/<video>     or     <class>/<video>

Videos are files, or folders of pictures.  Without folders for splits, about a fifth of each class is the split "val",
chosen by the videos' paths.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from suite.data.formats.annotations import (
    VIDEO_SUFFIXES,
    Annotations,
    FormatSpec,
    is_text,
    labels_of,
    no_split,
    not_found,
    without_suffix,
)
from suite.data.formats.table import PARTS, by_paths
from suite.data.formats.unread import named, unread_folders
from suite.data.frame_folders import is_frame_folder
from suite.data.manifest import Item
from suite.spec import BadInput, shown


@dataclass
class _Skipped:
    """Paths below the base that are not read."""

    files: list[str] = field(default_factory=list)  # of a class folder, and not a video by their suffix
    outside: list[str] = field(default_factory=list)  # videos beside the class folders
    inner: list[str] = field(default_factory=list)  # folders of a class folder that hold no frames
    empty: list[str] = field(default_factory=list)  # folders in place of a class, without a video

    def remarks(self) -> list[str]:
        """A sentence per kind."""
        kinds = (
            (self.files, "file", "without the suffix of a video"),
            (self.outside, "video", "outside the class folders"),
            (self.inner, "folder", "inside a class folder"),
        )
        told = [f"Not read, {why}: {named(paths, what)}." for paths, what, why in kinds if paths]
        if self.empty:
            told.append(f"Not a class, since no video lies directly in it: {named(self.empty, 'folder')}.")
        return told


def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
    """The classes and splits of the folders in `root`.  Raises BadInput where there is no class with a video."""
    base = root / spec.media
    folders = {split: next((name for name in names if (base / name).is_dir()), None) for split, names in PARTS.items()}
    remarks: list[str] = []
    skipped, gives_splits = _Skipped(), True
    if folders["train"] is not None and folders["val"] is None and folders["test"] is not None:
        folders["val"], folders["test"] = folders["test"], None  # labelled, since it has a folder per class
    if folders["train"] is not None and folders["val"] is not None:
        read_folders = {split: name for split, name in folders.items() if name is not None}
        found = {split: _items(base, f"{name}/", skipped) for split, name in read_folders.items()}
        remarks += unread_folders(base, ".", read_folders.values())
    else:
        gives_splits = False
        found, remark = by_paths(_items(base, "", skipped), spec.title)
        remarks.append(remark)
    remarks += skipped.remarks()
    classes = tuple(sorted({str(item.class_name) for items in found.values() for item in items}))
    if not classes:
        raise not_found(spec.title, base, ["<class>/<video>", "train/<class>/<video>"])
    labels = labels_of(classes)

    def read(split: str) -> list[Item]:
        if split not in found:
            raise no_split(spec.title, split, "it has no folder")
        return [Item(item.id, item.path, item.class_name, labels[str(item.class_name)]) for item in found[split]]

    return Annotations(root, spec.media or ".", classes, read, remarks, gives_splits)


def _items(base: Path, prefix: str, skipped: _Skipped) -> list[Item]:
    """Every video below a folder of classes, in the order of their names; hidden files are none."""
    items: list[Item] = []
    for folder in _entries(base / prefix):
        if not folder.is_dir():
            if _has_suffix(folder.name):
                skipped.outside.append(prefix + folder.name)
            continue
        before = len(items)
        for entry in _entries(Path(folder.path)):
            video, is_file = f"{prefix}{folder.name}/{entry.name}", _has_suffix(entry.name)
            if is_file or (entry.is_dir() and is_frame_folder(Path(entry.path))):
                items.append(Item(without_suffix(video) if is_file else video, video, folder.name, None))
            else:
                (skipped.inner if entry.is_dir() else skipped.files).append(video)
        if len(items) == before:
            skipped.empty.append(prefix + folder.name)
    return items


def _has_suffix(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, in the order of names, without hidden files.

    Raises BadInput when it cannot be read, or holds a name that is not UTF-8.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput(f"Folder {folder} cannot be read: {error.strerror}.") from None
    if odd := next((entry.name for entry in found if not is_text(entry.name)), None):
        raise BadInput(f"Folder {folder} holds the name {shown(odd)}, which is not UTF-8; rename it.")
    return found
