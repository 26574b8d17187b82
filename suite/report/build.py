"""The report of a grid: summary, tables, figures and page, from the results that are there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.report.tables.rendering.table import DEFAULT_PRINTING, Printing, Table
from suite.spec.spreadsheets import csv_cell
from suite.statistics.rounding import to_decimals
from suite.store.folder import write_atomic
from suite.sweep.estimates import estimate_of, read_estimates
from suite.sweep.parts import part_name, settings_text, unaccounted
from suite.sweep.plan import Plan, add_costs
from suite.sweep.reuse import reused_by_grid
from suite.sweep.summary import PERCENT, SETTING, SUMMARY, timing

if TYPE_CHECKING:
    import pandas as pd

    from suite.collect.evidence import Evidence
    from suite.collect.results_table import ResultsTable


@dataclass(frozen=True)
class ReportOptions:
    """What stands beside a grid's own runs in its report, how confounded cells are treated and numbers are printed."""

    published: tuple[str, ...] = ()  # sources of suite.published.references
    predictions: tuple[Path, ...] = ()  # files of other codebases, each with its YAML
    strict: bool = False  # confounded cells are withheld
    printing: Printing = DEFAULT_PRINTING


@dataclass(frozen=True)
class Part:
    """One part of a report: what its page shows, and the files that were written."""

    table: ResultsTable
    evidence: Evidence
    tables: list[Table]
    clocks: pd.DataFrame
    errors: dict[str, str]  # of failed runs, by id
    files: list[Path]


def write_report(
    plan: Plan,
    options: ReportOptions | None = None,
    log: Callable[[str], None] = lambda line: None,
    variants: Sequence[Plan] = (),
) -> list[Path]:
    """summary.csv, timing.csv, tables, figures and page of a plan, from the results that are there.

    variants: plans of the same grid with other settings (`--set`); each has a section of the page, and files of its own
    in a folder beside those of the plan.  log: gets what looks wrong in predictions of other codebases; the accuracy
    table's note says it too.
    """
    from suite.report.page import variant_section, write_page

    options = options or ReportOptions()
    part = write_part(plan, plan.folder, options, log)
    files, sections = part.files, []
    for variant in variants:
        folder = plan.folder / part_name(variant.changes)
        made = write_part(variant, folder, replace(options, published=(), predictions=()), log)
        files = [*files, *made.files]
        sections += variant_section(settings_text(variant.changes), made.table, made.tables, folder.name)
    title = plan.grid.title or plan.grid.name
    title += f" ({settings_text(plan.changes)})" if plan.changes else ""
    page = write_page(
        title,
        part.table,
        plan.folder,
        part.clocks,
        part.tables,
        part.evidence,
        part.errors,
        sections=sections,
        printing=options.printing,
    )
    return [*files, page]


def write_grid_report(
    parts: Sequence[Plan], options: ReportOptions | None = None, log: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """The report of a grid from its `report_parts`: all runs that were started, whatever was planned last."""
    for part in parts:
        add_costs(part, finished=False)
    if left := unaccounted(parts):
        log(
            f"note: {len(left)} finished runs are not in the report: the grid or its protocol has changed since "
            f"(first {left[0]})."
        )
    return write_report(parts[0], options, log, parts[1:])


def write_part(plan: Plan, folder: Path, options: ReportOptions, log: Callable[[str], None]) -> Part:
    """summary.csv, timing.csv, tables and figures of a plan into `folder`."""

    from suite.collect.ensembles import ensemble_rows
    from suite.collect.evidence import gather
    from suite.collect.results_table import collect_results, reported_rows, run_rows, tuning_left
    from suite.collect.views import tests_by_views
    from suite.published.references import published_rows
    from suite.report.figures.pairs import write_pairwise
    from suite.report.figures.scatter import write_figures
    from suite.report.figures.tradeoffs import write_pareto
    from suite.report.figures.views import write_views_of_grid
    from suite.report.tables.make import make_tables, table_inputs, write_made

    grid = plan.grid
    folder.mkdir(parents=True, exist_ok=True)
    clocks = clocks_of(plan)
    reference = published_rows(grid.reference) if grid.reference else None
    ours = run_rows(plan)
    ensembles = ensemble_rows(plan.folder, {run.folder.id for run in plan.runs if run.state() == "done"})
    for row in ensembles:
        if row["frames"] != row["frames"]:
            log(f"note: {row['id']} is not in the report: the frames of one of its models are not known.")
    ensembles = [row for row in ensembles if row["frames"] == row["frames"]]
    table = collect_results(reported_rows(ours, plan), options.published, options.predictions, ensembles)
    by_views = tests_by_views(plan, dict(zip(table.runs["id"], table.runs["name"], strict=True)))
    # refuses results that were edited
    evidence = gather(table, options.strict, retested(plan, table.runs), by_views)
    evidence.warnings.extend(tuning_left(plan))
    evidence.remarks.extend(f"Finished runs of other grids are used: {runs}." for runs in reused_by_grid(plan))
    write_atomic(folder / "summary.csv", csv_text(ours[[c for c in (*SUMMARY, SETTING) if c in ours]], PERCENT))
    write_atomic(folder / "timing.csv", csv_text(clocks))
    files = [folder / "summary.csv", folder / "timing.csv"]
    for warning in evidence.warnings:
        log(f"warning: {warning}")
    inputs = table_inputs(table, grid.tables, reference, evidence, options.printing)
    tables = make_tables(inputs, grid.tables)
    files += write_made(tables, folder, grid.tables)
    letters = {} if options.strict else evidence.marks.letters
    files += write_figures(inputs.table.stages.cells, folder, letters)
    files += write_pareto(inputs.table.stages, folder, inputs.draws, letters)
    files += write_views_of_grid(evidence.views, folder)
    files += write_pairwise(inputs.pairs, folder, evidence) if "pairwise_matrix" in grid.tables else []
    errors = {run.id: error["error"] for run in plan.runs if (error := run.folder.error())}
    return Part(table, evidence, tables, clocks, errors, files)


def clocks_of(plan: Plan) -> pd.DataFrame:
    """One row per finished run (`timing`); without the columns of estimates where nothing was estimated."""
    import pandas as pd

    estimates = read_estimates(plan.folder)
    trained = [run for run in plan.runs if run.folder.result_file.exists()]
    rows = [timing(run, estimate_of(run, estimates)) for run in trained]
    unknown = [
        key for key in ("seconds", "estimated_seconds", "estimate_error") if all(row[key] is None for row in rows)
    ]
    return pd.DataFrame([{key: row[key] for key in row if key not in unknown} for row in rows])


def csv_text(frame: pd.DataFrame, percent: Collection[str] = ()) -> str:
    """A frame as CSV: the columns `percent` with their exact decimals, text that a spreadsheet would run escaped."""

    def cell(value: Any, column: str) -> Any:
        if isinstance(value, str):
            return csv_cell(value)
        return to_decimals(value) if column in percent and isinstance(value, float) else value

    return frame.apply(lambda column: column.map(lambda value: cell(value, column.name))).to_csv(index=False)


def retested(plan: Plan, reported: pd.DataFrame) -> pd.DataFrame | None:
    """The tests of finished runs that are reported at other frame counts, or None when there is none."""
    from suite.collect.frames import frames_by_frames

    runs = [run for run in plan.runs if run.state() == "done"]
    if not any((run.folder.path / "eval").is_dir() for run in runs):
        return None
    names = dict(zip(reported["id"], reported["name"], strict=True))
    return frames_by_frames([(run.folder, run.spec, run.id, names[run.id]) for run in runs if run.id in names])
