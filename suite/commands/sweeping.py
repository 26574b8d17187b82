"""sweep and plan: the runs of a grid."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from suite.commands.options import (
    RESULTS,
    RUN,
    AllowCode,
    Data,
    Device,
    GridName,
    Json,
    Results,
    app,
    data_root,
    examples,
    log,
    planned,
    print_json,
    selects_runs,
)
from suite.spec import BadInput


@app.command(
    rich_help_panel=RUN,
    epilog=examples(
        "suite sweep demo  a few minutes on two CPU cores",
        "suite sweep mini_ssv2 --data /data --only 'tsn-*'",
        "suite sweep demo --set epochs=1 --frames 8  a quick trial, stored separately",
        "suite sweep mini_ssv2 --data /data --pilot  a few videos of each model, in minutes",
        "suite sweep mini_ssv2 --shard 1/4  the first of four machines",
        "suite sweep mini_ssv2 --executor slurm --partition gpu --time 24:00:00 --gpus-per-run 1",
        "suite sweep mini_ssv2 --executor ray --address auto --gpus-per-run 1 --cpus-per-run 8",
    ),
)
@selects_runs
def sweep(
    grid: GridName,
    data: Data = None,
    results: Results = RESULTS,
    chosen: Any = None,
    executor: Annotated[
        str,
        typer.Option(metavar="local|slurm|ray", help="Where to run: on this machine, or on a Slurm or Ray cluster."),
    ] = "local",
    slots: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Number of runs at the same time (default: one per GPU, else one per core, up to 8; on a "
            "cluster, 500 jobs in the queue).",
        ),
    ] = None,
    device: Device = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=256,
            help="Data-loading processes per training process (default: depends on the device).",
        ),
    ] = None,
    retries: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Retries of a run, counted separately for exceptions, crashes and lack of memory.",
        ),
    ] = 1,
    checkpoint_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="Time between checkpoints of a run.")
    ] = 60.0,
    checkpoint_steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Steps between checkpoints, instead of --checkpoint-seconds.")
    ] = None,
    rerun: Annotated[
        list[str] | None,
        typer.Option(
            metavar="stale|failed",
            help="Train stale or failed runs again from the start; old folders are kept. May be repeated.",
        ),
    ] = None,
    reuse: Annotated[
        bool, typer.Option(help="Use finished runs of other grids under --results if code and data are unchanged.")
    ] = True,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="On GPUs: use deterministic kernels only (slower).")
    ] = False,
    tracking: Annotated[bool, typer.Option(help="Log finished runs and the report to MLflow.")] = True,
    pilot: Annotated[
        bool,
        typer.Option("--pilot", help="Only try each model on a few videos, in <results>/pilot, and estimate the rest."),
    ] = False,
    partition: Annotated[str | None, typer.Option(metavar="NAME", help="Slurm: partition of the jobs.")] = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="LIMIT",
            help="Slurm: time limit of a job (default: estimated). A run that reaches it saves its state and is "
            "requeued.",
        ),
    ] = None,
    gpus_per_run: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="GPUs per run, with one process each (default: one on a machine with GPUs; on Slurm and Ray none, the "
            "CPU).",
        ),
    ] = None,
    processes_per_run: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="On the CPU: processes that train a run together (default: one)."),
    ] = None,
    cpus_per_run: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Slurm, Ray: CPU cores of a run.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="auto|HOST:PORT", help="Ray: the cluster (default: RAY_ADDRESS, else one started on this machine)."
        ),
    ] = None,
    sbatch: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Slurm: another option of sbatch, e.g. account=lab; may be repeated."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Slurm: leave the jobs in the queue when this command is stopped.")
    ] = False,
    no_smoke: Annotated[
        bool, typer.Option("--no-smoke", help="Slurm: queue the runs without first checking a node with a short job.")
    ] = False,
    allow_code: AllowCode = False,
) -> None:
    """Train and test all runs of a grid, then report.

    Finished runs are kept and unfinished ones resume, so the same command continues after Ctrl-C or a crash. Exit code
    1 if a run failed.
    """
    from suite.app.sweep import Request, run_sweep
    from suite.commands.cluster import cluster_of, device_of, given_options, processes_of
    from suite.sweep.plan import Selection

    given = given_options(
        partition=partition,
        time=time,
        gpus_per_run=gpus_per_run,
        cpus_per_run=cpus_per_run,
        sbatch=sbatch,
        detach=detach,
        no_smoke=no_smoke,
        address=address,
    )
    processes = processes_of(given, processes_per_run)
    cluster = cluster_of(executor, given, slots, device, workers, processes)
    if not cluster:
        device = device_of(device, gpus_per_run, processes_per_run)
    if not 0 <= checkpoint_seconds < float("inf"):  # nan too
        raise BadInput(f"--checkpoint-seconds expects a number from 0 on, not {checkpoint_seconds:g}.")
    options = {"retries": retries, "checkpoint_seconds": checkpoint_seconds, "checkpoint_steps": checkpoint_steps}
    options["deterministic"] = deterministic
    if pilot and cluster:
        raise BadInput(f"A pilot runs on this machine; leave out --executor {executor}.")
    if pilot and rerun:
        raise BadInput("A pilot has runs of its own; leave out --rerun.")
    if pilot:
        from suite.app.pilot import run_pilot
        from suite.sweep.executors.machine import Machine

        machine = Machine.of(slots, device, workers)
        raise typer.Exit(run_pilot(grid, chosen or Selection(), data_root(data), results, machine, options, processes))
    request = Request(
        grid,
        chosen or Selection(),
        results,
        data_root(data),
        slots=slots,
        device=device,
        workers=workers,
        processes=processes,
        tracking=tracking,
        options=options,
        cluster=cluster,
        reuse=reuse,
        rerun=tuple(rerun or ()),
    )
    raise typer.Exit(run_sweep(request))


@app.command(
    rich_help_panel=RUN,
    epilog=examples(
        "suite plan demo",
        "suite plan mini_ssv2 --data /data --frames 8,16",
        "suite plan demo --discordance 0.2 --seed-sd 0.5  power under these assumptions",
        "suite plan mini_ssv2 --on H200  time on a GPU that suite bench device has measured",
    ),
)
@selects_runs
def plan(
    grid: GridName,
    data: Data = None,
    results: Results = RESULTS,
    chosen: Any = None,
    discordance: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="For the power analysis: share (0 to 1) of videos that only one of two models gets right.",
        ),
    ] = None,
    seed_sd: Annotated[
        float | None,
        typer.Option(metavar="POINTS", help="For the power analysis: standard deviation of the accuracy over seeds."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Estimate for this device, measured by suite bench device, in place of this machine; gpu: a GPU of "
            "assumed speed.",
        ),
    ] = None,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Show the runs of a grid, their cost and their power.

    Runs nothing. Without options that select runs, it shows the last selection. Lists chains of runs with
    multiply-adds, parameters, memory and estimated time on this machine, says which data sets are missing, and which
    differences in accuracy the grid can detect.
    """
    from suite.report.console.listing import not_shown
    from suite.report.console.plan import plan_report, print_plan
    from suite.sweep.estimate import speed_here, speed_on
    from suite.sweep.plan import remember
    from suite.sweep.reuse import use_finished_runs
    from suite.sweep.stored import store_plan

    made = planned(grid, results, chosen, speed_of=on and (lambda plan: speed_on(plan, on)))
    use_finished_runs(made)
    remember(made)
    store_plan(made)
    for note in not_shown(made):
        log(note)
    speed = speed_here(made) if on is None else speed_on(made, on)
    found = plan_report(made, speed, data_root(data), discordance, seed_sd)
    print_json(found) if as_json else print_plan(made, found)
