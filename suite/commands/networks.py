"""models, cost, eval, probe: single models."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from suite.commands.options import (
    MODELS,
    RESULTS,
    AllowCode,
    Data,
    Device,
    Json,
    ModelNames,
    Results,
    RunName,
    Workers,
    app,
    data_root,
    examples,
    group,
    numbers,
    print_json,
)
from suite.spec import BadInput

probe_app = group(
    "Check model invariances.",
    examples("suite probe order tsn-resnet18 tam-resnet18", "suite probe shuffle RUN", "suite probe freeze RUN"),
)
app.add_typer(probe_app, name="probe", rich_help_panel=MODELS)


@app.command(
    rich_help_panel=MODELS,
    epilog=examples("suite models", "suite models --no-costs  without multiply-adds, faster", "suite models --json"),
)
def models(
    costs: Annotated[
        bool, typer.Option(help="Count the cost of each example, at 8, 16 or 32 frames of 224 pixels.")
    ] = True,
    as_json: Json = False,
) -> None:
    """List temporal modules, add-on blocks and architectures.

    For each: paper, options, and the parameters and multiply-adds of an example.
    """
    from suite.models.catalog import catalogue, network_names
    from suite.report.console.listing import print_models
    from suite.spec import BACKBONES

    entries = catalogue(costs)
    modules = [entry | {"module": entry["name"]} for entry in entries if entry["kind"] == "module"]
    found = {
        "modules": modules,
        "blocks": [entry for entry in entries if entry["kind"] == "block"],
        "networks": [entry for entry in entries if entry["kind"] == "network"],
        "names": network_names(),
        "backbones": list(BACKBONES),
        "pooling": ["none", "-tp", "-tp@tp=max"],
    }
    print_json(found) if as_json else print_models(found)


@app.command(
    rich_help_panel=MODELS,
    epilog=examples(
        "suite cost tsn-resnet50 tam-resnet50-tp",
        "suite cost slowfast-resnet50 --frames 32 --classes 400 --json",
    ),
)
def cost(
    names: ModelNames,
    frames: Annotated[int, typer.Option(metavar="N", help="Frames per clip.")] = 8,
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Height and width of the clip.")] = 224,
    classes: Annotated[int, typer.Option(metavar="N", help="Number of classes.")] = 87,
    as_json: Json = False,
) -> None:
    """Count parameters and multiply-adds of models.

    Counts one clip, operator by operator; exit code 1 if an operator with multiply-adds is not counted.
    """
    from suite.models.cost import cost as count
    from suite.report.console.listing import print_costs

    found = []
    for name in names:
        c = asdict(count(name, frames, size, classes))
        found.append({"name": name, **{k: c[k] for k in ("params", "conv_macs", "macs", "by_operator", "uncounted")}})
    print_json(found) if as_json else print_costs(found, frames, size)
    if any(entry["uncounted"] for entry in found):
        raise typer.Exit(1)


@app.command(
    "eval",
    rich_help_panel=MODELS,
    epilog=examples(
        "suite eval RUN --clips 10 --crops 3  a finished run with 30 views",
        "suite eval RUN --frames 8,16,32  at several frame counts",
        "suite eval RUN --views 1x1,5x1,10x3  accuracy by the number of views, in one pass",
        "suite eval slowfast-resnet50 --weights pytorchvideo:FILE --data ssv2 --frames 32",
    ),
)
def evaluate(
    name: Annotated[str, typer.Argument(metavar="RUN|NAME", help="A finished run (its id or folder) or a model name.")],
    weights: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="With a model name: KIND:PATH (ibm, tsm, pytorchvideo, ...) or PATH."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--data", metavar="DATASET", help="Name of the data set (default: that of the run).")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder that holds the data sets (default: $SUITE_DATA, else ./data)."),
    ] = None,
    split: Annotated[str | None, typer.Option(metavar="SPLIT", help="Split to test on (default: val).")] = None,
    frames: Annotated[
        str | None,
        typer.Option(metavar="N,N", help="Frames per clip (default: as trained, or 8); several for a run: 8,16."),
    ] = None,
    size: Annotated[
        int | None, typer.Option(metavar="PIXELS", min=16, help="Height and width (default: as trained, or 224).")
    ] = None,
    clips: Annotated[int | None, typer.Option(metavar="N", help="Clips per video (default: as tested, or 1).")] = None,
    crops: Annotated[
        int | None, typer.Option(metavar="1|3|10", help="Spatial crops per clip (default: as tested, or 1).")
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(metavar="CxK,CxK", help="Several numbers of clips x crops for a run, in one pass: 1x1,5x1,10x3."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --views: write the figure to FILE.png and FILE.pdf.")
    ] = None,
    crop_rule: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="short_side, short_side_margin, diagonal or fixed_240x320 (default: as tested, or short_side).",
        ),
    ] = None,
    rule: Annotated[
        str | None, typer.Option(metavar="uniform|dense", help="Frame sampling (default: as trained, or uniform).")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(metavar="N", help="Frame stride of dense sampling (default: as trained, or 1).")
    ] = None,
    fusion: Annotated[
        str | None, typer.Option(metavar="logits|softmax", help="What is averaged over views (default: logits).")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="fp32|bf16", help="Precision (default: as trained, or fp32).")
    ] = None,
    batch: Annotated[int | None, typer.Option(metavar="N", help="Videos per batch (default: as tested, or 8).")] = None,
    device: Device = None,
    workers: Workers = 0,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Write submission.csv for a split without labels.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Output folder (default: results/eval; for a run, eval/ in its folder)."),
    ] = None,
    results: Results = RESULTS,
    allow_missing: Annotated[
        int | None,
        typer.Option(metavar="N", help="Missing or undecodable videos to accept (default: as trained, or 0)."),
    ] = None,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Test a finished run, or a model with a checkpoint.

    Writes per-view and per-video logits. For a run, every setting that is not given is the run's own, and each frame
    count is written to <folder>/f<frames>. --views prints accuracy against GMACs x views.
    """
    from suite.collect.resolve import resolve_run
    from suite.evaluation.evaluate import evaluate_checkpoint
    from suite.evaluation.retest import evaluate_run
    from suite.evaluation.views import test_views_of_run
    from suite.report.console.listing import print_evaluations, print_views
    from suite.report.figures.views import title_of, write_views
    from suite.spec.model_names import is_model_name
    from suite.store.find import find_runs

    how = {"clips": clips, "crops": crops, "crop_rule": crop_rule, "fusion": fusion}
    how |= {"precision": precision, "batch": batch, "size": size}
    machine = {"root": data_root(root), "device": device, "workers": workers, "unlabelled": unlabelled}
    counts = numbers(frames, "--frames", ",")
    if figure is not None and views is None:
        raise BadInput("--figure draws accuracy by the number of views; it needs --views.")
    if weights is not None and find_runs(name, results):
        raise BadInput(f"{name} is a run, which has its own weights; use --weights with a model name only.")
    if weights is None:
        if is_model_name(name) and not find_runs(name, results):
            raise BadInput(f"'{name}' is not a run in {results}/*/runs; to test a model, give --weights and --data.")
        run = resolve_run(name, results)
        changes = {**how, "rule": rule, "stride": stride, "dataset": dataset, "split": split}
        if views is not None:
            rows = test_views_of_run(run, views, counts, out=out, allow_missing=allow_missing, **machine, **changes)
            files = write_views(title_of(run.spec(), dataset), rows, figure) if figure else []
            print_json(rows) if as_json else print_views(run.id, rows, files)
            return
        tests = evaluate_run(run, counts, out=out, allow_missing=allow_missing, **machine, **changes)
        if as_json:
            print_json({"run": run.id, "model": tests[0]["model"], "evaluations": tests})
        else:
            print_evaluations(tests)
        return
    if views is not None:
        raise BadInput("--views is for finished runs only; with a model name give --clips and --crops.")
    if dataset is None:
        raise BadInput("A model name needs --data, the name of the data set to test on.")
    if len(counts) > 1:
        raise BadInput("Several frame counts are for runs only; give one with a model name.")
    defaults = {
        "clips": 1,
        "crops": 1,
        "crop_rule": "short_side",
        "fusion": "logits",
        "precision": "fp32",
        "batch": 8,
        "size": 224,
    }
    found = evaluate_checkpoint(
        name=name,
        source=weights,
        dataset=dataset,
        split=split or "val",
        frames=counts[0] if counts else 8,
        sampling={"rule": rule or "uniform", "stride": 1 if stride is None else stride},
        out=out or Path("results/eval"),
        allow_missing=allow_missing or 0,
        **machine,
        **{key: defaults[key] if value is None else value for key, value in how.items()},
    )
    print_json(found) if as_json else print_evaluations([found])


@probe_app.command("order", epilog=examples("suite probe order tsn-resnet18 tam-resnet18 --frames 16"))
def order(
    names: ModelNames,
    frames: Annotated[int, typer.Option(metavar="N", help="Frames per clip.")] = 8,
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Height and width of the clip.")] = 64,
    classes: Annotated[int, typer.Option(metavar="N", help="Number of classes.")] = 16,
    as_json: Json = False,
) -> None:
    """Test whether logits depend on the order of frames.

    Compares a random clip with its reverse; then, with all parameters drawn at random, with its reverse and with a
    shuffled copy.
    """
    from suite.evaluation.order_probe import order as probe
    from suite.report.console.listing import print_order

    found = [probe(name, frames, size, classes) for name in names]
    print_json(found) if as_json else print_order(found)


def _probe_run(run: str, kinds: tuple[str, ...], data: Path | None, results: Path, device: str | None, as_json: bool):
    from suite.collect.resolve import resolve_run
    from suite.evaluation.perturbed import probe_run
    from suite.report.console.listing import print_perturbed

    found = probe_run(resolve_run(run, results), kinds, root=data_root(data), device=device)
    print_json(found) if as_json else print_perturbed(found)


@probe_app.command("shuffle", epilog=examples("suite probe shuffle calib_order.tam-resnet18.f8"))
def shuffle(
    run: RunName,
    data: Data = None,
    results: Results = RESULTS,
    device: Device = None,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Test a finished run on reversed and on shuffled clips."""
    _probe_run(run, ("reverse", "shuffle"), data, results, device, as_json)


@probe_app.command("freeze", epilog=examples("suite probe freeze calib_order.tam-resnet18.f8"))
def freeze(
    run: RunName,
    data: Data = None,
    results: Results = RESULTS,
    device: Device = None,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Test a finished run on its middle frame, repeated."""
    _probe_run(run, ("freeze",), data, results, device, as_json)
