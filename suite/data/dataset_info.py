"""What is known of a data set without its videos: one YAML file per data set.

Files of the suite are in `suite/data/sets/`, those of a user in `experiments/datasets/`.  A name may carry options as
model names do: `calib_order@level=hard`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from suite.data.formats.annotations import FormatSpec
from suite.data.formats.names import FORMATS, LISTS
from suite.data.subsets import Subset, parse_subset
from suite.data.synthetic import sets as calibrated
from suite.spec import BadInput, Strict, checked, experiment_folders, read_yaml, unknown
from suite.spec.files import Listed

SPLITS = ("train", "val", "test")
MAX_CLASSES = 1_000_000
VideoCounts = dict[Literal["train", "val", "test"], Annotated[int, Field(ge=0, le=10**12)]]


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set without its videos.

    expected: videos a complete copy has, None where that was never published; chance, ceiling_blind (best accuracy
    of a model that is invariant to the order of frames) and ceiling_ordered are fractions, None where unknown;
    pairs: class names that only temporal order tells apart, empty where pair accuracy has no meaning;
    class_list: names of its classes in the order of labels, empty where they are those of the annotation files.
    """

    name: str
    title: str
    num_classes: int
    expected: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(SPLITS))
    chance: float | None = None
    ceiling_blind: float | None = None
    ceiling_ordered: float | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    level: str | None = None
    reader: str | None = "something"  # one of FORMATS (suite/data/formats), or "calibrated"; None: there is no reader
    class_list: tuple[str, ...] = ()
    flip: str = "swap_sides"
    folder: str = ""  # under the data root
    spec: FormatSpec = field(default_factory=lambda: FormatSpec(""))  # for the reader
    divisions: int = 1  # official ones into training and test
    whole: DatasetInfo | None = None  # of which this is a part, chosen by `subset`
    subset: Subset | None = None


class DatasetFile(Strict):
    """The YAML file of a data set."""

    title: str
    classes: int = Field(ge=2, le=MAX_CLASSES)
    class_list: str | None = None  # a text file beside the YAML, one class per line
    format: str | None  # one of FORMATS, or "calibrated"; null: there is no reader for its annotations yet
    files: str = (
        ""  # of annotations, below the folder: a pattern with {} for train, val, ...; "" for the official places
    )
    media: str = ""  # folder of the videos, below the folder; "" for the official place
    layout: Literal["videos", "frames"] = "videos"  # frames: each video is a folder of pictures
    suffix: str = ""  # of video files that the annotations name by id
    divisions: int = Field(1, ge=1, le=9)  # official divisions into training and test; NAME@split=2 is the second
    # what a horizontal flip does to the class: "left" and "right" in its name change places, or it keeps its class
    flip: Literal["swap_sides", "keep"] = "swap_sides"
    folder: str | None = None  # under the data root; its name unless given
    videos: VideoCounts = Field(default_factory=dict)  # of a complete copy, with the first division
    videos_of_others: Annotated[tuple[VideoCounts, ...], Listed] = ()  # with the second division, the third, ...
    ceiling_blind: float | None = Field(None, ge=0, le=1)
    ceiling_ordered: float | None = Field(None, ge=0, le=1)
    pairs: Annotated[tuple[Annotated[tuple[str, str], Listed], ...], Listed] = ()
    source: str = ""
    licence: str = ""


def names() -> list[str]:
    """Every data set that has a file."""
    return [known.name for known in _infos()]


def info(name: str) -> DatasetInfo:
    """What is known of a data set; `calib_order@level=easy` is `calib_order`.  Raises BadInput for an unknown name."""
    whole, subset = parse_subset(name)
    about = _whole(whole)
    return about if subset is None else _part_of(about, subset)


def divisions_of(name: str) -> list[str]:
    """A data set with each of its official divisions, in order: ucf101, ucf101@split=2, ucf101@split=3."""
    try:
        about = info(name)
    except BadInput:
        return [name]
    base, part = about.name.partition("@")[0], about.subset.name() if about.subset else ""
    return [base + (f"@split={k}" if k > 1 else "") + part for k in range(1, about.divisions + 1)]


def _part_of(about: DatasetInfo, subset: Subset) -> DatasetInfo:
    """A part of a data set; what is known of the whole alone (sizes, upper bounds, pairs) is left out."""
    count = subset.count(about.num_classes)
    if not 2 <= count <= about.num_classes:
        raise BadInput(f"A part of {count} classes was asked for, and {about.title} has {about.num_classes}.")
    title = f"{about.title} ({subset.describe(about.num_classes)})"
    return replace(
        about,
        name=about.name + subset.name(),
        title=title,
        num_classes=count,
        chance=1 / count,
        expected=_known(about, subset),
        ceiling_blind=None,
        ceiling_ordered=None,
        pairs=(),
        spec=replace(about.spec, title=title),
        whole=about,
        subset=subset,
    )


def _known(about: DatasetInfo, subset: Subset) -> dict[str, int | None]:
    """The sizes that a part has too."""
    kept = {"train": not subset.videos, "val": not subset.test, "test": not subset.test}
    return {split: about.expected.get(split) if kept[split] and not subset.classes else None for split in SPLITS}


def _whole(name: str) -> DatasetInfo:
    base, plain = name.partition("@")[0], name.removesuffix("@level=easy").removesuffix("@split=1")
    file = _files().get(base)
    variants = {about.name: about for about in _read_dataset_file(base, file)} if file else {}
    only_one = len(variants) < 2 or (variants[base].level is None) == name.endswith("@level=easy")
    if plain not in variants or (plain != name and only_one):
        raise unknown("data set", name, names())
    return variants[plain]


def _infos() -> list[DatasetInfo]:
    return [about for name, file in _files().items() for about in _read_dataset_file(name, file)]


def _files() -> dict[str, Path]:
    """Name -> YAML file, the suite's first."""
    own = {path.stem: path for path in sorted(Path(str(resources.files("suite.data") / "sets")).glob("*.yaml"))}
    theirs = {
        path.stem: path for folder in experiment_folders() for path in sorted((folder / "datasets").glob("*.yaml"))
    }
    for name in own.keys() & theirs.keys():
        raise BadInput(f"{theirs[name]} has the name of a data set of the suite; choose another one.")
    return own | theirs


@cache
def _read_dataset_file(name: str, path: Path) -> tuple[DatasetInfo, ...]:
    """The data set of a file, at all its levels."""
    file: DatasetFile = checked(DatasetFile, read_yaml(path, "Data set"), f"data set {path.name}")
    if file.format == "calibrated":
        return _levels(name, file, path)
    if file.format not in (None, *FORMATS):
        raise unknown(f"format in data set {path.name}", str(file.format), FORMATS)
    return tuple(_division(name, file, path, part) for part in range(1, file.divisions + 1))


def _division(name: str, file: DatasetFile, path: Path, part: int) -> DatasetInfo:
    """The data set with one of its official divisions; the first has the plain name."""
    title = f"{file.title}, split {part}" if file.divisions > 1 else file.title
    classes = _class_list(file, path)
    names = classes if file.format in LISTS else ()
    counts = ([file.videos, *file.videos_of_others] + [{}] * part)[part - 1]
    return DatasetInfo(
        name=name if part == 1 else f"{name}@split={part}",
        title=title,
        num_classes=file.classes,
        expected={split: counts.get(split) for split in SPLITS},
        chance=1 / file.classes,
        ceiling_blind=file.ceiling_blind,
        ceiling_ordered=file.ceiling_ordered,
        pairs=file.pairs,
        reader=file.format,
        class_list=() if names else classes,
        flip=file.flip,
        divisions=file.divisions,
        folder=file.folder or name,
        spec=FormatSpec(
            title, file.files, file.media, file.layout == "frames", file.suffix, part, names, file.folder or name
        ),
    )


def _levels(name: str, file: DatasetFile, path: Path) -> tuple[DatasetInfo, ...]:
    kinds, _ = calibrated.find(name, "easy")
    if len(kinds.classes) != file.classes:
        raise BadInput(f"Data set {path.name} has {file.classes} classes, but {len(kinds.classes)} are generated.")
    return tuple(
        DatasetInfo(
            name=name if level == "easy" else f"{name}@level={level}",
            title=file.title if level == "easy" else f"{file.title}, {level}",
            num_classes=file.classes,
            expected={**dict(settings.videos), "test": None},
            chance=1 / file.classes,
            ceiling_blind=file.ceiling_blind,
            ceiling_ordered=file.ceiling_ordered,
            pairs=kinds.pairs,
            level=level,
            reader="calibrated",
        )
        for level, settings in calibrated.LEVELS.items()
    )


def _class_list(file: DatasetFile, path: Path) -> tuple[str, ...]:
    if file.class_list is None:
        return ()
    listed = path.parent / file.class_list
    if listed.parent.resolve() != path.parent.resolve() or not listed.is_file():
        raise BadInput(f"Data set {path.name}: class_list must name a file in its folder, not '{file.class_list}'.")
    try:
        classes = tuple(listed.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise BadInput(f"{listed} is not UTF-8 text: {error}.") from None
    if blank := next((line for line, name in enumerate(classes, 1) if not name.strip()), None):
        raise BadInput(f"{listed} line {blank} is blank; class names stand one per line, the first for label 0.")
    if len(classes) != file.classes or len(set(classes)) != len(classes):
        raise BadInput(f"{listed} does not list {file.classes} different classes, one per line.")
    return classes
