"""Whose a file is.  A grid may name a model as `package.module:factory`, and building that model runs its code.

The user's own file is one that lies, with links followed, in the working directory or is shipped with the suite, and
not in an unpacked archive.  Everything else was written by others: archives, run folders and grids from elsewhere.
"""

from __future__ import annotations

from pathlib import Path

from suite.spec.experiments import PACKAGE, shipped

ARCHIVE_FILES = ("MANIFEST.json", "plan.json")  # both lie at the root of an unpacked archive
SHIPPED = (PACKAGE, shipped("experiments").resolve())


def written_by_others(path: Path, *own: Path) -> str | None:
    """What a file of others is, for an error message; None for the user's own.  own: further folders of the user."""
    if archive := unpacked_archive(path):
        return f"the archive unpacked in {archive}"
    path = path.resolve()
    if any(path.is_relative_to(folder.resolve()) for folder in (Path.cwd(), *own, *SHIPPED)):
        return None
    return f"{path}, which lies outside the working directory,"


def unpacked_archive(path: Path) -> Path | None:
    """The folder of the unpacked archive that a file or folder belongs to."""
    parents = path.resolve().parents
    return next((folder for folder in parents if all((folder / name).is_file() for name in ARCHIVE_FILES)), None)
