"""What `suite data check` reports of a data set: usable videos, what cannot be used, repeats, changed files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from suite.data.datasets import open_dataset
from suite.data.leakage import duplicates
from suite.data.manifest import Manifest, index_of, path_in_folder


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
        checks = {manifest.split: full_check(manifest) for manifest in (train, val)}
        changed = [ids for _, ids in checks.values() if ids is not None]
        found["full_sha256"] = {split: digest for split, (digest, _) in checks.items()}
        found["changed"] = [video for ids in changed for video in ids] if changed else None
    return found


def full_check(manifest: Manifest) -> tuple[str, list[str] | None]:
    """Digest of the split's ids and whole files, and the ids of files that changed since the last full check."""
    paths = {video.id: path_in_folder(manifest, video) for video in manifest.videos}
    hashes = index_of(manifest).hash_files(paths.values())
    whole = "".join(f"{video} {hashes[path][0]}\n" for video, path in paths.items())
    before = {video: hashes[path] for video, path in paths.items() if hashes[path][1] is not None}
    changed = [video for video, (now, earlier) in before.items() if now != earlier]
    return hashlib.sha256(whole.encode()).hexdigest(), changed if before else None
