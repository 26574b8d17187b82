"""The videos of a split: which there are, how long they are, which are missing, and the hash of it all."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from suite.spec import BadInput

INDEX_VERSION = 1
SAVE_SECONDS = 60.0  # a killed indexing of 170,000 videos loses at most that


@dataclass(frozen=True)
class Item:
    """A line of an annotation file: `path` is relative to the folder of videos, `class_name` None when unlabelled."""

    id: str
    path: str
    class_name: str | None
    label: int | None


@dataclass(frozen=True)
class Video:
    """A video that can be read; `path` is relative to the data set's root, `fps` in frames per second."""

    id: str
    path: str
    class_name: str | None
    label: int | None
    frames: int
    fps: float


@dataclass(frozen=True)
class Manifest:
    """One split.  `missing` and `undecodable` hold the ids of annotated videos that cannot be used."""

    split: str
    classes: tuple[str, ...]
    videos: tuple[Video, ...]
    missing: tuple[str, ...] = ()
    undecodable: tuple[str, ...] = ()
    root: Path = field(default=Path("."), repr=False, compare=False)  # of this machine; not in the hash
    folder: str = field(default=".", repr=False, compare=False)  # where in the root the videos are

    @cached_property
    def sha256(self) -> str:
        """Hash of everything above but the root; the same on every machine that holds the same videos."""
        content = {
            "split": self.split,
            "classes": self.classes,
            "videos": [asdict(video) for video in self.videos],
            "missing": self.missing,
            "undecodable": self.undecodable,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

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
                f"allow_missing is {allow_missing}; fetch them again or raise allow_missing in the protocol."
            )
        return self


def build_manifest(
    split: str, classes: Iterable[str], items: Iterable[Item], root: Path, folder: str = ".", threads: int = 0
) -> Manifest:
    """Indexes the videos of a split.

    root: the data set's root; folder: where in it the videos are (it may itself be a link to another disk);
    threads: 0 takes one per core, at most 16.
    Frame counts come from the index cache where size and time of a file are unchanged.  Raises BadInput when a path
    of the annotations leaves the folder, or an id occurs twice.
    """
    items = list(items)
    base = Path(root) / folder
    index = Index(Path(root), base)
    states: dict[str, tuple[int, int] | None] = {}
    seen: set[str] = set()
    inside = _Inside(base)
    for item in items:
        if item.id in seen:
            raise BadInput(f"Split '{split}' names the video '{item.id}' twice; its annotation file is damaged.")
        seen.add(item.id)
        states[item.path] = inside.stat(item.path, item.id, split)
    index.update({path: state for path, state in states.items() if state is not None}, threads)
    videos, missing, undecodable = [], [], []
    for item in items:
        state = states[item.path]
        if state is None:
            missing.append(item.id)
            continue
        frames, fps = index.get(item.path, state)
        if frames == 0:
            undecodable.append(item.id)
            continue
        path = item.path if folder == "." else f"{folder}/{item.path}"
        videos.append(Video(item.id, path, item.class_name, item.label, frames, fps))
    return Manifest(split, tuple(classes), tuple(videos), tuple(missing), tuple(undecodable), Path(root), folder)


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
        raise BadInput(f"No class of split '{manifest.split}' has two videos, so that none can be held out as dev.")
    stay = tuple(video for video in manifest.videos if video.id not in held)
    dev = tuple(video for video in manifest.videos if video.id in held)
    return replace(manifest, videos=stay), replace(manifest, split="dev", videos=dev, missing=(), undecodable=())


def _dev_rank(video: str) -> bytes:
    """A fixed place in an order without meaning; another key would be another split."""
    return hashlib.sha256(f"video-fair-bench/dev/1:{video}".encode()).digest()


def condemn(manifest: Manifest, video: Video) -> None:
    """Writes into the index that a video cannot be decoded, though its first frame could."""
    base = manifest.root / manifest.folder
    index = Index(manifest.root, base)
    path = video.path if manifest.folder == "." else video.path.removeprefix(f"{manifest.folder}/")
    try:
        found = os.stat(base / path)
    except FileNotFoundError:
        return  # gone: the next start counts it among the missing
    index.entries[path] = [found.st_size, found.st_mtime_ns, 0, 0.0]
    index.save()


class _Inside:
    """Looks at files below a folder, and refuses paths that lead out of it."""

    def __init__(self, base: Path) -> None:
        self.base = str(base)
        self.real = os.path.realpath(base)
        self.parents: dict[str, None] = {}  # folders already found to be inside

    def stat(self, path: str, video: str, split: str) -> tuple[int, int] | None:
        """(bytes, time of change in ns), or None when there is no such file."""
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\0" in path or "\\" in path:
            raise self._leaves(video, split)
        full = f"{self.base}/{path}"
        parent = os.path.dirname(full)
        if parent not in self.parents:
            self._check(parent, video, split)
            self.parents[parent] = None
        try:
            if os.path.islink(full):
                self._check(full, video, split)
            found = os.stat(full)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise BadInput(f"Video '{video}' of split '{split}' cannot be read: {error.strerror}.") from None
        return found.st_size, found.st_mtime_ns

    def _check(self, path: str, video: str, split: str) -> None:
        real = os.path.realpath(path)
        if real != self.real and not real.startswith(self.real.rstrip("/") + "/"):
            raise self._leaves(video, split)

    def _leaves(self, video: str, split: str) -> BadInput:
        return BadInput(
            f"Video '{video}' of split '{split}' lies outside {self.base}; an annotation may only name files inside."
        )


class Index:
    """Frame counts of files, remembered by path, size and time of change in one JSON file.

    An entry is path -> [bytes, ns, frames, fps]; frames 0 marks a file that cannot be decoded.
    """

    def __init__(self, root: Path, base: Path) -> None:
        self.base = base
        self.file = _index_file(root, base)
        self.entries: dict[str, list] = self._load()

    def get(self, path: str, state: tuple[int, int]) -> tuple[int, float]:
        """(frames, fps) of a file that `update` was given."""
        entry = self.entries[path]
        assert tuple(entry[:2]) == state
        return int(entry[2]), float(entry[3])

    def update(self, states: dict[str, tuple[int, int]], threads: int = 0) -> None:
        """Probes the files that are new or have changed since."""
        todo = [path for path, state in states.items() if self.entries.get(path, [])[:2] != list(state)]
        if not todo:
            return
        saved = time.monotonic()
        for path, frames, fps in self._probe(todo, threads or min(16, os.cpu_count() or 1)):
            self.entries[path] = [*states[path], frames, fps]
            if time.monotonic() - saved > SAVE_SECONDS:
                self.save()
                saved = time.monotonic()
        self.save()

    def _probe(self, paths: list[str], threads: int) -> Iterator[tuple[str, int, float]]:
        from suite.data.decoding import Undecodable, probe

        def one(path: str) -> tuple[str, int, float]:
            try:
                frames, fps, _ = probe(self.base / path)
            except Undecodable:
                return path, 0, 0.0
            return path, frames, round(fps, 6)

        # threads suffice: PyAV holds no lock while it reads and decodes
        with ThreadPoolExecutor(threads) as pool:
            try:
                for done in as_completed([pool.submit(one, path) for path in paths]):
                    yield done.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _load(self) -> dict[str, list]:
        try:
            data = json.loads(self.file.read_text())
            return data["videos"] if data["version"] == INDEX_VERSION else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}  # only a cache: what cannot be read is made again

    def save(self) -> None:
        self.entries = {**self._load(), **self.entries}  # another process may have indexed another split meanwhile
        temporary = self.file.with_name(f"{self.file.name}.{os.getpid()}.tmp")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"version": INDEX_VERSION, "videos": self.entries}, separators=(",", ":")))
            os.replace(temporary, self.file)
        except OSError:
            temporary.unlink(missing_ok=True)  # a full or read-only disk costs time, not the run


def _index_file(root: Path, base: Path) -> Path:
    """`SUITE_CACHE`, else `.suite-cache` in the data set's root, else the user's cache folder."""
    name = f"videos-{hashlib.sha256(os.path.realpath(base).encode()).hexdigest()[:16]}.json"
    if os.environ.get("SUITE_CACHE"):
        return Path(os.environ["SUITE_CACHE"]).expanduser() / name
    local = root / ".suite-cache"
    if os.access(local if local.is_dir() else root, os.W_OK):
        return local / "videos.json"  # moves with the data
    return Path.home() / ".cache" / "video-fair-bench" / name
