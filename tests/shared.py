"""Folders that are made once per test session, whatever the number of its processes."""

import fcntl
import os
from pathlib import Path


def made_once(tmp_path_factory, name, make):
    """The folder `name` of this session; the first process that asks has `make(folder)` fill it, the others wait."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # of all workers
    folder, finished = base / name, base / f"{name}.made"
    with Path(base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            folder.mkdir()
            make(folder)
            finished.touch()
    return folder
