"""bench: speed and memory, and the coverage of the confidence intervals."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from suite.commands.options import MODELS, RESULTS, Json, Results, app, examples, numbers, print_json, show
from suite.spec import BadInput


@app.command(
    rich_help_panel=MODELS,
    epilog=examples(
        "suite bench  our layers against plain PyTorch layers",
        "suite bench --name tam-resnet18 --batch 8 --rounds 3",
        "suite bench device  speed of this machine, for the estimates of suite plan",
        "suite bench intervals --sweeps 200  coverage of the confidence intervals",
    ),
)
def bench(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="layout: speed of our layers relative to plain PyTorch layers in the default memory layout. "
            "rcca: RCCA-3D against non-local blocks and a gather-based version; exit code 1 if it is not faster. "
            "arc: peak memory of ARC by number of steps. "
            "report: time and memory of a report over 300 generated runs. "
            "manifest: time and memory of reading a large data set; exit code 1 if over 3 s or 500 MiB. "
            "driver: CPU time and memory of the process that schedules 300 runs; exit code 1 if over 10 s of CPU time "
            "or 300 MiB. "
            "start: seconds to the first training step of a run, with a large data set; exit code 1 if over 8 s cold "
            "or 1 s from the fork server. "
            "device: speed of this CPU or GPU, stored in <results>/benchmarks/devices for suite plan. "
            "processes: two processes that train a run on the CPU against one; exit code 1 if not 1.5 times as fast. "
            "intervals: coverage of the 95 % intervals, family-wise error and power of the bold marks, on simulated "
            "sweeps with known truth; exit code 1 if one is out of range.",
        ),
    ] = "layout",
    names: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="Model to measure; may be repeated (default: four on ResNet-18)."),
    ] = None,
    batch: Annotated[str, typer.Option(metavar="N,N", help="Batch sizes to measure.")] = "2,8",
    frames: Annotated[int, typer.Option(metavar="N", help="Frames per clip.")] = 8,
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Height and width of the clips.")] = 112,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="cpu|cuda", help="Device to measure on (default: cpu; for device: cuda where there is a GPU)."
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="fp32|bf16",
            help="Precision of the forward pass (default: fp32; for device on a GPU: both).",
        ),
    ] = None,
    slots: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="For device: runs at the same time on this CPU (default: as suite sweep does)."
        ),
    ] = None,
    results: Results = RESULTS,
    rounds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of interleaved rounds; medians are shown.")
    ] = 9,
    sweeps: Annotated[
        int, typer.Option(metavar="N", min=1, help="For intervals: simulated sweeps per setting.")
    ] = 2_500,
    videos: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="For intervals: videos per sweep, at least 1,000 (default: 1,000). For report: predictions per run "
            "(default: 12,000). For manifest and start: videos of the data set (default: 240,000).",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure speed, memory and coverage of intervals.

    Speeds are ratios from interleaved measurements, so that other load on the machine affects both sides alike.
    """
    if what == "intervals":
        _intervals(sweeps, videos or 1_000, as_json)
        return
    if what in ("rcca", "arc"):
        _blocks(what, rounds, as_json)
        return
    if what == "report":
        if videos is not None and videos < 1:
            raise BadInput(f"--videos expects at least 1, not {videos}.")
        _report(videos or 12_000, as_json)
        return
    if what == "manifest":
        if videos is not None and videos < 1:
            raise BadInput(f"--videos expects at least 1, not {videos}.")
        _manifest(videos or 240_000, rounds, as_json)
        return
    if what == "driver":
        _driver(as_json)
        return
    if what == "start":
        _start(videos or 240_000, rounds, as_json)
        return
    if what == "processes":
        _processes(rounds, as_json)
        return
    if precision not in (None, "fp32", "bf16"):
        raise BadInput(f"--precision expects fp32 or bf16, not '{precision}'.")
    if what == "device":
        _device(device, precision, slots, tuple(names or ()), results, as_json)
        return
    if what != "layout":
        expected = "layout, rcca, arc, report, manifest, driver, start, processes, device or intervals"
        raise BadInput(f"suite bench expects {expected}, not '{what}'.")
    from suite.benchmarks.speed import MODELS as DEFAULT_MODELS
    from suite.benchmarks.speed import layout
    from suite.device import usable_device
    from suite.report.console.listing import print_layout_bench

    batches = numbers(batch, "--batch", ",")
    device, precision = usable_device(device or "cpu"), precision or "fp32"
    if not batches or min(batches) < 1:
        raise BadInput(f"--batch expects batch sizes above 0, not '{batch}'.")
    found = layout(rounds, batches, (frames, size), device, tuple(names or DEFAULT_MODELS), precision)
    print_json(found) if as_json else print_layout_bench(found)


def _device(
    device: str | None, precision: str | None, slots: int | None, names: tuple[str, ...], results: Path, as_json: bool
) -> None:
    from suite.benchmarks.device_speed import MODELS, bench_device
    from suite.report.console.devices import print_device
    from suite.sweep.calibration import make_folder, save
    from suite.sweep.executors.machine import Machine

    machine = Machine.of(slots, device)
    precisions = (precision,) if precision else ("fp32", "bf16") if machine.device == "cuda" else ("fp32",)
    make_folder(results)  # what cannot be written is told before a minute of measuring
    found = bench_device(machine, names or MODELS, precisions)
    file = save(found, results)
    if as_json:
        print_json(found | {"file": str(file)})
    else:
        print_device(found, file)


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
        show(
            f"suite report over {found['runs']} runs of {found['videos']} predictions each: {found['seconds']:.1f} s, "
            f"peak memory {found['gib']:.2f} GiB, on {found['cores']} cores"
        )
        show(f"bold in a table of 96 models on 12000 videos: {found['bold_seconds']:.1f} s")


def _manifest(videos: int, rounds: int, as_json: bool) -> None:
    from suite.benchmarks.manifest import bench_manifest

    found = bench_manifest(videos, rounds)
    if as_json:
        print_json(found)
    else:
        show(
            f"{found['videos']} videos: {found['seconds']:.2f} s (minimum of {found['rounds']}; CPU time "
            f"{found['cpu_seconds']:.2f} s), peak memory "
            f"{found['mib']:.0f} MiB; load average of the machine {found['load']:.1f}"
        )
        show(
            f"memory of a data-loader worker that is not shared: {found['worker_start_mib']:.0f} MiB at its first "
            f"batch, {found['worker_end_mib']:.0f} MiB after all videos"
        )
    if not found["holds"]:
        raise typer.Exit(1)


def _start(videos: int, rounds: int, as_json: bool) -> None:
    from suite.benchmarks.start import bench_start

    found = bench_start(videos, rounds)
    if as_json:
        print_json(found)
    else:
        show(
            f"first training step with {found['videos']} videos: {found['cold_seconds']:.1f} s after the start of a "
            f"new process, {found['warm_seconds']:.2f} s after that of one from the fork server (minimum of "
            f"{found['rounds']}); load average of the machine {found['load']:.1f}"
        )
    if not found["holds"]:
        raise typer.Exit(1)


def _driver(as_json: bool) -> None:
    from suite.benchmarks.driver import bench_driver

    found = bench_driver()
    if as_json:
        print_json(found)
    else:
        show(
            f"{found['done']} of {found['runs']} runs that train nothing, {found['seconds']:.0f} s: driver "
            f"{found['cpu_seconds']:.1f} s of CPU time, peak memory {found['mib']:.0f} MiB; finished sweep "
            f"recognised in {found['again_seconds']:.1f} s"
        )
    if not found["holds"]:
        raise typer.Exit(1)


def _processes(rounds: int, as_json: bool) -> None:
    from suite.benchmarks.processes import bench_processes

    found = bench_processes(rounds)
    if as_json:
        print_json(found)
    else:
        show(
            f"{found['model']}, one thread per process: {found['seconds_one']:.2f} s per update with one process, "
            f"{found['seconds_several']:.2f} s with {found['processes']}: {found['speedup']:.2f} times as fast (median "
            f"of {found['rounds']} rounds, {found['lowest']:.2f} to {found['highest']:.2f}; by CPU time per process "
            f"{found['cpu_speedup']:.2f})"
        )
    if not found["holds"]:
        raise typer.Exit(1)


def _intervals(sweeps: int, videos: int, as_json: bool) -> None:
    from suite.benchmarks.coverage import study
    from suite.report.console.coverage import print_coverage

    found = study(sweeps, videos, processes=len(os.sched_getaffinity(0)))
    print_json(found) if as_json else print_coverage(found)
    if not found["holds"]:
        raise typer.Exit(1)
