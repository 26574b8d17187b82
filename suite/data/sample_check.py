"""A few videos of each split decoded before a sweep: seconds, where `suite data check --full` takes hours."""

from __future__ import annotations

from dataclasses import replace

from suite.data.decode_check import DAMAGED, decode_all
from suite.data.manifest import Manifest

SAMPLE = 8  # videos per split


def undecodable_in_sample(manifest: Manifest, count: int = SAMPLE) -> tuple[int, dict[str, str]]:
    """How many videos were decoded, and id -> why it cannot be decoded to its end.

    The sample is spread evenly over the split, so it is the same each time.  What was decoded before and has not
    changed since is not decoded again.
    """
    total = len(manifest.videos)
    places = sorted({number * (total - 1) // max(1, count - 1) for number in range(count)}) if total else []
    sample = replace(manifest, videos=[manifest.videos[place] for place in places])
    found = decode_all(sample)
    return len(places), {video: why for video, why in found.items() if not why.startswith(DAMAGED)}
