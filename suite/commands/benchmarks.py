"""bench: speed, as ratios within one run."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import Json, app, numbers, print_json
from suite.spec import BadInput


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

    batches = numbers(batch, "--batch", ",")
    usable_device(device)
    if precision not in ("fp32", "bf16"):
        raise BadInput(f"Precision is fp32 or bf16, not '{precision}'.")
    found = layout(rounds, batches, (frames, size), device, tuple(names or MODELS), precision)
    print_json(found) if as_json else print_layout_bench(found)
