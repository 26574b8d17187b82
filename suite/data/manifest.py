"""The videos of a split: which there are, how long they are, which are missing, and the hash of it all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from json.encoder import encode_basestring_ascii as _text  # as json.dumps writes a string
from pathlib import Path
from typing import Any, NamedTuple

from suite.data.index import Index
from suite.data.index_file import FileState
from suite.data.video_table import Video, VideoTable
from suite.spec import BadInput

SCHEME = 2  # of a manifest's hash; scheme 1, of older results, is of the list of videos alone


class Item(NamedTuple):
    """A line of an annotation file: `path` is relative to the folder of videos, `class_name` None when unlabelled.

    The video may be a part of what lies there: `frames` frames from frame `first`, or from second `start` to `end`.
    file, line: of the annotations; of a JSON list the number of the entry, counted from 0.
    """

    id: str
    path: str
    class_name: str | None
    label: int | None
    first: int | None = None
    frames: int | None = None
    start: float | None = None
    end: float | None = None
    file: Path | None = None
    line: int | None = None

    @property
    def place(self) -> str:
        """Where the annotations name it, for messages: "FILE line 3", "FILE entry 3" of a JSON list; "" if unknown."""
        if self.file is None or self.line is None:
            return ""
        return f"{self.file} {'entry' if self.file.suffix == '.json' else 'line'} {self.line}"


@dataclass(frozen=True)
class Manifest:
    """One split.  `missing` and `undecodable` hold the ids of annotated videos that cannot be used."""

    split: str
    classes: tuple[str, ...]
    videos: VideoTable  # may be given as any sequence of videos
    missing: tuple[str, ...] = ()
    undecodable: tuple[str, ...] = ()
    root: Path = field(default=Path("."), repr=False, compare=False)  # of this machine; not in the hash
    folder: str = field(default=".", repr=False, compare=False)  # where in the root the videos are
    # path of each video that cannot be used; like `missing` and `undecodable` by id, and not in the hash
    lost: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    # ids of videos whose file ends before the end that the annotations give; not in the hash, which has their frames
    ending_early: tuple[str, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.videos, VideoTable):
            object.__setattr__(self, "videos", VideoTable(self.videos))

    @cached_property
    def sha256(self) -> str:
        """Hash of everything above but the root (scheme 2); the same on every machine that holds the same videos."""
        return _digest({"scheme": SCHEME, "list": self.list_sha256, "content": self.content_sha256})

    @cached_property
    def list_sha256(self) -> str:
        """Hash of the list of videos: ids, paths, labels, frames and rates.  It was the whole hash in scheme 1."""
        digest = hashlib.sha256(f'{{"classes":{_json(self.classes)},"missing":{_json(self.missing)},'.encode())
        digest.update(f'"split":{_json(self.split)},"undecodable":{_json(self.undecodable)},"videos":['.encode())
        comma, names = "", {name: _json(name) for name in (None, *self.classes)}
        for video, path, name, label, frames, fps, _, first in self.videos:
            # the JSON of one object with sorted keys, a video at a time: a hundredth of the memory
            fields = f'"class_name":{names.get(name) or _json(name)},'
            fields += "" if first is None else f'"first":{first},'
            fields += f'"fps":{fps!r},"frames":{frames},"id":{_text(video)},'
            fields += f'"label":{"null" if label is None else label},"path":{_text(path)}'
            digest.update(f"{comma}{{{fields}}}".encode())
            comma = ","
        digest.update(b"]}")
        return digest.hexdigest()

    @cached_property
    def content_sha256(self) -> str | None:
        """Hash of the videos' fingerprints; None where one of them was not taken."""
        contents = list(self.videos.column("fingerprint"))
        if not all(contents):
            return None
        return _digest(list(zip(self.videos.column("id"), contents, strict=True)))

    @property
    def parts(self) -> dict[str, str | None]:
        """What `sha256` is made of, as result.json and eval.json keep it beside the hash itself."""
        return {"list": self.list_sha256, "content": self.content_sha256}

    def matches(self, recorded: Any) -> bool:
        """Whether a recorded hash is that of this split, by the scheme of its time.

        A hash of scheme 1 says that the list is the same; whether the bytes are, was not recorded.
        """
        return recorded in (self.sha256, self.list_sha256)

    def require(self, allow_missing: int) -> Manifest:
        """Itself, or BadInput when more than `allow_missing` videos cannot be used.  None is ever put in its place."""
        lost = len(self.missing) + len(self.undecodable)
        if lost > allow_missing:
            parts = [
                f"{len(ids)} {what} ({', '.join(ids[:5])}{', ...' if len(ids) > 5 else ''})"
                for what, ids in (("missing", self.missing), ("undecodable", self.undecodable))
                if ids
            ]
            total = len(self.videos) + lost
            raise BadInput(
                f"Of the {total} videos of split '{self.split}', {' and '.join(parts)} cannot be used, and "
                f"allow_missing is {allow_missing}; restore them, or accept them with --set allow_missing={lost}."
            )
        return self


def hold_out(manifest: Manifest, share: float) -> tuple[Manifest, Manifest]:
    """Training videos in two: those that stay, and the split "dev" of about `share` (0 to 1) of each class.

    Which videos depends on their ids and on how many there are of their class, never on a run's seed, so that all runs
    of a comparison hold out the same.  A class of two or more gives one at least and keeps one at least.
    Raises BadInput when no class has two.
    """
    ids: dict[int | None, list[str]] = {}
    for video in manifest.videos:
        ids.setdefault(video.label, []).append(video.id)
    held: set[str] = set()
    for of_class in ids.values():
        count = len(of_class)
        wanted = min(max(1, int(share * count + 0.5)), count - 1)
        held.update(sorted(of_class, key=_dev_rank)[:wanted])
    if not held:
        raise BadInput(
            f"No class of split '{manifest.split}' has two videos, so none can be held out for the dev split."
        )
    stay = tuple(video for video in manifest.videos if video.id not in held)
    dev = tuple(video for video in manifest.videos if video.id in held)
    return replace(manifest, videos=stay), replace(manifest, split="dev", videos=dev, missing=(), undecodable=())


def _dev_rank(video: str) -> bytes:
    """A fixed place in an order without meaning; another key would be another split."""
    return hashlib.sha256(f"video-fair-bench/dev/1:{video}".encode()).digest()


def mark_undecodable(manifest: Manifest, video: Video) -> None:
    """Writes into the index that a video cannot be decoded, though its first frame could."""
    path = path_in_folder(manifest, video)
    try:
        found = os.stat(manifest.root / manifest.folder / path)
    except FileNotFoundError:
        return  # gone: the next start counts it among the missing
    index_of(manifest).mark_undecodable(path, FileState.of(found))


def index_of(manifest: Manifest) -> Index:
    """The index of the folder that holds the videos of a manifest."""
    return Index(manifest.root, manifest.root / manifest.folder)


def path_in_folder(manifest: Manifest, video: Video) -> str:
    """A video's path as the index knows it."""
    return video.path if manifest.folder == "." else video.path.removeprefix(f"{manifest.folder}/")


def same_videos(manifests: Mapping[str, Manifest], recorded: Any) -> bool:
    """Whether the hashes of a result (split -> hash) are those of these splits, each by the scheme of its time."""
    if not isinstance(recorded, Mapping) or recorded.keys() != manifests.keys():
        return False
    return all(manifest.matches(recorded[split]) for split, manifest in manifests.items())


def _json(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _digest(content: Any) -> str:
    return hashlib.sha256(_json(content).encode()).hexdigest()
