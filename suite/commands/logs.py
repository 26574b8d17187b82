"""logs: what runs have written."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import LOOK, RESULTS, Json, Results, app, examples, log, print_json
from suite.spec import BadInput


@app.command(
    rich_help_panel=LOOK,
    epilog=examples(
        "suite logs calib_order.tam-resnet18.f8.s0",
        "suite logs RUN --follow  new lines as they come, until the run ends",
        "suite logs demo:tam-resnet18 --lines 3  the end of several logs",
    ),
)
def logs(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="Runs: an id or the beginning of it, a run folder, or GRID:NAME for several."
        ),
    ],
    results: Results = RESULTS,
    lines: Annotated[int | None, typer.Option(metavar="N", min=0, help="Only the last N lines of each log.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Also print new lines as they come, until the runs have ended.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the log of runs.

    Each line has its time. Then the error of a failed run and, for a run that was a job of a cluster, the paths of the
    logs of that job. Ctrl-C ends --follow; the run continues.
    """
    from suite.report.console.logs import print_followed, print_logs
    from suite.store.find import need_runs
    from suite.sweep.run_log import LogFollower, log_of

    if follow and as_json:
        raise BadInput("--follow prints lines as they come; leave out --json.")
    folders = list({run.path.resolve(): run for text in runs for run in need_runs(text, results)}.values())
    follower = LogFollower(folders)
    found = [log_of(folder, lines, tail.at) for folder, tail in zip(folders, follower.tails, strict=True)]
    if as_json:
        print_json({"runs": found})
        return
    print_logs(found)
    if follow:
        for one in found:
            if one["state"] in ("todo", "queued"):
                log(f"{one['id']} is {one['state']}; waiting for it to start")
        print_followed(follower)
