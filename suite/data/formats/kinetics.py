"""Reader of Kinetics-400, -600 and -700 (Kay et al., 2017; Carreira et al., 2018, 2019).

    {train,val,test}.csv, kinetics-400_{...}.csv, annotations/{...}.csv; `validate` for `val` occurs
    label,youtube_id,time_start,time_end,split[,is_cc]

Videos are `<id>_000040_000050.mp4`, in one folder, in a folder per split, per class, or both; in names of folders the
blanks of a class may be underscores: a video is found by its name, its class is that of the annotations.  Classes are
sorted by name.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from suite.data.formats.annotations import (
    VIDEO_SUFFIXES,
    Annotations,
    FormatSpec,
    find_file,
    known_class,
    labels_of,
    no_split,
    not_found,
    rows_of,
    whole_number,
)
from suite.data.manifest import Item
from suite.spec import BadInput

PARTS = {"train": ("train",), "val": ("val", "validate", "validation"), "test": ("test",)}
OF_SIZES = tuple(f"kinetics{dash}{size}_" for size in (400, 600, 700) for dash in ("-", "", "_"))
PREFIXES = tuple(folder + prefix for folder in ("", "annotations/") for prefix in ("", *OF_SIZES))
_CLIP = re.compile(r".+_[0-9]{6}_[0-9]{6}", re.DOTALL)
NEEDED = ("youtube_id", "time_start", "time_end")


def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
    """The classes and splits of the copy in `root`.  Raises BadInput that says what is missing."""
    files = {split: _file(root, spec, split) for split in PARTS}
    if files["train"] is None and files["val"] is None:
        raise not_found(spec.title, root, ["train.csv", "val.csv"])
    labelled = {split: _rows(path, True) for split, path in files.items() if path is not None and split != "test"}
    classes = tuple(sorted({name for rows in labelled.values() for _, _, name in rows}))
    labels = labels_of(classes)
    places = cache(lambda: _places(root / spec.media, spec.frames))  # one look for all splits

    def read(split: str) -> list[Item]:
        path = files[split]
        if path is None:
            raise no_split(spec.title, split, f"there is no {spec.files or PARTS[split][0] + '.csv'} in {root}")
        placed = places()
        suffix = "" if spec.frames else spec.suffix or ".mp4"
        items = []
        for line, video, name in labelled[split] if split in labelled else _rows(path, False):
            label = labels.get(name)
            if name and label is None:
                known_class(name, labels, path, line, "the training file")
            where = placed.get(video) or video + suffix
            items.append(Item(video, where, name or None, label, None, None, None, None, path, line))
        return items

    return Annotations(root, spec.media or ".", classes, read)


def _file(root: Path, spec: FormatSpec, split: str) -> Path | None:
    if spec.files:
        return find_file(root, [spec.files.replace("{}", part) for part in PARTS[split]])
    return find_file(root, [f"{prefix}{part}.csv" for prefix in PREFIXES for part in PARTS[split]])


def _rows(path: Path, labelled: bool) -> list[tuple[int, str, str]]:
    """(line, id with its seconds, class or "") of every line; `labelled`: each must have a class."""
    rows = rows_of(path)
    _, head = next(rows, (0, []))
    columns = [name.strip() for name in head]
    if lacking := [name for name in (*NEEDED, *(["label"] if labelled else [])) if name not in columns]:
        raise BadInput(f"{path} has no column '{lacking[0]}' in its first line.")
    video, start, end = (columns.index(name) for name in NEEDED)
    label = columns.index("label") if "label" in columns else None
    needed = max(video, start, end, label or 0)
    times: dict[str, str] = {}  # few differ
    names: dict[str, str] = {}  # one string per class
    found = []
    for line, row in rows:
        if len(row) <= needed:
            raise BadInput(f"{path} line {line} has {len(row)} fields; the first line has {len(columns)}.")
        for text in (row[start], row[end]):
            if text not in times:
                times[text] = f"{whole_number(text.strip().removesuffix('.0'), path, line, 'time'):06d}"
        name, clip = row[label].strip() if label is not None else "", row[video].strip()
        if not clip or (labelled and not name):
            raise BadInput(f"{path} line {line} has no {'label' if clip else 'youtube_id'}.")
        found.append((line, f"{clip}_{times[row[start]]}_{times[row[end]]}", names.setdefault(name, name)))
    return found


def _places(base: Path, frames: bool) -> dict[str, str]:
    """Name without suffix -> path below `base`, of every video (or folder of frames) in it or in its folders."""
    found: dict[str, str] = {}
    endings = {suffix[1:] for suffix in VIDEO_SUFFIXES}
    for folder, inner, files in os.walk(base):
        below = os.path.relpath(folder, base)
        prefix = "" if below == "." else below.replace(os.sep, "/") + "/"
        clips = [name for name in inner if _CLIP.fullmatch(name)]  # folders of frames: looking into each takes long
        for name in sorted(clips if frames else files):
            stem, _, ending = (name, "", "") if frames else name.rpartition(".")
            if frames or ending in endings or f".{ending.lower()}" in VIDEO_SUFFIXES:
                found.setdefault(stem, prefix + name)
        skipped = set(inner) if prefix.count("/") >= 3 else set(clips)
        inner[:] = sorted(name for name in inner if name not in skipped and name[0] != ".")
    return found
