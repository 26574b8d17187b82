"""Reader of UCF101 (Soomro et al., 2012): three divisions into training and test.

    ucfTrainTestlist/{classInd,trainlist01,testlist01,...}.txt
    UCF-101/<class>/<video>.avi

classInd.txt numbers the classes from 1; a line of a training list is `ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1`,
test lists have no label.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from suite.data.formats.annotations import (
    Annotations,
    FormatSpec,
    find_file,
    find_folder,
    labels_of,
    lines_of,
    media_path,
    no_split,
    not_found,
    numbered,
    whole_number,
    without_suffix,
)
from suite.data.manifest import Item
from suite.spec import BadInput

FOLDERS = ("ucfTrainTestlist", "UCF101TrainTestSplits-RecognitionTask/ucfTrainTestlist", "annotations", ".")
MEDIA = ("UCF-101", "UCF101", "videos", "rawframes", "jpegs_256", ".")
LISTS = {"train": "trainlist", "val": "testlist"}


def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
    """The classes and splits of the copy in `root`.  Raises BadInput that says what is missing."""
    pattern = spec.files or next(
        (f"{folder}/{{}}.txt" for folder in FOLDERS if (root / folder / "classInd.txt").is_file()), None
    )
    path = find_file(root, [pattern.replace("{}", "classInd")]) if pattern else None
    if path is None:
        raise not_found(spec.title, root, ["ucfTrainTestlist/classInd.txt"])
    classes = numbered(path, (_class(path, line, text) for line, text in lines_of(path)), first=1)
    labels = labels_of(classes)

    def read(split: str) -> list[Item]:
        if split not in LISTS:
            raise no_split(spec.title, split, "its test lists are the split 'val'")
        path = root / pattern.replace("{}", f"{LISTS[split]}{spec.part:02d}")
        if not path.is_file():
            raise no_split(spec.title, split, f"{path} does not exist")
        items = []
        for line, text in lines_of(path):
            video, _, number = text.strip().partition(" ")
            name = PurePosixPath(video).parent.name
            if name not in labels:
                raise BadInput(f"{path} line {line}: the folder '{name}' is not among the classes of classInd.txt.")
            if number.strip() and whole_number(number, path, line, "label") != labels[name] + 1:
                raise BadInput(f"{path} line {line}: label {number.strip()} is not that of class '{name}'.")
            items.append(Item(without_suffix(PurePosixPath(video).name), media_path(video, spec), name, labels[name]))
        return items

    return Annotations(root, find_folder(root, (spec.media,) if spec.media else MEDIA) or ".", classes, read)


def _class(path: Path, line: int, text: str) -> tuple[int, int, str]:
    number, _, name = text.strip().partition(" ")
    if not name.strip():
        raise BadInput(f"{path} line {line} is not 'number class'.")
    return line, whole_number(number, path, line, "class number"), name.strip()
