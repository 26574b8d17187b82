"""Leakage through pretraining: validation videos on which an earlier stage was trained, with another data set.

Ids of two data sets need not mean the same, so an id counts only where both name one file; content always counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite.data.datasets import Dataset, open_dataset
from suite.data.leakage import LISTED, Leakage
from suite.data.manifest import Manifest
from suite.spec import BadInput

NOT_CHECKED = "not checked"  # the earlier data set is not on this machine


def seen_before(dataset: Dataset, earlier: Iterable[str], data: Path) -> dict[str, Leakage | None]:
    """What the validation split of `dataset` shares with the training split of each earlier data set.

    None: the earlier data set cannot be read.  The same data set is left out: its own leakage says it.
    """
    found: dict[str, Leakage | None] = {}
    for name in dict.fromkeys(earlier):
        if name != dataset.info.name:
            try:
                found[name] = _shared(open_dataset(name, data).split("train"), dataset.split("val"))
            except BadInput:
                found[name] = None
    return found


def _shared(train: Manifest, val: Manifest) -> Leakage:
    by_content = {video.fingerprint: video.id for video in reversed(train.videos) if video.fingerprint}
    by_file = {(video.id, _file(train, video.path)) for video in train.videos}
    shared, copies = [], []
    for video in val.videos:
        if (video.id, _file(val, video.path)) in by_file:
            shared.append(video.id)
        elif video.fingerprint in by_content:
            copies.append((video.id, by_content[video.fingerprint]))
    return Leakage(tuple(shared), tuple(copies), (), len(val.videos))


def _file(manifest: Manifest, path: str) -> Path:
    return manifest.root / path


def describe(leakage: Leakage, source: str) -> str:
    """How many and which validation videos were trained on before, without a full stop; "" when there are none."""
    if not leakage.ids:
        return ""
    some = ", ".join(leakage.ids[:LISTED]) + (", ..." if len(leakage.ids) > LISTED else "")
    return (
        f"{len(leakage.ids)} of {leakage.videos} validation videos are training videos of {source}, on which the runs "
        f"are pretrained (by id: {len(leakage.by_id)}, by content: {len(leakage.by_content)}; {some})"
    )


def require(found: dict[str, Leakage | None], allowed: int, dataset: str) -> None:
    """Raises BadInput when more than `allowed` videos of a validation split were trained on before."""
    for source, leakage in found.items():
        if leakage and len(leakage.ids) > allowed:
            raise BadInput(
                f"{dataset}: {describe(leakage, source)}, and allow_leakage is {allowed}; pretrain on other videos, or "
                f"accept them with --set allow_leakage={len(leakage.ids)}."
            )


def record(found: dict[str, Leakage | None]) -> dict[str, Any]:
    """As provenance.json holds it: by earlier data set the counts, or that they were not checked."""
    return {source: NOT_CHECKED if leakage is None else leakage.counts for source, leakage in found.items()}
