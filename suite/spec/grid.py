"""What a grid file holds: which models on which data, in chains over frames."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from suite.spec.errors import BadInput, shown
from suite.spec.experiments import find_grid, grid_name
from suite.spec.files import Listed, Name, Strict, checked, read_yaml
from suite.spec.model_names import parse_model
from suite.spec.protocol import MAX_FRAMES

MAX_SEED = 2**63 - 1
MAX_LISTED = 1000  # values of one axis
MAX_RUNS = 100_000


class Chain(Strict):
    frames: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_FRAMES)], ...], Listed] = Field(
        min_length=1, max_length=MAX_LISTED
    )


class Axes(Strict):
    module: Annotated[tuple[Name, ...], Listed] = Field((), max_length=MAX_LISTED)
    backbone: Annotated[tuple[Name, ...], Listed] = Field((), max_length=MAX_LISTED)
    pooling: Annotated[tuple[Literal["none", "tp", "tp=max"], ...], Listed] = Field(("none",), min_length=1)
    seed: Annotated[tuple[Annotated[int, Field(ge=0, le=MAX_SEED)], ...], Listed] = Field(
        (0,), min_length=1, max_length=MAX_LISTED
    )

    @model_validator(mode="after")
    def _module_and_backbone(self) -> Axes:
        if bool(self.module) != bool(self.backbone):
            given, lacking = ("module", "backbone") if self.module else ("backbone", "module")
            raise ValueError(f"axes specifies '{given}' and does not specify '{lacking}'")
        return self


TABLES = (
    "accuracy",
    "contribution",
    "cost",
    "pareto",
    "equal_cost",
    "effects",
    "frames",
    "ranks",
    "rank_stability",
    "pairwise_matrix",
    "pairwise",
)  # one without a row is left out


class Grid(Strict):
    """An experiment file: model x backbone x pooling x seed x data, each a chain over frames.

    controls, epoch_matched: the model of a chain's first stage goes on at its own number of frames through the
    protocols of the later stages, so that frames and epochs seen come apart.
    """

    name: Name
    title: str = ""
    protocol: Name
    data: Annotated[tuple[Name, ...], Listed] = Field(min_length=1, max_length=MAX_LISTED)
    axes: Axes = Axes()
    models: Annotated[tuple[Name, ...], Listed] = Field((), max_length=MAX_LISTED)
    chain: Chain
    controls: Annotated[tuple[Literal["epoch_matched"], ...], Listed] = ()
    set: dict[str, Any] = Field(default_factory=dict)  # protocol keys that this grid changes
    tables: Annotated[tuple[Literal[TABLES], ...], Listed] = TABLES
    reference: Name | None = None  # published rows to print beside ours

    def model_names(self) -> list[str]:
        names = list(self.models)
        for backbone in self.axes.backbone:
            for module in self.axes.module:
                for pooling in self.axes.pooling:
                    names.append(f"{module}-{backbone}" + {"none": "", "tp": "-tp", "tp=max": "-tp@tp=max"}[pooling])
        return names

    def refuse_duplicates(self, axis: str, values: Iterable[tuple[str, Hashable]]) -> None:
        """Raises BadInput when two values of an axis mean the same; values: (as it is written, what it means)."""
        first: dict[Hashable, str] = {}
        for written, meaning in values:
            if meaning in first:
                both = f"as '{first[meaning]}' and as '{written}'" if first[meaning] != written else f"('{written}')"
                raise BadInput(f"Grid {self.name} lists the same {axis} twice {both}; list it once.")
            first[meaning] = written


def load_grid(name: str) -> Grid:
    """The grid `name` of experiments/, or the one in the file `name`.

    Raises BadInput for everything that can be seen without the models' registrations (which import torch): among it
    duplicates that differ in blanks or in the order of options.  `make_plan` compares canonical names.
    """
    path = find_grid(name)
    data = read_yaml(path, "Grid")
    if isinstance(data, dict):
        data = {"name": grid_name(path), **data}
        if isinstance(data.get("data"), str):
            data["data"] = [data["data"]]
    grid = checked(Grid, data, f"grid {path.name}")
    if not re.fullmatch(r"[A-Za-z0-9_+=-][A-Za-z0-9._+=-]{0,99}", grid.name):
        raise BadInput(
            f"Invalid name {shown(grid.name)} of grid {path.name}: use at most 100 letters, digits and ._+=- only."
        )
    axes = grid.axes
    models = len(grid.models) + len(axes.module) * len(axes.backbone) * len(axes.pooling)
    if (runs := models * len(grid.data) * len(axes.seed) * len(grid.chain.frames)) > MAX_RUNS:
        raise BadInput(f"Grid {path.name} has {runs:,} runs; a grid has at most {MAX_RUNS:,}.")
    if not models:
        raise BadInput(f"Grid {path.name} specifies no model: list 'models', or the axes 'module' and 'backbone'.")
    grid.refuse_duplicates("model", [(text, _without_order(text)) for text in grid.model_names()])
    plain = {
        "data set": grid.data,
        "seed": grid.axes.seed,
        "frame count": grid.chain.frames,
        "control": grid.controls,
        "table": grid.tables,
    }
    for axis, values in plain.items():
        grid.refuse_duplicates(axis, [(str(value), value) for value in values])
    return grid


def _without_order(text: str) -> Hashable:
    """A model name as its parts, the options of each without order.  Raises BadInput where it is not a model name."""
    name = parse_model(text)
    options = frozenset(option for option in name.options if option[0] != "tp")  # `pooling` says it
    blocks = tuple((block.name, frozenset(block.options)) for block in name.blocks)
    return name.module, name.backbone, name.pooling, options, blocks
