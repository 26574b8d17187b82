"""Run folders as files by name, for nodes that do not see the driver's results: sent there, and fetched back.

Names are relative to the folder of all results, `<grid>/runs/<id>/<file>`, and lie the same way on the node.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from suite.spec import BadInput, run_named
from suite.store.claims.claim import NAME, progress_file
from suite.store.earlier import source_folder
from suite.store.folder import RunFolder, write_atomic
from suite.store.identity import RunSpec
from suite.store.locks import is_locked
from suite.store.pretraining import finished_source

Files = Mapping[str, bytes]

SCRATCH = "suite-run-"  # of a node's folders of runs, in its folder for temporary files
IN_USE = ".in-use"
LAST = ("checkpoint.pt", "result.json")  # written after the files that belong to them
MOST_STAGES = 100


def needed_by(folder: RunFolder, spec: RunSpec) -> dict[str, bytes]:
    """What the run of `folder` finds and begins from: its own files, the run it starts from whole, of earlier ones the
    description."""
    runs = folder.path.parent
    results = runs.parents[1]
    files = read_folder(folder, results)
    whole = True
    for _ in range(MOST_STAGES):
        if spec.parent:
            before = source_folder(runs, spec.parent)
        elif run_named(spec.protocol.init):
            try:
                before = finished_source(spec.protocol.init, results)
            except BadInput:  # it is gone
                break
        else:
            break
        if not before.spec_file.is_file() or not before.path.is_relative_to(results):
            break
        names = None if whole else ("spec.yaml", "provenance.json", "result.json")
        files |= read_folder(before, results, names)
        spec, runs, whole = before.spec(), before.path.parent, False
    return files


def read_folder(folder: RunFolder, results: Path, names: tuple[str, ...] | None = None) -> dict[str, bytes]:
    """The files of a run, or those with these names; no lock, claim, temporary file or link.

    The checkpoint is read first: a history that is ahead of it is cut when the run goes on, one that is behind is not
    mended.
    """
    found = [path for path in folder.path.rglob("*") if path.is_file() and not path.is_symlink()]
    found = [path for path in found if not (path.name.startswith(".") or path.suffix == ".tmp")]
    found.sort(key=lambda path: (path.name not in LAST, path.as_posix()))
    files = {}
    for path in found:
        if path.name in (NAME, progress_file(path).name) or (names and path.name not in names):
            continue
        with contextlib.suppress(FileNotFoundError):  # a run at work replaces its files
            files[path.relative_to(results).as_posix()] = path.read_bytes()
    return files


def write_files(files: Files, results: Path, below: str = "") -> None:
    """Writes files below `results`, each at once, results last.  Raises BadInput for a name that leads elsewhere.

    below: the only folder in which names may lie, relative to `results`.
    """
    for name in files:
        path = PurePosixPath(name)
        outside = path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name
        if outside or not path.is_relative_to(below) or path == PurePosixPath(below):
            raise BadInput(f"A node sent a file with the name {name!r}, which is not in the folder of its run.")
    for name in sorted(files, key=lambda name: (PurePosixPath(name).name in LAST, name.endswith("result.json"), name)):
        path = results / name
        if not path.parent.resolve().is_relative_to((results / below).resolve()):
            raise BadInput(f"{path.parent} is a link that leads out of the folder of its run.")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, files[name])


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A new folder of this node for a run, removed at the end; also removes those that killed tasks have left."""
    for left in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        with contextlib.suppress(OSError):
            if left.stat().st_uid == os.getuid() and not left.is_symlink() and not _is_in_use(left):
                shutil.rmtree(left)
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH))
    try:
        with open(folder / IN_USE, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_in_use(folder: Path) -> bool:
    """Whether a task, or a run whose task was killed, is at work there; also one that is just being made."""
    file = folder / IN_USE
    return not file.exists() or is_locked(file) or any(RunFolder(run).is_claimed() for run in folder.glob("*/runs/*"))
