"""Readers of the lists of other codebases: one video per line, its class as a number.

    mmaction2         some/path/000.mp4 1       some/directory 163 1       some/directory 12 163 3 (first frame, frames)
    pyslowfast        path label, separated by a blank, a comma or a tab
    pyslowfast_frames original_vido_id video_id frame_id path labels: a line per frame (the typo is part of it)
    tsm               some/directory 163 1
    deep_analysis     some/directory 1 300 1 (first frame, last frame), separated by a blank or ";"

Paths are below the folder of videos.  Class names come from the data set's YAML, or from a file with one name per line
beside the lists, where numbers in all of its lines (`0 a` or `a,0`) count; without either, classes are named by their
numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from suite.data.formats import table
from suite.data.formats.annotations import (
    Annotations,
    FormatSpec,
    find_file,
    label_number,
    lines_of,
    media_folder,
    media_path,
    no_split,
    not_found,
    numbered,
    whole_number,
    without_suffix,
)
from suite.data.formats.unread import unread_files
from suite.data.manifest import Item
from suite.spec import BadInput, shown

PATTERNS = (
    "{}.txt",
    "{}.csv",
    "{}_list.txt",
    "{}list.txt",
    "{}_videofolder.txt",
    "{}_list_videos.txt",
    "{}_list_rawframes.txt",
    "annotations/{}.txt",
    "annotations/{}.csv",
    "lists/{}.txt",
)
PARTS = {"train": ("train", "training"), "val": ("val", "validation", "valid"), "test": ("test", "testing")}
NAMES = (
    *(pattern.replace("{}", part) for parts in PARTS.values() for part in parts for pattern in PATTERNS),
    *table.NAMES,
)
CLASS_FILES = (
    "classes.txt",
    "category.txt",
    "class_list.txt",
    "label_map.txt",
    "labels.txt",
    "annotations/classes.txt",
)
MEDIA = ("videos", "rawframes", "frames", ".")
MIN_CLASSES, CLASSES_PER_VIDEO = 1000, 10  # a larger label than both allow is a mistake

_NUMBERED = re.compile(r"([0-9]{1,9})[\s,;:]+(\S.*)|(.*\S)\s*[,;]\s*([0-9]{1,9})")  # `0 a`, or `a,0`
_DIGITS = re.compile(r"[0-9]+")

# (path, first frame counted from 0 or None, number of frames or None, label as text)
Line = tuple[str, int | None, int | None, str]


def mmaction2(path: Path, line: int, text: str) -> Line:
    """`file label`, `folder frames label` or `folder first frames label`."""
    fields = text.split()
    # paths may hold blanks and consist of digits: numbers are taken from the end, and the first field is the path's
    count = next((i for i, one in enumerate(reversed(fields[1:])) if not _DIGITS.fullmatch(one)), len(fields) - 1)
    if not count:
        raise BadInput(f"{path} line {line} is not 'path label'.")
    video = " ".join(fields[: len(fields) - count])
    if count > (1 if without_suffix(video) != video else 3):
        raise BadInput(f"{path} line {line} has several labels; models are compared on one label per video.")
    *where, label = fields[len(fields) - count :]
    numbers = [whole_number(one, path, line, "frame number") for one in where]
    return video, numbers[0] if count == 3 else None, numbers[-1] if numbers else None, label


def pyslowfast(path: Path, line: int, text: str) -> Line:
    """`path label`; the separator is a blank, a comma or a tab."""
    fields = text.strip().rsplit("," if text.rpartition(",")[2].strip().isdecimal() else None, maxsplit=1)
    if len(fields) < 2:
        raise BadInput(f"{path} line {line} is not 'path label'.")
    video, last = fields[0].strip(), re.split(r"[\s,]", fields[0].strip())[-1]
    before = video.removesuffix(last).rstrip(" \t,")
    if _DIGITS.fullmatch(last) and without_suffix(before) != before:
        raise BadInput(f"{path} line {line} has several labels; models are compared on one label per video.")
    return video.strip('"'), None, None, fields[1]


def tsm(path: Path, line: int, text: str) -> Line:
    """`folder frames label`."""
    fields = text.strip().rsplit(maxsplit=2)
    if len(fields) < 3:
        raise BadInput(f"{path} line {line} is not 'folder frames label'.")
    return fields[0], None, whole_number(fields[1], path, line, "number of frames"), fields[2]


def deep_analysis(path: Path, line: int, text: str) -> Line:
    """`folder first last label`, frames counted from 1."""
    fields = text.strip().rsplit(";" if text.count(";") > 2 else None, maxsplit=3)
    if len(fields) < 4:
        raise BadInput(f"{path} line {line} is not 'folder first-frame last-frame label'.")
    first, last = (whole_number(one, path, line, "frame number") for one in fields[1:3])
    if not 1 <= first <= last:
        raise BadInput(f"{path} line {line} gives frames {first} to {last}; they are counted from 1.")
    return fields[0].strip(), first - 1, last - first + 1, fields[3]


DIALECTS: dict[str, Callable[[Path, int, str], Line]] = {
    "mmaction2": mmaction2,
    "pyslowfast": pyslowfast,
    "tsm": tsm,
    "deep_analysis": deep_analysis,
}


def opener(dialect: str) -> Callable[[Path, FormatSpec], Annotations]:
    """`open_annotations` of one of the DIALECTS, or of pyslowfast_frames."""

    def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
        files = {split: path for split in PARTS if (path := list_file(root, spec, split)) is not None}
        if "train" not in files and "val" not in files:
            raise not_found(spec.title, root, [spec.files or "train.txt"])
        classes, remarks = _classes(root, spec), []
        found = {split: _items(dialect, path, spec, classes) for split, path in files.items()}
        if not classes:
            number = 1 + max((item.label or 0 for items in found.values() for item in items), default=-1)
            videos = sum(map(len, found.values()))
            if number > max(MIN_CLASSES, CLASSES_PER_VIDEO * videos):
                raise BadInput(
                    f"{spec.title} has {videos} videos and the label {number - 1}, so it would have {number} classes, "
                    f"nearly all without a video; number the classes from 0 on."
                )
            classes = tuple(str(label) for label in range(number))
            remarks.append(f"{spec.title} gives no class names, so classes are named by their numbers.")

        def parse(path: Path) -> list[tuple[str, str | None]]:
            return [(item.id, item.class_name) for item in _items(dialect, path, spec, classes)]

        known = {item.id: item.class_name for items in found.values() for item in items}
        remarks += unread_files(root, () if spec.files else NAMES, files.values(), known, parse)

        def read(split: str) -> list[Item]:
            if split not in found:
                raise no_split(spec.title, split, f"there is no list for it in {root}")
            return found[split]

        media = media_folder(root, spec, MEDIA, (item.path for items in found.values() for item in items))
        return Annotations(root, media, classes, read, remarks)

    return open_annotations


def list_file(root: Path, spec: FormatSpec, split: str) -> Path | None:
    patterns = (spec.files,) if spec.files else PATTERNS
    return find_file(root, [pattern.replace("{}", part) for pattern in patterns for part in PARTS[split]])


def _classes(root: Path, spec: FormatSpec) -> tuple[str, ...]:
    """Class names in the order of labels, where something gives them."""
    path = find_file(root, CLASS_FILES)
    if spec.class_names or path is None:
        return spec.class_names
    lines = [(line, text.strip()) for line, text in lines_of(path)]
    if blank := next((place for place, (line, _) in enumerate(lines, 1) if line != place), None):
        raise BadInput(f"{path} line {blank} is blank; class names stand one per line, the first for label 0.")
    if lines and all(_NUMBERED.fullmatch(text) for _, text in lines):
        matches = [(line, _NUMBERED.fullmatch(text)) for line, text in lines]
        return numbered(
            path, ((line, int(found[1] or found[4]), found[2] or found[3]) for line, found in matches if found)
        )
    return numbered(path, ((line, place, name) for place, (line, name) in enumerate(lines)))


def _items(dialect: str, path: Path, spec: FormatSpec, classes: tuple[str, ...]) -> list[Item]:
    items, shape = [], None
    lines = _frames_of(path) if dialect == "pyslowfast_frames" else _lines(dialect, path)
    for line, (video, first, frames, text) in lines:
        label = label_number(text, path, line)
        if classes and label >= len(classes):
            raise BadInput(f"{path} line {line} has label {label}, but there are {len(classes)} class names.")
        if (first is None, frames is None) != (shape := shape or (first is None, frames is None)):
            raise BadInput(f"{path} line {line} has more or fewer numbers than the lines before it.")
        part = f"[{first}+{frames}]" if first else ""  # several parts of one video differ in their first frame
        name = classes[label] if classes else str(label)
        place = media_path(video, spec)
        items.append(Item(without_suffix(video) + part, place, name, label, first, frames, file=path, line=line))
    return items


def _lines(dialect: str, path: Path) -> Iterator[tuple[int, Line]]:
    for line, text in lines_of(path):
        yield line, DIALECTS[dialect](path, line, text)


def _frames_of(path: Path) -> list[tuple[int, Line]]:
    """(first line, the folder of a video, its number of frames and its label), from a list of frames."""
    found: dict[str, tuple[int, Line]] = {}
    for line, text in lines_of(path):
        fields = text.split()
        if fields[-1] == "labels" and not found:
            continue
        if len(fields) != 5 or "/" not in fields[3]:
            raise BadInput(f"{path} line {line} is not 'video_name video_id frame_id folder/picture labels'.")
        folder, label = fields[3].rpartition("/")[0], fields[4].strip('"')
        began, (first_folder, _, count, first_label) = found.get(fields[0], (line, (folder, None, 0, label)))
        if (folder, label) != (first_folder, first_label):
            raise BadInput(f"{path} line {line}: the video {shown(fields[0])} has two folders or two labels.")
        found[fields[0]] = (began, (folder, None, (count or 0) + 1, label))
    return list(found.values())
