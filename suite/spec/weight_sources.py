"""Where initial weights come from, as protocols name it, and the files behind the names."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

FOREIGN_KINDS = ("imagenet", "ibm", "tsm", "pytorchvideo", "timm", "mfnet")  # KIND:PATH, of `suite.models.weights`


def run_named(source: str) -> str | None:
    """ID of the source `run:ID`, a finished run; None for another source."""
    kind, _, run = source.partition(":")
    return run if kind == "run" and run else None


def weights_file(source: str) -> tuple[str, Path | None]:
    """What a source of weights is and the file that it names: ("ibm", PATH) of `ibm:PATH`, ("", PATH) of `PATH`.

    A name without a folder is looked up in SUITE_WEIGHTS too.  The file is None for sources by name: `scratch`,
    `imagenet` and `run:ID`, whose file the results folder has.
    """
    kind, colon, text = source.partition(":")
    if run_named(source):
        return kind, None
    if source in ("scratch", "imagenet"):
        return source, None
    if not colon or kind not in FOREIGN_KINDS:
        kind, text = "", source
    path, folder = Path(text), os.environ.get("SUITE_WEIGHTS")
    if folder and path.name == text and not path.exists() and (Path(folder) / text).is_file():
        path = Path(folder) / text
    return kind, path


def file_sha256(path: Path) -> str:
    """SHA-256 of all bytes of a file, in hexadecimal digits.  Raises OSError when it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unchanged_file_sha256(path: Path) -> str:
    """`file_sha256`, computed again only when size or time of change differ: for files that many runs name."""
    found = path.stat()
    return _sha256_of_state(path.absolute(), found.st_size, found.st_mtime_ns, found.st_ino)


@lru_cache(maxsize=256)
def _sha256_of_state(path: Path, *state: int) -> str:
    return file_sha256(path)
