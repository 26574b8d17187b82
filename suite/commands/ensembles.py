"""fuse: several results averaged into one."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.commands.options import MODELS, RESULTS, AllowCode, Json, Results, app, examples, print_json
from suite.spec import BadInput, shown


@app.command(
    rich_help_panel=MODELS,
    epilog=examples(
        "suite fuse calib_order.tsn-resnet18.f8 calib_order.tsn-resnet18.f16",
        "suite fuse 'demo:*/tam-resnet18/f8'  all seeds of one model",
        "suite fuse RUN RUN --weights 1,2 --fusion logits",
    ),
)
def fuse(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Two or more results with logits per video: runs (id, beginning of an id, folder or GRID:PATTERN), "
            "folders of suite eval, ensembles, predictions files with their YAML file.",
        ),
    ],
    weights: Annotated[
        str | None,
        typer.Option(metavar="W,W", help="One weight per model, in the order of the models (default: equal weights)."),
    ] = None,
    fusion: Annotated[
        str, typer.Option(metavar="softmax|logits", help="What is averaged over models: class probabilities or logits.")
    ] = "softmax",
    results: Results = RESULTS,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Average the predictions of several models.

    The ensemble is stored in fused/ in the results of the first model's grid. suite compare, suite explain and the
    report of the grid take it like a run. Its cost is the sum of the costs of its models.
    """
    from suite.collect.fuse import fuse as average
    from suite.report.console.listing import print_ensemble

    folder, found = average(runs, results, _numbers(weights), fusion)
    answer = {key: found.get(key) for key in ("id", "name", "top1", "top5", "n", "params", "macs", "fusion", "weights")}
    answer |= {"members": [member["id"] for member in found["members"]], "folder": str(folder)}
    print_json(answer) if as_json else print_ensemble(answer)


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise BadInput(f"--weights expects numbers separated by ',', not {shown(text)}.") from None
