"""The report of a grid: summary, tables, figures and page, from the results that are there."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.spec.spreadsheets import csv_cell
from suite.statistics.rounding import to_decimals
from suite.store.folder import write_atomic
from suite.sweep.plan import Plan
from suite.sweep.summary import PERCENT, SUMMARY, timing

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ReportOptions:
    """What stands beside a grid's own runs in its report, and how confounded cells are treated."""

    published: tuple[str, ...] = ()  # sources of suite.published.references
    predictions: tuple[Path, ...] = ()  # files of other codebases, each with its YAML
    strict: bool = False  # confounded cells are withheld
    interval: str = "both"  # of suite.collect.evidence.INTERVALS


def write_report(
    plan: Plan, options: ReportOptions | None = None, log: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """summary.csv, timing.csv, tables, figures and page of a plan, from the results that are there.

    log: gets what looks wrong in predictions of other codebases; the accuracy table's note says it too.
    """
    import pandas as pd

    from suite.collect.evidence import gather
    from suite.collect.results_table import collect_results, run_rows
    from suite.published.references import published_rows
    from suite.report.figures.pairs import write_pairwise
    from suite.report.figures.scatter import write_figures
    from suite.report.figures.tradeoffs import write_pareto
    from suite.report.page import write_page
    from suite.report.tables.make import make_tables, table_inputs, write_made

    options = options or ReportOptions()
    folder, grid = plan.folder, plan.grid
    folder.mkdir(parents=True, exist_ok=True)
    clocks = pd.DataFrame([timing(run) for run in plan.runs if run.folder.result_file.exists()])
    reference = published_rows(grid.reference) if grid.reference else None
    ours = run_rows(plan)
    table = collect_results(ours, options.published, options.predictions)
    evidence = gather(table, options.strict, retested(plan), options.interval)  # refuses results that were edited
    write_atomic(folder / "summary.csv", csv_text(ours[list(SUMMARY)], PERCENT))
    write_atomic(folder / "timing.csv", csv_text(clocks))
    files = [folder / "summary.csv", folder / "timing.csv"]
    for warning in evidence.warnings:
        log(f"warning: {warning}")
    inputs = table_inputs(table, grid.tables, reference, evidence)
    tables = make_tables(inputs, grid.tables)
    files += write_made(tables, folder, grid.tables)
    letters = {} if options.strict else evidence.marks.letters
    files += write_figures(inputs.table.stages.cells, folder, letters)
    files += write_pareto(inputs.table.stages, folder, inputs.draws, letters)
    files += write_pairwise(inputs.pairs, folder, evidence) if "pairwise_matrix" in grid.tables else []
    errors = {run.id: error["error"] for run in plan.runs if (error := run.folder.error())}
    files.append(write_page(grid.title or grid.name, table, folder, clocks, tables, evidence, errors))
    return files


def csv_text(frame: pd.DataFrame, percent: Collection[str] = ()) -> str:
    """A frame as CSV: the columns `percent` with their exact decimals, text that a spreadsheet would run escaped."""

    def cell(value: Any, column: str) -> Any:
        if isinstance(value, str):
            return csv_cell(value)
        return to_decimals(value) if column in percent and isinstance(value, float) else value

    return frame.apply(lambda column: column.map(lambda value: cell(value, column.name))).to_csv(index=False)


def retested(plan: Plan) -> pd.DataFrame | None:
    """The tests of finished runs at other frame counts, or None when there is none."""
    from suite.collect.frames import frames_by_frames

    runs = [run for run in plan.runs if run.state() == "done"]
    if not any((run.folder.path / "eval").is_dir() for run in runs):
        return None
    return frames_by_frames([(run.folder, run.spec, run.id) for run in runs])
