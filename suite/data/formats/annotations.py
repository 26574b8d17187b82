"""What every reader of annotations gives, and what readers share: opening text files, finding files, numbering classes.

A reader is a module of this folder with

    open_annotations(root, spec) -> Annotations, or NotFound where the folder does not hold its files
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from suite.data.manifest import Item
from suite.spec import BadInput, shown

VIDEO_SUFFIXES = (".mp4", ".webm", ".avi", ".mkv", ".mov", ".m4v", ".mpg", ".mpeg", ".flv", ".3gp", ".wmv", ".ts")
MAX_LINE = 10_000  # characters; a longer "line" is no annotation
MAX_LABEL = 10**6 - 1  # MAX_CLASSES of suite/data/dataset_info.py, less one


@dataclass(frozen=True)
class FormatSpec:
    """What the YAML of a data set says of its annotation files.

    title: for messages; files: pattern of the annotation files below the root, with {} for the part ("train", ...), or
    "" for the places where the publisher puts them; media: folder of the videos, "" likewise; frames: each video is a
    folder of pictures; suffix: of video files that the annotations name by id; part: which of the official divisions
    into training and test (1 to 3), where there are several; class_names: in the order of labels, for lists that hold
    numbers only; folder: of the data set under the data root, for messages.
    """

    title: str
    files: str = ""
    media: str = ""
    frames: bool = False
    suffix: str = ""
    part: int = 1
    class_names: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True)
class Annotations:
    """What the annotation files of a data set say.

    root: holds the folder of videos; media: that folder below it; classes: names in the order of labels;
    read: "train", "val" or "test" -> its items, labelled by `classes` (None in an unlabelled test split);
    remarks: sentences on what had to be assumed, and on what was not read; gives_splits: whether the annotations say
    which videos are for testing.
    """

    root: Path
    media: str
    classes: tuple[str, ...]
    read: Callable[[str], list[Item]]
    remarks: list[str] = field(default_factory=list)
    gives_splits: bool = True


class NotFound(BadInput):
    """The folder does not hold the data set."""


def not_found(title: str, root: Path, wanted: Iterable[str]) -> NotFound:
    """The error for annotation files that are not there."""
    return NotFound(f"{title} is not in '{root}': looked for {' and '.join(wanted)} there; give its folder with DATA=.")


def find_file(root: Path, patterns: Iterable[str]) -> Path | None:
    """The first of some paths below `root` that is a file."""
    return next((root / pattern for pattern in patterns if (root / pattern).is_file()), None)


def find_folder(root: Path, names: Iterable[str]) -> str | None:
    """The first of some folders below `root` that exists; "." is the root itself."""
    return next((name for name in names if (root / name).is_dir()), None)


def media_folder(root: Path, spec: FormatSpec, usual: Iterable[str], paths: Iterable[str] = ()) -> str:
    """The folder of the videos below `root`: that of `spec`, else the first of the usual ones, else the root itself.

    paths: of videos; a folder that holds one of the first few is preferred, since paths may begin at the root as well.
    """
    if spec.media:
        return spec.media
    folders, some = [name for name in usual if (root / name).is_dir()], list(islice(paths, 20))
    held = (folder for folder in folders for path in some if "\0" not in path and os.path.exists(root / folder / path))
    return next(held, folders[0] if folders else ".")


def text_of(path: Path) -> str:
    """A text file, with or without a byte-order mark and whatever its line ends.  Raises BadInput for anything else."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text: {error}.") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    if "\0" in text:
        raise BadInput(f"{path} is not a text file.")
    return text


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(number, line) of the lines that are not blank, without blanks at their end."""
    for number, line in enumerate(text_of(path).split("\n"), 1):
        if len(line) > MAX_LINE:
            raise BadInput(f"{path} line {number} has {len(line):,} characters; it is no annotation.")
        if line.strip():
            yield number, line.rstrip()


def rows_of(path: Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """(number of the line, fields) of the rows of a CSV file."""
    reader = csv.reader(io.StringIO(text_of(path), newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row and (row[0].strip() or "".join(row).strip()):
                yield reader.line_num, row
    except csv.Error as error:
        raise BadInput(f"{path} line {reader.line_num} is not valid CSV: {error}.") from None


def numbered(path: Path, names: Iterable[tuple[int, int, str]], first: int = 0) -> tuple[str, ...]:
    """Class names in the order of their numbers, from (line, number, name); numbers count from `first` on."""
    found: dict[int, str] = {}
    seen: set[str] = set()
    for line, number, name in names:
        if number in found or name in seen:
            raise BadInput(f"{path} line {line}: the class {number} {shown(name)} occurs twice.")
        found[number] = name
        seen.add(name)
    if not found:
        raise BadInput(f"{path} lists no classes.")
    if sorted(found) != list(range(first, first + len(found))):
        raise BadInput(f"{path} does not number its {len(found)} classes from {first} to {first + len(found) - 1}.")
    return tuple(found[number] for number in sorted(found))


def label_number(text: str, path: Path, line: int) -> int:
    """A label; the message for several labels says that there are several."""
    if "," in text:
        raise BadInput(f"{path} line {line} has several labels; models are compared on one label per video.")
    if (label := whole_number(text, path, line, "label")) > MAX_LABEL:
        raise BadInput(f"{path} line {line}: the label {label} is larger than {MAX_LABEL:,}.")
    return label


def whole_number(text: str, path: Path, line: int, what: str) -> int:
    """A whole number from 0 on.  Raises BadInput with the place of anything else."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadInput(f"{path} line {line}: the {what} {shown(text)} is not a whole number from 0 on.")
    return int(text)


def labels_of(classes: Iterable[str]) -> dict[str, int]:
    """Class name -> label."""
    return {name: number for number, name in enumerate(classes)}


def is_text(text: str) -> bool:
    """Whether a string of a JSON file can be written again; "\\ud800", half a character, cannot."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def without_suffix(path: str) -> str:
    """`a/b.mp4` -> `a/b`; a name whose ending belongs to no video keeps it (`v1.5`)."""
    return path[: -len(PurePosixPath(path).suffix)] if PurePosixPath(path).suffix.lower() in VIDEO_SUFFIXES else path


def media_path(path: str, spec: FormatSpec, suffix: str = "") -> str:
    """Where a video lies: the file, or the folder of its frames.  suffix: of files that are named without one."""
    plain = without_suffix(path)
    if spec.frames:
        return plain
    return path if plain != path else path + (spec.suffix or suffix)


def known_class(name: str, labels: Mapping[str, int], path: Path, line: int, where: str) -> int:
    """The label of a class.  Raises BadInput for a class that is not in `where`."""
    if name not in labels:
        raise BadInput(f"{path} line {line}: the class {shown(name)} is not among those of {where}.")
    return labels[name]


def no_split(title: str, split: str, why: str) -> BadInput:
    """The error for a split that a data set does not have."""
    return BadInput(f"{title} has no split '{split}': {why}.")
