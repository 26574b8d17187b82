"""Writing a file so that readers see the old one or the new one, never a part."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from suite.store.claims import process


def temporary_of(path: Path, by: int | None = None) -> Path:
    """The file beside `path` in which this process (or process `by` of this machine) writes what is to replace it.

    No process of another machine that shares the disk has the same: pids repeat.
    """
    machine = hashlib.sha256(process.machine().encode()).hexdigest()[:8]
    return path.with_name(f".{path.name}.{by or os.getpid()}-{machine}")


Mark = tuple[int, int] | None


def mark_of(file: Path) -> Mark:
    """Which file it is, and when it was written, to see without a clock that another one has taken its place."""
    try:
        found = file.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def write_atomic(path: Path, content: str | bytes) -> None:
    """Writes beside `path`, then renames.

    Raises OSError that names `path`, on a full disk for example; then nothing is left beside it.
    """
    temporary = temporary_of(path)
    try:
        with open(temporary, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        temporary.unlink(missing_ok=True)
        raise
