"""From what a person types for a run, or for several, to their folders; reads no predictions and needs no torch.

A run     its folder or a file in it; its id; the beginning of one id in whole parts; a pattern with * or ? of one id
A grid's  GRID:NAME, where NAME is one of these, or a cell <dataset>/<model>/f<frames>[/<control>] with all its seeds,
          <dataset>/<model>, a model, or a pattern of one of these, with all their runs
Archived  ARCHIVE.tar.gz#RUN, where RUN is one of these

Model names may be spelled with options at their defaults.  Where finished and other runs fit, the finished ones count.
"""

from __future__ import annotations

import csv
import fnmatch
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite.models.user_code import RULES
from suite.spec import BadInput, file_sha256, unknown, written_by_others
from suite.spec.spreadsheets import unescape_formula
from suite.store.archive import is_archive, open_archive
from suite.store.earlier import find_earlier, id_today, ids_today
from suite.store.folder import RunFolder
from suite.store.reused import run_folders
from suite.store.run_names import (
    ID,
    PATTERN,
    begins,
    canonical,
    canonical_beginning,
    canonical_cell,
    differences,
    listed,
    matching_cells,
)

IN_RUN = ("spec.yaml", "result.json", "predictions.parquet", "provenance.json", "checkpoint.pt", "history.jsonl")
READ = 50  # runs whose settings are compared for an error
Cell = tuple[str, str, str]  # data set, model, f<frames>[/<control>]


def find_runs(text: str, results: Path) -> list[RunFolder]:
    """The runs that `text` names; none where it names none, several for a grid's cell or pattern alone.

    Raises BadInput for a damaged archive, for what an archive or a known grid does not hold, and where several runs
    fit a text that is to name one.
    """
    archive, inside, inner = text.rpartition("#")
    if inside and is_archive(archive):
        return need_runs(inner, open_archive(Path(archive), results / "archives"))
    if run := run_at(text):
        if others := written_by_others(run.path, results):
            RULES.named_by_others(run.spec().model, others)
        return [run]
    grid, colon, name = text.partition(":")
    if colon and grid in grids_in(results):
        found = _in_grid(name, results / grid)
        if not found:
            raise unknown("run", text, [f"{grid}:{'/'.join(cell)}" for cell in _cells(results / grid)])
        return found
    found = _by_id(text, [results / grid / "runs" for grid in grids_in(results)])
    return [_the_finished_one(text, found)] if found else []


def need_runs(text: str, results: Path) -> list[RunFolder]:
    """`find_runs`, or BadInput with the nearest names."""
    if found := find_runs(text, results):
        return found
    grid, colon, _ = text.partition(":")
    if colon and "/" not in grid:
        raise unknown(f"grid under {results}", grid, grids_in(results))
    if "/" in text or os.path.isdir(text):
        raise BadInput(f"{text} is not a run folder: it has no spec.yaml.")
    raise unknown("run", text, {path.name for path in _folders(results / grid / "runs" for grid in grids_in(results))})


def need_run(text: str, results: Path) -> RunFolder:
    """The only run that `text` names.  Raises BadInput with the nearest names, or with those that fit."""
    return _the_finished_one(text, need_runs(text, results))


def run_at(text: str) -> RunFolder | None:
    """The run whose folder, or a file of whose folder, is the path `text`; None where there is none."""
    folder = os.path.dirname(text) if os.path.basename(text) in IN_RUN and os.path.isfile(text) else text
    found = os.path.isfile(os.path.join(folder, "spec.yaml"))
    return RunFolder(Path(folder).resolve()) if found else None


def grids_in(results: Path) -> list[str]:
    """The grids that have runs below the folder `results`."""
    return sorted(folder.parent.name for folder in results.glob("*/runs") if folder.is_dir())


def _folders(places: Iterable[Path]) -> list[Path]:
    """The run folders in some grids' folders of runs."""
    return sorted({path for runs in places for path in run_folders(runs)})


def _by_id(text: str, places: list[Path]) -> list[RunFolder]:
    """All runs whose id is `text`, else those with this beginning, else those of a pattern; then by their ids today."""
    beginning = canonical_beginning(text) if "@" in text else text
    if not ID.fullmatch(beginning) and not PATTERN.search(text):
        return []
    ways = [lambda run: run == text, lambda run: begins(beginning, run), lambda run: fnmatch.fnmatchcase(run, text)]
    if not PATTERN.search(text):
        ways.pop()
    folders = {path: path.name for path in _folders(places)}
    for names in (folders, {path: run for runs in places for run, path in ids_today(runs).items()}):
        for fits in ways:
            if found := [path for path, run in names.items() if fits(run)]:
                return [RunFolder(path) for path in found]
    return [run for runs in places if (run := find_earlier(runs, text))]


def _the_finished_one(text: str, found: list[RunFolder]) -> RunFolder:
    """The finished one of several runs.  Raises BadInput where several are finished, or none of several is."""
    found = [run for run in found if run.result_file.exists()] or found
    if len({run.id for run in found}) == 1 and len({_predictions(run) for run in found}) == 1:
        return found[0]  # one run in several grids, with the same predictions
    by_id = len({run.id for run in found}) == len(found)  # else one run in several grids, tested with other results
    names, wanted = (
        (run.id if by_id else str(run.path) for run in found),
        "one of them" if by_id else "the folder of one",
    )
    apart = differences(map(_settings, found[:READ])) or "their predictions"
    raise BadInput(f"'{text}' matches {len(found)} runs ({listed(names)}), which differ in {apart}; name {wanted}.")


def _settings(run: RunFolder) -> dict[str, Any]:
    """What tells a run from others, by how much it tells."""
    try:
        spec = run.spec()
    except BadInput:
        return {"model": "damaged spec.yaml"}
    first = {"model": spec.model, "dataset": spec.dataset, "frames": spec.frames, "control": spec.control or "none"}
    return first | {"seed": spec.seed, "state": run.state()} | spec.protocol.model_dump(mode="json", exclude={"source"})


def _predictions(run: RunFolder) -> str:
    """What a run predicted, by content; its own path where it is not finished."""
    return file_sha256(run.predictions) if run.predictions.is_file() else str(run.path)


def _in_grid(name: str, grid: Path) -> list[RunFolder]:
    """The runs of a grid that have this id, beginning or pattern of an id, or belong to such cells."""
    by_id = [] if "/" in name else _by_id(name, [grid / "runs"])
    if len(by_id) == 1:
        return by_id
    cells, chosen = _cells(grid), {run.path for run in by_id}
    if by_id:
        asked = set(cells)
    else:
        asked = matching_cells(name, cells) or ("@" in name and matching_cells(canonical_cell(name), cells)) or set()
    shown, found = _in_summary(grid / "summary.csv"), []
    for cell in sorted(asked):
        found += _of_cell([run for run in cells[cell] if not by_id or run[1].path in chosen], shown)
    return found


def _cells(grid: Path) -> dict[Cell, list[tuple[int, RunFolder]]]:
    """The runs of a grid and their seeds, by cell; runs with a damaged spec.yaml are passed over."""
    cells: dict[Cell, list[tuple[int, RunFolder]]] = {}
    for path in _folders([grid / "runs"]):
        try:
            spec = RunFolder(path).spec()
        except BadInput:
            continue  # who names that run itself is told
        model = canonical(spec.model) if spec.scheme == 1 else spec.model
        rest = f"f{spec.frames}" + (f"/{spec.control}" if spec.control else "")
        cells.setdefault((spec.dataset, model, rest), []).append((spec.seed, RunFolder(path)))
    return cells


def _of_cell(runs: list[tuple[int, RunFolder]], shown: set[str]) -> list[RunFolder]:
    """By seed: those that summary.csv has, from which tables are made, else all; the finished ones of a seed first."""
    runs = sorted(runs, key=lambda run: (run[0], run[1].id))
    runs = [run for run in runs if {run[1].id, id_today(run[1])} & shown] or runs
    done = {seed for seed, run in runs if run.result_file.exists()}
    return [run for seed, run in runs if run.result_file.exists() or seed not in done]


def _in_summary(file: Path) -> set[str]:
    """Ids of the runs in the tables of a grid; its folder may hold runs of other protocols too."""
    try:
        with open(file, newline="") as lines:
            return {unescape_formula(row.get("id", "")) for row in csv.DictReader(lines)}
    except FileNotFoundError:
        return set()
