"""Reader of UCF101 (Soomro et al., 2012): three divisions into training and test.

    ucfTrainTestlist/{classInd,trainlist01,testlist01,...}.txt
    UCF-101/<class>/<video>.avi     or     UCF-101/<video>.avi

classInd.txt numbers the classes from 1; a line of a training list is `ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1`,
test lists have no label.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from suite.data.formats.annotations import (
    Annotations,
    FormatSpec,
    find_file,
    known_class,
    labels_of,
    lines_of,
    media_folder,
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
    classes_file = find_file(root, [pattern.replace("{}", "classInd")]) if pattern else None
    if pattern is None or classes_file is None:
        raise not_found(spec.title, root, ["ucfTrainTestlist/classInd.txt"])
    classes = numbered(classes_file, (_class(classes_file, *line) for line in lines_of(classes_file)), first=1)
    labels, media = labels_of(classes), media_folder(root, spec, MEDIA)
    nested = any((root / media / name).is_dir() for name in classes)

    def read(split: str) -> list[Item]:
        if split not in LISTS:
            raise no_split(spec.title, split, "its test lists are the split 'val'")
        path = root / pattern.replace("{}", f"{LISTS[split]}{spec.part:02d}")
        if not path.is_file():
            raise no_split(spec.title, split, f"{path} does not exist")
        items = []
        for line, text in lines_of(path):
            video, number = text.strip(), ""
            if without_suffix(video) == video:  # it does not end as a file does, so a label follows
                video, _, number = video.replace("\t", " ").rpartition(" ")
            video = video.strip()
            name = PurePosixPath(video).parent.name
            label = known_class(name, labels, path, line, classes_file.name)
            if number and whole_number(number, path, line, "label") != label + 1:
                raise BadInput(f"{path} line {line}: the label {number} is not that of the class '{name}'.")
            file = PurePosixPath(video).name
            place = media_path(video if nested else file, spec)
            items.append(Item(without_suffix(file), place, name, label, file=path, line=line))
        return items

    return Annotations(root, media, classes, read)


def _class(path: Path, line: int, text: str) -> tuple[int, int, str]:
    number, *name = text.split(maxsplit=1)
    if not name:
        raise BadInput(f"{path} line {line} is not 'number class'.")
    return line, whole_number(number, path, line, "class number"), name[0]
