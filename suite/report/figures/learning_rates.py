"""The learning rates of all protocols: their curves as data, and one figure of them with a panel per paper."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.report.figures.look import WIDTH, styled
from suite.spec import Protocol, load_protocol, protocol_files
from suite.training.schedule import learning_rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEPS = 20  # per epoch: of the curves, whatever a data set has
RANGE = (2e-6, 3.0)  # of the axis, the same in all panels; a cosine falls to 0
OTHERS = ("this project", "other protocols")
PAPERS = {
    "deep_analysis": "Deep Analysis",
    "rcca3d": "RCCA-3D",
    "gta": "GTA",
    "arc": "ARC",
    "cstransformer": "CSTransformer",
}
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7")  # of Okabe and Ito: distinct for colour-blind readers
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))  # and without colours
LATER = "later stages"


def curves() -> list[dict[str, Any]]:
    """Of every stage of every shipped protocol: paper, name, stage, batch, and the learning rate at each step.

    Steps are 1 / STEPS of an epoch; `lr` has epochs x STEPS values.
    """
    found = []
    for name in sorted(protocol_files()):
        protocol = load_protocol(name)
        stages = {"": protocol.stage(False, {})} | ({LATER: protocol.stage(True, {})} if protocol.chained else {})
        found += [
            {"paper": paper_of(protocol), "protocol": name, "stage": stage, "batch": one.batch, "lr": rates(one)}
            for stage, one in stages.items()
        ]
    return found


def paper_of(protocol: Protocol) -> str:
    """The paper that a protocol's `source` begins with, or one of OTHERS."""
    return next((paper for paper in (*PAPERS, OTHERS[0]) if protocol.source.startswith(paper)), OTHERS[1])


def rates(protocol: Protocol) -> list[float]:
    """The learning rate of every step, of STEPS steps per epoch, to six digits."""
    steps = protocol.epochs * STEPS
    return [float(f"{learning_rate(protocol, step, STEPS):.6g}") for step in range(steps)]


def digest_of(found: list[dict[str, Any]]) -> str:
    """SHA-256 of curves; the PNG holds it as its Description, so that an outdated one can be told."""
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def write_learning_rates(path: Path) -> list[dict[str, Any]]:
    """Writes the figure as a PNG file and gives the curves that it shows."""
    found = curves()
    path.parent.mkdir(parents=True, exist_ok=True)
    _written(learning_rates_plot(found), path, digest_of(found))
    return found


@styled
def _written(figure: Figure, path: Path, description: str) -> None:
    metadata = {"Software": None, "Description": description}
    figure.savefig(path, format="png", dpi=120, metadata=metadata, pil_kwargs={"optimize": True})


@styled
def learning_rates_plot(found: list[dict[str, Any]]) -> Figure:
    """Learning rate (log) against the epoch, a panel per paper; later stages of a chain are thinner."""
    from matplotlib.figure import Figure

    papers = [paper for paper in (*PAPERS, *OTHERS) if any(curve["paper"] == paper for curve in found)]
    figure = Figure(figsize=(WIDTH, 2.7 * math.ceil(len(papers) / 2)), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.06, w_pad=0.05)
    for place, paper in enumerate(papers):
        axes = figure.add_subplot(math.ceil(len(papers) / 2), 2, place + 1)
        _panel(axes, [curve for curve in found if curve["paper"] == paper])
        axes.set_title(PAPERS.get(paper, paper[0].upper() + paper[1:]), loc="left")
        if place % 2 == 0:
            axes.set_ylabel("learning rate")
    return figure


def _panel(axes: Axes, found: list[dict[str, Any]]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    names = list(dict.fromkeys(curve["protocol"] for curve in found))
    for curve in found:
        number = names.index(curve["protocol"])
        axes.plot(
            [step / STEPS for step in range(len(curve["lr"]))],
            curve["lr"],
            color=COLOURS[number % len(COLOURS)],
            linestyle=DASHES[number % len(DASHES)],
            linewidth=0.8 if curve["stage"] else max(1.0, 2.3 - 0.3 * number),  # so that equal curves show each other
            label=f"{curve['protocol']}, {curve['stage'] or 'batch ' + str(curve['batch'])}",
        )
    axes.set_yscale("log")
    axes.set_ylim(*RANGE)
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:.5f}".rstrip("0").rstrip(".")))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlim(left=0)
    axes.set_xlabel("epoch")
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.28), borderpad=0, handlelength=3.2)
