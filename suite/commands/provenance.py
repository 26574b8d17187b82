"""explain, verify, export: where a number came from, whether it still comes out, and a grid as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.commands.options import RESULTS, Data, Json, Results, app, data_root, planned, print_json, say


@app.command()
def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CELL",
            help="A run (its id, a unique beginning or pattern, its folder, ARCHIVE.tar.gz#ID), or a cell "
            "<grid>:<dataset>/<model>/f<frames>, e.g. demo:calib_order/tam-resnet18/f8, for the runs of all seeds.",
        ),
    ],
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Where a number came from: configuration, parents, commit, packages, device, data, weights, sessions, files."""
    from suite.report.console.explain import describe
    from suite.report.console.explain import explain as find

    found = find(what, results)
    print_json(found) if as_json else print(describe(found))


@app.command()
def verify(
    what: Annotated[
        str,
        typer.Argument(
            metavar="GRID|RUN",
            help="A grid, an archive that `suite export --weights` made, or runs as `suite explain` takes them.",
        ),
    ],
    sample: Annotated[
        str | None,
        typer.Option(help="Share of the finished runs, e.g. 5%, or their number, e.g. 3 (default: 5% of a grid)."),
    ] = None,
    data: Data = None,
    results: Results = RESULTS,
    device: Annotated[str | None, typer.Option(help="cpu or cuda (default: cuda where there is one).")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that load data.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the draw; the same seed draws the same runs.")] = 0,
    as_json: Json = False,
) -> None:
    """Test checkpoints of finished runs again and compare with the stored predictions, video by video.

    Exit code 1 when for one of them a stored accuracy does not follow from the stored predictions, ids or labels are
    not those of the data, the checkpoint cannot be tested, fewer than 99 % of the videos get the same predicted class,
    or bits differ on a CPU of the same name with the same packages, threads and code that tests; else 0. Per run the
    output says which of the last two was required, and why.
    """
    from suite.collect.resolve import resolve_unless_grid
    from suite.report.console.explain import describe_verified
    from suite.store.archive import is_archive, open_archive
    from suite.sweep.archived import archived_plan
    from suite.sweep.plan import PlannedRun
    from suite.sweep.verify import verify as check
    from suite.sweep.verify import verify_runs

    machine = {"device": device, "workers": workers, "seed": seed, "say": say}
    named = None if is_archive(what) else resolve_unless_grid(what, results)
    if named is not None:
        runs = [PlannedRun(run.spec(), run, archived_id=run.id) for run in named]
        found = verify_runs(runs, what, sample or "100%", data_root(data), **machine)
    else:
        unpacked = open_archive(Path(what), results / "archives") if is_archive(what) else None
        plan = archived_plan(unpacked) if unpacked else planned(what, results, None, costs=False)
        found = check(plan, sample or "5%", data_root(data), **machine)
    print_json(found) if as_json else print(describe_verified(found))
    if not found["ok"]:
        raise typer.Exit(1)


@app.command()
def export(
    grid: str,
    out: Annotated[Path | None, typer.Option(help="The archive (default: <results>/<grid>.tar.gz).")] = None,
    results: Results = RESULTS,
    weights: Annotated[bool, typer.Option("--weights", help="Checkpoints of finished runs too.")] = False,
    as_json: Json = False,
) -> None:
    """One archive of a grid; `suite report` and `suite compare` read it on another machine."""
    from suite.app.export import export as write
    from suite.sweep.plan import reckon

    plan = planned(grid, results, None, costs=False)
    reckon(plan, finished=False)
    found = write(plan, out or results / f"{plan.grid.name}.tar.gz", weights)
    if found["left_out"]:
        say(f"note: {len(found['left_out'])} runs of other selections are not in it (first {found['left_out'][0]}).")
    if found["absolute_paths"]:
        first = found["absolute_paths"][0]
        say(f"note: {len(found['absolute_paths'])} runs start from a file named by an absolute path (first {first}).")
    if as_json:
        print_json(found)
    else:
        print(f"{found['archive']}: {found['done']} of {found['runs']} runs done, {found['bytes'] / 2**20:.1f} MiB")
