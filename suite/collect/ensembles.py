"""Ensembles that `suite fuse` made: finding them, and reading them as results.

An ensemble lies in results/<grid>/fused/<id>/: predictions.parquet (one row per video: id, label, logits) and, written
last, result.json with its accuracies, its models, its factors and its costs.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite.data.dataset_info import info
from suite.evaluation.own_predictions import check_stored, read_own
from suite.fairness.ensemble_factors import read_factors
from suite.fairness.result import Result
from suite.spec import BadInput
from suite.statistics.run_table import ENSEMBLE
from suite.store.folder import intact
from suite.store.run_names import ID, listed
from suite.store.shapes import is_result

FOLDER = "fused"  # of a grid's results
PREDICTIONS, RESULT = "predictions.parquet", "result.json"
NEEDED = {"id": str, "name": str, "dataset": str, "fusion": str, "weights": list, "members": list, "factors": dict}


def find_ensembles(text: str, results: Path) -> list[Path]:
    """The folder of the ensemble that `text` names: its folder or a file in it, its id, the id up to its hash or into
    it, or GRID:ID; none where it names none.

    Raises BadInput where several ensembles of different ids fit.
    """
    place = Path(os.path.dirname(text) if os.path.basename(text) in (PREDICTIONS, RESULT) else text)
    if place.absolute().parent.name == FOLDER and os.path.isfile(place / RESULT):
        return [place]
    grid, colon, name = text.rpartition(":")
    if not ID.fullmatch(name) or (colon and not ID.fullmatch(grid)):
        return []
    folders = ensembles_in(results, grid or "*")
    found = [one for one in folders if one.name == name] or [one for one in folders if _begins(name, one.name)]
    if len({one.name for one in found}) > 1:
        raise BadInput(f"'{text}' matches {len(found)} ensembles ({listed(one.name for one in found)}); name one.")
    return found[:1]


def ensembles_in(results: Path, grid: str = "*") -> list[Path]:
    """The folders of all ensembles of a grid, or of all grids, below the folder `results`."""
    return sorted(file.parent for file in results.glob(f"{grid}/{FOLDER}/*/{RESULT}"))


def _begins(text: str, ensemble: str) -> bool:
    readable = ensemble.rpartition("-")[0]
    return text == readable or (ensemble.startswith(text) and len(text) > len(readable) + 1)


def read_stored(folder: Path) -> dict[str, Any]:
    """What the result.json of an ensemble holds.  Raises BadInput where it is damaged or was changed."""
    file = folder / RESULT
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        found = None
    if not is_result(found) or not all(isinstance(found.get(key), kind) for key, kind in NEEDED.items()):
        raise BadInput(f"{file} is damaged; fuse the runs again.")
    if not all(isinstance(m, dict) and {"id", "runs", "parts", "weight"} <= set(m) for m in found["members"]):
        raise BadInput(f"{file} is damaged; fuse the runs again.")
    if (
        "checksum" not in found
        or not intact(found)
        or found["id"] != folder.absolute().name
        or not {"top1", "n"} <= set(found)
    ):
        raise BadInput(f"{file} was changed after it was written; fuse the runs again.")
    return found


def read_ensemble(folder: Path, keep_logits: bool = False) -> Result:
    """An ensemble as a result, with logits (N, K) where asked for.  Raises BadInput where a file of it is damaged."""
    found = read_stored(folder)
    outcome = read_own(folder / PREDICTIONS, found.get("class_names"), keep_logits)
    check_stored(found, outcome, found["id"])
    row = _row(found, str(folder / PREDICTIONS))
    return Result(found["id"], found["top1"], found["n"], row["factors"], outcome, row)


def ensemble_rows(grid: Path, runs: Iterable[str]) -> list[dict[str, Any]]:
    """The ensembles of a grid's results folder as rows of `suite.statistics.run_table`, in the order of their ids.

    Of those made of runs of this grid, the ones all of whose runs of this grid are in `runs` (names of their folders).
    """
    runs, rows = set(runs), []
    for folder in ensembles_in(grid.parent, grid.name):
        found = read_stored(folder)
        own = [run for member in found["members"] for run in member["runs"] if (grid / "runs" / run).is_dir()]
        if own and runs.issuperset(own):
            rows.append(_row(found, str(folder / PREDICTIONS)))
    names = [row["name"] for row in rows]
    for row in rows:
        if names.count(row["name"]) > 1:
            row["name"] += f" [{row['id'].rpartition('-')[2]}]"
    return rows


def _row(found: dict[str, Any], predictions: str) -> dict[str, Any]:
    about, factors = info(found["dataset"]), read_factors(found["factors"])
    views = factors.get("views")
    bounds = {"chance": about.chance, "ceiling_blind": about.ceiling_blind, "ceiling_ordered": about.ceiling_ordered}
    return {
        "id": found["id"],
        "name": found["name"],
        "dataset": found["dataset"],
        "module": ENSEMBLE,
        "backbone": "",
        "pooling": "none",
        "frames": found.get("frames", math.nan),
        "seed": math.nan,
        "state": "done",
        **{key: found.get(key) for key in ("top1", "top5", "pair_top1", "n", "params")},
        "conv_gmacs": found["conv_macs"] / 1e9 if "conv_macs" in found else None,
        "gmacs": found["macs"] / 1e9 if "macs" in found else None,
        "views": views["number"] if isinstance(views, dict) else math.nan,
        **{key: None if value is None else 100 * value for key, value in bounds.items()},
        "control": "",
        "source": "suite",
        "factors": factors,
        "predictions": predictions,
        "video_predictions": "",
    }
