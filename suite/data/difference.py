"""What two data sets share: classes by name, videos by id and by content, and labels that disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.data.datasets import Dataset, open_dataset
from suite.data.manifest import Video


def difference(first: str, second: str, root: Path | str) -> dict[str, Any]:
    """What `suite data diff A B` prints: names say nothing, so class lists and videos are compared.

    classes: {"shared", "only_a", "only_b"}, lists of names, and "same_numbers", of the shared ones; splits: per split
    of A and of B, how many videos of A have the id and how many the content of one of B; labels: ids of videos with the
    same content and another class.
    """
    a, b = open_dataset(first, root), open_dataset(second, root)
    shared = [name for name in a.classes if name in set(b.classes)]
    return {
        "a": a.info.name,
        "b": b.info.name,
        "classes": {
            "shared": shared,
            "only_a": [name for name in a.classes if name not in set(shared)],
            "only_b": [name for name in b.classes if name not in set(shared)],
            "same_numbers": all(a.classes.index(name) == b.classes.index(name) for name in shared),
        },
        "splits": [_of_splits(a, b, split, other) for split in ("train", "val") for other in ("train", "val")],
        "labels": _disagreeing(a, b),
    }


def _videos(dataset: Dataset) -> list[Video]:
    return [video for split in ("train", "val") for video in dataset.split(split).videos]


def _of_splits(a: Dataset, b: Dataset, split: str, other: str) -> dict[str, Any]:
    ours, theirs = a.split(split).videos, b.split(other).videos
    ids, contents = {video.id for video in theirs}, {video.fingerprint for video in theirs if video.fingerprint}
    same = [video for video in ours if video.fingerprint in contents]
    return {
        "a": split,
        "b": other,
        "videos_a": len(ours),
        "videos_b": len(theirs),
        "same_id": sum(video.id in ids for video in ours),
        "same_content": len(same),
    }


def _disagreeing(a: Dataset, b: Dataset) -> list[str]:
    classes = {video.fingerprint: video.class_name for video in _videos(b) if video.fingerprint}
    return [
        video.id
        for video in _videos(a)
        if video.fingerprint in classes and classes[video.fingerprint] != video.class_name
    ]
