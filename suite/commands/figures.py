"""figure: figures of what the suite itself contains, such as its protocols."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.commands.options import LOOK, Json, app, examples, print_json, show
from suite.spec import BadInput


@app.command(
    rich_help_panel=LOOK,
    epilog=examples("suite figure learning-rates --out docs/learning_rates.png"),
)
def figure(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="learning-rates: the learning rate of every protocol over its epochs.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The PNG file to write.")] = Path("learning_rates.png"),
    as_json: Json = False,
) -> None:
    """Draw the learning-rate curves of all protocols."""
    if what != "learning-rates":
        raise BadInput(f"suite figure expects learning-rates, not '{what}'.")
    if out.suffix != ".png":
        raise BadInput(f"--out takes the name of a PNG file, such as learning_rates.png, not '{out}'.")
    from suite.report.figures.learning_rates import write_learning_rates

    found = write_learning_rates(out)
    if as_json:
        print_json({"files": [str(out)], "curves": found})
    else:
        show(f"{len(found)} curves written to {out}")
