"""From a grid to its runs: a forest of chains in which each stage starts from the one before.

A chain with control arms forks after its first stage: the stages go on at more frames, the controls at the same.
"""

from __future__ import annotations

import fnmatch
import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Any

from suite.data.dataset_info import info
from suite.models import canonical_name
from suite.models.user_code import RULES
from suite.spec import (
    BadInput,
    Grid,
    find_grid,
    load_grid,
    run_named,
    unknown,
    written_by_others,
)
from suite.store.folder import dump_json, write_atomic
from suite.store.pretraining import finished_source
from suite.store.run_names import canonical
from suite.sweep.budget import Budget
from suite.sweep.forest import Forest
from suite.sweep.planned_run import PlannedRun
from suite.sweep.work import Work

# published rows that can be printed beside ours: the 288 runs of deep_analysis, and the papers' printed tables
REFERENCES = ("deep_analysis", "deep_analysis_tables", "rcca3d", "gta", "arc", "cstransformer")
DATA_SET, PRETRAIN = "data-set", "pretrain"  # stand beside protocol keys in what a selection changes
NOMINAL_VIDEOS = {"train": 100_000, "val": 10_000}  # where a data set's size is not known without its files


@dataclass(frozen=True)
class Selection:
    """What of a grid is meant: globs on model names, frames, protocol keys to change, a share of the chains.

    data: data sets to use instead of those of the grid; pretrain: the one to pretrain on instead of the grid's (only a
    pilot asks for it); budget: device-hours at most, and the runs that were chosen for it (`suite.sweep.subgrid`).
    """

    only: tuple[str, ...] = ()
    frames: tuple[int, ...] = ()
    set: dict[str, Any] = field(default_factory=dict)
    shard: tuple[int, int] | None = None
    data: tuple[str, ...] = ()
    pretrain: str = ""
    budget: Budget | None = None

    def as_dict(self) -> dict[str, Any]:
        plain = {"only": self.only, "frames": self.frames, "set": self.set, "shard": self.shard}
        plain |= ({"data": self.data} if self.data else {}) | ({PRETRAIN: self.pretrain} if self.pretrain else {})
        return plain | ({"budget": self.budget.as_dict()} if self.budget else {})

    def options(self) -> str:
        """As it is typed on the command line."""
        options = [f"--only {shlex.quote(glob)}" for glob in self.only]
        options += [f"--frames {','.join(map(str, self.frames))}"] if self.frames else []
        options += [f"--set {shlex.quote(f'{key}={value}')}" for key, value in self.set.items()]
        options += [f"--data-set {shlex.quote(name)}" for name in self.data]
        options += [f"--budget {self.budget.text}"] if self.budget else []
        options += ["--shard {}/{}".format(*self.shard)] if self.shard else []
        return " ".join(options)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Selection:
        return cls(
            tuple(data["only"]),
            tuple(data["frames"]),
            dict(data["set"]),
            tuple(data["shard"]) if data["shard"] else None,
            tuple(data.get("data", ())),
            str(data.get(PRETRAIN, "")),
            Budget.from_dict(data["budget"]) if data.get("budget") else None,
        )


@dataclass
class Plan:
    name: str  # of the grid, or its file
    grid: Grid
    selection: Selection
    folder: Path  # results/<grid>
    runs: list[PlannedRun]
    not_reused: dict[str, str] = field(default_factory=dict)  # run id -> why a finished run of another grid is not used

    @property
    def changes(self) -> dict[str, Any]:
        """What its runs have and the grid has not: protocol keys, and `data-set` where the grid does not list it."""
        return changes_of(self.selection, self.grid)


def changes_of(selection: Selection, grid: Grid) -> dict[str, Any]:
    """What a selection changes of a grid, beside choosing among its runs."""
    usual = {info(name).name for name in grid.data} if selection.data else set()
    foreign = [name for name in dict.fromkeys(info(name).name for name in selection.data) if name not in usual]
    changed = {DATA_SET: ",".join(foreign), PRETRAIN: selection.pretrain}
    return {key: value for key, value in changed.items() if value} | selection.set


def make_plan(name: str, selection: Selection, results: Path, costs: bool = True) -> Plan:
    """All runs of grid `name` that the selection asks for, parents before children.

    Works without data and without a GPU.  Raises BadInput for whatever in the grid or the selection is not known.
    """
    grid = load_grid(name)
    note_author(name, grid)
    grid.refuse_duplicates("model", [(name, canonical_name(name)) for name in grid.model_names()])
    grid.refuse_duplicates("data set", [(name, info(name).name) for name in grid.data])
    if grid.reference not in (None, *REFERENCES):
        raise unknown("reference", grid.reference, REFERENCES)
    if "," in str(changes_of(selection, grid).get(DATA_SET, "")):
        raise BadInput(
            f"--data-set takes one data set that grid {grid.name} does not list; start the sweep once for each."
        )
    names = _chosen(grid.model_names(), selection.only)
    for ensemble in grid.fuse:
        _chosen(grid.model_names(), ensemble.only)  # each glob names a model
    odd = sorted(set(selection.frames) - set(grid.frame_counts))
    if odd:
        raise BadInput(
            f"Grid {grid.name} has no runs of {odd[0]} frames; it has {', '.join(map(str, grid.frame_counts))}."
        )
    forest = Forest.of(grid, selection.set, results / grid.name, selection.frames, selection.pretrain)
    datasets = list(dict.fromkeys(info(name).name for name in selection.data or grid.data))
    if grid.pretrain and info(selection.pretrain or grid.pretrain.data).name in datasets:
        raise BadInput(
            f"Grid {grid.name} pretrains on {grid.pretrain.data} and trains on it again; leave it out of the data sets."
        )
    if grid.pretrain:  # one run that all data sets share
        chains = [tree for model in names for seed in grid.axes.seed for tree in forest.trees(model, seed, datasets)]
    else:
        chains = [
            tree
            for dataset in datasets
            for model in names
            for seed in grid.axes.seed
            for tree in forest.trees(model, seed, [dataset])
        ]
    _refuse_equal(chains, grid)
    odd = {run.spec.missing_weights for chain in chains for run in chain} - {None}
    if odd and "init" in selection.set:  # a grid of ours may name a release that is yet to be brought
        if run_named(min(odd)):
            finished_source(min(odd), results)
        raise BadInput(
            f"The weights file {min(odd)} is neither in the working directory nor in the folder given by SUITE_WEIGHTS."
        )
    if selection.budget and selection.budget.ids:
        chains = _kept(chains, set(selection.budget.ids))
    if selection.shard:
        index, count = selection.shard
        if index > len(chains):
            raise BadInput(f"Shard {index}/{count} is empty: the selection has {len(chains)} chains.")
        chains = chains[index - 1 :: count]
    plan = Plan(name, grid, selection, results / grid.name, [run for chain in chains for run in chain])
    if costs:
        add_costs(plan)
    return plan


def _kept(chains: Iterable[list[PlannedRun]], ids: set[str]) -> list[list[PlannedRun]]:
    """The chains without the runs that are not in `ids`."""
    for chain in chains:
        for run in chain:
            run.children = [child for child in run.children if child.id in ids]
    kept = [[run for run in chain if run.id in ids] for chain in chains]
    return [chain for chain in kept if chain]


def _refuse_equal(chains: Iterable[list[PlannedRun]], grid: Grid) -> None:
    """Raises BadInput where two settings of the grid make the same run."""
    ids = [run.id for chain in chains for run in chain]
    if len(set(ids)) < len(ids):
        twice = next(run for run in ids if ids.count(run) > 1)
        raise BadInput(f"Grid {grid.name} plans {twice} twice: two values of an axis mean the same; remove one.")


def note_author(name: str, grid: Grid) -> None:
    """Enters the models of a grid `name` that others wrote, so that none of their code is imported unasked."""
    if others := written_by_others(find_grid(name)):
        for model in grid.model_names():
            RULES.named_by_others(model, others)


def add_costs(plan: Plan, finished: bool = True) -> None:
    """Adds what every run costs; finished=False passes over runs whose result says it.

    Raises BadInput for a model that cannot be built or cannot take its clips.
    """
    for run in plan.runs:
        if finished or not run.folder.result_file.exists():
            _add_cost(run)


def _chosen(names: Sequence[str], globs: Iterable[str]) -> list[str]:
    globs = list(map(canonical, globs))
    spelled = {name: {name, canonical_name(name)} for name in names}  # as the grid writes it, and as tables do
    for glob in globs:
        if not any(fnmatch.filter(spellings, glob) for spellings in spelled.values()):
            raise unknown("model of this grid", glob, {text for spellings in spelled.values() for text in spellings})
    return [n for n in names if not globs or any(fnmatch.filter(spelled[n], glob) for glob in globs)]


def _add_cost(run: PlannedRun) -> None:
    from suite.models.cost import cost

    p, about = run.spec.protocol, info(run.spec.dataset)
    found = cost(run.spec.network, run.spec.frames, p.size, about.num_classes)
    train, val = (about.expected.get(split) or NOMINAL_VIDEOS[split] for split in ("train", "val"))
    views = sum(test.clips * test.crops for test in run.spec.evaluations())
    run.gmacs, run.conv_gmacs, run.params = found.macs / 1e9, found.conv_macs / 1e9, found.params
    tested = found if p.test_size == p.size else cost(run.spec.network, run.spec.frames, p.test_size, about.num_classes)
    how = p.evaluation
    curve = ceil(p.epochs / how.every_epochs) * (train * p.dev or val) if how.every_epochs else 0  # videos tested
    run.training = Work.training(found, train * (1 - p.dev) * p.epochs, run.spec.frames)
    run.training += Work.testing(tested, curve, how.clips * how.crops, run.spec.frames)
    run.testing = Work.testing(tested, val, views, run.spec.frames)
    run.whole_macs = run.training.macs + run.testing.macs
    run.cost_macs = run.testing.macs if run.folder.result_file.exists() and not run.again else run.whole_macs
    bytes_each = 2 if p.precision == "bf16" else 4
    run.gib = (found.activations * bytes_each * p.per_step + 16 * found.params) / 2**30


def remember(plan: Plan) -> None:
    """Keeps the selection: `status` and `report` without one show what was last planned, all shares of it."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    write_atomic(plan.folder / "selection.json", dump_json(replace(plan.selection, shard=None).as_dict()))


def last_selection(grid: str, results: Path) -> Selection:
    file = results / grid / "selection.json"
    try:
        return Selection.from_dict(json.loads(file.read_text()))
    except FileNotFoundError:
        return Selection()
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadInput(f"{file} is damaged; remove it to show the whole grid.") from None
