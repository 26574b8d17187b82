"""Reader of HMDB51 (Kuehne et al., ICCV 2011): three divisions, one file per class and division.

    testTrainMulti_7030_splits/brush_hair_test_split1.txt     or below splits/, annotations/
    <videos>/<class>/<video>.avi     or     <videos>/<video>.avi

A video's id is its file name; where two classes have a file of one name, `<class>/<name>`.

A line is `April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1 `: 1 is training, 2 test, 0 unused.  Classes are sorted by name.
"""

from __future__ import annotations

from pathlib import Path

from suite.data.formats.annotations import (
    Annotations,
    FormatSpec,
    labels_of,
    lines_of,
    media_folder,
    media_path,
    no_split,
    not_found,
    without_suffix,
)
from suite.data.manifest import Item
from suite.spec import BadInput

FOLDERS = ("testTrainMulti_7030_splits", "test_train_splits/testTrainMulti_7030_splits", "splits", "annotations", ".")
MEDIA = ("hmdb51_org", "videos", "rawframes", "hmdb51", ".")
CODES = {"train": "1", "val": "2"}


def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
    """The classes and splits of the copy in `root`.  Raises BadInput that says what is missing."""
    ending = f"_test_split{spec.part}.txt"
    folder = next((f for f in ((spec.files,) if spec.files else FOLDERS) if any((root / f).glob(f"*{ending}"))), None)
    if folder is None:
        raise not_found(spec.title, root, [f"{spec.files or FOLDERS[0]}/<class>{ending}"])
    files = {path.name.removesuffix(ending): path for path in sorted((root / folder).glob(f"*{ending}"))}
    classes = tuple(sorted(files))
    labels, media = labels_of(classes), media_folder(root, spec, MEDIA)
    nested = any((root / media / name).is_dir() for name in classes)

    def read(split: str) -> list[Item]:
        if split not in CODES:
            raise no_split(spec.title, split, "its test videos are the split 'val'")
        listed = [(name, *entry) for name, path in files.items() for entry in _entries(path)]
        # a file name is the id, with its class before it where two classes have a file of that name
        classes_of: dict[str, set[str]] = {}
        for name, _, video, _ in listed:
            classes_of.setdefault(without_suffix(video), set()).add(name)
        items = []
        for name, line, video, code in listed:
            if code == CODES[split]:
                path, id = files[name], without_suffix(video)
                id = f"{name}/{id}" if len(classes_of[id]) > 1 else id
                place = media_path(f"{name}/{video}" if nested else video, spec)
                items.append(Item(id, place, name, labels[name], file=path, line=line))
        return items

    return Annotations(root, media, classes, read)


def _entries(path: Path) -> list[tuple[int, str, str]]:
    """(line, video, code) of the file of a class."""
    found = []
    for line, text in lines_of(path):
        video, *code = text.strip().rsplit(maxsplit=1)
        if code not in (["0"], ["1"], ["2"]):
            raise BadInput(f"{path} line {line} is not 'video 1', for training, 'video 2' (test) or 'video 0'.")
        found.append((line, video, code[0]))
    return found
