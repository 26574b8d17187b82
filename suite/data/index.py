"""What is known of each video file: frames, rate, a fingerprint of its content; remembered from start to start."""

from __future__ import annotations

import gc
import hashlib
import os
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from suite.data import frame_folders
from suite.data.index_file import Entry, FileState, load, save
from suite.spec import BadInput, file_sha256

SAVE_SECONDS = 60.0  # a killed indexing of 170,000 videos loses at most that
BLOCK = 64 * 1024  # bytes that a fingerprint reads at each end of a file
FINGERPRINT_DIGITS = 32  # 128 bits


@contextmanager
def garbage_collection(wanted: bool) -> Iterator[None]:
    """Off while lists of videos are read: it would look through a million new objects again and again."""
    before = gc.isenabled()
    (gc.enable if wanted else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if before else gc.disable)()


def fingerprint(path: Path | str) -> str:
    """A cheap identity of a file's content: SHA-256 (32 hex digits) of its size and its first and last 64 KiB.

    Files of at most 128 KiB are read whole.  Of a longer one a change that keeps the size and touches only its middle
    is not seen; `file_sha256` sees it.  Raises OSError when the file cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.sha256(f"{size}:".encode())
        digest.update(file.read(BLOCK))
        if size > BLOCK:
            file.seek(max(BLOCK, size - BLOCK))
            digest.update(file.read(BLOCK))
    return digest.hexdigest()[:FINGERPRINT_DIGITS]


class Index:
    """What is known of the files below a folder, remembered by path in one file.

    An entry holds for as long as size, time of change, inode and ctime of its file stay: no program can set ctime, so
    bytes written into a file are noticed even where size and mtime are put back, and a file moved or copied over
    another is noticed by inode and ctime.  Where only inode and ctime differ, as in a copy of a whole data set, the
    fingerprint is read again (128 KiB per file) and the frames are counted again only if it has changed.
    `full` holds SHA-256 of whole files, path -> hex digits, from the last `suite data check --full`.
    """

    def __init__(self, root: Path, base: Path) -> None:
        self.base = base
        self.file = _index_file(root, base)
        self.entries, self.full = load(self.file)

    def update(self, paths: list[str], states: array[int], threads: int = 0) -> None:
        """Looks into the files that are new or have changed since.  states: four numbers per file, see `FileState`."""
        todo = self.entries.changed(paths, states)
        if not todo:
            return
        saved, new = time.monotonic(), {}
        with garbage_collection(True):  # this may take hours
            for path, *found in self._probe(todo, threads):
                new[path] = Entry(*todo[path], *found)
                if time.monotonic() - saved > SAVE_SECONDS:
                    self._add(new)
                    saved, new = time.monotonic(), {}
        self._add(new)

    def mark_undecodable(self, path: str, state: FileState) -> None:
        """Stores that a file cannot be decoded, until it changes."""
        self._add({path: Entry(*state, 0, 0.0, "")})

    def _add(self, new: dict[str, Entry]) -> None:
        self.entries = self.entries.merged(new)
        self.save()

    def hash_files(self, paths: Iterable[str], threads: int = 0) -> dict[str, tuple[str, str | None]]:
        """Reads whole files: path -> (SHA-256, the one before it or None), and remembers the new ones.

        Raises BadInput for a file that cannot be read.
        """
        found = {}
        for path, digest in in_threads(self._hash, list(paths), threads):
            found[path] = (digest, self.full.get(path))
            self.full[path] = digest
        self.save()
        return found

    def _hash(self, path: str) -> tuple[str, str]:
        try:
            whole = self.base / path
            return path, frame_folders.whole_sha256(whole) if whole.is_dir() else file_sha256(whole)
        except OSError as error:
            raise BadInput(f"Video {self.base / path} cannot be read: {error.strerror}.") from None

    def _probe(self, states: dict[str, FileState], threads: int) -> Iterator[tuple[str, int, float, str]]:
        """(path, frames, fps, fingerprint) of each, in any order."""
        from suite.data.frame_folders import Undecodable
        from suite.data.probing import probe

        def one(path: str) -> tuple[str, int, float, str]:
            pictures = (self.base / path).is_dir()
            if not frame_folders.is_openable(self.base / path):
                return path, 0, 0.0, ""
            try:
                content = (frame_folders.fingerprint if pictures else fingerprint)(self.base / path)
            except OSError:
                return path, 0, 0.0, ""
            old = self.entries.get(path)
            if old and old.frames and (old.mtime, old.fingerprint) == (states[path].mtime, content):
                return path, old.frames, old.fps, content  # the same file in another place
            try:
                frames, fps, _ = probe(self.base / path)
            except Undecodable:
                return path, 0, 0.0, content
            return path, frames, round(fps, 6), content

        yield from in_threads(one, list(states), threads)

    def save(self) -> None:
        """Writes the index, merged with what other processes have written; a disk that cannot be written is ignored."""
        entries, full = load(self.file)  # another process may have indexed another split meanwhile
        self.entries, self.full = entries.merged(self.entries), {**full, **self.full}
        save(self.file, self.entries, self.full)


def in_threads(work: Callable[[str], Any], paths: list[str], threads: int) -> Iterator[Any]:
    """What `work` gives for each path, as they end; threads: 0 takes one per core, at most 16."""
    # threads suffice: neither PyAV nor hashlib holds Python's lock while it works on bytes
    with ThreadPoolExecutor(threads or min(16, os.cpu_count() or 1)) as pool:
        try:
            for done in as_completed([pool.submit(work, path) for path in paths]):
                yield done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _index_file(root: Path, base: Path) -> Path:
    """`SUITE_CACHE`, else `.suite-cache` in the data set's root, else the user's cache folder."""
    name = f"videos-{hashlib.sha256(os.path.realpath(base).encode()).hexdigest()[:16]}.npz"
    if os.environ.get("SUITE_CACHE"):
        return Path(os.environ["SUITE_CACHE"]).expanduser() / name
    local = root / ".suite-cache"
    if os.access(local if local.is_dir() else root, os.W_OK):
        return local / "videos.npz"  # moves with the data
    return Path.home() / ".cache" / "video-fair-bench" / name
