"""What is known of video files, as columns: 260,000 files in 30 MiB, read in a tenth of a second."""

from __future__ import annotations

import json
import os
import zipfile
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

INDEX_VERSION = 3
OLDER = 2  # JSON, path -> list of the fields of an Entry
ABSENT = (-1, -1, -1, -1)  # in place of the state of a file that is not there
INODE = 2**63 - 1  # some file systems number beyond; the lower bits tell files apart as well


class FileState(NamedTuple):
    """What shows a change of a file without reading it: size in bytes, times in nanoseconds."""

    size: int
    mtime: int
    inode: int
    ctime: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """From what `os.stat` returns."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino & INODE, status.st_ctime_ns)


class Entry(NamedTuple):
    """What the index holds of a file; frames 0 marks one that cannot be decoded, fps is in frames per second."""

    size: int
    mtime: int
    inode: int
    ctime: int
    frames: int
    fps: float
    fingerprint: str


class Entries:
    """Path -> Entry, in columns."""

    def __init__(self, rows: Mapping[str, Sequence[Any]] | None = None) -> None:
        """rows: the fields of an Entry by path.  Raises ValueError or TypeError where they are none."""
        import numpy as np

        rows = rows or {}
        columns = list(zip(*rows.values(), strict=True)) or [()] * len(Entry._fields)
        if len(columns) != len(Entry._fields):
            raise ValueError("these are no entries of an index")
        self.place = dict(zip(rows, range(len(rows)), strict=True))
        self.numbers = np.array(columns[:5], np.int64).reshape(5, len(rows)).T.copy()
        self.fps = np.array(columns[5], np.float64)
        self.fingerprints = np.array([text.encode("ascii") for text in columns[6]], "S32")

    def get(self, path: str) -> Entry | None:
        """What is known of a file."""
        if (row := self.place.get(path)) is None:
            return None
        return Entry(*self.numbers[row].tolist(), float(self.fps[row]), self.fingerprints[row].decode("ascii"))

    def changed(self, paths: list[str], states: array[int]) -> dict[str, FileState]:
        """Those of the files that are there whose state is not the one that is known, with their state now."""
        import numpy as np

        rows = np.fromiter((self.place.get(path, -1) for path in paths), np.int64, len(paths))
        now = np.frombuffer(states, np.int64).reshape(-1, 4)
        new = now[:, 0] >= 0
        known = new & (rows >= 0)
        new[known] = (self.numbers[rows[known], :4] != now[known]).any(1)
        return {paths[row]: FileState(*now[row].tolist()) for row in np.flatnonzero(new).tolist()}

    def facts(self) -> tuple[list[int], list[float], list[str]]:
        """Frames, frames per second and fingerprints, in the order of `place`."""
        width = self.fingerprints.dtype.itemsize
        text = self.fingerprints.tobytes().decode("ascii")
        cut = (text[i : i + width].rstrip("\0") for i in range(0, len(text), width))
        return self.numbers[:, 4].tolist(), self.fps.tolist(), list(cut)

    def merged(self, newer: Mapping[str, Sequence[Any]] | Entries) -> Entries:
        """These entries, replaced by `newer` ones where both know a path."""
        return Entries(self.rows() | (newer.rows() if isinstance(newer, Entries) else dict(newer)))

    def rows(self) -> dict[str, Sequence[Any]]:
        """The fields of an Entry by path."""
        columns = [*self.numbers.T.tolist(), self.fps.tolist(), self.facts()[2]]
        return dict(zip(self.place, zip(*columns, strict=True), strict=True))


def load(file: Path) -> tuple[Entries, dict[str, str]]:
    """Entries, and SHA-256 of whole files by path; both empty where there is no file or it is damaged.

    An index of version 2 (JSON, beside the new file) is taken over.
    """
    import numpy as np

    try:
        with np.load(file, allow_pickle=False) as data:
            if int(data["version"]) != INDEX_VERSION:
                return Entries(), {}
            entries = Entries()
            paths = _split(data["paths"])
            entries.place = dict(zip(paths, range(len(paths)), strict=True))
            entries.numbers, entries.fps = data["numbers"], data["fps"]
            entries.fingerprints = data["fingerprints"]
            n = len(paths)
            shapes = (entries.numbers.shape, entries.fps.shape, entries.fingerprints.shape)
            if len(entries.place) < n or shapes != ((n, 5), (n,), (n,)) or entries.fingerprints.dtype != "S32":
                return Entries(), {}
            return entries, dict(zip(_split(data["full_paths"]), _split(data["full"]), strict=True))
    except FileNotFoundError:
        entries, full = _load_older(file.with_suffix(".json"))
        if entries.place:
            save(file, entries, full)
        return entries, full
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return Entries(), {}  # only a cache: what cannot be read is made again


def _load_older(file: Path) -> tuple[Entries, dict[str, str]]:
    try:
        data = json.loads(file.read_text())
        if data["version"] != OLDER:
            return Entries(), {}
        return Entries({path: [*e[:2], e[2] & INODE, *e[3:]] for path, e in data["videos"].items()}), dict(data["full"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return Entries(), {}


def save(file: Path, entries: Entries, full: Mapping[str, str]) -> None:
    """Writes the index in one step; a disk that cannot be written is ignored."""
    import numpy as np

    columns = {"numbers": entries.numbers, "fps": entries.fps, "fingerprints": entries.fingerprints}
    columns |= {"paths": _joined(entries.place), "full_paths": _joined(full), "full": _joined(full.values())}
    write_in_one_step(file, lambda out: np.savez(out, version=np.int64(INDEX_VERSION), **columns))


def write_cache(file: Path, data: Any) -> None:
    """Writes JSON in one step; a disk that is full or cannot be written costs time, not the run."""
    write_in_one_step(file, lambda out: out.write(json.dumps(data, separators=(",", ":")).encode()))


def write_in_one_step(file: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Gives `write` a file beside `file` that then takes its place; does nothing where the disk cannot be written."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as out:
            write(out)
        os.replace(temporary, file)
    except OSError:
        temporary.unlink(missing_ok=True)


def _joined(texts: Any) -> np.ndarray:
    """Strings as bytes with a NUL after each, which no path holds; half characters stand for bytes of names."""
    import numpy as np

    return np.frombuffer("".join(f"{text}\0" for text in texts).encode("utf-8", "surrogatepass"), np.uint8)


def _split(joined: np.ndarray) -> list[str]:
    return joined.tobytes().decode("utf-8", "surrogatepass").split("\0")[:-1]
