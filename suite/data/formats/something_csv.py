"""Reader of the files of Something-Something V1 (Goyal et al., ICCV 2017) and of Jester (Materzynska et al., 2019).

    something-something-v1-{labels,train,validation,test}.csv     jester-v1-{...}.csv
    20bn-something-something-v1/<id>/00001.jpg                    20bn-jester-v1/<id>/00001.jpg

A line is `100218;Something falling like a feather or paper`, in the test file the id alone; the labels file has one
class per line, whose place is its number (it is not sorted).
"""

from __future__ import annotations

from pathlib import Path

from suite.data.formats.annotations import (
    Annotations,
    FormatSpec,
    find_file,
    find_folder,
    known_class,
    labels_of,
    lines_of,
    media_path,
    no_split,
    not_found,
    numbered,
)
from suite.data.manifest import Item
from suite.spec import BadInput

PATTERNS = ("something-something-v1-{}.csv", "jester-v1-{}.csv", "labels/{}.csv")
MEDIA = ("20bn-something-something-v1", "20bn-jester-v1")
PARTS = {"train": "train", "val": "validation", "test": "test"}


def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
    """The classes and splits of the copy in `root`.  Raises BadInput that says what is missing."""
    patterns = (spec.files,) if spec.files else PATTERNS
    pattern = next((p for p in patterns if find_file(root, [p.replace("{}", "labels")])), None)
    media = find_folder(root, (spec.media,) if spec.media else MEDIA)
    if pattern is None:
        raise not_found(spec.title, root, [patterns[0].replace("{}", "labels")])
    if media is None:
        raise BadInput(f"{spec.title} in '{root}' has annotations but no folder {spec.media or ' or '.join(MEDIA)}.")
    path = root / pattern.replace("{}", "labels")
    classes = numbered(path, ((line, i, name.strip()) for i, (line, name) in enumerate(lines_of(path))))
    labels = labels_of(classes)

    def read(split: str) -> list[Item]:
        path = root / pattern.replace("{}", PARTS[split])
        if not path.is_file():
            raise no_split(spec.title, split, f"{path} does not exist")
        items = []
        for line, text in lines_of(path):
            video, found, name = (part.strip() for part in text.partition(";"))
            if not video or (not found and split != "test"):
                raise BadInput(f"{path} line {line} is not 'id;class'.")
            label = known_class(name, labels, path, line, "the labels file") if found else None
            place = media_path(video, spec, ".webm")
            items.append(Item(video, place, name if found else None, label, file=path, line=line))
        return items

    return Annotations(root, media, classes, read)
