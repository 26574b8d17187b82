"""Sentences on what is left out of a data set, held out or relabelled: for a run's record and its tables."""

from __future__ import annotations

from collections.abc import Mapping

from suite.data.leakage import LISTED
from suite.data.manifest import Manifest

LABEL_AWARE = "Label-aware flips"  # begins the sentence that only runs with such flips have under their table
SHARED = "validation videos also occur in the training split"  # in the sentence on leakage


def left_out(manifest: Manifest) -> list[str]:
    """A sentence where videos of a split cannot be used, with the first ids of each kind."""
    lost = [(what, getattr(manifest, what)) for what in ("missing", "undecodable")]
    kinds = [
        f"{len(ids)} {what} ({', '.join(ids[:LISTED])}{', ...' if len(ids) > LISTED else ''})"
        for what, ids in lost
        if ids
    ]
    if not kinds:
        return []
    count = len(manifest.missing) + len(manifest.undecodable)
    total = count + len(manifest.videos)
    return [f"{count} of {total} videos of split '{manifest.split}' are left out: {', '.join(kinds)}."]


def ending_early(manifest: Manifest) -> list[str]:
    """A sentence where files end before the `end` of the annotations, so that the videos are shorter than these say."""
    ids = manifest.ending_early
    if not ids:
        return []
    some = f"{', '.join(ids[:LISTED])}{', ...' if len(ids) > LISTED else ''}"
    count = len(manifest.videos)
    return [f"{len(ids)} of {count} videos of split '{manifest.split}' end before the annotated end ({some})."]


def relabelled(flip_map: Mapping[int, int | None]) -> list[str]:
    """A sentence where a horizontal flip changes labels, or may not be applied."""
    swapped = sum(mirror not in (None, label) for label, mirror in flip_map.items())
    never = sum(mirror is None for mirror in flip_map.values())
    facts = [f"give flipped training clips of {_classes(swapped)} the label of the mirrored class"] if swapped else []
    if never:
        facts.append(f"leave out the clips of {_classes(never)} whose mirrored class is not in the data set")
    return [f"{LABEL_AWARE} {' and '.join(facts)}."] if facts else []


def _classes(count: int) -> str:
    return f"{count} class{'' if count == 1 else 'es'}"
