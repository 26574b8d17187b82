"""The cost audit: builds every network for which a paper prints a cost, counts it, and compares the two costs.

A difference is explained where another input size, another number of classes or another counting convention gives the
printed cost; otherwise it is reported as unexplained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from suite.data.dataset_info import info
from suite.models.cost import Cost, cost, parameters
from suite.published.names import DATASETS, frames_of, suite_name
from suite.published.record import COUNTS, PAPERS, wide
from suite.spec import BadInput, parse_model

GFLOPS, PARAMS = 0.02, 0.01  # relative difference within which a printed number agrees
SIZES = (224, 256)
CLASSES = (51, 87, 101, 174, 200, 400, 600, 1000)  # of the data sets of the papers, and of ImageNet
CONVENTIONS: dict[str, Callable[[Cost, Cost], float]] = {  # multiply-adds of a network and of it without blocks -> G
    "macs": lambda whole, plain: whole.macs,
    "conv_macs": lambda whole, plain: whole.conv_macs,
    "2macs": lambda whole, plain: 2 * whole.macs,
    "macs+2block": lambda whole, plain: 2 * whole.macs - plain.macs,
    "2macs+conv": lambda whole, plain: 2 * whole.macs - 2 * plain.macs + plain.conv_macs,
}


@dataclass(frozen=True)
class Audited:
    """A printed and a counted cost: GFLOPs in the paper's convention and for its views, parameters in millions."""

    paper: str
    table: str
    model: str
    name: str  # model name
    frames: int
    size: int
    classes: int
    convention: str
    printed_gflops: float
    counted_gflops: float
    printed_params: float
    counted_params: float
    explanation: str  # "agrees", what explains the difference, or "unexplained: ..."

    @property
    def agrees(self) -> bool:
        return self.explanation == "agrees"

    @property
    def explained(self) -> bool:
        return not self.explanation.startswith("unexplained")


def audit(papers: tuple[str, ...] = PAPERS) -> list[Audited]:
    """One row per printed model, table and cost, without those of networks that the suite does not have."""
    out: dict[tuple, Audited] = {}
    for row in _rows(papers):
        found = _audited(row)
        key = (found.paper, found.table, found.model, found.frames, found.printed_gflops, found.printed_params)
        out.setdefault(tuple(str(k) for k in key), found)
    return list(out.values())


def _rows(papers: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for paper in papers:
        for row in wide(paper).to_dict("records"):
            if "doubled" in row["notes"].split():  # not printed: twice the row before
                continue
            costs = [row.get("gflops", math.nan), row.get("params_m", math.nan)]
            if any(v == v for v in costs) and suite_name(row) and frames_of(row) == frames_of(row):
                yield row


def _audited(row: dict[str, Any]) -> Audited:
    name, frames = suite_name(row), int(frames_of(row))
    if name.startswith("slowfast") and frames < 32:  # printed without its frames, or with those of the slow pathway
        frames = 64 if "clip=16x8" in name else 32
    size, classes = int(row["crop"] or 224), _classes(row["dataset"])
    gflops, params = row.get("gflops", math.nan), row.get("params_m", math.nan)
    what, _, views = row["counts"].partition("/") if isinstance(row["counts"], str) else ("", "", "")
    times = math.prod(int(v) for v in row["views"].split("x")) if views == "all_views" and row["views"] else 1
    facts = {
        "paper": row["paper"],
        "table": row["table"],
        "model": row["model"],
        "name": name,
        "frames": frames,
        "size": size,
        "classes": classes,
        "convention": what,
        "printed_gflops": gflops,
        "printed_params": params,
    }
    try:
        whole = _cost(name, frames, size, classes)
    except BadInput as error:
        return Audited(**facts, counted_gflops=math.nan, counted_params=math.nan, explanation=f"unexplained: {error}")
    counted_gflops = counted_params = math.nan
    notes = []
    if gflops == gflops:
        counted_gflops = _in_convention(what, name, frames, size, classes) * times
        notes.append(_explain_gflops(gflops, counted_gflops, what, times, name, frames, size, classes))
    if params == params:
        counted_params = whole.params / 1e6
        notes.append(_explain_params(params, counted_params, name, frames, size, classes, row))
    differences = [note for note in notes if note != "agrees"]
    explanation = "; ".join(sorted(differences, key=lambda note: not note.startswith("unexplained"))) or "agrees"
    return Audited(**facts, counted_gflops=counted_gflops, counted_params=counted_params, explanation=explanation)


def _classes(dataset: str) -> int:
    try:
        return info({"diving48_v1": "diving48", **DATASETS}.get(dataset, dataset)).num_classes
    except BadInput:
        return 400


@cache
def _cost(name: str, frames: int, size: int, classes: int) -> Cost:
    return cost(name, frames, size, classes)


_parameters = cache(parameters)


def _plain(name: str) -> str:
    """The network without its add-on blocks."""
    return name.split("+")[0] if parse_model(name).blocks else name


def _in_convention(what: str, name: str, frames: int, size: int, classes: int) -> float:
    """GFLOPs per view in the convention of the paper; all multiply-adds where that is unknown."""
    convention = CONVENTIONS.get(what, CONVENTIONS["macs"])
    return convention(_cost(name, frames, size, classes), _cost(_plain(name), frames, size, classes)) / 1e9


def _near(printed: float, counted: float, tolerance: float) -> bool:
    digits = len(f"{printed:g}".partition(".")[2])
    return abs(printed - counted) <= max(tolerance * printed, 0.5 * 10.0**-digits + 1e-9)


def _explain_gflops(
    printed: float, counted: float, what: str, times: int, name: str, frames: int, size: int, classes: int
) -> str:
    if _near(printed, counted, GFLOPS):
        return "agrees"
    for kind in ("macs", "2macs", "conv_macs", "macs+2block"):
        for other in SIZES:
            value = _in_convention(kind, name, frames, other, classes) * times
            if (other, kind) != (size, what) and _near(printed, value, GFLOPS):
                return f"GFLOPs equal {COUNTS[kind]} at {other} x {other}: {value:.1f}"
    return f"unexplained: {printed:g} G printed, {counted:.1f} G counted"


def _explain_params(
    printed: float, counted: float, name: str, frames: int, size: int, classes: int, row: dict[str, Any]
) -> str:
    if _near(printed, counted, PARAMS):
        return "agrees"
    for other in CLASSES:
        value = _parameters(name, frames, size, other) / 1e6
        if _near(printed, value, PARAMS / 4):
            return f"parameters equal those with {other} classes: {value:.2f} M"
    added = counted - _cost(_plain(name), frames, size, classes).params / 1e6
    base = _baseline_params(row)
    if base and _near(printed, base + added, PARAMS / 4):
        return f"parameters equal {base:g} M printed for the network without blocks plus {added:.2f} M of the blocks"
    return f"unexplained: {printed:g} M parameters printed, {counted:.2f} M counted"


def _baseline_params(row: dict[str, Any]) -> float | None:
    """The parameters that the same table prints for the network without blocks."""
    if "+" not in row["module"]:
        return None
    for other in wide(row["paper"], row["table"]).to_dict("records"):
        if other["module"] == row["module"].split("+")[0] and other["backbone"] == row["backbone"]:
            return other.get("params_m")
    return None
