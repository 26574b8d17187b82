"""compare, factors: two results, what differs between them, and by how much; what is compared at all."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import COMPARE, RESULTS, Json, Results, app, examples, log, print_json

SIDE = (
    "A run (its id or the beginning of it, its folder or GRID:DATASET/MODEL/fFRAMES), a folder of suite eval, an "
    "ensemble of suite fuse, a predictions file (.csv, .parquet) with its YAML file, or a published row (published.…). "
    "Several seeds of one model: ID,ID,ID."
)


@app.command(
    rich_help_panel=COMPARE,
    epilog=examples(
        "suite compare calib_order.tsn-resnet18.f8 calib_order.tam-resnet18.f8",
        "suite compare results/demo/runs/ID theirs.csv  with another codebase",
        "suite compare ID ID --margin 1 --per-class  equivalence; classes that differ",
        "suite compare ID,ID,ID ID,ID,ID --json  means over three seeds",
    ),
)
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=SIDE)],
    b: Annotated[str, typer.Argument(metavar="B", help="The other result, in the same forms as A.")],
    axis: Annotated[
        str, typer.Option(metavar="FACTOR", help="The factor under study; other factors that differ are confounds.")
    ] = "module",
    margin: Annotated[
        float | None,
        typer.Option(metavar="POINTS", help="Test equivalence within this many percentage points (TOST)."),
    ] = None,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Test each class; false discovery rate 0.05 (Benjamini-Hochberg).")
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="class", help="With 'class', the interval resamples whole classes instead of videos."),
    ] = None,
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Compare two results: protocol first, then accuracy.

    Shows which factors are the same, which differ and how serious that is, then the difference in top-1 accuracy with
    its 95 % confidence interval.
    """
    from suite.collect.resolve import read_results
    from suite.fairness.sides import compare_sides
    from suite.report.console.comparison import print_comparison

    found = compare_sides(
        read_results(a, results, log), read_results(b, results, log), axis, margin, per_class, cluster
    )
    print_json(found) if as_json else print_comparison(found)


@app.command(rich_help_panel=COMPARE, epilog=examples("suite factors", "suite factors --json"))
def factors(as_json: Json = False) -> None:
    """List the factors that a comparison checks.

    For each: its grade, and the known effect of a difference.
    """
    from suite.report.console.comparison import factor_list, print_factors

    print_json(factor_list()) if as_json else print_factors()
