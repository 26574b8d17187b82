"""Reader of Moments in Time (Monfort et al., TPAMI 2019).

    {trainingSet,validationSet}.csv, moments_categories.txt
    {training,validation}/<class>/<video>.mp4

A line is `blocking/getty-karate-video-id635808620_4.mp4,blocking,3,0`, without a header; a line of the categories is
`blocking,12`.  Names of classes contain `+`.
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
    media_path,
    no_split,
    not_found,
    numbered,
    rows_of,
    whole_number,
    without_suffix,
)
from suite.data.manifest import Item
from suite.spec import BadInput, shown

CATEGORIES = ("moments_categories.txt", "annotations/moments_categories.txt")
FILES = {"train": "trainingSet", "val": "validationSet"}
FOLDERS = {"train": "training", "val": "validation"}


def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
    """The classes and splits of the copy in `root`.  Raises BadInput that says what is missing."""
    categories = find_file(root, CATEGORIES)
    if categories is None:
        raise not_found(spec.title, root, [CATEGORIES[0]])
    classes = numbered(categories, (_category(categories, line, text) for line, text in lines_of(categories)))
    labels = labels_of(classes)
    pattern = spec.files or f"{categories.parent.relative_to(root).as_posix()}/{{}}.csv"

    def read(split: str) -> list[Item]:
        if split not in FILES:
            raise no_split(spec.title, split, "the labels of its test videos are not public")
        path = root / pattern.replace("{}", FILES[split])
        if not path.is_file():
            raise no_split(spec.title, split, f"{path} does not exist")
        folder = f"{FOLDERS[split]}/" if (root / spec.media / FOLDERS[split]).is_dir() else ""
        items = []
        for line, row in rows_of(path):
            if len(row) < 2:
                raise BadInput(f"{path} line {line} is not 'path,class,...'.")
            video, name = row[0].strip(), row[1].strip()
            if not video:
                raise BadInput(f"{path} line {line} has no path.")
            label = known_class(name, labels, path, line, categories.name)
            lies_in = PurePosixPath(video).parent.name
            if lies_in != name and lies_in in labels:
                raise BadInput(
                    f"{path} line {line}: the video {shown(video)} lies in the folder of the class {shown(lies_in)} "
                    f"and its label is {shown(name)}; correct one of the two."
                )
            place = folder + media_path(video, spec)
            items.append(Item(without_suffix(video), place, name, label, file=path, line=line))
        return items

    return Annotations(root, spec.media or ".", classes, read)


def _category(path: Path, line: int, text: str) -> tuple[int, int, str]:
    name, _, number = text.rpartition(",")
    if not name.strip():
        raise BadInput(f"{path} line {line} is not 'class,number'.")
    return line, whole_number(number, path, line, "class number"), name.strip()
