"""The data sets by name.  `info` works without the data, `open_dataset` with them.

A name may carry options as model names do: `calib_order@level=hard`.  Classes are known by name; numbers change
from codebase to codebase.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from suite.data import calibrated, something
from suite.data.leakage import Leakage, duplicates, find_leakage
from suite.data.manifest import Manifest, build_manifest, index_of, path_in_folder
from suite.spec import BadInput, unknown

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set without its videos.

    expected: videos a complete copy has, None where that was never published; chance, ceiling_blind (best accuracy
    of a model that does not see the order of frames) and ceiling_ordered are fractions, None where unknown;
    pairs: class names that only the order of frames tells apart, empty where pair accuracy has no meaning.
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
    reader: str | None = "something"  # None: the annotation format is not read in this version


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

    def split(self, name: str) -> Manifest:
        """The manifest of "train", "val" or "test"; the first call indexes the videos, which may take minutes."""
        if name not in SPLITS:
            raise unknown("split", name, SPLITS)
        if name not in self._manifests:
            self._manifests[name] = self._read(name)
        return self._manifests[name]

    def leakage(self) -> Leakage:
        """Validation videos that are in the training split too."""
        return find_leakage(self.split("train"), self.split("val"))

    @property
    def notes(self) -> list[str]:
        """Sentences on what differs from a complete copy; not errors."""
        notes = list(self.remarks)
        for split in ("train", "val"):
            manifest, expected = self.split(split), self.info.expected.get(split)
            count = len(manifest.videos) + len(manifest.missing) + len(manifest.undecodable)
            if expected is not None and count != expected:
                notes.append(f"Split '{split}' of {self.info.name} lists {count} videos; {expected} are expected.")
            if copies := duplicates(manifest):
                of = len(manifest.videos)
                notes.append(f"Split '{split}': {copies} of {of} videos repeat the content of an earlier one.")
        leakage = self.leakage()
        if shared := leakage.describe():
            notes.append(f"{shared}.")
        if same := len(leakage.same_id_only):
            notes.append(
                f"{same} ids occur in both splits with different files; these are not counted as shared videos."
            )
        return notes


@cache
def _infos() -> dict[str, DatasetInfo]:
    def plain(name: str, title: str, classes: int, reader: str | None, **expected: int) -> DatasetInfo:
        counts = {split: expected.get(split) for split in SPLITS}
        return DatasetInfo(name, title, classes, counts, chance=1 / classes, reader=reader)

    sets = [
        plain("ssv2", "Something-Something V2", 174, "something", train=168_913, val=24_777, test=27_157),
        plain("mini_ssv2", "Mini-Something-Something V2", 87, "something", val=11_799),
        plain("mini_kinetics", "Mini-Kinetics", 200, None),
        plain("mini_mit", "Mini-Moments in Time", 200, None),
        plain("ssv1", "Something-Something V1", 174, None, train=86_017, val=11_522, test=10_960),
        # as published first; copies differ in size, since videos vanish from their site
        plain("kinetics400", "Kinetics-400", 400, None, train=246_535, val=19_907),
        plain("kinetics600", "Kinetics-600", 600, None, train=366_016),
        plain("mit", "Moments in Time", 339, None),
        plain("ucf101", "UCF101, split 1", 101, None, train=9_537, val=3_783),
        plain("hmdb51", "HMDB51, split 1", 51, None, train=3_570, val=1_530),
        plain("jester", "Jester", 27, None, train=118_562, val=14_787, test=14_743),
        plain("diving48", "Diving48 V2", 48, None, train=15_027, val=1_970),
    ]
    for kind in calibrated.SETS.values():
        counts = {**dict(calibrated.LEVELS["easy"].videos), "test": None}
        hard = {**dict(calibrated.LEVELS["hard"].videos), "test": None}
        easy = DatasetInfo(
            kind.name, kind.title, len(kind.classes), counts, 1 / len(kind.classes),
            kind.ceiling_blind, kind.ceiling_ordered, kind.pairs, "easy", "calibrated",
        )  # fmt: skip
        sets.append(easy)
        sets.append(
            replace(easy, name=f"{kind.name}@level=hard", title=f"{kind.title}, hard", expected=hard, level="hard")
        )
    return {info.name: info for info in sets}


def names() -> list[str]:
    return list(_infos())


def info(name: str) -> DatasetInfo:
    """What is known of a data set; `calib_order@level=easy` is `calib_order`.  Raises BadInput for an unknown name."""
    known = _infos()
    found = known.get(name.removesuffix("@level=easy"))
    if found is None or (name.endswith("@level=easy") and found.level is None):
        raise unknown("data set", name, known)
    return found


def open_dataset(name: str, root: Path | str) -> Dataset:
    """Opens a data set in `root`, the folder given by DATA= or SUITE_DATA.  Raises BadInput when it is not there."""
    about, root = info(name), Path(root)
    if about.reader is None:
        raise BadInput(f"{about.title} cannot be opened: this version has no reader for its annotation format.")
    if about.reader == "calibrated":
        return _open_calibrated(about, root)
    if not root.is_dir():
        raise BadInput(
            f"{about.title} was not found, since the folder '{root}' does not exist; get its official files from their "
            f"publisher and give their folder with DATA= or SUITE_DATA."
        )
    files = something.find(root, about.title)
    everything = something.read_classes(files)
    classes = mini_ssv2_classes() if about.name == "mini_ssv2" else everything
    if len(classes) > about.num_classes:
        raise BadInput(
            f"{files.annotation('labels')} has {len(classes)} classes and {about.title} has {about.num_classes}; "
            f"it is not the official file."
        )

    def read(split: str) -> Manifest:
        if split == "test" and about.name == "mini_ssv2":
            raise BadInput("Mini-SSV2 has no test split: the classes of the official test videos are not public.")
        items = something.read_items(files, split, everything, classes)
        return build_manifest(split, classes, items, files.root, something.VIDEOS)

    dataset = Dataset(about, files.root, classes, mirrored(classes), read)
    if lacking := about.num_classes - len(set(classes) & set(everything)):
        dataset.remarks.append(f"The labels file lacks {lacking} of the {about.num_classes} classes of {about.title}.")
    return dataset


def _open_calibrated(about: DatasetInfo, root: Path) -> Dataset:
    base, level = about.name.partition("@")[0], about.level or "easy"
    folder = calibrated.locate(base, level, root)
    card = calibrated.read_card(folder, base, level)
    files = something.find(folder, about.title)
    classes = something.read_classes(files)
    numbers = {name: number for number, name in enumerate(classes)}

    def read(split: str) -> Manifest:
        if split == "test":
            raise BadInput(
                f"{about.title} has no test split; use 'val', whose videos are generated independently of 'train'."
            )
        items = something.read_items(files, split, classes)
        return build_manifest(split, classes, items, files.root, something.VIDEOS)

    flips = {numbers[name]: numbers[mirror] for name, mirror in card["flip"].items()}
    about = replace(about, expected={split: card["videos"].get(split) for split in SPLITS})
    return Dataset(about, files.root, classes, flips, read)


def mirrored(classes: tuple[str, ...]) -> dict[int, int | None]:
    """label -> label after a horizontal flip, by class name: 'left' and 'right' change places.

    None where the mirrored class is not in the set (Mini-SSV2 holds one of each pair): such a clip is never flipped.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    return {number: numbers.get(swap_sides(name)) for name, number in numbers.items()}


def swap_sides(name: str) -> str:
    """'Pulling something from left to right' -> 'Pulling something from right to left'; keeps capitals."""

    def swap(match: re.Match[str]) -> str:
        word = match[0]
        other = "right" if word.lower() == "left" else "left"
        return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other

    return re.sub(r"\b(left|right)\b", swap, name, flags=re.IGNORECASE)


@cache
def mini_ssv2_classes() -> tuple[str, ...]:
    """The 87 classes of Mini-SSV2; their order is the order of labels."""
    text = (resources.files("suite.data") / "sets" / "mini_ssv2_classes.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def check(name: str, root: Path | str, full: bool = False) -> dict[str, Any]:
    """What `suite data check` prints: usable videos per split, classes, ids that cannot be used, hash of both splits.

    leakage: ids of validation videos that the training split holds too; duplicates: videos per split with the content
    of an earlier one.  full: every usable file is read whole; adds `full_sha256` (one digest per split) and `changed`,
    the ids of videos whose bytes are not those of the last full check (None where there was none).
    """
    dataset = open_dataset(name, root)
    train, val = dataset.split("train"), dataset.split("val")
    found = {
        "dataset": dataset.info.name,
        "train": len(train.videos),
        "val": len(val.videos),
        "classes": len(dataset.classes),
        "missing": [*train.missing, *val.missing],
        "undecodable": [*train.undecodable, *val.undecodable],
        "leakage": dataset.leakage().ids,
        "duplicates": {"train": duplicates(train), "val": duplicates(val)},
        "manifest_sha256": hashlib.sha256(f"{train.sha256} {val.sha256}".encode()).hexdigest(),
        "notes": dataset.notes,
    }
    if full:
        checks = {manifest.split: _full_check(manifest) for manifest in (train, val)}
        changed = [ids for _, ids in checks.values() if ids is not None]
        found["full_sha256"] = {split: digest for split, (digest, _) in checks.items()}
        found["changed"] = [video for ids in changed for video in ids] if changed else None
    return found


def _full_check(manifest: Manifest) -> tuple[str, list[str] | None]:
    """Digest of the split's ids and whole files, and the ids of files that changed since the last full check."""
    paths = {video.id: path_in_folder(manifest, video) for video in manifest.videos}
    hashes = index_of(manifest).hash_files(paths.values())
    whole = "".join(f"{video} {hashes[path][0]}\n" for video, path in paths.items())
    before = {video: hashes[path] for video, path in paths.items() if hashes[path][1] is not None}
    changed = [video for video, (now, earlier) in before.items() if now != earlier]
    return hashlib.sha256(whole.encode()).hexdigest(), changed if before else None
