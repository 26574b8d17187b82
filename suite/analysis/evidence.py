"""What stands behind the cells of a table: per-video outcomes for intervals and ties, the ledger for confounds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.analysis.contribution import cells
from suite.analysis.factors import FACTORS, agree
from suite.analysis.grades import CONFOUND, grade_of
from suite.analysis.intervals import (
    DRAWS,
    accuracy_interval,
    binomial_accuracies,
    bootstrap_accuracies,
    contribution_interval,
    difference_interval,
    mean_contribution_interval,
)
from suite.analysis.ledger import STUDIED, Marks, mark
from suite.analysis.outcomes import Outcomes, load_outcomes
from suite.analysis.rows import finished
from suite.analysis.statistics import holm, newcombe, paired, wilson

if TYPE_CHECKING:
    import pandas as pd

Interval = tuple[float, float]
UNKNOWN = (math.nan, math.nan)


@dataclass
class Evidence:
    """Gathered once for all tables and figures of a report; without any, tables rest on accuracies and n alone."""

    outcomes: dict[str, Outcomes] = field(default_factory=dict)  # by data set
    marks: Marks = field(default_factory=Marks)  # by run id
    strict: bool = False  # confounded runs are withheld
    withheld: pd.DataFrame | None = None  # their rows, in a strict report
    tests: pd.DataFrame | None = None  # runs tested at other frame counts (`suite.analysis.frames`)
    methods: set[str] = field(default_factory=set)  # how `tied` told cells apart
    _drawn: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict, repr=False)

    def letters(self, ids: Iterable[str]) -> str:
        """The letters of a cell made of these runs."""
        return self.marks.of(ids)

    def kept(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows, in a strict report without those that are confounded: what all its numbers are computed from."""
        return rows[~rows["id"].isin(self.marks.letters)] if self.strict and len(rows) else rows

    def everything(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The kept rows and the withheld ones: the cells that the accuracy table shows."""
        import pandas as pd

        kept = self.kept(rows)
        if self.withheld is None or self.withheld.empty:
            return kept
        return pd.concat([kept, self.withheld], ignore_index=True) if len(kept) else self.withheld

    @property
    def left_out(self) -> list[str]:
        """Runs that were tested on other videos than most of their data set, whose comparisons are unpaired."""
        return [run for outcomes in self.outcomes.values() for run in outcomes.left_out]

    def _correct(self, dataset: str, ids: list[str]) -> np.ndarray | None:
        return self.outcomes[dataset].of(ids) if dataset in self.outcomes else None

    def accuracy(self, cell: dict[str, Any]) -> Interval:
        """95 % interval of a row of `mean_over_seeds`, in percent."""
        correct = self._correct(cell["dataset"], cell["ids"])
        return wilson(cell["top1"], cell["n"]) if correct is None else accuracy_interval(correct)[:2]

    def tied(self, runs: pd.DataFrame) -> set[int]:
        """Index labels of the rows of `mean_over_seeds`, all of one data set, that the best does not beat.

        Each is held against the best with what both have: predictions of one seed each, exact McNemar, all of these
        corrected together by Holm; predictions of several seeds, the 95 % interval of the difference; accuracies
        alone, the interval for independent samples.  `methods` collects which were used.  Empty without a rival, or
        where nothing can be said of the best.
        """
        if len(runs) < 2:
            return set()
        cells_, labels = runs.to_dict("records"), list(runs.index)
        correct = [self._correct(c["dataset"], c["ids"]) for c in cells_]
        top = int(runs["top1"].to_numpy().argmax())
        found, pending = set(), []
        for i, cell in enumerate(cells_):
            if i == top:
                continue
            if correct[i] is not None and correct[top] is not None:
                if len(correct[i]) == len(correct[top]) == 1:
                    self.methods.add("exact McNemar, corrected by Holm")
                    pending.append((i, paired(correct[top][0], correct[i][0], draws=1).p_mcnemar))
                else:
                    self.methods.add("intervals of the difference over seeds and videos")
                    if difference_interval(correct[top], correct[i])[1] <= 0:
                        found.add(labels[i])
                continue
            low, _ = newcombe(cells_[top]["top1"], cells_[top]["n"], cell["top1"], cell["n"])
            if not math.isnan(low):
                self.methods.add("intervals for independent samples")
                found |= {labels[i]} if low <= 0 else set()
        for (i, _), p in zip(pending, holm([p for _, p in pending]), strict=True):
            found |= {labels[i]} if p >= 0.05 else set()
        known = bool(pending) or not math.isnan(cells_[top]["n"])
        return found | {labels[top]} if known else set()

    def draws(self, rows: pd.DataFrame) -> dict[str, np.ndarray]:
        """Per data set the accuracies (D, R) that other videos could have given, columns as in `finished(rows)`."""
        out = {}
        for dataset, of_set in finished(rows).groupby("dataset", sort=False):
            ids = tuple(of_set["id"])
            correct = self._correct(dataset, list(ids))
            if ids not in self._drawn and correct is not None:
                self._drawn[ids] = bootstrap_accuracies(correct)
            elif ids not in self._drawn and of_set["n"].notna().all():
                self._drawn[ids] = binomial_accuracies(of_set["top1"], of_set["n"])
            if ids in self._drawn:
                out[dataset] = self._drawn[ids]
        return out

    def contribution(self, rows: pd.DataFrame) -> dict[tuple[str, str, str, str], dict[str, Interval]]:
        """95 % intervals of mean Phi and Psi, keyed by (source, data set, label, "none" or "pooled").

        Rows of models with one seed and predictions: bootstrap over videos.  Several seeds: variance components.  With
        accuracies alone: draws from each accuracy, taken to err together.
        """
        found = {}
        done = finished(rows)
        of_all = cells(rows)
        known = of_all[of_all["baseline"].notna()]
        for key, group in known.groupby(["source", "dataset", "label", "pooled"], sort=False):
            found[key] = self._contribution(key[1], group, done)
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
                return {"phi": UNKNOWN, "psi": UNKNOWN}
            made = mean_contribution_interval(top1, binomial_accuracies(top1, n, DRAWS), pairs, together=False)
        return {name: made[name][1:] for name in ("phi", "psi")}


def confounded(rows: pd.DataFrame) -> set[str]:
    """The ids of runs that are known to differ from their TSN baseline in a factor that confounds."""
    done = finished(rows)
    if "factors" not in done:
        return set()
    factors = dict(zip(done["id"], done["factors"], strict=True))
    of_all = cells(rows)
    pairs = of_all.loc[of_all["baseline"].notna(), ["id", "baseline_id"]].itertuples(index=False)
    others = [name for name in FACTORS if name not in STUDIED and grade_of(name) == CONFOUND]
    return {
        run
        for run, base in pairs
        if isinstance(factors[run], dict)
        and isinstance(factors[base], dict)
        and any(agree(factors[run].get(f), factors[base].get(f)) is False for f in others)
    }


def gather(rows: pd.DataFrame, strict: bool = False, tests: pd.DataFrame | None = None) -> Evidence:
    """All evidence for rows with the columns `predictions` and `factors`, as far as they have them.

    A strict report rests on the rows that are kept and on nothing else: not on the predictions of withheld runs, nor on
    what was not the same among them.
    """
    done = finished(rows)
    marks = mark(done.set_index("id", drop=False)) if "factors" in done else Marks()
    if not strict:
        return Evidence(load_outcomes(done), marks, tests=tests)
    odd = done["id"].isin(marks.letters)
    of_kept = mark(done[~odd].set_index("id", drop=False)) if "factors" in done else Marks()
    marks = replace(of_kept, letters=marks.letters, notes=marks.notes)
    kept_tests = None if tests is None else tests[~tests["id"].isin(marks.letters)]
    return Evidence(load_outcomes(done[~odd]), marks, True, done[odd], kept_tests)
