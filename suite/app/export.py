"""A grid as one file, and a report from such a file on another machine."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from suite.collect.ensembles import ensemble_rows
from suite.report.build import write_report
from suite.spec import file_sha256
from suite.store.archive import open_archive, pack, read_manifest
from suite.sweep.archived import archived_plan, foreign_paths, stage
from suite.sweep.plan import Plan, add_costs

REMADE = (".csv", ".md", ".tex")  # the same bytes on every machine; pictures depend on the version of matplotlib


def export(plan: Plan, out: Path, weights: bool = False) -> dict[str, Any]:
    """Writes the archive of a plan: specs, results, provenance, histories and predictions of its runs, ensembles of
    them, its grid and protocol, tables, figures and page made anew, and the environment.  The same runs give the same
    bytes.

    Checkpoints of finished runs go in with `weights` alone.  Gives what there is to say about the file.
    """
    with tempfile.TemporaryDirectory(prefix="suite-export-") as place:
        root = Path(place)
        staged = stage(plan, root, weights)
        for row in ensemble_rows(plan.folder, {run.folder.id for run in plan.runs}):
            folder = Path(row["predictions"]).parent
            shutil.copytree(folder, staged.folder / folder.parent.name / folder.name)
        write_report(staged)
        files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        pack(files, {"grid": plan.grid.name}, out)
    states = [run.state() for run in plan.runs]
    kept = {run.id for run in plan.runs}
    others = [path.parent.name for path in (plan.folder / "runs").glob("*/spec.yaml") if path.parent.name not in kept]
    return {
        "archive": str(out),
        "sha256": file_sha256(out),
        "bytes": out.stat().st_size,
        "files": len(files),
        "runs": len(states),
        "done": states.count("done"),
        "left_out": sorted(others),  # of other selections
        "absolute_paths": foreign_paths(plan),
    }


def report_archive(path: Path, results: Path) -> dict[str, Any]:
    """Unpacks an archive below `results`/archives and writes its report there, from its own grid and protocol.

    Gives the files, and in `differ` those tables that are not byte for byte the archive's.
    """
    unpacked = open_archive(path, results / "archives")
    plan = archived_plan(unpacked)
    add_costs(plan, finished=False)
    files = write_report(plan)
    root = unpacked.parent
    listed = read_manifest(root)["files"]
    written = {file.relative_to(root).as_posix(): file for file in files if file.suffix in REMADE}
    differ = [name for name, file in written.items() if listed.get(name, {}).get("sha256") != file_sha256(file)]
    return {"archive": str(path), "files": [str(file) for file in files], "differ": differ}
