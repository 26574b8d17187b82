"""Reader of Diving48, V1 and V2 (Li et al., ECCV 2018).

    Diving48_V2_{train,test}.json     or     Diving48_{train,test}.json     and     Diving48_vocab.json
    rgb/<vid_name>.mp4

An item is {"vid_name": "-mmq0PT-u8k_00155", "label": 0, "start_frame": 0, "end_frame": 48}; its video is that clip
already.  The vocabulary lists the four parts of each dive, in the order of labels.
"""

from __future__ import annotations

from pathlib import Path

from suite.data.formats.annotations import (
    Annotations,
    FormatSpec,
    find_file,
    is_text,
    media_folder,
    media_path,
    no_split,
    not_found,
)
from suite.data.manifest import Item
from suite.spec import BadInput, read_json, shown

PATTERNS = ("Diving48_V2_{}.json", "Diving48_{}.json")
FOLDERS = ("", "annotations/")
VOCABULARY = "Diving48_vocab.json"
MEDIA = ("rgb", "videos", "rawframes", ".")
PARTS = {"train": "train", "val": "test"}


def open_annotations(root: Path, spec: FormatSpec) -> Annotations:
    """The classes and splits of the copy in `root`.  Raises BadInput that says what is missing."""
    patterns = [folder + name for folder in FOLDERS for name in ((spec.files,) if spec.files else PATTERNS)]
    pattern = next((p for p in patterns if find_file(root, [p.replace("{}", "train")])), None)
    vocabulary = find_file(root, [folder + VOCABULARY for folder in FOLDERS])
    if pattern is None or vocabulary is None:
        raise not_found(spec.title, root, [patterns[0].replace("{}", "train"), VOCABULARY])
    classes = _classes(vocabulary)

    def read(split: str) -> list[Item]:
        if split not in PARTS:
            raise no_split(spec.title, split, "its test videos are the split 'val'")
        path = root / pattern.replace("{}", PARTS[split])
        if not path.is_file():
            raise no_split(spec.title, split, f"{path} does not exist")
        data = read_json(path)
        if not isinstance(data, list):
            raise BadInput(f"{path} is not a list of videos.")
        items = []
        for number, entry in enumerate(data):
            video = entry.get("vid_name") if isinstance(entry, dict) else None
            if not isinstance(video, str) or not video:
                raise BadInput(f"{path}: entry {number} has no 'vid_name'.")
            label = entry.get("label")
            if type(label) is not int or not 0 <= label < len(classes):
                raise BadInput(
                    f"{path} entry {number}: the label {shown(label)} of video {shown(video)} is not one of the "
                    f"{len(classes)} classes of {vocabulary.name}."
                )
            place = media_path(video, spec, ".mp4")
            items.append(Item(video, place, classes[label], label, file=path, line=number))
        return items

    return Annotations(root, media_folder(root, spec, MEDIA), classes, read)


def _classes(path: Path) -> tuple[str, ...]:
    data = read_json(path)
    if not isinstance(data, list) or not data:
        raise BadInput(f"{path} is not a list of dives.")
    names = []
    for entry in data:
        parts = entry if isinstance(entry, list) else [entry]
        if not parts or not all(isinstance(part, str) and part and is_text(part) for part in parts):
            raise BadInput(f"{path} does not name dive {len(names)}.")
        names.append(" ".join(parts))
    if len(set(names)) < len(names):
        raise BadInput(f"{path} names a dive twice.")
    return tuple(names)
