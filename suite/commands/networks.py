"""models, cost, eval, probe: single networks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from suite.commands.options import RESULTS, Data, Json, Results, app, data_root, numbers, print_json
from suite.spec import BadInput

probe_app = typer.Typer(no_args_is_help=True, help="Laws that networks obey.")
app.add_typer(probe_app, name="probe")


@app.command()
def models(
    costs: Annotated[bool, typer.Option(help="Count each example at 8, 16 or 32 frames of 224 pixels.")] = True,
    as_json: Json = False,
) -> None:
    """Temporal modules, extra blocks, whole networks: paper, options and what an example costs."""
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
    from suite.report.console.listing import print_costs

    found = []
    for name in names:
        c = asdict(count(name, frames, size, classes))
        found.append({"name": name, **{k: c[k] for k in ("params", "conv_macs", "macs", "by_operator", "uncounted")}})
    print_json(found) if as_json else print_costs(found, frames, size)
    if any(entry["uncounted"] for entry in found):
        raise typer.Exit(1)


@app.command("eval")
def evaluate(
    name: Annotated[str, typer.Argument(help="A model name, or a run: its id or its folder.")],
    weights: Annotated[str | None, typer.Option(help="imagenet, ibm:PATH or PATH of the suite's own.")] = None,
    dataset: Annotated[str | None, typer.Option("--data", help="Name of the data set.")] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder of the data sets (default: $SUITE_DATA, else ./data).")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Default: val.")] = None,
    frames: Annotated[str | None, typer.Option(help="Default: 8, or a run's own; of a run several, e.g. 8,16.")] = None,
    size: Annotated[int | None, typer.Option(min=16, help="Pixels; default: 224, or a run's own.")] = None,
    clips: Annotated[int | None, typer.Option(help="Default: 1, or a run's own; so all that follow.")] = None,
    crops: Annotated[int | None, typer.Option(help="1 or 3.")] = None,
    rule: Annotated[str | None, typer.Option(help="uniform (default) or dense.")] = None,
    stride: Annotated[int | None, typer.Option(help="Of dense clips, in frames; default: 1.")] = None,
    fusion: Annotated[str | None, typer.Option(help="Over views: logits (default) or softmax.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32 (default) or bf16.")] = None,
    batch: Annotated[int | None, typer.Option(help="Videos at once; default: 8.")] = None,
    device: str | None = None,
    workers: Annotated[int, typer.Option(min=0)] = 0,
    unlabelled: Annotated[bool, typer.Option(help="Write a submission for a split without labels.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for what is written (default: results/eval, or eval/ of the run).")
    ] = None,
    results: Results = RESULTS,
    allow_missing: int | None = None,
    as_json: Json = False,
) -> None:
    """Test any model with any loadable checkpoint, or a finished run; writes logits a view and a video.

    Of a run, all that is not given is as it was, and each frame count goes to <folder>/f<frames>.
    """
    from suite.evaluation.evaluate import evaluate_checkpoint
    from suite.evaluation.retest import evaluate_run
    from suite.statistics.rounding import rounded
    from suite.store.find import find_run

    views = {"clips": clips, "crops": crops, "fusion": fusion, "precision": precision, "batch": batch, "size": size}
    machine = {"root": data_root(root), "device": device, "workers": workers, "unlabelled": unlabelled}
    counts = numbers(frames, "--frames", ",")
    if run := find_run(name, results):
        if weights is not None:
            raise BadInput(f"{name} is a run and brings its weights; --weights is for a model name.")
        changes = {**views, "rule": rule, "stride": stride, "dataset": dataset, "split": split}
        tests = evaluate_run(run, counts, out=out, allow_missing=allow_missing, **machine, **changes)
        if as_json:
            print_json({"run": run.id, "model": tests[0]["model"], "evaluations": tests})
        for test in () if as_json else tests:
            top1 = f"top-1 {rounded(test['top1'], 1)} %" if "top1" in test else "no labels"
            there = " (was there)" if test["skipped"] else ""
            print(f"{test['test_frames']} frames: {top1} of {test['n']} videos, in {test['folder']}{there}")
        return
    if weights is None or dataset is None:
        raise BadInput(f"'{name}' is no run in {results}/*/runs, and a model is tested with --weights and on --data.")
    if len(counts) > 1:
        raise BadInput("Several frame counts at once are for runs; test a model name at one.")
    defaults = {"clips": 1, "crops": 1, "fusion": "logits", "precision": "fp32", "batch": 8, "size": 224}
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
        **{key: defaults[key] if value is None else value for key, value in views.items()},
    )
    if as_json:
        print_json(found)
    else:
        print("\n".join(f"{key}: {value}" for key, value in found.items() if key not in ("per_class",)))


@probe_app.command("order")
def order(names: list[str], frames: int = 8, size: int = 64, classes: int = 16, as_json: Json = False) -> None:
    """Whether a model's logits change when the frames change places."""
    from suite.evaluation.order_probe import order as probe
    from suite.report.console.listing import print_order

    found = [probe(name, frames, size, classes) for name in names]
    print_json(found) if as_json else print_order(found)


def _probe_run(run: str, kinds: tuple[str, ...], data: Path | None, results: Path, device: str | None, as_json: bool):
    from suite.evaluation.perturbed import probe_run
    from suite.report.console.listing import print_perturbed
    from suite.store.find import need_run

    found = probe_run(need_run(run, results), kinds, root=data_root(data), device=device)
    print_json(found) if as_json else print_perturbed(found)


@probe_app.command("shuffle")
def shuffle(
    run: str, data: Data = None, results: Results = RESULTS, device: str | None = None, as_json: Json = False
) -> None:
    """Accuracy of a finished run on reversed and on shuffled clips."""
    _probe_run(run, ("reverse", "shuffle"), data, results, device, as_json)


@probe_app.command("freeze")
def freeze(
    run: str, data: Data = None, results: Results = RESULTS, device: str | None = None, as_json: Json = False
) -> None:
    """Accuracy of a finished run on clips that repeat their middle frame."""
    _probe_run(run, ("freeze",), data, results, device, as_json)
