"""What has changed since a run was finished: the code that trained or tested it, its videos, its initial weights.

Known from files alone, without torch and without opening a data set.  What is not known is not a change.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from suite.models.user_code import is_factory, user_sources
from suite.spec import parse_model
from suite.store.code import code_digests
from suite.store.folder import RunFolder, dump_json, write_atomic
from suite.store.provenance import hash_of_code
from suite.store.reached_code import PARTS

CODE = ".code.json"  # in results/<grid>: digests of the code by model, a cache
VIDEOS = "videos.json"  # in results/<grid>: the videos of its data sets when a sweep last opened them

TODAY: dict[str, dict[str, dict[str, str]]] = {}  # model -> digests of the code, of this process


@dataclass(frozen=True)
class Change:
    """A change in words, and whether the training depends on it; else only the test does."""

    text: str
    training: bool = True


def changes_since(folder: RunFolder, grid: Path, parent: RunFolder | None) -> list[Change]:
    """What has changed since the run of `folder` was finished; [] where that is nothing, or not known.

    grid: results/<grid>, where the videos are recorded; parent: the run that it started from.
    Raises BadInput where files of a run are damaged.
    """
    result = folder.result()
    if result is None:
        return []
    spec, provenance = folder.spec(), folder.read_provenance()
    found = _of_code(spec.model, provenance.get("sessions", []), spec.protocol.selection == "best")
    found += _of_videos(result.get("manifests"), _recorded_videos(grid).get(spec.dataset))
    return found + _of_initial_weights(provenance, parent)


def knows_code(sessions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all sessions of a run recorded which code trained and tested it."""
    kinds = ("code_train", "code_test")
    return bool(sessions) and all(isinstance(session.get(kind), Mapping) for session in sessions for kind in kinds)


def _of_code(model: str, sessions: Sequence[Mapping[str, Any]], tests_select: bool) -> list[Change]:
    """tests_select: the tests along the way chose the epoch, so that those of all sessions count."""
    now = code_today(model)
    train = _differing_parts(sessions, "code_train", now)
    test = _differing_parts(sessions if tests_select else sessions[-1:], "code_test", now)
    both = [part for part in train if part in test]
    groups = (
        ("training and test code", both, True),
        ("training code", [part for part in train if part not in both], True),
        ("test code", [part for part in test if part not in both], False),
    )
    return [Change(f"{kind}: {', '.join(map(_module_name, parts))}", trains) for kind, parts, trains in groups if parts]


def know_code(models: Iterable[str], grid: Path) -> None:
    """Takes the digests of today's code from the cache in results/<grid>, and adds those of models that it lacks."""
    file, state = grid / CODE, hash_of_code()
    wanted = {model for model in models if not is_factory(model)} - TODAY.keys()
    try:
        found = json.loads(file.read_text())
        known = found["digests"] if found["code"] == state else {}
        TODAY.update({model: known[model] for model in wanted if model in known})
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        known = {}
    lacking = {model: code_digests(model) for model in sorted(wanted - known.keys())}
    TODAY.update(lacking)
    if lacking and grid.is_dir():
        with contextlib.suppress(OSError):  # only a cache
            write_atomic(file, dump_json({"code": state, "digests": known | lacking}))


@lru_cache(maxsize=512)
def code_today(model: str) -> dict[str, dict[str, str]]:
    found = TODAY.get(model) or code_digests(model)
    own = parse_model(model).module
    if is_factory(model) and not user_sources(own.partition(":")[0]):  # it lies in another folder than this one
        return {kind: {part: digest for part, digest in of.items() if part != own} for kind, of in found.items()}
    return found


def _differing_parts(sessions: Sequence[Mapping[str, Any]], kind: str, now: Mapping[str, dict[str, str]]) -> list[str]:
    """Parts of the code with another digest today than in one of the sessions; early versions recorded none."""
    found: dict[str, None] = {}
    for session in sessions:
        recorded = session.get(kind)
        if not isinstance(recorded, Mapping):
            continue
        today = now[kind]
        found |= {part: None for part, digest in recorded.items() if part in today and today[part] != digest}
    return sorted(found)


def _module_name(part: str) -> str:
    """`suite.training`, `suite.models.temporal.tam`, or the user's own module."""
    if ":" in part:
        return part.partition(":")[0]
    folder = part.partition("/")[0]
    return f"suite.{'models.' if folder in PARTS and '/' in part else ''}{part.replace('/', '.')}"


def _of_videos(recorded: Any, now: Mapping[str, Sequence[str]] | None) -> list[Change]:
    """recorded: the hashes of a result by split; now: by split those of the manifest today, of either scheme."""
    if not isinstance(recorded, Mapping) or not now:
        return []
    splits = [split for split in ("train", "val") if split in recorded and split in now]
    return [Change(f"videos of {s}", s == "train") for s in splits if recorded[s] not in now[s]]


def _of_initial_weights(provenance: Mapping[str, Any], parent: RunFolder | None) -> list[Change]:
    began = (provenance.get("weights") or {}).get("sha256")
    now = (parent.result() or {}).get("checkpoint_sha256") if parent else None
    if not began or not now or began == now:
        return []
    return [Change(f"initial weights: {parent.id} was trained again")]


def record_videos(grid: Path, dataset: str, hashes: Mapping[str, Sequence[str]]) -> None:
    """Keeps in results/<grid> which videos a data set has, by split, for `changes_since`."""
    known = _recorded_videos(grid)
    made = known | {dataset: {split: list(of) for split, of in hashes.items()}}
    if made != known:
        grid.mkdir(parents=True, exist_ok=True)
        write_atomic(grid / VIDEOS, dump_json(made))


def _recorded_videos(grid: Path) -> dict[str, dict[str, list[str]]]:
    file = grid / VIDEOS
    try:
        state = file.stat()
    except OSError:
        return {}
    return _read_videos(file, state.st_mtime_ns, state.st_size, state.st_ino)


@lru_cache(maxsize=16)
def _read_videos(file: Path, *state: int) -> dict[str, dict[str, list[str]]]:
    """{} for a damaged file: the next sweep writes it anew."""
    try:
        found = json.loads(file.read_text())
        return {name: {split: list(of) for split, of in splits.items()} for name, splits in found.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}
