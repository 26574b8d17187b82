"""Finished runs of other grids are used in a sweep only where its data have the same videos."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from suite.app.data import opened
from suite.data.manifest import same_videos
from suite.spec import BadInput
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun
from suite.sweep.reuse import train_here, use_finished_runs


def reuse(plan: Plan, data: Path, console: Console) -> None:
    """Lets a plan use what other grids have finished, after a look at the videos in `data`; nothing is recorded yet."""
    found = use_finished_runs(plan)
    for name in dict.fromkeys(run.spec.dataset for run in found):
        runs = [run for run in found if run.spec.dataset == name]
        try:
            dataset = opened(name, data, console)
            manifests = {split: dataset.split(split) for split in ("train", "val")}
        except BadInput as error:  # the sweep is refused for it in a moment
            train_here(plan, runs, str(error).rstrip("."))
            continue
        others = [run for run in runs if not same_videos(manifests, _manifests_of(run))]
        train_here(plan, others, f"it was trained or tested on other videos of {name} than those in {dataset.root}")


def _manifests_of(run: PlannedRun) -> dict[str, str] | None:
    return (run.folder.result() or {}).get("manifests")
