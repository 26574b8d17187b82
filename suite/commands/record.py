"""reproduce: what the published numbers say."""

from __future__ import annotations

from suite.commands.options import RESULTS, Json, Results, app, print_json


@app.command()
def reproduce(results: Results = RESULTS, as_json: Json = False) -> None:
    """Tables and figures of deep_analysis's 288 runs, from the published numbers alone."""
    from suite.report.reproduce import reproduce as run

    found = run(results / "deep_analysis")
    print_json(found) if as_json else print("\n".join(found["files"]))
