"""What a person types for the runs that a number came from: a run, a pattern, a cell of a table, one inside an archive.

RUN   an id, a unique beginning of one, a unique pattern with * or ?, a run folder, or ARCHIVE.tar.gz#RUN
CELL  <grid>:<dataset>/<model>/f<frames>, e.g. demo:calib_order/tam-resnet18/f8: the runs of all its seeds;
      a control arm's cell has its name behind: demo:calib_order/tam-resnet18/f8/epoch_matched
"""

from __future__ import annotations

import csv
import fnmatch
import re
from pathlib import Path

from suite.spec import BadInput, unknown
from suite.spec.spreadsheets import unescape_formula
from suite.store.archive import is_archive, open_archive
from suite.store.earlier import id_today
from suite.store.find import find_run
from suite.store.folder import RunFolder

CELL = re.compile(r"(?P<grid>[^:/#]+):(?P<dataset>[^/]+)/(?P<model>.+)(?P<rest>/f[0-9]+(/[a-z_]+)?)")


def find_runs(text: str, results: Path) -> list[RunFolder]:
    """The run folders that RUN or CELL means, at least one.  Raises BadInput for none, and where RUN fits several."""
    archive, inside, inner = text.rpartition("#")
    if inside and is_archive(archive):
        return find_runs(inner, open_archive(Path(archive), results / "archives"))
    if Path(text).is_dir() or ":" not in text:
        return [_one(text, results)]
    match = CELL.fullmatch(text)
    if not match:
        example = "demo:calib_order/tam-resnet18/f8"
        raise BadInput(f"'{text}' is not a cell; it has the form <grid>:<dataset>/<model>/f<frames>, e.g. {example}.")
    return _cell(text, match["grid"], results)


def _one(text: str, results: Path) -> RunFolder:
    if (run := find_run(text, results)) is not None:
        return run
    if "/" in text or Path(text).is_dir():
        raise BadInput(f"{text} is not a run folder: it has no spec.yaml.")
    folders = {path.parent.name: path.parent for path in sorted(results.glob("*/runs/*/spec.yaml"))}
    found = fnmatch.filter(folders, text)
    if len(found) > 1:
        some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise BadInput(f"'{text}' fits {len(found)} runs ({some}); name one of them.")
    if not found:
        raise unknown("run", text, folders)
    return RunFolder(folders[found[0]])


def _cell(text: str, grid: str, results: Path) -> list[RunFolder]:
    """By seed: those that summary.csv has, from which tables are made, else all of the name.

    A model's name may itself have slashes (`+arc@stages=res4/res5`), so cells are compared whole.
    """
    grids = sorted(folder.parent.name for folder in results.glob("*/runs") if folder.is_dir())
    if grid not in grids:
        raise unknown(f"grid under {results}", grid, grids)
    cells: dict[str, list[tuple[int, RunFolder]]] = {}
    for file in sorted((results / grid / "runs").glob("*/spec.yaml")):
        folder = RunFolder(file.parent)
        spec = folder.spec()
        model = _canonical(spec.model) if spec.scheme == 1 else spec.model
        name = f"{grid}:{spec.dataset}/{model}/f{spec.frames}" + (f"/{spec.control}" if spec.control else "")
        cells.setdefault(name, []).append((spec.seed, folder))
    asked = text if text in cells else _cell_of(text)
    if asked not in cells:
        raise unknown("cell", text, cells)
    runs = [folder for _, folder in sorted(cells[asked], key=lambda run: (run[0], run[1].id))]
    shown = _in_summary(results / grid / "summary.csv")
    return [folder for folder in runs if {folder.id, id_today(folder)} & shown] or runs


def _cell_of(text: str) -> str:
    """The cell with the canonical name of its model."""
    match = CELL.fullmatch(text)
    return f"{match['grid']}:{match['dataset']}/{_canonical(match['model'])}{match['rest']}" if match else text


def _canonical(model: str) -> str:
    from suite.models import canonical_name

    try:
        return canonical_name(model)
    except BadInput:  # a module that this version does not have
        return model


def _in_summary(file: Path) -> set[str]:
    """Ids of the runs in the tables of a grid; its folder may hold runs of other protocols too."""
    try:
        with open(file, newline="") as lines:
            return {unescape_formula(row.get("id", "")) for row in csv.DictReader(lines)}
    except FileNotFoundError:
        return set()
