"""status: the progress of a sweep."""

from __future__ import annotations

from typing import Any

from suite.commands.options import (
    RESULTS,
    RUN,
    GridName,
    Json,
    Results,
    app,
    examples,
    log,
    planned,
    print_json,
    selects_runs,
)


@app.command(
    rich_help_panel=RUN, epilog=examples("suite status demo", "suite status mini_ssv2 --only '*-resnet50' --json")
)
@selects_runs
def status(grid: GridName, results: Results = RESULTS, chosen: Any = None, as_json: Json = False) -> None:
    """Show the progress of a sweep.

    Without options that select runs, it shows the last selection.
    """
    from suite.report.console.listing import not_shown, notes, print_status
    from suite.sweep.summary import known_issues
    from suite.sweep.summary import status as statuses

    made = planned(grid, results, chosen, costs=False)
    found = statuses(made)
    for issue in known_issues(made):
        log(f"warning: {issue}")
    for note in (*notes(made), *not_shown(made)):
        log(note)
    print_json(found) if as_json else print_status(grid, found)
