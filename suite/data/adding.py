"""`suite data add`: looks at a folder of videos, guesses how it is annotated, and writes the data set's YAML."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import yaml

from suite.data.dataset_info import names
from suite.data.flips import swap_sides
from suite.data.formats import FORMATS
from suite.data.formats.annotations import Annotations, FormatSpec, NotFound
from suite.data.formats.names import LISTS
from suite.data.formats.unread import unread_folders
from suite.data.manifest import Item
from suite.spec import BadInput, shown, unknown

OWN = Path("experiments/datasets")  # of the working directory
WITH_DIVISIONS = {"ucf101": 3, "hmdb51": 3}  # official divisions into training and test
GUESSED = ("class_folders", "table")  # formats that any folder might seem to have
TRIED = 50  # items whose files are looked for, to tell where videos lie
TITLES = {
    "something": "Something-Something V2",
    "something_csv": "Something-Something V1 or Jester",
    "kinetics": "Kinetics",
    "moments": "Moments in Time",
    "ucf101": "UCF101",
    "hmdb51": "HMDB51",
    "diving48": "Diving48",
    "mmaction2": "a list of MMAction2",
    "pyslowfast": "a list of PySlowFast",
    "pyslowfast_frames": "a list of frames of PySlowFast",
    "tsm": "a list of TSM",
    "deep_analysis": "a list of deep_analysis",
    "table": "a table with path and label",
    "class_folders": "a folder per class",
}


@dataclass(frozen=True)
class Added:
    """What was found and written."""

    dataset: str
    format: str
    classes: tuple[str, ...]
    train: int
    val: int
    file: Path
    remarks: tuple[str, ...]
    divisions: int = 1  # official ones into training and test that are there


def add_dataset(name: str, folder: Path, wanted: str | None = None, data: Path | None = None) -> Added:
    """Writes experiments/datasets/NAME.yaml for the videos in `folder`.

    wanted: the format, guessed without it; data: the data folder, below which the file holds no path of this machine.
    Raises BadInput where the name is taken or odd, the folder is not there, or no format fits.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name):
        raise BadInput(f"The name of a data set consists of at most 60 small letters, digits and _, not {shown(name)}.")
    file = OWN / f"{name}.yaml"
    if name in names() or file.exists():
        raise BadInput(f"A data set '{name}' exists already; choose another name, or remove {file} if it is yours.")
    if wanted not in (None, *FORMATS):
        raise unknown("format", str(wanted), FORMATS)
    if not folder.is_dir():
        raise BadInput(f"The folder '{folder}' does not exist.")
    if wanted is None:
        _refuse_several(folder.resolve())
    kind, spec, found = _guess(name, folder.resolve(), (wanted,) if wanted else tuple(FORMATS))
    train, val = found.read("train"), found.read("val")
    if len(found.classes) < 2 or not train or not val:
        raise BadInput(
            f"{folder} has {len(found.classes)} classes, {len(train)} training and {len(val)} validation videos; "
            "a data set has at least two classes, and videos in both splits."
        )
    divisions = _divisions(kind, folder.resolve(), spec)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.tmp")
    text = _yaml(name, kind, spec, found, (len(train), len(val)), _place(folder, data), divisions)
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, file)
    return Added(name, kind, found.classes, len(train), len(val), file, tuple(found.remarks), divisions)


def _divisions(kind: str, folder: Path, spec: FormatSpec) -> int:
    """How many official divisions into training and test a copy has, from the first on."""
    count = 1
    while kind in WITH_DIVISIONS and count < WITH_DIVISIONS[kind]:
        try:
            found = FORMATS[kind](folder, replace(spec, part=count + 1))
            if not found.read("train") or not found.read("val"):
                break
        except BadInput:
            break
        count += 1
    return count


def _refuse_several(folder: Path) -> None:
    """Raises BadInput for a folder whose sub-folders are data sets, of which one would be taken for the whole."""
    official = [kind for kind in FORMATS if kind not in LISTS and kind not in GUESSED]
    if any(_is_there(kind, folder) for kind in official):
        return
    inner = sorted(path for path in folder.iterdir() if path.is_dir())
    several = [path.name for path in inner if any(_is_there(kind, path) for kind in official)]
    if len(several) > 1:
        raise BadInput(
            f"{folder} holds several data sets ({', '.join(several)}); give the folder of one of them with --root."
        )


def _is_there(kind: str, folder: Path) -> bool:
    """Whether a folder has the annotations of a format; a damaged file counts."""
    try:
        FORMATS[kind](folder, FormatSpec(folder.name))
    except NotFound:
        return False
    except BadInput:
        return True
    return True


def _guess(name: str, folder: Path, kinds: Iterable[str]) -> tuple[str, FormatSpec, Annotations]:
    """The first format whose annotations are there and whose videos are found."""
    without_videos: tuple[str, Item] | None = None
    error: BadInput | None = None
    kinds = tuple(kinds)
    for kind in kinds:
        if kind in LISTS and len(kinds) > 1 and _dialect(folder) != kind:
            continue
        if kind == "class_folders" and error is not None:
            break  # there are annotations, and they are wrong
        best: tuple[tuple[bool, int], FormatSpec, Annotations] | None = None
        for media in ("", ".", *sorted(path.name for path in folder.iterdir() if path.is_dir())):
            for frames in (False, True):
                spec = FormatSpec(name, media=media, frames=frames)
                try:
                    found = FORMATS[kind](folder, spec)
                    items = found.read("train")[:TRIED]
                except NotFound:
                    continue
                except BadInput as reason:  # another format may have a file of this name
                    error = reason
                    continue
                there = sum((folder / found.media / item.path).exists() for item in items)
                if items and not there:
                    without_videos = without_videos or (kind, items[0])
                rank = found.gives_splits, there
                if there and (best is None or rank > best[0]):
                    best = rank, spec, found
        if best is not None:
            best[2].remarks.extend(unread_folders(folder, best[2].media))
            return kind, best[1], best[2]
    if error is not None:
        raise error
    if without_videos is not None:
        kind, item = without_videos
        raise BadInput(f"{folder} has the annotations of {TITLES[kind]}, but no video such as '{item.path}'.")
    raise BadInput(
        f"{folder} holds no annotations that are known, and no folder per class with videos in it; "
        "docs/data.md lists the formats."
    )


def _dialect(folder: Path) -> str | None:
    """Which of the LISTS a training list looks like."""
    from suite.data.formats.annotations import lines_of
    from suite.data.formats.lists import list_file

    path = list_file(folder, FormatSpec(""), "train")
    if path is None:
        return None
    lines = [text for _, text in islice(lines_of(path), TRIED)]
    if lines[:1] and lines[0].startswith("original_vido_id"):
        return "pyslowfast_frames"
    if all(";" in text for text in lines):
        return "deep_analysis"
    if all(re.search(r",\s*[0-9]+$", text) for text in lines):
        return "pyslowfast"
    numbers = [text.split()[1:] for text in lines]
    if all(len(fields) == 3 and fields[0] == "1" for fields in numbers):
        return "deep_analysis"
    return "mmaction2"


def _place(folder: Path, data: Path | None) -> str:
    """The folder as the YAML names it: below the data folder, or as a whole path."""
    folder = folder.resolve()
    if data is not None and folder.is_relative_to(data.resolve()) and folder != data.resolve():
        return folder.relative_to(data.resolve()).as_posix()
    return folder.as_posix()


def _yaml(
    name: str, kind: str, spec: FormatSpec, found: Annotations, videos: tuple[int, int], place: str, divisions: int
) -> str:
    content = {"title": name, "classes": len(found.classes), "format": kind, "folder": place}
    content |= {"media": spec.media} if spec.media else {}
    content |= {"layout": "frames"} if spec.frames else {}
    content |= {"divisions": divisions} if divisions > 1 else {}
    sided = [label for label in found.classes if swap_sides(label) != label]
    flip = f"in {len(sided)} classes" if sided else "in no class"
    return (
        f"# Written by suite data add, which recognised {TITLES[kind]}.\n"
        + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
        + f'flip: swap_sides  # "left" and "right" in a class name change places under a horizontal flip: {flip}\n'
        + f"videos: {{train: {videos[0]}, val: {videos[1]}}}\n"
        + 'source: ""  # who published it\nlicence: ""\n'
    )
