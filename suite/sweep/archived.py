"""A grid as files for an archive, and back: what of a run is kept, and nothing of the machine's folders."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from suite.models.user_code import RULES
from suite.spec import BadInput, find_grid, find_protocol, load_grid
from suite.store.find import ID
from suite.store.folder import RunFolder, dump_json, intact, sealed, spec_of, write_atomic
from suite.store.provenance import environment
from suite.sweep.estimates import FILE as ESTIMATES
from suite.sweep.estimates import read_estimates
from suite.sweep.plan import Plan, Selection
from suite.sweep.planned_run import PlannedRun

PLAN = "plan.json"  # the runs in their order, resolved: a later version's defaults do not change what was run
BESIDE_RUNS = ("eval",)  # folders of results/<grid> that no report makes
ABSOLUTE = re.compile(r"(?<![\w./])/(?:[^/\s'\"]+/)+([^/\s'\"]*)")


def stage(plan: Plan, root: Path, weights: bool = False) -> Plan:
    """Lays the files of a plan out in the empty `root` as an archive holds them; gives the plan of what lies there.

    Large files are links to the originals.  Whatever JSON says of absolute paths is cut down to names, or to paths
    inside the grid's folder.  Raises BadInput while runs are at work, and where none is done.
    """
    busy = [run.id for run in plan.runs if run.state() in ("running", "queued")]
    if busy:
        raise BadInput(
            f"{len(busy)} runs of {plan.grid.name} are in progress (first {busy[0]}); export the grid when "
            "they have finished."
        )
    if not any(run.state() == "done" for run in plan.runs):
        raise BadInput(f"Grid {plan.grid.name} has no finished run in {plan.folder} to export.")
    home = root / "results" / plan.grid.name
    _experiments(plan, root / "experiments")
    staged: dict[str, PlannedRun] = {}
    for run in plan.runs:
        folder = RunFolder(home / "runs" / run.folder.id)
        _copy_files(run.folder.path, folder.path, plan.folder, weights)
        parent = staged[run.parent.id] if run.parent else None
        spec = run.spec if run.folder.id == run.id or not run.folder.spec_file.exists() else run.folder.spec()
        staged[run.id] = replace(run, spec=spec, folder=folder, parent=parent, children=[], archived_id=folder.id)
        if parent:
            parent.children.append(staged[run.id])
    for name in BESIDE_RUNS:
        _copy_files(plan.folder / name, home / name, plan.folder, weights)
    if noted := {staged[id].id: one for id, one in read_estimates(plan.folder).items() if id in staged}:
        write_atomic(home / ESTIMATES, dump_json(noted))
    content = {
        "grid": plan.grid.name,
        "selection": plan.selection.as_dict(),
        "runs": [{**_place_in_plan(run), "spec": run.spec.resolved()} for run in staged.values()],
    }
    write_atomic(root / PLAN, dump_json(content))
    write_atomic(root / "environment.json", dump_json(environment()))
    return replace(plan, folder=home, runs=list(staged.values()))


def archived_plan(results: Path) -> Plan:
    """The plan of an unpacked archive, of which `results` is the results folder; costs are not computed.

    It is what was planned where the archive was made: the grids and protocols of this machine are not asked.
    """
    root = Path(results).parent
    damaged = f"{root} is not an unpacked archive of a grid: its {PLAN} is missing or damaged."
    try:
        content = json.loads((root / PLAN).read_text())
        name, entries = content["grid"], content["runs"]
        selection = _read_selection(content["selection"])
        specs = [spec_of(entry["spec"], damaged) for entry in entries]
        places = [(entry["id"], entry["parent"], entry["matches"]) for entry in entries]
        settings = [dict(entry.get("setting", {})) for entry in entries]
        ids = [run for run, _, _ in places]
        # nothing is written outside the results folder: a name is no path, and a grid's does not begin with a dot
        if not all(isinstance(n, str) and ID.fullmatch(n) and n.strip(".") for n in (name, *ids)) or name[0] == ".":
            raise ValueError("a name that is a path")
        if len(set(ids)) < len(ids) or not all(isinstance(matches, int) for _, _, matches in places):
            raise ValueError("runs that were not planned")
        if any(before is not None and before not in ids[:i] for i, (_, before, _) in enumerate(places)):
            raise ValueError("a run before its parent")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(damaged) from None
    for spec in specs:
        RULES.named_by_others(spec.model, f"the archive unpacked in {root}")
    grid = root / "experiments" / f"{name}.yaml"
    folder = Path(results) / name
    runs: dict[str, PlannedRun] = {}
    for spec, (name, before, matches), setting in zip(specs, places, settings, strict=True):
        parent, there = runs.get(before), RunFolder(folder / "runs" / name)
        if spec.scheme == 1 and there.spec_file.exists():
            spec = there.spec()  # an early version listed the runs of a still earlier one with keys of its own
        elif spec.id.rpartition("-")[2] != name.rpartition("-")[2]:
            raise BadInput(f"{root / PLAN} was changed: the configuration of {name} has the id {spec.id}.")
        runs[name] = PlannedRun(spec, RunFolder(folder / "runs" / name), parent, matches, setting, archived_id=name)
        if parent:
            parent.children.append(runs[name])
    return Plan(str(grid), load_grid(str(grid)), selection, folder, list(runs.values()))


def _read_selection(data: dict[str, Any]) -> Selection:
    """Raises ValueError or TypeError for what `stage` does not write."""
    chosen = Selection.from_dict(data)
    counts = (*chosen.frames, *(chosen.shard or (1, 1)))
    if not all(isinstance(glob, str) for glob in chosen.only) or not all(isinstance(n, int) for n in counts):
        raise ValueError("a selection of other things")
    if len(chosen.shard or (1, 1)) != 2:
        raise ValueError("a share of nothing")
    return chosen


def _place_in_plan(run: PlannedRun) -> dict[str, Any]:
    """A run's place in its plan, which its spec does not tell."""
    return {
        "id": run.id,
        "parent": run.parent.id if run.parent else None,
        "matches": run.matches,
        "setting": run.setting,
    }


def foreign_paths(plan: Plan) -> list[str]:
    """Ids of runs whose spec names a file by an absolute path: part of what they are, so an archive keeps it."""
    return [run.id for run in plan.runs if _without_paths(run.spec.resolved(), Path()) != run.spec.resolved()]


def _experiments(plan: Plan, folder: Path) -> None:
    """The grid's own file and those of its protocols, under the names by which they are found."""
    (folder / "protocols").mkdir(parents=True)
    shutil.copyfile(find_grid(plan.name), folder / f"{plan.grid.name}.yaml")
    for protocol in map(find_protocol, plan.grid.protocols()):
        shutil.copyfile(protocol, folder / "protocols" / protocol.name)


def _copy_files(source: Path, target: Path, grid_folder: Path, weights: bool) -> None:
    """Files of a run: JSON without paths, the rest as links; no log, no lock, and weights only when asked for."""
    for file in sorted(source.rglob("*")):
        inner = file.relative_to(source)
        if not file.is_file() or any(part.startswith(".") for part in inner.parts) or file.suffix in (".tmp", ".txt"):
            continue
        if file.suffix == ".pt" and not (weights and (source / "result.json").exists()):
            continue
        place = target / inner
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix in (".json", ".jsonl"):
            place.write_text(_cleaned(file, grid_folder))
        else:
            place.symlink_to(file.resolve())


def _cleaned(file: Path, grid_folder: Path) -> str:
    """The text of a JSON file, or of one with a document a line, without absolute paths; what is no JSON as it is."""
    text = file.read_text()
    if file.suffix == ".jsonl":
        return "".join(_clean(line, grid_folder, json.dumps) + "\n" for line in text.splitlines())
    return _clean(text, grid_folder, dump_json)


def _clean(text: str, grid_folder: Path, dump: Callable[[Any], str]) -> str:
    try:
        old = json.loads(text)
    except ValueError:  # a line that a kill cut short
        return ABSOLUTE.sub(r"\1", text)
    new = _without_paths(old, grid_folder)
    if old == new:
        return text
    if isinstance(old, dict) and "checksum" in old and intact(old):  # what was changed before stays refused
        new = sealed({key: value for key, value in new.items() if key != "checksum"})
    return dump(new)


def _without_paths(value: Any, grid_folder: Path) -> Any:
    """`value` with every absolute path in a string made relative to the grid's folder, or cut down to its name."""
    if isinstance(value, dict):
        return {key: _without_paths(inner, grid_folder) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_paths(inner, grid_folder) for inner in value]
    if not isinstance(value, str):
        return value
    for base in (grid_folder.resolve(), grid_folder):
        if base.is_absolute():
            value = value.replace(f"{base}/", "")
    kind, colon, path = value.rpartition(":")
    if path.startswith("/") and not path.startswith("//"):  # a path and nothing else may have blanks in it
        return kind + colon + path.rstrip("/").rpartition("/")[2]
    return ABSOLUTE.sub(r"\1", value)
