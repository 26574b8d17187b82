"""explain, verify, export: where a number came from, whether it can be reproduced, and a grid as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.commands.options import (
    LOOK,
    RESULTS,
    AllowCode,
    Data,
    Device,
    GridName,
    Json,
    Results,
    Workers,
    app,
    data_root,
    examples,
    log,
    planned,
    print_json,
    show,
)


@app.command(
    rich_help_panel=LOOK,
    epilog=examples(
        "suite explain demo:calib_order/tam-resnet18/f8  a cell: the runs of all seeds",
        "suite explain calib_order.tam-resnet18.f8  a run, by the beginning of its id",
        "suite explain demo.tar.gz#ID --json  a run in an archive",
    ),
)
def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CELL",
            help="A run (its id or the beginning of it, a pattern, its folder, ARCHIVE.tar.gz#ID), or a table cell "
            "<grid>:<dataset>/<model>/f<frames> for the runs of all seeds.",
        ),
    ],
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Show how a result was obtained.

    Prints configuration, parent runs, commit, packages, device, data, initial weights, sessions and files.
    """
    from suite.report.console.explain import describe
    from suite.report.console.explain import explain as find

    found = find(what, results)
    print_json(found) if as_json else show(describe(found))


@app.command(
    rich_help_panel=LOOK,
    epilog=examples(
        "suite verify demo  5 % of the finished runs",
        "suite verify demo --sample 3 --seed 1",
        "suite verify demo.tar.gz --sample 100%  an archive made with --weights",
    ),
)
def verify(
    what: Annotated[
        str,
        typer.Argument(
            metavar="GRID|RUN",
            help="A grid, an archive made by suite export --weights, or runs as for suite explain.",
        ),
    ],
    sample: Annotated[
        str | None,
        typer.Option(
            metavar="N|N%",
            help="How many of the finished runs to test: a number or a percentage (default: 5% of a grid).",
        ),
    ] = None,
    data: Data = None,
    results: Results = RESULTS,
    device: Device = None,
    workers: Workers = 0,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Seed of the random sample; the same seed selects the same runs.")
    ] = 0,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Test checkpoints again and compare with stored predictions.

    Exit code 1 when, for one of the runs, the stored accuracy does not follow from the stored predictions, ids or
    labels differ from those of the data, the checkpoint cannot be tested, fewer than 99 % of the videos get the same
    predicted class, or predictions are not bit-identical on the same CPU model with the same packages, threads and
    test code. The output says for each run which of the last two was required, and why.
    """
    from suite.collect.resolve import resolve_unless_grid
    from suite.report.console.explain import describe_verified
    from suite.store.archive import is_archive, open_archive
    from suite.sweep.archived import archived_plan
    from suite.sweep.planned_run import PlannedRun
    from suite.sweep.verify import verify as check
    from suite.sweep.verify import verify_runs

    machine = {"device": device, "workers": workers, "seed": seed, "log": log}
    named = None if is_archive(what) else resolve_unless_grid(what, results)
    if named is not None:
        runs = [PlannedRun(run.spec(), run, archived_id=run.id) for run in named]
        found = verify_runs(runs, what, sample or "100%", data_root(data), **machine)
    else:
        unpacked = open_archive(Path(what), results / "archives") if is_archive(what) else None
        plan = archived_plan(unpacked) if unpacked else planned(what, results, None, costs=False)
        found = check(plan, sample or "5%", data_root(data), **machine)
    print_json(found) if as_json else show(describe_verified(found))
    if not found["ok"]:
        raise typer.Exit(1)


@app.command(
    rich_help_panel=LOOK,
    epilog=examples(
        "suite export demo  writes results/demo.tar.gz",
        "suite export demo --weights --out demo.tar.gz  for suite verify elsewhere",
    ),
)
def export(
    grid: GridName,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Output file (default: <results>/<grid>.tar.gz).")
    ] = None,
    results: Results = RESULTS,
    weights: Annotated[bool, typer.Option("--weights", help="Include the checkpoints of finished runs.")] = False,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Pack the results of a grid into one archive.

    On another machine, suite report, compare and explain read it.
    """
    from suite.app.export import export as write
    from suite.sweep.plan import add_costs

    plan = planned(grid, results, None, costs=False)
    add_costs(plan, finished=False)
    found = write(plan, out or results / f"{plan.grid.name}.tar.gz", weights)
    if found["left_out"]:
        log(
            f"note: {len(found['left_out'])} runs of other selections are not in the archive (first "
            f"{found['left_out'][0]})."
        )
    if found["absolute_paths"]:
        first = found["absolute_paths"][0]
        log(f"note: {len(found['absolute_paths'])} runs start from a file with an absolute path (first {first}).")
    if as_json:
        print_json(found)
    else:
        show(f"{found['archive']}: {found['done']} of {found['runs']} runs done, {found['bytes'] / 2**20:.1f} MiB")
