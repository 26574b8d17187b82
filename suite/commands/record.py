"""reproduce: what the published numbers say."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import RESULTS, Json, Results, app, print_json


@app.command()
def reproduce(
    results: Results = RESULTS,
    finding: Annotated[
        list[str] | None, typer.Option(help="Print a finding with its numbers; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tables, figures and findings from the published numbers of five papers alone."""
    if finding:
        from suite.analysis.findings import findings
        from suite.report.formats import to_markdown
        from suite.report.reproduce import as_dict, as_table

        found = findings(finding)
        print_json([as_dict(f) for f in found]) if as_json else print(
            "\n".join(to_markdown(as_table(f)) for f in found)
        )
        return
    from suite.report.reproduce import reproduce as run

    made = run(results / "reproduced")
    if as_json:
        print_json(made)
        return
    for entry in made["findings"]:
        print(f"{entry['title']}: {entry['statement']}\n    {entry['command']}\n")
    print(f"{len(made['files'])} files; begin with {made['files'][0]}")
