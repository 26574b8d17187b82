"""Reader of a plain table, CSV or JSON lines: path and label, and if wanted split, start and end.

    path,label,split,start,end          {"path": "a/b.mp4", "label": "jump", "split": "val", "start": 0.5, "end": 2}

One file for all splits, with the column `split`, or a file per split.  `start` and `end` are seconds: the part of the
file that is the video.  Classes are sorted by name, numbers by size.  Where nothing says the split, about a fifth of
each class is the split "val", chosen by the videos' paths.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from suite.data.formats.annotations import (
    Annotations,
    FormatSpec,
    find_file,
    labels_of,
    lines_of,
    media_folder,
    media_path,
    no_split,
    not_found,
    rows_of,
    without_suffix,
)
from suite.data.formats.unread import unread_files
from suite.data.manifest import Item
from suite.spec import BadInput, shown
from suite.spec.files import unique_keys

STEMS = ("annotations", "videos", "dataset", "labels", "index", "metadata")
ENDINGS = (".csv", ".jsonl")
PARTS = {"train": ("train", "training"), "val": ("val", "validation", "valid"), "test": ("test",)}
SPLITS = {name: split for split, names in PARTS.items() for name in names}
COLUMNS = ("path", "label", "split", "start", "end")
NAMES = (
    *(stem + ending for stem in STEMS for ending in ENDINGS),
    *(part + ending for parts in PARTS.values() for part in parts for ending in (*ENDINGS, ".txt")),
)
MEDIA = ("videos", "clips", "frames", ".")
HELD_OUT = 0.2


def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
    """The classes and splits of the table in `root`.  Raises BadInput that says what is missing or wrong."""
    one = find_file(root, [spec.files] if spec.files else [stem + ending for stem in STEMS for ending in ENDINGS])
    patterns = [spec.files] if spec.files else ["{}" + ending for ending in ENDINGS]
    files = {
        split: find_file(root, [p.replace("{}", part) for p in patterns for part in parts])
        for split, parts in PARTS.items()
    }
    found: dict[str, list[Item]] = {}
    remarks: list[str] = []
    gives_splits = True
    if one is not None:
        rows = list(_items(one, spec))
        gives_splits = any(split is not None for split, _ in rows)
        if not gives_splits:
            found, remark = by_paths([item for _, item in rows], spec.title)
            remarks.append(remark)
        elif any(split is None for split, _ in rows):
            raise BadInput(f"{one} gives the split of some videos and not of others.")
        for split, item in rows if not found else ():
            found.setdefault(str(split), []).append(item)
    elif files["train"] is not None or files["val"] is not None:
        found = {
            split: [item for _, item in _items(path, spec, split)] for split, path in files.items() if path is not None
        }
    else:
        raise not_found(spec.title, root, [spec.files or "train.csv", "annotations.csv"])

    def parse(path: Path) -> list[tuple[str, str | None]]:
        return [(item.id, item.class_name) for _, item in _items(path, spec, "train")]

    read_files = [one] if one is not None else [path for path in files.values() if path is not None]
    known = {item.id: item.class_name for items in found.values() for item in items if item.class_name is not None}
    remarks += unread_files(root, () if spec.files else NAMES, read_files, known, parse)
    names = {item.class_name for items in found.values() for item in items if item.class_name is not None}
    classes = tuple(sorted(names, key=_by_size))
    labels = labels_of(classes)

    def read(split: str) -> list[Item]:
        if split not in found:
            raise no_split(spec.title, split, "its table lists no video of it")
        return [
            item if item.class_name is None else item._replace(label=labels[item.class_name]) for item in found[split]
        ]

    media = media_folder(root, spec, MEDIA, (item.path for items in found.values() for item in items))
    return Annotations(root, media, classes, read, remarks, gives_splits)


def by_paths(items: Iterable[Item], title: str) -> tuple[dict[str, list[Item]], str]:
    """Training and validation items, about a fifth of each class held out, and the sentence that says so.

    Which videos depends on their ids alone.  A class of two or more gives one at least and keeps one at least.
    """
    of_class: dict[str | None, list[Item]] = {}
    for item in items:
        of_class.setdefault(item.class_name, []).append(item)
    found: dict[str, list[Item]] = {"train": [], "val": []}
    for members in of_class.values():
        wanted = min(max(1, int(HELD_OUT * len(members) + 0.5)), len(members) - 1)
        held = {item.id for item in sorted(members, key=_rank)[:wanted]}
        for item in members:
            found["val" if item.id in held else "train"].append(item)
    held, of = len(found["val"]), len(found["train"]) + len(found["val"])
    return found, (
        f"{title} does not say which videos are for testing: {held} of its {of} videos "
        f"({100 * held / max(of, 1):.3g} %), some of each class, were chosen by their paths."
    )


def _rank(item: Item) -> bytes:
    """A fixed place in an order without meaning; another key would be another split."""
    return hashlib.sha256(f"video-fair-bench/held-out/1:{item.id}".encode()).digest()


def _by_size(name: str) -> tuple[bool, int, str]:
    return (False, int(name), "") if name.isascii() and name.isdecimal() else (True, 0, name)


def _items(path: Path, spec: FormatSpec, part: str | None = None) -> Iterator[tuple[str | None, Item]]:
    """(split or None, item without its number) of every row.  part: of whose file it is; test videos need no class."""
    needed = ("path",) if part == "test" else ("path", "label")
    for line, row in _json_lines(path) if path.suffix == ".jsonl" else _csv(path, needed):
        where = f"{path} line {line}"
        video, name, split = (row.get(key) for key in ("path", "label", "split"))
        if split is not None and str(split).strip().lower() not in SPLITS:
            raise BadInput(f"{where}: the split {shown(split)} is none of train, val and test.")
        split = SPLITS[str(split).strip().lower()] if split is not None else None
        name = str(name) if type(name) is int and 0 <= name < 10**9 else name
        if not isinstance(video, str) or not video.strip():
            raise BadInput(f"{where} has no path.")
        if not (isinstance(name, str) and name.strip()) and not (name is None and "test" in (split, part)):
            raise BadInput(f"{where} has no label.")
        start, end = (_seconds(row.get(key), where, key) for key in ("start", "end"))
        if start is not None and end is not None and end <= start:
            raise BadInput(f"{where} ends at {end:g} s, before its start at {start:g} s.")
        video, name = video.strip(), name.strip() if name is not None else None
        cut = "" if start is None and end is None else f"[{_mark(start)}-{_mark(end)}]"
        item = Item(without_suffix(video) + cut, media_path(video, spec), name, None, start=start, end=end)
        yield split, item._replace(file=path, line=line)


def _mark(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}".rstrip("0").rstrip(".")


def _seconds(value: Any, where: str, key: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < 1e7:
        raise BadInput(f"{where}: {key} must be seconds from 0 on, not {shown(value)}.")
    return number


def _csv(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str | None]]]:
    rows = rows_of(path)
    _, head = next(rows, (0, []))
    columns = [name.strip().lower() for name in head]
    if lacking := [name for name in needed if name not in columns]:
        raise BadInput(f"{path} has no column '{lacking[0]}' in its first line.")
    if twice := next((name for name in COLUMNS if columns.count(name) > 1), None):
        raise BadInput(f"{path} has two columns '{twice}'.")
    for line, row in rows:
        if len(row) != len(columns):
            raise BadInput(f"{path} line {line} has {len(row)} fields; the first line has {len(columns)}.")
        yield line, {name: value.strip() or None for name, value in zip(columns, row, strict=True) if name in COLUMNS}


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in lines_of(path):
        try:
            row = json.loads(text, object_pairs_hook=unique_keys)
            json.dumps(row, ensure_ascii=False).encode()  # refuses half a character, "\\ud800"
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{path} line {line} is not valid JSON: {error}.") from None
        if not isinstance(row, dict):
            raise BadInput(f"{path} line {line} is not an object with path and label.")
        yield line, row
