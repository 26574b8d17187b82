"""Reader of the Something-Something V2 files (Goyal et al., ICCV 2017), as their publisher ships them.

    something-something-v2-{labels,train,validation,test}.json     or     labels/{labels,train,validation,test}.json
    20bn-something-something-v2/<id>.webm

Labels map a template without brackets to a number written as a string; an item names its template with brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.data.formats.annotations import Annotations, FormatSpec, NotFound
from suite.data.manifest import Item
from suite.spec import BadInput, read_json, shown

FOLDER = "something-something-v2"
VIDEOS = "20bn-something-something-v2"
SPLITS = {"train": "train", "val": "validation", "test": "test"}
LAYOUTS = (f"{FOLDER}-{{}}.json", "labels/{}.json")


@dataclass(frozen=True)
class Files:
    """Where a copy lies: `root` holds the folder of videos, `annotations` is a path with {} for labels, train, ..."""

    root: Path
    annotations: str

    def annotation(self, part: str) -> Path:
        """The annotation file of a part: labels, train, validation or test."""
        return Path(self.annotations.replace("{}", part))


def find(data: Path, title: str = "Something-Something V2", folder: str = FOLDER) -> Files:
    """The copy in `data`, which contains the folder `folder` or is it.  Raises BadInput that says what is missing."""
    places = [data / folder, data]
    annotations = next(
        (str(p) + "/" + name for p in places for name in LAYOUTS if _labels_file(p, name).is_file()), None
    )
    root = next((p for p in places if (p / VIDEOS).is_dir()), None)
    if annotations is None:
        raise NotFound(
            f"{title} is not in '{data}': looked for {LAYOUTS[0].format('labels')} and {LAYOUTS[1].format('labels')} "
            f"there and in its folder {folder}; {_source(folder)} and give their folder with DATA= or SUITE_DATA."
        )
    if root is None:
        raise NotFound(
            f"{title} in '{data}' has annotations but no videos: looked for the folder {VIDEOS} there and in {folder}; "
            f"unpack the videos so that {VIDEOS}/<id>.webm exists."
        )
    return Files(root, annotations)


def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
    """The classes and splits of the copy in `root`.  Raises BadInput that says what is missing."""
    files = find(root, spec.title, spec.folder or FOLDER)
    classes = read_classes(files)

    def read(split: str) -> list[Item]:
        items = read_items(files, split, classes)
        return [item._replace(path=item.id) for item in items] if spec.frames else items

    return Annotations(files.root, VIDEOS, classes, read)


def _source(folder: str) -> str:
    if folder != FOLDER:
        return "put annotations and videos there"
    return (
        "get annotations and videos from the data set's official page (Something-Something V2, by 20BN, now Qualcomm)"
    )


def read_classes(files: Files) -> tuple[str, ...]:
    """Class names in the order of their numbers."""
    path = files.annotation("labels")
    data = read_json(path)
    if not isinstance(data, dict) or not data:
        raise BadInput(f"{path} does not map class names to numbers.")
    numbers = {name: _class_number(value) for name, value in data.items()}
    if None in numbers.values():
        name = next(name for name, number in numbers.items() if number is None)
        raise BadInput(f"{path}: the label {shown(data[name])} of class '{name}' is not a number from 0 on.")
    if sorted(numbers.values()) != list(range(len(numbers))):
        raise BadInput(f"{path} does not number its {len(numbers)} classes from 0 to {len(numbers) - 1}.")
    return tuple(sorted(numbers, key=numbers.__getitem__))


def _class_number(label: Any) -> int | None:
    """A label as the file has it, "17" or 17; None for anything else."""
    if isinstance(label, str) and label.isascii() and label.isdecimal() and len(label) < 10:
        return int(label)
    return label if type(label) is int and label >= 0 else None


def class_of(template: str) -> str:
    """'Moving [something] up' -> 'Moving something up'."""
    return template.replace("[", "").replace("]", "")


def read_items(files: Files, split: str, classes: tuple[str, ...], among: tuple[str, ...] | None = None) -> list[Item]:
    """The items of a split ("train", "val" or "test"); those of the test split have no label.

    classes: all class names, from `read_classes`; among: keep only these, and number them in this order.
    Raises BadInput for a missing or malformed file and for a template that is no class.
    """
    path = files.annotation(SPLITS[split])
    if not path.is_file():
        raise BadInput(f"Split '{split}' has no annotation file: {path} does not exist.")
    data = read_json(path)
    if not isinstance(data, list):
        raise BadInput(f"{path} is not a list of videos.")
    known = set(classes)
    labels = {name: number for number, name in enumerate(classes if among is None else among)}
    items = []
    for place, entry in enumerate(data):
        if not isinstance(entry, dict) or type(entry.get("id")) not in (str, int) or entry["id"] == "":
            raise BadInput(f"{path}: entry {place} has no 'id'.")
        video = str(entry["id"])
        template = entry.get("template")
        if template is None and split == "test":
            items.append(Item(video, f"{video}.webm", None, None, file=path, line=place))
            continue
        if not isinstance(template, str):
            raise BadInput(f"{path} entry {place}: video '{video}' has no 'template', so its class is unknown.")
        name = class_of(template)
        if name not in known:
            raise BadInput(
                f"{path} entry {place}: the template {shown(template)} of video {shown(video)} is not among the "
                f"classes of the labels file."
            )
        if name in labels:
            items.append(Item(video, f"{video}.webm", name, labels[name], file=path, line=place))
    return items


def _labels_file(folder: Path, layout: str) -> Path:
    return folder / layout.format("labels")
