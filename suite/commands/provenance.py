"""explain, verify, export: where a number came from, whether it still comes out, and a grid as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.commands.options import RESULTS, AllowCode, Data, Json, Results, app, data_root, planned, print_json, say


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
    grid: Annotated[str, typer.Argument(help="A grid, or an archive that `suite export --weights` made.")],
    sample: Annotated[str, typer.Option(help="Share of the finished runs, e.g. 5%, or their number, e.g. 3.")] = "5%",
    data: Data = None,
    results: Results = RESULTS,
    device: Annotated[str | None, typer.Option(help="cpu or cuda (default: cuda where there is one).")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that load data.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the draw; the same seed draws the same runs.")] = 0,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Test checkpoints of finished runs again and compare with the stored predictions, video by video.

    Exit code 1 when for one of them a stored accuracy does not follow from the stored predictions, ids or labels are
    not those of the data, the checkpoint cannot be tested, fewer than 99 % of the videos get the same predicted class,
    or bits differ on a CPU of the same name with the same packages, threads and code that tests; else 0. Per run the
    output says which of the last two was required, and why.
    """
    from suite.report.console.explain import describe_verified
    from suite.store.archive import is_archive, open_archive
    from suite.sweep.archived import archived_plan
    from suite.sweep.verify import verify as check

    unpacked = open_archive(Path(grid), results / "archives") if is_archive(grid) else None
    plan = archived_plan(unpacked) if unpacked else planned(grid, results, None, costs=False)
    found = check(plan, sample, data_root(data), device=device, workers=workers, seed=seed, say=say)
    print_json(found) if as_json else print(describe_verified(found))
    if not found["ok"]:
        raise typer.Exit(1)


@app.command()
def export(
    grid: str,
    out: Annotated[Path | None, typer.Option(help="The archive (default: <results>/<grid>.tar.gz).")] = None,
    results: Results = RESULTS,
    weights: Annotated[bool, typer.Option("--weights", help="Checkpoints of finished runs too.")] = False,
    allow_code: AllowCode = False,
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
