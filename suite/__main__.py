"""The command line: `suite <command>`.  It joins the parts of the suite and holds no logic of its own.

Exit codes: 0 done, 1 some run failed or a check does not hold, 2 bad input.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from suite.spec import BadInput

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
data_app = typer.Typer(no_args_is_help=True, help="Data sets: make the embedded ones, check your own.")
probe_app = typer.Typer(no_args_is_help=True, help="Laws that networks obey.")
app.add_typer(data_app, name="data")
app.add_typer(probe_app, name="probe")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the data sets (default: $SUITE_DATA, else ./data).")]
Results = Annotated[Path, typer.Option(help="Where results/<grid> lies.")]
Only = Annotated[list[str] | None, typer.Option(help="Glob on model names; may be repeated.")]
Frames = Annotated[str | None, typer.Option(help="Frame counts of the grid to keep, e.g. 8,16.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Protocol key=value; changes the runs' identity.")]
Shard = Annotated[str | None, typer.Option(help="i/n: the i-th of n shares of the chains.")]

RESULTS = Path("results")


def say(message: str) -> None:
    """A line for a person; standard output is kept for what was asked for."""
    print(message, file=sys.stderr, flush=True)


def print_json(data: Any) -> None:
    print(json.dumps(data, indent=1, default=str))


def data_root(given: Path | None) -> Path:
    return given or Path(os.environ.get("SUITE_DATA") or "data")


def selection(only: list[str] | None, frames: str | None, changes: list[str] | None, shard: str | None) -> Any:
    """The parts of a grid that the options name; None when they name none."""
    from suite.sweep.plan import Selection

    if not (only or frames or changes or shard):
        return None
    overrides = {}
    for item in changes or []:
        key, eq, value = item.partition("=")
        if not eq:
            raise BadInput(f"--set takes key=value, not '{item}'.")
        try:
            overrides[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise BadInput(f"--set {item}: '{value}' is not a value.") from None
    return Selection(tuple(only or ()), _numbers(frames, "--frames", ","), overrides, _share(shard))


def _numbers(text: str | None, option: str, separator: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(separator)) if text else ()
    except ValueError:
        raise BadInput(f"{option} takes whole numbers with '{separator}' between, not '{text}'.") from None


def _share(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    parts = _numbers(text, "--shard", "/")
    if len(parts) != 2 or not 1 <= parts[0] <= parts[1]:
        raise BadInput(f"--shard takes i/n with 1 <= i <= n, not '{text}'.")
    return parts


def planned(grid: str, results: Path, chosen: Any, costs: bool = True) -> Any:
    """The plan of a selection, or of the one that was last planned."""
    from suite.sweep.plan import last_selection, load_grid, make_plan

    return make_plan(grid, chosen or last_selection(load_grid(grid).name, results), results, costs)


# --- the sweep ----------------------------------------------------------------------------------------------------


@app.command()
def sweep(
    grid: str,
    data: Data = None,
    results: Results = RESULTS,
    only: Only = None,
    frames: Frames = None,
    changes: Set = None,
    shard: Shard = None,
    executor: Annotated[str, typer.Option(help="Where runs are placed: local.")] = "local",
    slots: Annotated[int | None, typer.Option(min=1, help="Runs at a time (default: GPUs, else cores).")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda (default: cuda where there is one).")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that load data, for each run.")] = None,
    retries: Annotated[int, typer.Option(min=0, help="Tries after a crash.")] = 1,
    checkpoint_seconds: Annotated[float, typer.Option(help="Time between checkpoints.")] = 60.0,
    checkpoint_steps: Annotated[int | None, typer.Option(min=1, help="Steps between checkpoints, instead.")] = None,
    tracking: Annotated[bool, typer.Option(help="Log to MLflow.")] = True,
) -> None:
    """Run what is missing of a grid, then write its tables and figures."""
    from suite.report.sweep import run_sweep
    from suite.sweep.local import Machine
    from suite.sweep.plan import Selection, make_plan

    if executor != "local":
        raise BadInput(f"Executor '{executor}' is not in this version; known: local.")
    plan = make_plan(grid, selection(only, frames, changes, shard) or Selection(), results, costs=False)
    machine = Machine.of(slots, device, workers)
    options = {"retries": retries, "checkpoint_seconds": checkpoint_seconds, "checkpoint_steps": checkpoint_steps}
    raise typer.Exit(run_sweep(plan, data_root(data), machine, tracking, options))


@app.command()
def plan(
    grid: str,
    results: Results = RESULTS,
    only: Only = None,
    frames: Frames = None,
    changes: Set = None,
    shard: Shard = None,
    as_json: Json = False,
) -> None:
    """The runs of a grid, their chains and costs; runs nothing."""
    from suite.report.listing import print_plan
    from suite.sweep.plan import Selection, make_plan, remember, totals

    made = make_plan(grid, selection(only, frames, changes, shard) or Selection(), results)
    remember(made)
    if not as_json:
        print_plan(made)
        return
    runs = [
        {
            "id": run.id,
            "name": run.spec.model,
            "dataset": run.spec.dataset,
            "frames": run.spec.frames,
            "seed": run.spec.seed,
            "parent": run.spec.parent,
            "gmacs": run.gmacs,
            "params": run.params,
            "gib": run.gib,
            "device_hours": run.device_hours(),
            "state": run.state(),
        }
        for run in made.runs
    ]
    print_json({"runs": runs, "totals": totals(made)})


@app.command()
def status(
    grid: str,
    results: Results = RESULTS,
    only: Only = None,
    frames: Frames = None,
    changes: Set = None,
    shard: Shard = None,
    as_json: Json = False,
) -> None:
    """How far a grid is."""
    from suite.report.listing import print_status
    from suite.sweep.rows import status as statuses
    from suite.sweep.rows import troubles

    made = planned(grid, results, selection(only, frames, changes, shard), costs=False)
    found = statuses(made)
    for trouble in troubles(made):
        say(f"warning: {trouble}")
    print_json(found) if as_json else print_status(grid, found)


@app.command()
def report(
    grid: str,
    results: Results = RESULTS,
    only: Only = None,
    frames: Frames = None,
    changes: Set = None,
    shard: Shard = None,
    as_json: Json = False,
) -> None:
    """Tables, figures and page of a grid, from what is there."""
    from suite.report.sweep import write_report

    files = write_report(planned(grid, results, selection(only, frames, changes, shard)))
    if as_json:
        print_json({"files": [str(file) for file in files]})
    else:
        print("\n".join(str(file) for file in files))


@app.command()
def reproduce(results: Results = RESULTS, as_json: Json = False) -> None:
    """Tables and figures of deep_analysis's 288 runs, from the published numbers alone."""
    from suite.report.reproduce import reproduce as run

    found = run(results / "deep_analysis")
    print_json(found) if as_json else print("\n".join(found["files"]))


# --- models -------------------------------------------------------------------------------------------------------


@app.command()
def models(as_json: Json = False) -> None:
    """Temporal modules, backbones and options."""
    from suite.models.registry import temporal_modules
    from suite.report.listing import print_models
    from suite.spec import BACKBONES

    modules = [
        {
            "module": name,
            "about": (cls.__doc__ or "").strip().splitlines()[0],
            "site": cls.site,
            "options": {key: list(values) for key, values in cls.options.items()},
        }
        for name, cls in sorted(temporal_modules().items())
    ]
    found = {"modules": modules, "backbones": list(BACKBONES), "pooling": ["none", "-tp", "-tp@tp=max"]}
    print_json(found) if as_json else print_models(found)


@app.command()
def cost(
    names: list[str],
    frames: int = 8,
    size: int = 224,
    classes: int = 87,
    as_json: Json = False,
) -> None:
    """Parameters and multiply-adds of one clip, operator by operator."""
    from suite.models.cost import cost as count
    from suite.report.listing import print_costs

    found = []
    for name in names:
        c = asdict(count(name, frames, size, classes))
        found.append({"name": name, **{k: c[k] for k in ("params", "conv_macs", "macs", "by_operator", "uncounted")}})
    print_json(found) if as_json else print_costs(found, frames, size)
    if any(entry["uncounted"] for entry in found):
        raise typer.Exit(1)


@app.command("eval")
def evaluate(
    name: str,
    weights: Annotated[str, typer.Option(help="imagenet, ibm:PATH or PATH of the suite's own.")],
    dataset: Annotated[str, typer.Option("--data", help="Name of the data set.")],
    root: Annotated[
        Path | None, typer.Option(help="Folder of the data sets (default: $SUITE_DATA, else ./data).")
    ] = None,
    split: str = "val",
    frames: int = 8,
    size: Annotated[int, typer.Option(min=16)] = 224,
    clips: int = 1,
    crops: int = 1,
    rule: Annotated[str, typer.Option(help="uniform or dense.")] = "uniform",
    stride: int = 1,
    fusion: Annotated[str, typer.Option(help="Over views: logits or softmax.")] = "logits",
    precision: Annotated[str, typer.Option(help="fp32 or bf16.")] = "fp32",
    batch: int = 8,
    device: str | None = None,
    workers: Annotated[int, typer.Option(min=0)] = 0,
    unlabelled: Annotated[bool, typer.Option(help="Write a submission for a split without labels.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for what is written.")] = Path("results/eval"),
    allow_missing: int = 0,
    as_json: Json = False,
) -> None:
    """Test any model with any loadable checkpoint; writes logits a view and a video."""
    from suite.training.released import evaluate_checkpoint

    found = evaluate_checkpoint(
        name=name,
        source=weights,
        dataset=dataset,
        root=data_root(root),
        split=split,
        frames=frames,
        size=size,
        clips=clips,
        crops=crops,
        sampling={"rule": rule, "stride": stride},
        fusion=fusion,
        precision=precision,
        batch=batch,
        device=device,
        workers=workers,
        unlabelled=unlabelled,
        out=out,
        allow_missing=allow_missing,
    )
    if as_json:
        print_json(found)
    else:
        print("\n".join(f"{key}: {value}" for key, value in found.items() if key not in ("per_class",)))


@probe_app.command("order")
def order(names: list[str], frames: int = 8, size: int = 64, classes: int = 16, as_json: Json = False) -> None:
    """Whether a model's logits change when the frames change places."""
    from suite.analysis.probes import order as probe
    from suite.report.listing import print_order

    found = [probe(name, frames, size, classes) for name in names]
    print_json(found) if as_json else print_order(found)


# --- data ---------------------------------------------------------------------------------------------------------


@data_app.command("synthesize")
def synthesize_command(
    names: Annotated[list[str] | None, typer.Argument(help="Calibrated sets (default: all, level easy).")] = None,
    root: Annotated[Path | None, typer.Option(help="Where to (default: $SUITE_DATA, else ./data).")] = None,
) -> None:
    """Make the embedded calibrated sets, as real video files in the layout of Something-Something V2."""
    from suite.data.synthetic import synthesize

    for name in names or ["calib_order", "calib_scene", "calib_mixed"]:
        print(synthesize(name, data_root(root)))


@data_app.command("check")
def check_command(dataset: str, data: Data = None, as_json: Json = False) -> None:
    """Index a data set: how many videos, which are missing or undecodable, the manifest's hash."""
    from suite.data.datasets import check

    found = check(dataset, data_root(data))
    if as_json:
        print_json(found)
    else:
        for key, value in found.items():
            print(f"{key}: {len(value) if isinstance(value, list) and key != 'notes' else value}")
    if found["missing"] or found["undecodable"]:
        raise typer.Exit(1)


# --- speed --------------------------------------------------------------------------------------------------------


@app.command()
def bench(
    what: Annotated[str, typer.Argument(help="layout: ours against plain layers in the default layout.")] = "layout",
    names: Annotated[list[str] | None, typer.Option("--name", help="Models (default: four on resnet18).")] = None,
    batch: Annotated[str, typer.Option(help="Batch sizes.")] = "2,8",
    frames: int = 8,
    size: int = 112,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    precision: Annotated[str, typer.Option(help="fp32 or bf16.")] = "fp32",
    rounds: Annotated[int, typer.Option(min=1)] = 9,
    as_json: Json = False,
) -> None:
    """Measure speed, as ratios within one run."""
    from suite.report.listing import print_layout_bench

    if what != "layout":
        raise BadInput(f"There is no benchmark '{what}'; known: layout.")
    from suite.analysis.speed import MODELS, layout
    from suite.training.control import usable_device

    batches = _numbers(batch, "--batch", ",")
    usable_device(device)
    if precision not in ("fp32", "bf16"):
        raise BadInput(f"Precision is fp32 or bf16, not '{precision}'.")
    found = layout(rounds, batches, (frames, size), device, tuple(names or MODELS), precision)
    print_json(found) if as_json else print_layout_bench(found)


def main() -> None:
    """Runs a command; what the person can mend becomes one line and exit code 2."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except BadInput as error:
        say(f"suite: {error}")
        sys.exit(2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        say(f"suite: {error.filename or 'A file'}: {error.strerror or error}.")
        sys.exit(2)
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's own complaints about the command line have it
            raise
        say(f"suite: {error.format_message()} (suite --help lists what there is)")
        sys.exit(2)


if __name__ == "__main__":
    main()
