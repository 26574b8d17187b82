"""A disk that is full or read-only: told in one sentence; and files that were half written are removed."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from suite.store.atomic import temporary_of

FULL = {errno.ENOSPC, errno.EDQUOT}
# torch.save gives a RuntimeError without an errno, which names a line of its own code
TORCH_SAVE = re.compile(r"PytorchStreamWriter|inline_container\.cc")
TORCH_OPEN = re.compile(r"open file failed with strerror: ([^\n\[]+)")
READ_ONLY = os.strerror(errno.EROFS)
MIB = 2**20


def no_space(error: BaseException, folder: Path) -> str | None:
    """One sentence that names the file, where an error comes from a full or read-only disk; None for any other error.

    folder: what is written there when the error does not say.
    """
    for cause in causes_of(error):
        if isinstance(cause, OSError) and cause.errno in FULL:
            return _sentence(Path(cause.filename) if isinstance(cause.filename, str) else None, folder)
        if isinstance(cause, OSError) and cause.errno == errno.EROFS:
            return _read_only(cause.filename or folder)
        if isinstance(cause, RuntimeError) and (opened := TORCH_OPEN.search(str(cause))):
            if opened[1].strip() == READ_ONLY:
                return _read_only(folder / "checkpoint.pt")
            if opened[1].strip() not in map(os.strerror, FULL):
                continue
        if isinstance(cause, RuntimeError) and TORCH_SAVE.search(str(cause)):
            return _sentence(folder / "checkpoint.pt", folder)
    return None


def _read_only(file: object) -> str:
    return f"{file}: {READ_ONLY}; make it writable, then run the same command again to continue."


def _sentence(file: Path | None, folder: Path) -> str:
    needed = ""
    if file is not None and file.is_file():  # what it is to replace is as large
        needed = f", which needs about {max(1, file.stat().st_size // MIB)} MiB"
    try:
        free = f" ({shutil.disk_usage(folder).free // MIB} MiB free)"
    except OSError:
        free = ""
    return (
        f"No space left on the disk{free} to write {file or f'a file in {folder}'}{needed}; free some space, then run "
        "the same command again to continue."
    )


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that led to it."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        this = todo.pop(0)
        if this is not None and id(this) not in seen:
            seen.add(id(this))
            yield this
            todo += [this.__cause__, this.__context__]


def remove_temporaries(folder: Path) -> None:
    """Removes what this process has half written in the folder of a run."""
    for file in folder.glob(temporary_of(folder / "*").name):
        with contextlib.suppress(OSError):
            file.unlink()


def remove_leftovers(folder: Path) -> None:
    """Removes what processes that were killed have half written of a run; for whoever holds the claim of its folder."""
    written = ("checkpoint.pt", "result.json", "predictions*.parquet", "provenance.json", "history.jsonl")
    names = ("checkpoint.tmp", *(f".{name}.*" for name in written))  # the first: of earlier versions
    for file in (file for name in names for file in folder.glob(name)):
        with contextlib.suppress(OSError):
            file.unlink()
