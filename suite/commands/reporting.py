"""report: tables, figures and the page of a grid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from suite.commands.options import (
    LOOK,
    RESULTS,
    AllowCode,
    Json,
    Results,
    app,
    examples,
    log,
    planned,
    print_json,
    selects_runs,
    show,
)
from suite.spec import BadInput


@app.command(
    rich_help_panel=LOOK,
    epilog=examples(
        "suite report demo",
        "suite report mini_ssv2 --beside deep_analysis --strict",
        "suite report demo --interval plus-minus --columns params,gmacs,top1,pair  tables for a paper",
        "suite report demo.tar.gz  an archive made by suite export",
    ),
)
@selects_runs
def report(
    grid: Annotated[str, typer.Argument(metavar="GRID|ARCHIVE", help="A grid, or an archive made by suite export.")],
    results: Results = RESULTS,
    chosen: Any = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(metavar="PAPER", help="Add published rows of a paper, e.g. deep_analysis; may be repeated."),
    ] = None,
    predictions: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Add predictions of another codebase, with their YAML; may be repeated."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Leave out confounded runs, and published rows confounded with ours.")
    ] = False,
    interval: Annotated[
        str,
        typer.Option(
            metavar="brackets|plus-minus|none",
            help="Notation of 95 % confidence intervals: 57.5 [52.6, 62.3], 57.5 ± 4.9, or left out.",
        ),
    ] = "brackets",
    spread: Annotated[
        str,
        typer.Option(
            metavar="ci|sd|both",
            help="What to print with a mean over seeds: 95 % confidence interval, standard deviation, or both.",
        ),
    ] = "both",
    digits: Annotated[int, typer.Option(metavar="N", help="Decimals of percentages.")] = 1,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME",
            help="Columns of the accuracy table, in this order: top1, pair, published, top5, top1_video, best_top1, "
            "ece, gmacs, conv_gmacs, params, seeds, n.",
        ),
    ] = None,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Write tables, figures and the page of a grid.

    Uses the runs that are finished. The report of an archive uses the grid and the protocol in it.
    """
    from suite.app.export import report_archive
    from suite.report.build import ReportOptions, write_grid_report, write_report
    from suite.report.console.listing import notes
    from suite.report.tables.rendering.table import Printing
    from suite.store.archive import is_archive
    from suite.sweep.parts import part_folder, report_parts
    from suite.sweep.plan import add_costs

    chosen_columns = tuple(name.strip() for name in columns.split(",")) if columns is not None else ()
    printing = Printing(interval, spread, digits, chosen_columns)
    options = ReportOptions(tuple(beside or ()), tuple(predictions or ()), strict, printing)

    if is_archive(grid):
        if chosen is not None or options != ReportOptions():
            raise BadInput("An archive takes no options: its report covers exactly what it contains.")
        found = report_archive(Path(grid), results)
        for name in found["differ"]:
            log(f"note: {name} differs from the one in the archive, which another version of the suite wrote.")
    else:
        parts = report_parts(grid, results)
        made = parts[0] if chosen is None else planned(grid, results, chosen, costs=False)
        for note in notes(made):
            log(note)
        if chosen is None:
            files = write_grid_report(parts, options, log)
        else:
            add_costs(made, finished=False)
            files = write_report(replace(made, folder=part_folder(made, parts)), options, log)
        found = {"files": [str(file) for file in files]}
    print_json(found) if as_json else show("\n".join(found["files"]))
