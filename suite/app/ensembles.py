"""The ensembles that a grid asks for (`fuse`), made once their runs are done."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from pathlib import Path

from suite.collect.fuse import fuse
from suite.fairness.tuned import counts
from suite.spec import Ensemble
from suite.store.evaluations import test_folder
from suite.store.run_names import canonical
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun


def make_ensembles(plan: Plan) -> list[Path]:
    """The folders of the ensembles of a plan all of whose members are done; there already or made now."""
    made = []
    for ensemble in plan.grid.fuse:
        for members in _members(plan.runs, ensemble):
            texts = [str(_test(run, ensemble)) for run in members]
            setting = members[0].axes_text
            made.append(fuse(texts, plan.folder.parent, fusion=ensemble.fusion, setting=setting)[0])
    return made


def _members(runs: Iterable[PlannedRun], ensemble: Ensemble) -> list[list[PlannedRun]]:
    """The runs of each ensemble, in the order of its frame counts, where all of them are done."""
    found: dict[tuple, dict[int, PlannedRun]] = {}
    globs = list(map(canonical, ensemble.only))
    for run in runs:
        spec = run.spec
        wanted = spec.frames in ensemble.frames and not run.control and not run.pretrains and run.state() == "done"
        if not wanted or (globs and not any(fnmatch.fnmatch(spec.model, glob) for glob in globs)):
            continue
        if not counts(spec, run.folder.path.parent):
            continue
        found.setdefault((spec.dataset, spec.model, spec.seed, run.axes_text), {})[spec.frames] = run
    return [
        [members[count] for count in ensemble.frames]
        for members in found.values()
        if set(ensemble.frames) <= set(members)
    ]


def _test(run: PlannedRun, ensemble: Ensemble) -> Path:
    """What of a run is averaged: its folder, for the test that it was trained with, or the folder of another test."""
    test = run.spec.evaluation_with(ensemble.views) if ensemble.views else run.spec.evaluation()
    own = test.id == run.folder.spec().evaluation().id
    return run.folder.path if own else test_folder(run.folder, test)
