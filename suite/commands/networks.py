"""models, cost, eval, probe: single networks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from suite.commands.options import Json, app, data_root, print_json

probe_app = typer.Typer(no_args_is_help=True, help="Laws that networks obey.")
app.add_typer(probe_app, name="probe")


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
