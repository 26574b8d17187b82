"""The cost audit: builds every network for which a paper prints a cost, counts it, and compares the two costs.

A difference is explained where another input size, another counting convention or another number of classes gives the
printed cost; otherwise it is reported as unexplained, with what was tried.  The rows of one table are read in one way:
another size has to hold for all of its rows of that network, and the conventions of its other rows come first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from suite.data.dataset_info import info
from suite.models.cost import Cost, cost, parameters
from suite.published.cost_remarks import remark
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
    explanation: str  # "agrees", what explains the difference, or "unexplained: ..." and what was tried
    remark: str = ""  # on a difference, see cost_remarks

    @property
    def agrees(self) -> bool:
        return self.explanation == "agrees"

    @property
    def explained(self) -> bool:
        return not self.explanation.startswith("unexplained")


@dataclass(frozen=True)
class _Printed:
    """A printed row as it is counted first: in the stated convention, at the stated size."""

    row: dict[str, Any]
    name: str
    frames: int
    size: int
    classes: int
    convention: str  # a key of COUNTS
    views: int  # that the printed GFLOPs are of

    @property
    def table(self) -> tuple[str, str]:
        return self.row["paper"], self.row["table"]

    @property
    def network(self) -> str:
        """Without its add-on blocks."""
        return _plain(self.name)

    @property
    def gflops(self) -> float:
        return self.row.get("gflops", math.nan)

    @property
    def params(self) -> float:
        """In millions."""
        return self.row.get("params_m", math.nan)

    def counted(self, convention: str = "", size: int = 0) -> float:
        """GFLOPs, in another convention or at another size where one is given."""
        convention, size = convention or self.convention, size or self.size
        return _in_convention(convention, self.name, self.frames, size, self.classes) * self.views

    def counted_params(self, classes: int = 0) -> float:
        return _parameters(self.name, self.frames, self.size, classes or self.classes) / 1e6


@dataclass
class _Table:
    """What the rows of one printed table have in common."""

    conventions: dict[str, None] = field(default_factory=dict)  # of the rows that agree, in their order
    sizes: dict[str, set[int]] = field(default_factory=dict)  # network without blocks -> those at which all rows agree
    classes: dict[str, int] = field(default_factory=dict)  # model name -> the number that gives its parameters


def audit(papers: tuple[str, ...] = PAPERS) -> list[Audited]:
    """One row per printed model, table and cost, without those of networks that the suite does not have."""
    rows = [_printed(row) for row in _rows(papers)]
    tables: dict[tuple[str, str], _Table] = {}
    for row in rows:
        table = tables.setdefault(row.table, _Table())
        try:
            if row.gflops == row.gflops:
                at = {size for size in {row.size, *SIZES} if _near(row.gflops, row.counted(size=size), GFLOPS)}
                table.sizes[row.network] = table.sizes.get(row.network, at) & at
                table.conventions |= {row.convention: None} if row.size in at else {}
            if row.params == row.params and (classes := _classes_that_give(row)):
                table.classes[row.name] = classes
        except BadInput:
            continue
    out: dict[tuple, Audited] = {}
    for row in rows:
        found = _audited(row, tables[row.table])
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


def _printed(row: dict[str, Any]) -> _Printed:
    name, frames = suite_name(row), int(frames_of(row))
    if name.startswith("slowfast") and frames < 32:  # printed without its frames, or with those of the slow pathway
        frames = 64 if "clip=16x8" in name else 32
    what, _, views = row["counts"].partition("/") if isinstance(row["counts"], str) else ("", "", "")
    times = math.prod(int(v) for v in row["views"].split("x")) if views == "all_views" and row["views"] else 1
    size = int(row["crop"] or _size_of_table(row["paper"], row["table"]))
    return _Printed(row, name, frames, size, _classes(row["dataset"]), what, times)


@cache
def _size_of_table(paper: str, table: str) -> int:
    """The one size that the rows of a table state; 224 where they state none or several."""
    stated = {int(crop) for crop in wide(paper, table)["crop"] if crop}
    return stated.pop() if len(stated) == 1 else 224


def _audited(row: _Printed, table: _Table) -> Audited:
    facts = {
        "paper": row.row["paper"],
        "table": row.row["table"],
        "model": row.row["model"],
        "name": row.name,
        "frames": row.frames,
        "size": row.size,
        "classes": row.classes,
        "convention": row.convention,
        "printed_gflops": row.gflops,
        "printed_params": row.params,
        "counted_gflops": math.nan,
        "counted_params": math.nan,
    }
    notes = []
    try:
        if row.gflops == row.gflops:
            facts["counted_gflops"] = row.counted()
            notes.append(_explain_gflops(row, table))
        if row.params == row.params:
            facts["counted_params"] = row.counted_params()
            notes.append(_explain_params(row, table))
    except BadInput as error:
        return Audited(**facts, explanation=f"unexplained: {error}")
    differences = sorted((n for n in notes if n != "agrees"), key=lambda note: not note.startswith("unexplained"))
    known = remark(row.row["paper"], row.row["table"], row.name) if differences else ""
    return Audited(**facts, explanation="; ".join(differences) or "agrees", remark=known)


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


def _explain_gflops(row: _Printed, table: _Table) -> str:
    printed, counted = row.gflops, row.counted()
    if _near(printed, counted, GFLOPS):
        return "agrees"
    for size in table.sizes[row.network] - {row.size}:
        return f"GFLOPs equal {_convention(row.convention)} at {size} x {size}: {row.counted(size=size):.1f}"
    kinds = dict.fromkeys([*table.conventions, "macs", "2macs", "conv_macs", "macs+2block"])
    for kind in kinds:
        value = row.counted(kind)
        if kind != row.convention and _near(printed, value, GFLOPS):
            return f"GFLOPs equal {_convention(kind)} at {row.size} x {row.size}: {value:.1f}"
    nearest = min(kinds, key=lambda kind: abs(row.counted(kind) - printed))
    closer = abs(row.counted(nearest) - printed) < abs(counted - printed) - 0.05
    best = f"; nearest: {_convention(nearest)}, {row.counted(nearest):.1f} G" if closer else ""
    sizes = ", ".join(f"{row.counted(size=size):.1f} G at {size} x {size}" for size in SIZES if size != row.size)
    tried = f"tried: other counting conventions{best}; {sizes}"
    return f"unexplained: {printed:g} G printed, {counted:.1f} G counted ({tried})"


def _convention(kind: str) -> str:
    return COUNTS["macs"] if kind not in CONVENTIONS else COUNTS[kind]


def _explain_params(row: _Printed, table: _Table) -> str:
    printed, counted = row.params, row.counted_params()
    if _near(printed, counted, PARAMS):
        return "agrees"
    if classes := _classes_that_give(row):
        return f"parameters equal those with {classes} classes: {row.counted_params(classes):.2f} M"
    if (classes := _classes_of_smaller(row.name, table)) and _near(printed, row.counted_params(classes), PARAMS):
        value = row.counted_params(classes)
        return f"parameters equal those with {classes} classes, as without the block in this table: {value:.2f} M"
    added = counted - _cost(_plain(row.name), row.frames, row.size, row.classes).params / 1e6
    base = _baseline_params(row.row)
    if base and _near(printed, base + added, PARAMS / 4):
        return f"parameters equal {base:g} M printed for the network without blocks plus {added:.2f} M of the blocks"
    nearest = min(CLASSES, key=lambda classes: abs(row.counted_params(classes) - printed))
    return (
        f"unexplained: {printed:g} M parameters printed, {counted:.2f} M counted (tried: {CLASSES[0]} to {CLASSES[-1]} "
        f"classes; nearest: {row.counted_params(nearest):.2f} M with {nearest})"
    )


def _classes_that_give(row: _Printed) -> int | None:
    """The number of classes that gives the printed parameters: that of the data set, or another one more exactly."""
    if _near(row.params, row.counted_params(), PARAMS):
        return row.classes
    return next((n for n in CLASSES if _near(row.params, row.counted_params(n), PARAMS / 4)), None)


def _classes_of_smaller(name: str, table: _Table) -> int | None:
    """The one number of classes that holds for all rows of the table that have one add-on block less."""
    head, *blocks = name.split("+")
    smaller = ("+".join([head, *blocks[:i], *blocks[i + 1 :]]) for i in range(len(blocks)))
    found = {table.classes[one] for one in smaller if one in table.classes}
    return found.pop() if len(found) == 1 else None


def _baseline_params(row: dict[str, Any]) -> float | None:
    """The parameters that the same table prints for the network without blocks."""
    if "+" not in row["module"]:
        return None
    for other in wide(row["paper"], row["table"]).to_dict("records"):
        if other["module"] == row["module"].split("+")[0] and other["backbone"] == row["backbone"]:
            return other.get("params_m")
    return None
