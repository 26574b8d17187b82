"""The plan of a grid as it was last made, so that `status` and `report` need not build its model names again.

Names become ids through the registrations of the models, which import torch (seconds).  A stored plan is used while
everything that it was made from is as it was: the grid's file, its protocol's, the selection, the code that names and
identifies models, and the weights files that `init` names.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from suite.spec import BadInput, Grid, find_protocol, load_grid, run_named, weights_file
from suite.store.earlier import run_folder, source_folder
from suite.store.folder import dump_json, spec_of, write_atomic
from suite.store.identity import digest
from suite.store.pretraining import source_sha256
from suite.sweep.plan import Plan, Selection, note_author
from suite.sweep.planned_run import PlannedRun

FILE = "plan.json"
NAMING = (  # files and folders of the suite that decide which runs a grid has
    "spec",
    "models",
    "store/identity.py",
    "store/earlier.py",
    "data/dataset_info.py",
    "data/sets",
    "sweep/plan.py",
    "sweep/budget.py",
    "sweep/forest.py",
    "sweep/stored.py",
)


def store_plan(plan: Plan) -> None:
    """Writes results/<grid>/plan.json."""
    content = {
        "made_from": _made_from(plan.name, plan.grid, plan.selection, plan.runs, plan.folder.parent),
        "selection": plan.selection.as_dict(),
        "runs": [
            {
                "id": run.id,
                "folder": run.folder.id,
                "parent": run.parent.id if run.parent else None,
                "matches": run.matches,
                "setting": run.setting,
                "spec": run.spec.resolved(),
            }
            for run in plan.runs
        ],
    }
    write_atomic(plan.folder / FILE, dump_json(content))


def stored_plan(name: str, selection: Selection, results: Path) -> Plan | None:
    """The plan of a grid and a selection as it was stored, without costs; None where it would be another one now."""
    grid = load_grid(name)
    note_author(name, grid)
    folder = results / grid.name
    try:
        content = json.loads((folder / FILE).read_text())
        if Selection.from_dict(content["selection"]) != selection:
            return None
        runs: dict[str, PlannedRun] = {}
        pretrain = {entry["parent"] for entry in content["runs"] if entry["spec"].get("transfer")}
        for entry in content["runs"]:
            spec = spec_of(entry["spec"], "another plan")
            parent = runs[entry["parent"]] if entry["parent"] else None
            find = source_folder if entry["id"] in pretrain else run_folder
            at = find(folder / "runs", entry["folder"])
            if spec.id != entry["id"] or (at.id != spec.id and not at.path.is_dir()):
                return None
            runs[spec.id] = PlannedRun(spec, at, parent, entry["matches"], entry.get("setting", {}))
            if parent:
                parent.children.append(runs[spec.id])
        if content["made_from"] != _made_from(name, grid, selection, list(runs.values()), results):
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, BadInput):
        return None  # only a short cut: it is made again
    return Plan(name, grid, selection, folder, list(runs.values()))


def stored_runs(folder: Path) -> set[str]:
    """The names of the runs of the plan that is stored in results/<grid>, whatever it was made from."""
    try:
        content = json.loads((folder / FILE).read_text())
        return {str(entry[key]) for entry in content["runs"] for key in ("id", "folder")}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise BadInput(f"{folder / FILE} is damaged; `suite plan` writes it anew.") from None


def _made_from(name: str, grid: Grid, selection: Selection, runs: list[PlannedRun], results: Path) -> str:
    """A digest of everything that a plan depends on."""
    sources = sorted({run.spec.protocol.init for run in runs})
    stated = {
        "grid": grid.model_dump(mode="json"),
        "protocols": [hashlib.sha256(find_protocol(name).read_bytes()).hexdigest() for name in grid.protocols()],
        "selection": selection.as_dict(),
        "code": _naming_code(),
        "weights": {source: _state(source, results) for source in sources},
        "folders": [run.folder.id == run.spec.id or run.folder.path.is_dir() for run in runs],
    }
    return digest(stated, 64)


def _state(source: str, results: Path) -> Any:
    """What of a source of weights tells whether it is another one: state of its file, content of a finished run."""
    if run_named(source):
        return source_sha256(source, results)
    path = weights_file(source)[1]
    found = path.stat() if path and path.is_file() else None
    return [found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns] if found else None


def _naming_code() -> str:
    suite, content = Path(__file__).resolve().parents[1], hashlib.sha256()
    for part in NAMING:
        place = suite / part
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.suffix in (".py", ".yaml", ".txt"):
                content.update(file.read_bytes())
    return content.hexdigest()
