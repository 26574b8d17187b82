"""Readers of the lists of other codebases: one video per line, its class as a number.

    mmaction2         some/path/000.mp4 1       some/directory 163 1       some/directory 12 163 3 (first frame, frames)
    pyslowfast        path label, separated by a blank, a comma or a tab
    pyslowfast_frames original_vido_id video_id frame_id path labels: a line per frame (the typo is part of it)
    tsm               some/directory 163 1
    deep_analysis     some/directory 1 300 1 (first frame, last frame), separated by a blank or ";"

Paths are below the folder of videos.  Class names come from the data set's YAML, or from a file with one name per line
beside the lists; without either, classes are named by their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from suite.data.formats.annotations import (
    Annotations,
    FormatSpec,
    find_file,
    find_folder,
    lines_of,
    no_split,
    not_found,
    whole_number,
    without_suffix,
)
from suite.data.manifest import Item
from suite.spec import BadInput

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
CLASS_FILES = (
    "classes.txt",
    "category.txt",
    "class_list.txt",
    "label_map.txt",
    "labels.txt",
    "annotations/classes.txt",
)
MEDIA = ("videos", "rawframes", "frames", ".")

# (path, first frame counted from 0 or None, number of frames or None, label as text)
Line = tuple[str, int | None, int | None, str]


def mmaction2(path: Path, line: int, text: str) -> Line:
    """`file label`, `folder frames label` or `folder first frames label`."""
    fields = text.split()
    # paths may hold blanks and consist of digits: numbers are taken from the end, and the first field is the path's
    count = next((i for i, one in enumerate(reversed(fields[1:])) if not one.isdecimal()), len(fields) - 1)
    video, numbers = " ".join(fields[: len(fields) - count]), [int(one) for one in fields[len(fields) - count :]]
    if not numbers:
        raise BadInput(f"{path} line {line} is not 'path label'.")
    if len(numbers) > (1 if without_suffix(video) != video else 3):
        raise BadInput(f"{path} line {line} has several labels; models are compared on one label per video.")
    first, frames = {1: (None, None), 2: (None, numbers[0]), 3: (numbers[0], numbers[1])}[len(numbers)]
    return video, first, frames, str(numbers[-1])


def pyslowfast(path: Path, line: int, text: str) -> Line:
    """`path label`; the separator is a blank, a comma or a tab."""
    found = re.fullmatch(r"\s*(\S.*?)\s*[\s,]\s*([0-9]+)\s*", text)
    if found is None:
        raise BadInput(f"{path} line {line} is not 'path label'.")
    return found[1].strip('"'), None, None, found[2]


def tsm(path: Path, line: int, text: str) -> Line:
    """`folder frames label`."""
    found = re.fullmatch(r"\s*(\S.*?)\s+([0-9]+)\s+([0-9]+)\s*", text)
    if found is None:
        raise BadInput(f"{path} line {line} is not 'folder frames label'.")
    return found[1], None, int(found[2]), found[3]


def deep_analysis(path: Path, line: int, text: str) -> Line:
    """`folder first last label`, frames counted from 1."""
    found = re.fullmatch(r"\s*(\S.*?)[\s;]+([0-9]+)[\s;]+([0-9]+)[\s;]+([0-9]+)\s*", text)
    if found is None or not 1 <= int(found[2]) <= int(found[3]):
        raise BadInput(f"{path} line {line} is not 'folder first-frame last-frame label', with frames counted from 1.")
    return found[1], int(found[2]) - 1, int(found[3]) - int(found[2]) + 1, found[4]


DIALECTS: dict[str, Callable[[Path, int, str], Line]] = {
    "mmaction2": mmaction2,
    "pyslowfast": pyslowfast,
    "tsm": tsm,
    "deep_analysis": deep_analysis,
}


def opener(dialect: str) -> Callable[[Path, FormatSpec], Annotations]:
    """`open_annotations` of one of the DIALECTS, or of pyslowfast_frames."""

    def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
        files = {split: list_file(root, spec, split) for split in PARTS}
        if files["train"] is None and files["val"] is None:
            raise not_found(spec.title, root, [spec.files or "train.txt"])
        labelled = {split: path for split, path in files.items() if path is not None}
        lines = {split: _lines(dialect, path) for split, path in labelled.items()}
        highest = max((label for found in lines.values() for *_, label in found), default=-1)
        classes, remarks = _classes(root, spec, highest + 1)

        def read(split: str) -> list[Item]:
            if split not in lines:
                raise no_split(spec.title, split, f"there is no list for it in {root}")
            return [
                Item(_id(video), video, classes[label], label, first=first, frames=frames)
                for video, first, frames, label in lines[split]
            ]

        media = find_folder(root, (spec.media,) if spec.media else MEDIA) or "."
        return Annotations(root, media, classes, read, remarks)

    return open_annotations


def _id(video: str) -> str:
    return without_suffix(video)


def list_file(root: Path, spec: FormatSpec, split: str) -> Path | None:
    patterns = (spec.files,) if spec.files else PATTERNS
    return find_file(root, [pattern.replace("{}", part) for pattern in patterns for part in PARTS[split]])


def _lines(dialect: str, path: Path) -> list[tuple[str, int | None, int | None, int]]:
    if dialect == "pyslowfast_frames":
        return list(_frames_of(path))
    take = DIALECTS[dialect]
    found = []
    for line, text in lines_of(path):
        video, first, frames, label = take(path, line, text)
        found.append((video, first, frames, whole_number(label, path, line, "label")))
    return found


def _frames_of(path: Path) -> Iterable[tuple[str, int | None, int | None, int]]:
    """The videos of a list of frames: the folder of each, and its label."""
    seen: dict[str, tuple[str, int]] = {}
    for line, text in lines_of(path):
        fields = text.split()
        if line == 1 and fields[0] == "original_vido_id":
            continue
        if len(fields) != 5:
            raise BadInput(f"{path} line {line} has {len(fields)} fields instead of 5.")
        label = whole_number(fields[4].strip('"'), path, line, "label")
        folder = fields[3].rpartition("/")[0]
        if seen.setdefault(fields[0], (folder, label)) != (folder, label):
            raise BadInput(f"{path} line {line}: video '{fields[0]}' has two folders or two labels.")
    return [(folder, None, None, label) for folder, label in seen.values()]


def _classes(root: Path, spec: FormatSpec, number: int) -> tuple[tuple[str, ...], list[str]]:
    """Class names in the order of labels, and what had to be assumed of them."""
    path = find_file(root, CLASS_FILES)
    if spec.class_names:
        classes, where = spec.class_names, "the data set's class_list"
    elif path is not None:
        classes, where = tuple(text.strip() for _, text in lines_of(path)), str(path)
    else:
        names = tuple(str(label) for label in range(number))
        return names, [f"{spec.title} gives no class names, so classes are named by their numbers."]
    if len(classes) < number or len(set(classes)) < len(classes):
        raise BadInput(f"{where} names {len(set(classes))} classes, but the lists have labels up to {number - 1}.")
    return classes, []
