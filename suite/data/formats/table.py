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
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from suite.data.formats.annotations import (
    Annotations,
    FormatSpec,
    find_file,
    find_folder,
    labels_of,
    lines_of,
    no_split,
    not_found,
    rows_of,
    without_suffix,
)
from suite.data.manifest import Item
from suite.spec import BadInput, shown

STEMS = ("annotations", "videos", "dataset", "labels", "index", "metadata")
ENDINGS = (".csv", ".jsonl")
PARTS = {"train": ("train", "training"), "val": ("val", "validation", "valid"), "test": ("test",)}
SPLITS = {name: split for split, names in PARTS.items() for name in names}
COLUMNS = ("path", "label", "split", "start", "end")
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
    if one is not None:
        rows = [(split, item) for split, item in _items(one)]
        if all(split is None for split, _ in rows):
            found, remark = by_paths([item for _, item in rows], spec.title)
            remarks.append(remark)
        elif any(split is None for split, _ in rows):
            raise BadInput(f"{one} gives the split of some videos and not of others.")
        for split, item in rows if not found else ():
            found.setdefault(str(split), []).append(item)
    elif files["train"] is not None or files["val"] is not None:
        found = {split: [item for _, item in _items(path)] for split, path in files.items() if path is not None}
    else:
        raise not_found(spec.title, root, [spec.files or "train.csv", "annotations.csv"])
    classes = tuple(sorted({str(item.class_name) for items in found.values() for item in items}, key=_by_size))
    labels = labels_of(classes)

    def read(split: str) -> list[Item]:
        if split not in found:
            raise no_split(spec.title, split, "its table lists no video of it")
        return [replace(item, label=labels[str(item.class_name)]) for item in found[split]]

    media = find_folder(root, (spec.media,) if spec.media else MEDIA) or "."
    return Annotations(root, media, classes, read, remarks)


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
    return found, (
        f"{title} does not say which videos are for testing: {len(found['val'])} of its "
        f"{len(found['train']) + len(found['val'])} videos, about a fifth of each class, were chosen by their paths."
    )


def _rank(item: Item) -> bytes:
    """A fixed place in an order without meaning; another key would be another split."""
    return hashlib.sha256(f"video-fair-bench/held-out/1:{item.id}".encode()).digest()


def _by_size(name: str) -> tuple[bool, int, str]:
    return (False, int(name), "") if name.isascii() and name.isdecimal() else (True, 0, name)


def _items(path: Path) -> Iterable[tuple[str | None, Item]]:
    """(split or None, item without label) of every row."""
    for line, row in _json_lines(path) if path.suffix == ".jsonl" else _csv(path):
        where = f"{path} line {line}"
        video, name, split = (row.get(key) for key in ("path", "label", "split"))
        name = str(name) if type(name) is int and name >= 0 else name
        for key, value in (("path", video), ("label", name)):
            if not isinstance(value, str) or not value.strip():
                raise BadInput(f"{where} has no {key}.")
        if split is not None and str(split).strip().lower() not in SPLITS:
            raise BadInput(f"{where}: the split {shown(split)} is none of train, val and test.")
        start, end = (_seconds(row.get(key), where, key) for key in ("start", "end"))
        if start is not None and end is not None and end <= start:
            raise BadInput(f"{where} ends at {end:g} s, before its start at {start:g} s.")
        video = str(video).strip()
        part = "" if start is None and end is None else f"[{_mark(start)}-{_mark(end)}]"
        item = Item(without_suffix(video) + part, video, str(name).strip(), None, start=start, end=end)
        yield (SPLITS[str(split).strip().lower()] if split is not None else None), item


def _mark(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:g}"


def _seconds(value: Any, where: str, key: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not 0 <= number < 1e7:
        raise BadInput(f"{where}: {key} must be seconds from 0 on, not {shown(value)}.")
    return number


def _csv(path: Path) -> Iterable[tuple[int, dict[str, str | None]]]:
    rows = rows_of(path)
    _, head = next(rows, (0, []))
    columns = [name.strip().lower() for name in head]
    if lacking := [name for name in ("path", "label") if name not in columns]:
        raise BadInput(f"{path} has no column '{lacking[0]}' in its first line.")
    for line, row in rows:
        if len(row) != len(columns):
            raise BadInput(f"{path} line {line} has {len(row)} fields; the first line has {len(columns)}.")
        yield line, {name: value.strip() or None for name, value in zip(columns, row, strict=True) if name in COLUMNS}


def _json_lines(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    for line, text in lines_of(path):
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{path} line {line} is not valid JSON: {error}.") from None
        if not isinstance(row, dict):
            raise BadInput(f"{path} line {line} is not an object with path and label.")
        yield line, row
