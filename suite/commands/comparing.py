"""compare, factors: two results, what differs between them, and by how much; what is compared at all."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import RESULTS, Json, Results, app, print_json, say


@app.command()
def compare(
    a: Annotated[
        str,
        typer.Argument(
            help="Run id, run folder, predictions file, or published row (published.…); several seeds: ID,ID,ID."
        ),
    ],
    b: Annotated[str, typer.Argument(help="The other one.")],
    axis: Annotated[str, typer.Option(help="What is under study; every other factor that differs is a confound.")] = (
        "module"
    ),
    margin: Annotated[
        float | None, typer.Option(help="Percentage points within which they count as equivalent (TOST).")
    ] = None,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Test each class; false discovery rate 0.05 (Benjamini-Hochberg).")
    ] = False,
    cluster: Annotated[
        str | None, typer.Option(help="class: the interval resamples whole classes instead of videos.")
    ] = None,
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """What is the same, what differs, the verdict, and the difference with its interval."""
    from suite.collect.resolve import read_results
    from suite.fairness.sides import compare_sides
    from suite.report.console.comparison import print_comparison

    found = compare_sides(
        read_results(a, results, say), read_results(b, results, say), axis, margin, per_class, cluster
    )
    print_json(found) if as_json else print_comparison(found)


@app.command()
def factors(as_json: Json = False) -> None:
    """The factors that a comparison checks, the grade of each, and what is known of the effect of a difference."""
    from suite.report.console.comparison import factor_list, print_factors

    print_json(factor_list()) if as_json else print_factors()
