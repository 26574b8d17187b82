"""What is known of a data set without its videos: one YAML file per data set.

Files of the suite are in `suite/data/sets/`, those of a user in `experiments/datasets/`.  A name may carry options as
model names do: `calib_order@level=hard`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from suite.data.synthetic import sets as calibrated
from suite.spec import BadInput, Strict, checked, experiment_folders, read_yaml, unknown
from suite.spec.files import Listed

SPLITS = ("train", "val", "test")
MAX_CLASSES = 1_000_000
VideoCount = Annotated[int, Field(ge=0, le=10**12)]


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
    reader: str | None = "something"  # a module of suite/data/formats, or "calibrated"; None: there is no reader yet
    class_list: tuple[str, ...] = ()
    flip: str = "swap_sides"
    folder: str = ""  # under the data root


class DatasetFile(Strict):
    """The YAML file of a data set."""

    title: str
    classes: int = Field(ge=2, le=MAX_CLASSES)
    class_list: str | None = None  # a text file beside the YAML, one class per line
    format: Literal["something", "calibrated"] | None
    # what a horizontal flip does to the class: "left" and "right" in its name change places, or it keeps its class
    flip: Literal["swap_sides", "keep"] = "swap_sides"
    folder: str | None = None  # under the data root; its name unless given
    videos: dict[Literal["train", "val", "test"], VideoCount] = Field(default_factory=dict)  # of a complete copy
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
    base, plain = name.partition("@")[0], name.removesuffix("@level=easy")
    file = _files().get(base)
    levels = {about.name: about for about in _read_dataset_file(base, file)} if file else {}
    if plain not in levels or (plain != name and levels[plain].level is None):
        raise unknown("data set", name, names())
    return levels[plain]


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
    about = DatasetInfo(
        name=name,
        title=file.title,
        num_classes=file.classes,
        expected={split: file.videos.get(split) for split in SPLITS},
        chance=1 / file.classes,
        ceiling_blind=file.ceiling_blind,
        ceiling_ordered=file.ceiling_ordered,
        pairs=file.pairs,
        reader=file.format,
        class_list=_class_list(file, path),
        flip=file.flip,
        folder=file.folder or name,
    )
    return (about,)


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
    if len(classes) != file.classes or len(set(classes)) != len(classes):
        raise BadInput(f"{listed} does not list {file.classes} different classes, one per line.")
    return classes
