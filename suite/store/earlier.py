"""Finished runs are found under the id that they have today, also where an earlier version gave them another one.

A run of identity scheme 1 is translated into what this version would plan: its model name becomes canonical, its
protocol loses its name and its test settings.  Starting weights that scheme 1 knew by their path alone are not known by
content, so such a run keeps its old id only.  A run of scheme 2 whose default options have since changed keeps its
hash, and is found by that.
"""

from __future__ import annotations

import glob
import os
from functools import lru_cache
from pathlib import Path

from suite.spec import BadInput, weights_file
from suite.store.folder import RunFolder
from suite.store.identity import SCHEME, RunSpec
from suite.store.reused import REPLACED, reused_folder


def run_folder(runs: Path, run: str) -> RunFolder:
    """The folder of the run with id `run` below `runs`, or of another grid where the grid uses that one's
    (`suite.store.reused`); one that is yet to be made where there is none."""
    own = runs / run
    if os.path.isdir(own):  # a typed id may be too long for a path
        return RunFolder(own)
    if runs.parent.name == REPLACED:  # the run that a replaced one started from may still be in its place
        return run_folder(runs.parents[1] / "runs", run)
    if taken := reused_folder(runs, run):
        return taken
    if not runs.is_dir():
        return RunFolder(own)
    names = tuple(sorted(entry.name for entry in os.scandir(runs)))
    return RunFolder(runs / (_by_hash(names, run) or earlier_ids(str(runs), names).get(run, run)))


def source_folder(runs: Path, run: str) -> RunFolder:
    """`run_folder` of a run that others start from: where it is not below `runs`, a finished one of another grid.

    An id stands for everything that training depends on, so the weights are those that would be trained here.
    """
    own = run_folder(runs, run)
    if own.path.is_dir() or not run:
        return own
    elsewhere = sorted(runs.parents[1].glob(f"*/{runs.name}/{glob.escape(run)}/result.json"))
    return RunFolder(elsewhere[0].parent) if elsewhere else own


def unplaced(runs: Path) -> list[str]:
    """Folders of identity scheme 1 below `runs` that have no id today.

    Their parent is missing, their spec.yaml was changed, they started from a file known by its path alone, or their
    model is not in this version.
    """
    if not runs.is_dir():
        return []
    names = tuple(sorted(entry.name for entry in os.scandir(runs)))
    placed = set(earlier_ids(str(runs), names).values())
    return [name for name in names if _is_earlier(runs / name) and name not in placed]


def _is_earlier(folder: Path) -> bool:
    try:
        return (folder / "spec.yaml").read_bytes()[:7] != b"scheme:"
    except OSError:
        return False


def find_earlier(runs: Path, run: str) -> RunFolder | None:
    """The folder of a run that has the id `run` today and another name; None where there is none."""
    found = run_folder(runs, run)
    return found if found.id != run and found.path.is_dir() else None


def id_today(folder: RunFolder) -> str | None:
    """The id that this version gives a run of an earlier one; None where it is the same, or where it has none."""
    if not folder.spec_file.is_file() or folder.spec().scheme == SCHEME:
        return None
    names = tuple(sorted(entry.name for entry in os.scandir(folder.path.parent)))
    return next((new for new, old in earlier_ids(str(folder.path.parent), names).items() if old == folder.id), None)


def ids_today(runs: Path) -> dict[str, Path]:
    """The ids that this version gives to runs of identity scheme 1 below `runs`, with their folders."""
    names = tuple(sorted(entry.name for entry in os.scandir(runs)))
    return {run: runs / name for run, name in earlier_ids(str(runs), names).items()}


def _by_hash(names: tuple[str, ...], run: str) -> str | None:
    """The folder whose id has the same hash, where a changed default gave the run another readable name."""
    end = "-" + run.rpartition("-")[2]
    return next((name for name in names if name.endswith(end)), None) if len(end) == 11 else None


@lru_cache(maxsize=8)
def earlier_ids(runs: str, names: tuple[str, ...]) -> dict[str, str]:
    """Today's id -> folder name, of the runs of identity scheme 1 among the folders `names` of `runs`."""
    specs: dict[str, RunSpec] = {}
    for name in names:
        if not _is_earlier(Path(runs) / name):
            continue
        try:
            specs[name] = RunFolder(Path(runs) / name).spec()
        except BadInput:
            continue  # whoever asks for that run itself is told
    translated: dict[str, str | None] = {}

    def today(name: str) -> str | None:
        if name in translated:
            return translated[name]
        translated[name] = None  # a chain that leads back to itself has no beginning
        spec = specs.get(name)
        if spec is None:
            return None
        before = today(spec.parent) if spec.parent else None
        if (spec.parent and before is None) or (not spec.parent and weights_file(spec.protocol.init)[1] is not None):
            return None
        try:
            planned = RunSpec(spec.model, spec.dataset, spec.frames, spec.seed, spec.protocol, before, spec.control)
        except BadInput:  # a model that this version does not have
            return None
        translated[name] = planned.id
        return planned.id

    return {run: name for name in specs if (run := today(name)) is not None}
