"""Reader of a folder per class, whose name is the name of the class.

    {train,val[,test]}/<class>/<video>     or     <class>/<video>

Videos are files, or folders of pictures.  Without folders for splits, about a fifth of each class is the split "val",
chosen by the videos' paths.
"""

from __future__ import annotations

import os
from pathlib import Path

from suite.data.formats.annotations import (
    VIDEO_SUFFIXES,
    Annotations,
    FormatSpec,
    labels_of,
    no_split,
    not_found,
    without_suffix,
)
from suite.data.formats.table import PARTS, by_paths
from suite.data.frame_folders import is_frame_folder
from suite.data.manifest import Item
from suite.spec import BadInput


def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
    """The classes and splits of the folders in `root`.  Raises BadInput where there is no class with a video."""
    base = root / spec.media
    folders = {split: next((name for name in names if (base / name).is_dir()), None) for split, names in PARTS.items()}
    remarks: list[str] = []
    if folders["train"] is not None and folders["val"] is None and folders["test"] is not None:
        folders["val"], folders["test"] = folders["test"], None  # labelled, since it has a folder per class
    if folders["train"] is not None and folders["val"] is not None:
        found = {split: _items(base, f"{name}/") for split, name in folders.items() if name is not None}
    else:
        found, remark = by_paths(_items(base, ""), spec.title)
        remarks.append(remark)
    classes = tuple(sorted({str(item.class_name) for items in found.values() for item in items}))
    if not classes:
        raise not_found(spec.title, base, ["<class>/<video>", "train/<class>/<video>"])
    labels = labels_of(classes)

    def read(split: str) -> list[Item]:
        if split not in found:
            raise no_split(spec.title, split, "it has no folder")
        return [Item(item.id, item.path, item.class_name, labels[str(item.class_name)]) for item in found[split]]

    return Annotations(root, spec.media or ".", classes, read, remarks)


def _items(base: Path, prefix: str) -> list[Item]:
    """Every video below a folder of classes, in the order of their names; hidden files are none."""
    items = []
    for folder in _entries(base / prefix):
        if not folder.is_dir():
            continue
        for entry in _entries(Path(folder.path)):
            is_file = os.path.splitext(entry.name)[1].lower() in VIDEO_SUFFIXES
            if is_file or (entry.is_dir() and is_frame_folder(Path(entry.path))):
                video = f"{prefix}{folder.name}/{entry.name}"
                items.append(Item(without_suffix(video) if is_file else video, video, folder.name, None))
    return items


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, in the order of names, without hidden files.  Raises BadInput when it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput(f"Folder {folder} cannot be read: {error.strerror}.") from None
