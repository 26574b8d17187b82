"""Parts of a data set, chosen by rule: `kinetics400@classes=100`, `@classes=half`, `@videos=50`, `@test=5`, `@seed=1`.

classes: so many of its classes (`half`: half of them, rounded down); videos and test: at most so many training and
validation videos of each class; seed: which ones, 0 unless given.  The choice depends on names and ids alone, so it is
the same on every machine, and a smaller part is in a larger one with the same seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from suite.data.manifest import Item
from suite.spec import BadInput, shown

OPTIONS = ("classes", "videos", "test", "seed")
MOST = 10**7


@dataclass(frozen=True)
class Subset:
    """A part of a data set; classes 0: all, -1: half of them; videos and test 0: all."""

    classes: int = 0
    videos: int = 0
    test: int = 0
    seed: int = 0

    def count(self, of: int) -> int:
        """How many of that many classes."""
        return of // 2 if self.classes < 0 else self.classes or of

    def choose(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """The chosen classes, in the order in which they came.  Raises BadInput where there are fewer."""
        wanted = self.count(len(classes))
        if wanted > len(classes):
            raise BadInput(f"A part of {wanted} classes was asked for, and there are {len(classes)}.")
        kept = set(sorted(classes, key=lambda name: self._rank("class", name))[:wanted])
        return tuple(name for name in classes if name in kept)

    def thin(self, items: Iterable[Item], split: str = "train") -> list[Item]:
        """At most so many items of each class as the split may have, in the order in which they came."""
        items, most = list(items), self.videos if split == "train" else self.test
        if not most:
            return items
        of_class: dict[str | None, list[Item]] = {}
        for item in items:
            of_class.setdefault(item.class_name, []).append(item)
        kept: set[str] = set()
        for members in of_class.values():
            kept |= {item.id for item in sorted(members, key=lambda item: self._rank("video", item.id))[:most]}
        return [item for item in items if item.id in kept]

    def _rank(self, kind: str, name: str) -> bytes:
        """A place in an order without meaning; another key would be another part."""
        return hashlib.sha256(f"video-fair-bench/{kind}/{self.seed}:{name}".encode()).digest()

    def describe(self, of: int) -> str:
        """As a title says it: `100 of 400 classes, 50 videos per class`."""
        parts = [f"{self.count(of)} of {of} classes"] if self.classes else []
        parts += [f"{self.videos} training videos per class"] if self.videos else []
        parts += [f"{self.test} test videos per class"] if self.test else []
        parts += [f"seed {self.seed}"] if self.seed else []
        return ", ".join(parts)

    def name(self) -> str:
        """The options as a data set's name has them, in a fixed order, defaults left out."""
        classes = "half" if self.classes < 0 else self.classes
        values = {"classes": classes, "videos": self.videos, "test": self.test, "seed": self.seed}
        return "".join(f"@{key}={value}" for key, value in values.items() if value)


def parse_subset(name: str) -> tuple[str, Subset | None]:
    """A data set's name without the options of a part, and the part.  Raises BadInput for an odd value."""
    base, *options = name.split("@")
    kept, found = [base], {}
    for option in options:
        key, equals, value = option.partition("=")
        if key not in OPTIONS or not equals:
            kept.append(option)
            continue
        if key in found:
            raise BadInput(f"Data set {shown(name)} gives '{key}' twice.")
        found[key] = -1 if (key, value) == ("classes", "half") else _number(name, key, value)
    if not found:
        return name, None
    if found.keys() == {"seed"}:
        raise BadInput(f"Data set {shown(name)}: 'seed' chooses a part; 'classes' or 'videos' says how large it is.")
    return "@".join(kept), Subset(**found)


def _number(name: str, key: str, value: str) -> int:
    least = {"classes": 2, "videos": 1, "test": 1, "seed": 0}[key]
    if not (value.isascii() and value.isdecimal() and len(value) < 9 and least <= int(value) <= MOST):
        raise BadInput(f"Data set {shown(name)}: {key} must be a whole number from {least} on, not {shown(value)}.")
    return int(value)
