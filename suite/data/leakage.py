"""Leakage: validation videos that the training split holds too, so that accuracy on them is not on unseen videos.

A validation video is shared *by id* when a training video has its id and is the same video: it has the same path or
the same content.  It is shared *by content* when a training video under another id has its content.  No video counts
twice.  Content is compared by fingerprint (`suite.data.index.fingerprint`), so a re-encoded copy is not recognised.

Two videos with one id, different paths and different content do not count: where each split numbers the videos of its
own folder from 1, the ids say nothing.  How many there are is noted (`Leakage.same_id_only`), for data sets whose ids
are meant to be unique.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from suite.data.manifest import Manifest, Video
from suite.spec import BadInput

LISTED = 5  # ids that a sentence names


@dataclass(frozen=True)
class Leakage:
    """Ids of validation videos, in the order of the split; `by_content` pairs each with a training video's id."""

    by_id: tuple[str, ...] = ()
    by_content: tuple[tuple[str, str], ...] = ()
    same_id_only: tuple[str, ...] = ()  # in both splits, with different paths and content: not counted
    videos: int = 0  # of the validation split

    @property
    def ids(self) -> list[str]:
        """All shared validation videos."""
        return [*self.by_id, *(video for video, _ in self.by_content)]

    @property
    def counts(self) -> dict[str, int]:
        """As result.json holds it."""
        return {"by_id": len(self.by_id), "by_content": len(self.by_content)}

    def describe(self) -> str:
        """How many and which, without a full stop; "" when there is none."""
        if not self.ids:
            return ""
        named = [*self.by_id, *(f"{video} = {train}" for video, train in self.by_content)]
        some = ", ".join(named[:LISTED]) + (", ..." if len(named) > LISTED else "")
        return (
            f"{len(named)} of {self.videos} validation videos also occur in the training split "
            f"(by id: {len(self.by_id)}, by content: {len(self.by_content)}; {some})"
        )

    def require(self, allowed: int, dataset: str) -> None:
        """Raises BadInput when more than `allowed` videos are shared."""
        if len(self.ids) > allowed:
            raise BadInput(
                f"{dataset}: {self.describe()}, and allow_leakage is {allowed}; remove them from one of the splits, or "
                f"accept them with --set allow_leakage={len(self.ids)}."
            )


def find_leakage(train: Manifest, val: Manifest) -> Leakage:
    """Compares the usable videos of two splits."""
    by_id, by_content = _of_training(train, val)
    shared, copies, unrelated = [], [], []
    for video in val.videos:
        namesake = by_id.get(video.id)
        if namesake and _same(namesake, video):
            shared.append(video.id)
            continue
        if namesake:
            unrelated.append(video.id)
        if video.fingerprint in by_content:
            copies.append((video.id, by_content[video.fingerprint]))
    return Leakage(tuple(shared), tuple(copies), tuple(unrelated), len(val.videos))


def _of_training(train: Manifest, val: Manifest) -> tuple[dict[str, Video], dict[str, str]]:
    """Training videos with the id of a validation video, by id; and the id of the first with the content of one."""
    ids, contents = set(val.videos.column("id")), set(val.videos.column("fingerprint")) - {""}
    by_id, by_content = {}, {}
    for place, (video, content) in enumerate(
        zip(train.videos.column("id"), train.videos.column("fingerprint"), strict=True)
    ):
        if video in ids:
            by_id[video] = train.videos[place]
        if content in contents:
            by_content.setdefault(content, video)
    return by_id, by_content


def _same(a: Video, b: Video) -> bool:
    return a.path == b.path or (a.fingerprint != "" and a.fingerprint == b.fingerprint)


def duplicates(manifest: Manifest) -> int:
    """How many videos of a split have the content of an earlier one; no leakage, but fewer videos than it says."""
    times = Counter(filter(None, manifest.videos.column("fingerprint")))
    return sum(count - 1 for count in times.values())
