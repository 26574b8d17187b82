"""Opening a data set: its classes, splits, and what a horizontal flip does to a label.

Classes are known by name; numbers change from codebase to codebase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from suite.data.class_remarks import nearly_equal, without_videos
from suite.data.dataset_info import SPLITS, DatasetInfo, info
from suite.data.flips import mirrored
from suite.data.formats import FORMATS, something
from suite.data.formats.annotations import Annotations, NotFound
from suite.data.index import garbage_collection
from suite.data.leakage import Leakage, duplicates, find_leakage
from suite.data.manifest import Item, Manifest
from suite.data.manifest_building import build_manifest
from suite.data.remarks import ending_early, left_out, relabelled
from suite.data.resemblance import looks_like
from suite.data.subsets import Subset
from suite.data.synthetic import sets as calibrated
from suite.program import command
from suite.spec import BadInput, unknown


@dataclass(eq=False)
class Dataset:
    """An opened data set: classes in label order, splits as manifests, and what a mirror does to a label."""

    info: DatasetInfo
    root: Path  # paths of videos are relative to it
    classes: tuple[str, ...]
    flip_map: dict[int, int | None]  # label -> label after a horizontal flip; None: never flip
    _read: Callable[[str], Manifest] = field(repr=False)
    remarks: list[str] = field(default_factory=list, repr=False)  # what opening it found
    _manifests: dict[str, Manifest] = field(default_factory=dict, repr=False)
    _leakage: Leakage | None = field(default=None, repr=False)

    def split(self, name: str) -> Manifest:
        """The manifest of "train", "val" or "test"; the first call indexes the videos, which may take minutes."""
        if name not in SPLITS:
            raise unknown("split", name, SPLITS)
        if name not in self._manifests:
            with garbage_collection(False):
                self._manifests[name] = self._read(name)
        return self._manifests[name]

    @property
    def flips_keep_classes(self) -> bool:
        """Whether a horizontal flip changes the class of no video, so that test views may be flipped."""
        return all(label == mirror for label, mirror in self.flip_map.items())

    def leakage(self) -> Leakage:
        """Validation videos that are in the training split too."""
        if self._leakage is None:
            self._leakage = find_leakage(self.split("train"), self.split("val"))
        return self._leakage

    @property
    def notes(self) -> list[str]:
        """Sentences for a run's record: the differences, and what flips do to labels."""
        return [*self.differences, *relabelled(self.flip_map)]

    @property
    def differences(self) -> list[str]:
        """Sentences on what differs from a complete copy, is left out or held out; not errors."""
        notes = list(self.remarks)
        for split in ("train", "val"):
            manifest, expected = self.split(split), self.info.expected.get(split)
            count = len(manifest.videos) + len(manifest.missing) + len(manifest.undecodable)
            if expected is not None and count != expected:
                notes.append(f"Split '{split}' of {self.info.name} lists {count} videos; {expected} are expected.")
            notes += left_out(manifest)
            notes += ending_early(manifest)
            if copies := duplicates(manifest):
                of = len(manifest.videos)
                notes.append(f"Split '{split}': {copies} of {of} videos repeat the content of an earlier one.")
        notes += without_videos(self.classes, self.split("train"), self.split("val"))
        leakage = self.leakage()
        if shared := leakage.describe():
            notes.append(f"{shared}.")
        if same := len(leakage.same_id_only):
            notes.append(
                f"{same} ids occur in both splits with different files; these are not counted as shared videos."
            )
        return notes


def open_dataset(name: str, root: Path | str) -> Dataset:
    """Opens a data set in `root`, the folder of DATA= or SUITE_DATA; a split is indexed when it is asked for.

    Raises BadInput when the name is unknown, its annotations cannot be read, or the folder does not hold it.
    """
    about, root = info(name), Path(root)
    if about.reader is None:
        raise BadInput(f"{about.title} cannot be opened: this version has no reader for its annotation format.")
    if about.reader == "calibrated":
        return _open_calibrated(about, root)
    found, whole = find_annotations(about, root), about.whole or about
    classes = whole.class_list or found.classes
    if not whole.class_list and len(classes) > whole.num_classes:
        raise BadInput(
            f"The annotations of {whole.title} in {found.root} have {len(classes)} classes instead of "
            f"{whole.num_classes}{looks_like(classes, whole)}; they are those of another data set "
            f"({command('data add NAME --root DIR')} makes it one)."
        )
    if about.subset is not None:
        classes = about.subset.choose(classes)
    some = bool(about.class_list) or about.subset is not None  # of the classes that the annotations have
    numbers = {name: number for number, name in enumerate(classes)}

    def read(split: str) -> Manifest:
        if split == "test" and some:
            raise BadInput(f"{about.title} has no test split: the classes of the official test videos are not public.")
        items = found.read(split)
        if some:
            items = _of_classes(items, numbers, about.subset, split)
        return build_manifest(split, classes, items, found.root, found.media)

    flips = mirrored(classes) if about.flip == "swap_sides" else dict(enumerate(range(len(classes))))
    dataset = Dataset(about, found.root, classes, flips, read, [*found.remarks, *nearly_equal(classes)])
    if lacking := about.num_classes - len(set(classes) & set(found.classes)):
        dataset.remarks.append(
            f"The annotations lack {lacking} of the {about.num_classes} classes of {about.title}: they have "
            f"{len(found.classes)} classes{looks_like(found.classes, whole)}."
        )
    return dataset


def _of_classes(items: list[Item], numbers: dict[str, int], subset: Subset | None, split: str) -> list[Item]:
    """The items of a part of a data set: of its classes alone, numbered in their order."""
    kept = [item._replace(label=numbers[str(item.class_name)]) for item in items if item.class_name in numbers]
    return subset.thin(kept, split) if subset is not None else kept


def find_annotations(about: DatasetInfo, root: Path) -> Annotations:
    """The annotations of a data set in the data folder `root`, or in the folder of the data set in it.

    Raises BadInput that says what is missing.
    """
    if not root.is_dir() and not Path(about.folder).is_absolute():
        raise BadInput(
            f"{about.title} was not found, since the folder '{root}' does not exist; get its official files from their "
            f"publisher and give their folder with DATA= or SUITE_DATA."
        )
    reader = FORMATS[str(about.reader)]
    inner = root / about.folder
    if not inner.is_dir():
        return reader(root, about.spec)
    try:
        return reader(inner, about.spec)
    except NotFound:
        return reader(root, about.spec)


def _open_calibrated(about: DatasetInfo, root: Path) -> Dataset:
    base, level = about.name.partition("@")[0], about.level or "easy"
    folder = calibrated.locate(base, level, root)
    card = calibrated.read_card(folder, base, level)
    files = something.find(folder, about.title)
    everything = something.read_classes(files)
    classes = about.subset.choose(everything) if about.subset is not None else everything
    numbers = {name: number for number, name in enumerate(classes)}

    def read(split: str) -> Manifest:
        if split == "test":
            raise BadInput(
                f"{about.title} has no test split; use 'val', whose videos are generated independently of 'train'."
            )
        items = something.read_items(files, split, everything)
        if about.subset is not None:
            items = _of_classes(items, numbers, about.subset, split)
        return build_manifest(split, classes, items, files.root, something.VIDEOS)

    flips = {numbers[name]: numbers.get(mirror) for name, mirror in card["flip"].items() if name in numbers}
    if about.subset is None:
        about = replace(about, expected={split: card["videos"].get(split) for split in SPLITS})
    return Dataset(about, files.root, classes, flips, read)
