"""Reader of Kinetics-400, -600 and -700 (Kay et al., 2017; Carreira et al., 2018, 2019).

    {train,val,test}.csv, kinetics-400_{...}.csv, annotations/{...}.csv; `validate` for `val` occurs
    label,youtube_id,time_start,time_end,split[,is_cc]

Videos are `<id>_000040_000050.mp4`, in one folder, in a folder per split, per class, or both; in names of folders the
blanks of a class may be underscores.  Classes are sorted by name.
"""

from __future__ import annotations

import os
from pathlib import Path

from suite.data.formats.annotations import (
    VIDEO_SUFFIXES,
    Annotations,
    FormatSpec,
    find_file,
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
NEEDED = ("youtube_id", "time_start", "time_end")


def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
    """The classes and splits of the copy in `root`.  Raises BadInput that says what is missing."""
    files = {split: _file(root, spec, split) for split in PARTS}
    if files["train"] is None and files["val"] is None:
        raise not_found(spec.title, root, ["train.csv", "val.csv"])
    tables = {split: _rows(path) for split, path in files.items() if path is not None and split != "test"}
    classes = tuple(sorted({name for rows in tables.values() for _, name in rows}))
    labels = labels_of(classes)
    placed: dict[str, str] = {}

    def read(split: str) -> list[Item]:
        path = files[split]
        if path is None:
            raise no_split(spec.title, split, f"there is no {spec.files or PARTS[split][0] + '.csv'} in {root}")
        rows = tables[split] if split in tables else _rows(path)
        if not placed:
            placed.update(_places(root / spec.media, spec.frames))
        items = []
        for video, name in rows:
            if name and name not in labels:
                raise BadInput(f"{path}: class '{name}' of video '{video}' is not among those of the training file.")
            place = placed.get(video) or placed.get(video[:11]) or f"{video}{spec.suffix or '.mp4'}"
            items.append(Item(video, place, name or None, labels.get(name)))
        return items

    return Annotations(root, spec.media or ".", classes, read)


def _file(root: Path, spec: FormatSpec, split: str) -> Path | None:
    if spec.files:
        return find_file(root, [spec.files.replace("{}", part) for part in PARTS[split]])
    return find_file(root, [f"{prefix}{part}.csv" for prefix in PREFIXES for part in PARTS[split]])


def _rows(path: Path) -> list[tuple[str, str]]:
    """(id with its seconds, class or "") of every line."""
    rows = rows_of(path)
    _, head = next(rows, (0, []))
    columns = [name.strip() for name in head]
    if lacking := [name for name in NEEDED if name not in columns]:
        raise BadInput(f"{path} has no column '{lacking[0]}' in its first line.")
    video, start, end = (columns.index(name) for name in NEEDED)
    label = columns.index("label") if "label" in columns else None
    found = []
    for line, row in rows:
        if len(row) < len(NEEDED) or len(row) <= max(video, start, end, label or 0):
            raise BadInput(f"{path} line {line} has {len(row)} fields; the first line has {len(columns)}.")
        seconds = [whole_number(row[i].strip().removesuffix(".0"), path, line, "time") for i in (start, end)]
        name = row[label].strip() if label is not None else ""
        if not row[video].strip():
            raise BadInput(f"{path} line {line} has no youtube_id.")
        found.append((f"{row[video].strip()}_{seconds[0]:06d}_{seconds[1]:06d}", name))
    return found


def _places(base: Path, frames: bool) -> dict[str, str]:
    """Name without suffix -> path below `base`, of every video (or folder of frames) in it or in its folders."""
    found: dict[str, str] = {}
    for folder, inner, files in os.walk(base):
        inner.sort()
        below = os.path.relpath(folder, base)
        prefix = "" if below == "." else below.replace(os.sep, "/") + "/"
        for name in sorted(inner if frames else files):
            stem, ending = (name, "") if frames else os.path.splitext(name)
            if frames or ending.lower() in VIDEO_SUFFIXES:
                found.setdefault(stem, prefix + name)
        if prefix.count("/") >= 3:
            inner.clear()
    return found
