"""reproduce: what the published numbers say."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from suite.commands.options import COMPARE, RESULTS, Json, Results, app, examples, print_json, show
from suite.spec import BadInput


@app.command(
    rich_help_panel=COMPARE,
    epilog=examples(
        "suite reproduce  all tables, figures and findings",
        "suite reproduce costs  reported and counted costs",
        "suite reproduce coverage  which grid runs which printed number",
        "suite reproduce --finding KEY  one finding with its numbers",
    ),
)
def reproduce(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="all: tables, figures and findings. costs: compare every reported cost with our count. brief: the "
            "summary in docs/published-record.md. coverage: which grid runs which printed number.",
        ),
    ] = "all",
    results: Results = RESULTS,
    finding: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Print one finding with its numbers; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Rebuild tables and findings from published numbers.

    Uses only the published numbers of five papers, and writes tables and figures to <results>/reproduced.
    """
    if what not in ("all", "costs", "brief", "coverage"):
        raise BadInput(f"suite reproduce expects all, costs, brief or coverage, not '{what}'.")
    if what == "coverage":
        _coverage(as_json)
    elif what == "brief":
        _brief(as_json)
    elif what == "costs":
        _costs(results, as_json)
    elif finding:
        _findings(finding, as_json)
    else:
        _all(results, as_json)


def _all(results: Results, as_json: bool) -> None:
    from suite.report.reproduce import reproduce as run

    made = run(results / "reproduced")
    if as_json:
        print_json(made)
        return
    for entry in made["findings"]:
        show(f"{entry['title']}: {entry['statement']}\n    {entry['command']}\n")
    show(f"{len(made['files'])} files; start with {made['files'][0]}")


def _findings(keys: list[str], as_json: bool) -> None:
    from suite.published.findings import findings
    from suite.report.reproduce import as_dict, as_table
    from suite.report.tables.rendering.formats import to_markdown

    found = findings(keys)
    if as_json:
        print_json([as_dict(f) for f in found])
    else:
        show("\n".join(to_markdown(as_table(f)) for f in found))


def _brief(as_json: bool) -> None:
    from suite.published.findings import confound_counts, findings, in_brief

    found = {finding.key: finding for finding in findings()}
    text = {"brief": in_brief(found), "confounds": confound_counts(found)}
    print_json(text) if as_json else show("\n".join(text.values()))


def _coverage(as_json: bool) -> None:
    from suite.published.coverage import coverage, figures
    from suite.report.published.coverage import coverage_page

    rows, of_figures = coverage(), figures()
    if as_json:
        print_json(
            {"rows": [asdict(row) for row in rows], "figures": {k: v.model_dump() for k, v in of_figures.items()}}
        )
    else:
        show(coverage_page(rows, of_figures))


def _costs(results: Results, as_json: bool) -> None:
    from suite.published.cost_audit import audit
    from suite.report.tables.cost_audit import audit_table
    from suite.report.tables.make import write_table
    from suite.report.tables.rendering.formats import to_markdown

    found = audit()
    table = audit_table(found)
    files = write_table(table, results / "reproduced")
    if as_json:
        print_json({"rows": [asdict(row) for row in found], "files": [str(file) for file in files]})
    else:
        show(to_markdown(table))
