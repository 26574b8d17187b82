"""All tables of a report by name: making them, writing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from suite.collect.evidence import Evidence
from suite.collect.pairs import Pairs, all_pairs
from suite.collect.results_table import ResultsTable
from suite.report.tables.accuracy import accuracy_table
from suite.report.tables.contribution import contribution_table
from suite.report.tables.cost import cost_table
from suite.report.tables.frames import frames_table
from suite.report.tables.pairs import matrix_table, pairwise_table, ranks_table, stability_table
from suite.report.tables.rendering.formats import RENDERINGS
from suite.report.tables.rendering.table import DEFAULT_PRINTING, Printing, Table
from suite.report.tables.splits import splits_table
from suite.report.tables.tradeoffs import effects_table, equal_cost_table, pareto_table
from suite.report.tables.views import views_table
from suite.spec import TABLES, unknown

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


OVER_SEEDS = ("accuracy", "frames", "views")  # tables of means over seeds, in which `Printing.spread` chooses


@dataclass(frozen=True)
class TableInputs:
    """What tables are made of; the pairs of models are compared once, when the first table asks for them."""

    table: ResultsTable  # in a strict report without confounded runs
    evidence: Evidence
    reference: pd.DataFrame | None
    intervals: bool  # whether a table shows those of pairs with one seed each
    printing: Printing = DEFAULT_PRINTING

    @cached_property
    def pairs(self) -> list[Pairs]:
        return all_pairs(self.table.stages.cells, self.evidence, self.intervals)

    @cached_property
    def draws(self) -> dict[str, np.ndarray]:
        return self.evidence.draws(self.table.stages.finished)


_BUILDERS: dict[str, Callable[[TableInputs], Table | None]] = {
    "accuracy": lambda of: accuracy_table(of.table, of.reference, of.evidence, of.printing),
    "splits": lambda of: splits_table(of.table, of.evidence, of.printing, of.reference),
    "contribution": lambda of: contribution_table(of.table, of.reference, of.evidence, of.printing),
    "cost": lambda of: cost_table(of.table.cells),
    "pareto": lambda of: pareto_table(of.table.stages, of.draws, of.evidence),
    "equal_cost": lambda of: equal_cost_table(of.table.stages, of.evidence),
    "effects": lambda of: effects_table(of.table.single_models, of.evidence),
    "frames": lambda of: (
        None if of.evidence.tests is None else frames_table(of.evidence.tests, of.evidence, of.printing)
    ),
    "views": lambda of: None if of.evidence.views is None else views_table(of.evidence.views, of.evidence, of.printing),
    "ranks": lambda of: ranks_table(of.pairs, of.evidence),
    "rank_stability": lambda of: stability_table(of.table.stages, of.pairs, of.evidence, of.printing),
    "pairwise_matrix": lambda of: matrix_table(of.pairs, of.evidence),
    "pairwise": lambda of: pairwise_table(of.pairs, of.evidence, of.printing),
}


def table_inputs(
    table: ResultsTable,
    which: Iterable[str],
    reference: pd.DataFrame | None = None,
    evidence: Evidence | None = None,
    printing: Printing = DEFAULT_PRINTING,
) -> TableInputs:
    """What the tables of these names are made of.  Raises BadInput for an unknown name.

    In a strict report the runs are those that `evidence` keeps, for every table; the accuracy table alone asks the
    evidence which cells were withheld.
    """
    which, evidence = list(which), evidence or Evidence()
    for name in which:
        if name not in _BUILDERS:
            raise unknown("table", name, _BUILDERS)
    return TableInputs(evidence.kept(table), evidence, reference, "pairwise" in which, printing)


def make_tables(inputs: TableInputs, which: Iterable[str]) -> list[Table]:
    """The tables of these names that have a row; data sets on which runs were only pretrained stand last."""
    made = [_BUILDERS[name](inputs) for name in which]
    last = inputs.table.pretraining_sets
    made = [None if table is None else _with_last(table, last) for table in made]
    # only a mean over seeds has a standard deviation; other estimates keep their interval
    of_others = replace(inputs.printing, spread="both")
    return [
        replace(table, printing=inputs.printing if table.name in OVER_SEEDS else of_others)
        for table in made
        if table is not None and table.parts
    ]


def _with_last(table: Table, datasets: frozenset[str]) -> Table:
    """A table with the parts of these data sets behind the others."""
    keys = [column.key for column in table.columns]
    if not datasets or "dataset" not in keys:
        return table
    at = keys.index("dataset")
    return replace(table, parts=sorted(table.parts, key=lambda part: part.rows[0][at] in datasets))


def write_tables(
    table: ResultsTable,
    folder: Path,
    which: Iterable[str] = TABLES,
    reference: pd.DataFrame | None = None,
    evidence: Evidence | None = None,
) -> list[Path]:
    """Writes `folder`/tables/<name>.{md,tex,csv} and gives their paths; the same runs give the same bytes.

    A table without a row is not written, and an older one of its name goes.
    """
    which = list(which)
    return write_made(make_tables(table_inputs(table, which, reference, evidence), which), folder, which)


def write_made(tables: Iterable[Table], folder: Path, which: Iterable[str]) -> list[Path]:
    """`write_tables`, of tables that are made already."""
    made = {table.name: table for table in tables}
    written = []
    for name in which:
        if name in made:
            written += write_table(made[name], folder)
        else:
            for ending in RENDERINGS:
                (Path(folder) / "tables" / f"{name}.{ending}").unlink(missing_ok=True)
    return written


def write_table(table: Table, folder: Path) -> list[Path]:
    """Writes `folder`/tables/<its name>.{md,tex,csv} and gives the paths."""
    place = Path(folder) / "tables"
    place.mkdir(parents=True, exist_ok=True)
    written = []
    for ending, render in RENDERINGS.items():
        path = place / f"{table.name}.{ending}"
        path.write_text(render(table), encoding="utf-8", newline="\n")
        written.append(path)
    return written
