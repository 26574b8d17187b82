"""Sentences on classes that cannot be learnt or tested as they are: without videos, or with nearly the same name."""

from __future__ import annotations

import unicodedata
from collections import Counter

from suite.data.formats.unread import NAMED, named
from suite.data.manifest import Manifest


def classes_without(classes: tuple[str, ...], train: Manifest, val: Manifest) -> dict[str, list[str]]:
    """Names of classes, in their order, by what they lack: "training", "test", or "any" for both."""
    counts = [Counter(manifest.videos.column("class_name")) for manifest in (train, val)]
    found: dict[str, list[str]] = {"training": [], "test": [], "any": []}
    for name in classes:
        trained, tested = (count[name] > 0 for count in counts)
        if not (trained and tested):
            found["test" if trained else "training" if tested else "any"].append(name)
    return found


def without_videos(classes: tuple[str, ...], train: Manifest, val: Manifest) -> list[str]:
    """A sentence per kind of videos that classes lack."""
    found = classes_without(classes, train, val)
    told = {"training": "Without training videos", "test": "Without test videos", "any": "Without any video"}
    return [
        f"{told[kind]}: {named(names, 'class', 'classes')} of {len(classes)}." for kind, names in found.items() if names
    ]


def nearly_equal(classes: tuple[str, ...]) -> list[str]:
    """A sentence where names of classes differ only in case, blanks, invisible characters or their form in Unicode."""
    groups: dict[str, list[str]] = {}
    for name in classes:
        groups.setdefault(_plain(name), []).append(name)
    pairs = [" and ".join(ascii(name) for name in names) for names in groups.values() if len(names) > 1]
    odd = [name for name in classes if name != name.strip() or any(map(_invisible, name))]
    told = []
    if pairs:
        told.append(
            f"Different classes whose names differ only in case, blanks or Unicode form: {'; '.join(pairs[:NAMED])}."
        )
    if odd:
        told.append(f"With blanks around the name or invisible characters in it: {named(odd, 'class', 'classes')}.")
    return told


def _plain(name: str) -> str:
    visible = "".join(character for character in name if not _invisible(character))
    return " ".join(unicodedata.normalize("NFKC", visible).casefold().split())


def _invisible(character: str) -> bool:
    """Zero-width and other characters that only format text."""
    return not character.isascii() and unicodedata.category(character) == "Cf"
