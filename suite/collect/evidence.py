"""What stands behind the cells of a table: per-video outcomes for intervals and ties, the ledger for confounds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.collect.outcomes import Outcomes, load_outcomes
from suite.collect.results_table import ResultsTable
from suite.evaluation.predictions import Outcome
from suite.evaluation.suspicious import suspicions
from suite.fairness.factors import FACTORS, agree
from suite.fairness.grades import CONFOUND, grade_of
from suite.fairness.ledger import STUDIED, Marks, mark
from suite.statistics.best import ONE_SEED, Measured, best_set
from suite.statistics.intervals import (
    DRAWS,
    accuracy_interval,
    binomial_accuracies,
    bootstrap_accuracies,
    contribution_interval,
    mean_contribution_interval,
)
from suite.statistics.proportions import wilson

if TYPE_CHECKING:
    import pandas as pd

Interval = tuple[float, float]
NO_INTERVAL = (math.nan, math.nan)


@dataclass(frozen=True)
class BoldCells:
    """Index labels of cells that are not significantly different from the best, and the tests that were used.

    borrowed: models with one seed stand beside models with several and are taken to vary over seeds as much.
    """

    labels: frozenset[int] = frozenset()
    tests: tuple[str, ...] = ()
    borrowed: bool = False


def bold_note(found: Iterable[BoldCells], best: str = "the best") -> str:
    """The sentence under a table that says what bold means, "" where nothing is bold."""
    tests = sorted({test for cells in found for test in cells.tests})
    if not tests:
        return ""
    return (
        f"Bold: not significantly different from {best} ({'; '.join(tests)}; max-T over all pairs, family-wise "
        "alpha = 0.05)."
    )


def bold_scope(found: Iterable[BoldCells]) -> str:
    """What bold is about and assumes, "" where nothing is bold."""
    found = list(found)
    tests = sorted({test for cells in found for test in cells.tests})
    note = ""
    of_weights = [test in ONE_SEED for test in tests]
    if any(of_weights):
        where = "" if all(of_weights) else "Where all models have one seed, "
        text = "bold is about these weights on other test videos; after training again, other models may be bold."
        note += f" {where}{text}" if where else f" {text[0].upper()}{text[1:]}"
    if any(cells.borrowed for cells in found):
        note += " Models with one seed are assumed to vary between seeds as much as those with several."
    return note.strip()


@dataclass
class Evidence:
    """Gathered once for all tables and figures of a report; without any, tables rest on accuracies and n alone."""

    outcomes: dict[str, Outcomes] = field(default_factory=dict)  # by data set
    marks: Marks = field(default_factory=Marks)  # by run id
    strict: bool = False  # confounded runs are withheld
    full: ResultsTable | None = None  # in a strict report: the table with them
    tests: pd.DataFrame | None = None  # runs tested at other frame counts (`suite.collect.frames`)
    views: pd.DataFrame | None = None  # runs tested with other views (`suite.collect.views`)
    warnings: list[str] = field(default_factory=list)  # on predictions of other codebases
    remarks: list[str] = field(default_factory=list)  # on where runs come from
    _drawn: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict, repr=False)

    def letters(self, ids: Iterable[str]) -> str:
        """The letters of a cell made of these runs."""
        return self.marks.of(ids)

    def kept(self, table: ResultsTable) -> ResultsTable:
        """The table, in a strict report without confounded runs: what all its numbers are computed from."""
        return table.without(self.marks.letters) if self.strict else table

    def shown_cells(self, table: ResultsTable) -> pd.DataFrame:
        """The cells of which the accuracy table has a row: in a strict report the withheld ones too."""
        return (self.full or table).cells

    @property
    def left_out(self) -> list[str]:
        """Runs that were tested on other videos than most of their data set, whose comparisons are unpaired."""
        return [run for outcomes in self.outcomes.values() for run in outcomes.left_out]

    def _correct(self, dataset: str, ids: list[str]) -> np.ndarray | None:
        return self.outcomes[dataset].of(ids) if dataset in self.outcomes else None

    def accuracy(self, cell: dict[str, Any]) -> Interval:
        """95 % interval of a cell of `ResultsTable`, in percent."""
        correct = self._correct(cell["dataset"], cell["ids"])
        return wilson(cell["top1"], cell["n"]) if correct is None else accuracy_interval(correct)[:2]

    def covers_seeds(self, cell: dict[str, Any]) -> bool:
        """Whether the interval of `accuracy` is over seeds too: from accuracies alone it is over test videos only."""
        return len(cell["ids"]) > 1 and self._correct(cell["dataset"], cell["ids"]) is not None

    def calibration_error(self, cell: dict[str, Any]) -> float | None:
        """Mean expected calibration error of a cell of `ResultsTable` tested with a single view, in points."""
        known = self.outcomes[cell["dataset"]].ece if cell["dataset"] in self.outcomes else {}
        if cell["views"] != 1 or any(run not in known for run in cell["ids"]):
            return None
        return float(np.mean([known[run] for run in cell["ids"]]))

    def bold_cells(self, cells: pd.DataFrame) -> BoldCells:
        """The cells of `ResultsTable`, given those of one data set, that are not significantly different from the best.

        `suite.statistics.best.best_set` of all rows whose accuracy can be tested.  None without a rival, or where the
        best row has neither predictions nor a number of videos.
        """
        if len(cells) < 2:
            return BoldCells()
        models = {}
        for label, cell in zip(cells.index, cells.to_dict("records"), strict=True):
            correct = self._correct(cell["dataset"], cell["ids"])
            if correct is not None or cell["n"] >= 1:
                models[label] = Measured(cell["top1"], cell["n"], len(cell["ids"]), cell["top1_sd"], correct)
        if cells["top1"].idxmax() not in models:
            return BoldCells()
        found = best_set(list(models.values()))
        kept = frozenset(label for label, member in zip(models, found.members, strict=True) if member)
        return BoldCells(kept, found.tests, found.borrowed)

    def draws(self, done: pd.DataFrame) -> dict[str, np.ndarray]:
        """Per data set the accuracies (D, R) that other videos could have given its finished runs, in their order."""
        out = {}
        for dataset, of_set in done.groupby("dataset", sort=False):
            ids = tuple(of_set["id"])
            correct = self._correct(dataset, list(ids))
            if ids not in self._drawn and correct is not None:
                self._drawn[ids] = bootstrap_accuracies(correct)
            elif ids not in self._drawn and of_set["n"].notna().all():
                self._drawn[ids] = binomial_accuracies(of_set["top1"], of_set["n"])
            if ids in self._drawn:
                out[dataset] = self._drawn[ids]
        return out

    def contribution(self, table: ResultsTable) -> dict[tuple[str, str, str, str], dict[str, Interval]]:
        """95 % intervals of mean Phi and Psi, keyed by (source, data set, label, "none" or "pooled").

        Cells of models with one seed and predictions: bootstrap over videos.  Several seeds: variance components.  With
        accuracies alone: draws from each accuracy, taken to err together.
        """
        found = {}
        of_all = table.contribution_cells
        known = of_all[of_all["baseline"].notna()]
        for key, group in known.groupby(["source", "dataset", "label", "pooled"], sort=False):
            found[key] = self._contribution(key[1], group, table.finished)
        return found

    def _contribution(self, dataset: str, group: pd.DataFrame, done: pd.DataFrame) -> dict[str, Interval]:
        pairs_of = group.groupby(["backbone", "pooling", "frames"], sort=False)
        models = [(list(g["id"]), list(g["baseline_id"])) for _, g in pairs_of]
        units = [ids for pair in models for ids in pair]
        correct = [self._correct(dataset, ids) for ids in units]
        pairs = [(2 * i, 2 * i + 1) for i in range(len(models))]
        if all(c is not None for c in correct):
            made = contribution_interval(correct, pairs, matched=False)
        else:
            by_id = done.set_index("id")
            first = [by_id.loc[ids[0]] for ids in units]
            top1, n = [float(by_id.loc[ids, "top1"].mean()) for ids in units], [r["n"] for r in first]
            if any(math.isnan(v) for v in n):
                return {"phi": NO_INTERVAL, "psi": NO_INTERVAL}
            made = mean_contribution_interval(top1, binomial_accuracies(top1, n, DRAWS), pairs, together=False)
        return {name: made[name][1:] for name in ("phi", "psi")}


def confounded(table: ResultsTable) -> set[str]:
    """The ids of runs that are known to differ from their TSN baseline in a factor that confounds."""
    done = table.finished
    if "factors" not in done:
        return set()
    factors = dict(zip(done["id"], done["factors"], strict=True))
    of_all = table.contribution_cells
    pairs = of_all.loc[of_all["baseline"].notna(), ["id", "baseline_id"]].itertuples(index=False)
    others = [name for name in FACTORS if name not in STUDIED and grade_of(name) == CONFOUND]
    return {
        run
        for run, base in pairs
        if isinstance(factors[run], dict)
        and isinstance(factors[base], dict)
        and any(agree(factors[run].get(f), factors[base].get(f)) is False for f in others)
    }


def gather(
    table: ResultsTable,
    strict: bool = False,
    tests: pd.DataFrame | None = None,
    views: pd.DataFrame | None = None,
) -> Evidence:
    """All evidence for a table whose runs have the columns `predictions` and `factors`, as far as they have them.

    A strict report rests on the runs that are kept and on nothing else: not on the predictions of withheld runs, nor on
    what was not the same among them.
    """
    done = table.finished
    marks = mark(done.set_index("id", drop=False)) if "factors" in done else Marks()
    if not strict:
        return Evidence(load_outcomes(done), marks, tests=tests, views=views, warnings=_warnings(done))
    odd = done["id"].isin(marks.letters)
    of_kept = mark(done[~odd].set_index("id", drop=False)) if "factors" in done else Marks()
    marks = replace(of_kept, letters=marks.letters, notes=marks.notes)
    tests, views = (None if rows is None else rows[~rows["id"].isin(marks.letters)] for rows in (tests, views))
    warnings = _warnings(done[~odd])
    return Evidence(load_outcomes(done[~odd]), marks, True, table, tests, views, warnings)


def _warnings(rows: pd.DataFrame) -> list[str]:
    """What looks wrong in the predictions of other codebases, which come as `Outcome`."""
    found = []
    for row in rows.to_dict("records") if "predictions" in rows else ():
        outcome = row["predictions"]
        if isinstance(outcome, Outcome) and outcome.labels is not None:
            found += suspicions(row["name"], outcome.predicted, outcome.labels, outcome.classes)
    return found
