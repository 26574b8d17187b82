"""bench: speed, as ratios within one run, and whether the intervals cover."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from suite.commands.options import Json, app, numbers, print_json
from suite.spec import BadInput


@app.command()
def bench(
    what: Annotated[
        str,
        typer.Argument(
            help="layout: ours against plain layers in the default layout. "
            "intervals: coverage of the 95 % intervals, family-wise error and power of bold, on simulated sweeps of "
            "known truth; exit code 1 if one is out of its range. "
            "report: time and memory of a report over 300 generated runs. "
            "rcca: RCCA-3D against non-local blocks and gather; exit code 1 if it is not faster. "
            "arc: peak memory of ARC against its steps."
        ),
    ] = "layout",
    names: Annotated[list[str] | None, typer.Option("--name", help="Models (default: four on resnet18).")] = None,
    batch: Annotated[str, typer.Option(help="Batch sizes.")] = "2,8",
    frames: int = 8,
    size: int = 112,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    precision: Annotated[str, typer.Option(help="fp32 or bf16.")] = "fp32",
    rounds: Annotated[int, typer.Option(min=1)] = 9,
    sweeps: Annotated[int, typer.Option(min=1, help="intervals: simulated sweeps per setting.")] = 2_500,
    videos: Annotated[
        int | None, typer.Option(help="intervals: videos of a sweep, 1,000 or more (1,000). report: of a run (12,000).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure speed, as ratios within one run, the coverage of the intervals, or a report's time and memory."""
    if what == "intervals":
        _intervals(sweeps, videos or 1_000, as_json)
        return
    if what in ("rcca", "arc"):
        _blocks(what, rounds, as_json)
        return
    if what == "report":
        if videos is not None and videos < 1:
            raise BadInput(f"A run has at least one video, not {videos}.")
        _report(videos or 12_000, as_json)
        return
    if what != "layout":
        raise BadInput(f"There is no benchmark '{what}'; known: layout, intervals, report, rcca, arc.")
    from suite.benchmarks.speed import MODELS, layout
    from suite.device import usable_device
    from suite.report.console.listing import print_layout_bench

    batches = numbers(batch, "--batch", ",")
    usable_device(device)
    if not batches or min(batches) < 1:
        raise BadInput(f"--batch takes batch sizes above 0, not '{batch}'.")
    if precision not in ("fp32", "bf16"):
        raise BadInput(f"Precision is fp32 or bf16, not '{precision}'.")
    found = layout(rounds, batches, (frames, size), device, tuple(names or MODELS), precision)
    print_json(found) if as_json else print_layout_bench(found)


def _blocks(what: str, rounds: int, as_json: bool) -> None:
    if what == "rcca":
        from suite.benchmarks.rcca_speed import rcca_speed

        found = rcca_speed(rounds)
        rows = found["rows"]
    else:
        from suite.benchmarks.arc_memory import arc_memory

        rows = found = arc_memory()
    if as_json:
        print_json(found)
    else:
        from suite.report.console.listing import print_rows

        print_rows(rows, {key: value for key, value in found.items() if key != "rows"} if what == "rcca" else {})
    if what == "rcca" and not found["holds"]:
        raise typer.Exit(1)


def _report(videos: int, as_json: bool) -> None:
    from suite.benchmarks.report_time import bench_report

    found = bench_report(videos)
    if as_json:
        print_json(found)
    else:
        print(
            f"suite report over {found['runs']} runs of {found['videos']} predictions each: {found['seconds']:.1f} s, "
            f"{found['gib']:.2f} GiB at most, on {found['cores']} cores"
        )
        print(f"bold in a table of 96 models on 12000 videos: {found['bold_seconds']:.1f} s")


def _intervals(sweeps: int, videos: int, as_json: bool) -> None:
    from suite.benchmarks.coverage import study
    from suite.report.console.coverage import print_coverage

    found = study(sweeps, videos, processes=len(os.sched_getaffinity(0)))
    print_json(found) if as_json else print_coverage(found)
    if not found["holds"]:
        raise typer.Exit(1)
