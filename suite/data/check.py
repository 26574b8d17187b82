"""What `suite data check` reports of a data set: usable videos, what cannot be used, repeats, changed files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from suite.data.class_remarks import classes_without
from suite.data.datasets import open_dataset
from suite.data.decode_check import DAMAGED, Progress, decode_all, decode_whole
from suite.data.leakage import duplicates
from suite.data.manifest import Manifest, index_of, path_in_folder
from suite.data.resemblance import other_classes

UNDECODABLE, SHORT = "undecodable", "shorter than a clip"


def check(
    name: str, root: Path | str, full: bool = False, frames: int = 8, progress: Progress = lambda done, of: None
) -> dict[str, Any]:
    """What `suite data check` prints: usable videos per split, classes, ids that cannot be used, hash of both splits.

    truncated: of the undecodable, those that are cut off; too_short: ids of videos of fewer than `frames` frames, which
    clips repeat; leakage: ids of validation videos that the training split holds too; duplicates: videos per split with
    the content of an earlier one; classes_without: names of classes without a training or a validation video.
    refused: why a sweep would not take its classes, "" where it would.
    full: every usable file is read and decoded whole; videos that cannot be decoded to their end join the undecodable.
    Adds `damaged`, the ids of videos with damaged frames, which FFmpeg conceals; `full_sha256` (one digest per split);
    and `changed`, the ids of videos whose bytes are not those of the last full check (None where there was none).
    problems: one entry per video that something is wrong with, {"split", "id", "path", "problem"}.
    """
    dataset = open_dataset(name, root)
    splits = {split: dataset.split(split) for split in ("train", "val")}
    train, val = splits.values()
    problems = [problem for manifest in splits.values() for problem in _unusable(manifest)]
    if full:
        problems += [problem for manifest in splits.values() for problem in _half_decodable(manifest, progress)]
    leakage = dataset.leakage()
    paths = {video.id: video.path for video in val.videos}
    problems += [_problem("val", id, paths[id], "it is in the training split too") for id in leakage.ids]
    without = classes_without(dataset.classes, train, val)
    short = [(split, video) for split, manifest in splits.items() for video in manifest.videos if video.frames < frames]
    found = {
        "dataset": dataset.info.name,
        "train": len(train.videos),
        "val": len(val.videos),
        "classes": len(dataset.classes),
        "missing": [*train.missing, *val.missing],
        "undecodable": [problem["id"] for problem in problems if problem["problem"].startswith(UNDECODABLE)],
        "truncated": [problem["id"] for problem in problems if "truncated" in problem["problem"]],
        "too_short": [video.id for _, video in short],
        "leakage": leakage.ids,
        "duplicates": {"train": duplicates(train), "val": duplicates(val)},
        "classes_without": [name for names in without.values() for name in names],
        "manifest_sha256": hashlib.sha256(f"{train.sha256} {val.sha256}".encode()).hexdigest(),
        "notes": dataset.differences,
        "refused": other_classes(dataset.info, dataset.classes, dataset.root),
    }
    if full:
        found["damaged"] = [problem["id"] for problem in problems if problem["problem"].startswith(DAMAGED)]
        checks = {manifest.split: full_check(manifest) for manifest in (train, val)}
        changed = [ids for _, ids in checks.values() if ids is not None]
        found["full_sha256"] = {split: digest for split, (digest, _) in checks.items()}
        found["changed"] = [video for ids in changed for video in ids] if changed else None
        problems += [_problem("", video, "", "its bytes have changed") for video in found["changed"] or ()]
    problems += [_problem(s, video.id, video.path, f"{SHORT}: {video.frames} frames") for s, video in short]
    return found | {"problems": problems}


def _problem(split: str, video: str, path: str, problem: str) -> dict[str, str]:
    return {"split": split, "id": video, "path": path, "problem": problem}


def _unusable(manifest: Manifest) -> list[dict[str, str]]:
    """The videos that are missing or undecodable, with the reason."""
    prefix = "" if manifest.folder == "." else f"{manifest.folder}/"
    out = [_problem(manifest.split, id, prefix + manifest.lost[id], "missing") for id in manifest.missing]
    for id in manifest.undecodable:
        path = manifest.root / manifest.folder / manifest.lost[id]
        out.append(_problem(manifest.split, id, prefix + manifest.lost[id], f"{UNDECODABLE}: {_reason(path)}"))
    return out


def _reason(path: Path) -> str:
    """Why a file is no video, without its name."""
    if path.is_file() and path.stat().st_size == 0:
        return "the file is empty"
    reason = decode_whole(path)
    reason = (
        ""
        if reason.startswith(DAMAGED)
        else reason.replace(str(path), "").replace("Video  ", "").replace("Folder  ", "")
    )
    return reason.strip().rstrip(".") or "the annotations ask for frames that it does not have"


def _half_decodable(manifest: Manifest, progress: Progress) -> list[dict[str, str]]:
    paths = {video.id: video.path for video in manifest.videos}
    found = decode_all(manifest, progress)
    told = {id: why if why.startswith(DAMAGED) else f"{UNDECODABLE}: {why.rstrip('.')}" for id, why in found.items()}
    return [_problem(manifest.split, id, paths[id], why) for id, why in told.items()]


def full_check(manifest: Manifest) -> tuple[str, list[str] | None]:
    """Digest of the split's ids and whole files, and the ids of files that changed since the last full check."""
    paths = {video.id: path_in_folder(manifest, video) for video in manifest.videos}
    hashes = index_of(manifest).hash_files(paths.values())
    whole = "".join(f"{video} {hashes[path][0]}\n" for video, path in paths.items())
    before = {video: hashes[path] for video, path in paths.items() if hashes[path][1] is not None}
    changed = [video for video, (now, earlier) in before.items() if now != earlier]
    return hashlib.sha256(whole.encode()).hexdigest(), changed if before else None
