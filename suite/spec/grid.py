"""What a grid file holds: which models on which data, in chains over frames."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from suite.spec.errors import BadInput
from suite.spec.experiments import find_grid, grid_name
from suite.spec.files import Strict, checked, read_yaml


class Chain(Strict):
    frames: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)


class Axes(Strict):
    module: tuple[str, ...] = ()
    backbone: tuple[str, ...] = ()
    pooling: tuple[Literal["none", "tp", "tp=max"], ...] = ("none",)
    seed: tuple[int, ...] = (0,)


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

    name: str
    title: str = ""
    protocol: str
    data: tuple[str, ...] = Field(min_length=1)
    axes: Axes = Axes()
    models: tuple[str, ...] = ()
    chain: Chain
    controls: tuple[Literal["epoch_matched"], ...] = ()
    set: dict[str, Any] = Field(default_factory=dict)  # protocol keys that this grid changes
    tables: tuple[Literal[TABLES], ...] = TABLES
    reference: str | None = None  # published rows to print beside ours

    def model_names(self) -> list[str]:
        names = list(self.models)
        for backbone in self.axes.backbone:
            for module in self.axes.module:
                for pooling in self.axes.pooling:
                    names.append(f"{module}-{backbone}" + {"none": "", "tp": "-tp", "tp=max": "-tp@tp=max"}[pooling])
        return names


def load_grid(name: str) -> Grid:
    """The grid `name` of experiments/, or the one in the file `name`."""
    path = find_grid(name)
    data = read_yaml(path, "Grid")
    if isinstance(data, dict):
        data = {"name": grid_name(path), **data}
        if isinstance(data.get("data"), str):
            data["data"] = [data["data"]]
    grid = checked(Grid, data, f"grid {path.name}")
    if not re.fullmatch(r"[A-Za-z0-9_+=-][A-Za-z0-9._+=-]*", grid.name):
        raise BadInput(f"Grid {path.name}: a name has letters, digits and ._+=- only, not '{grid.name}'.")
    if not grid.model_names():
        raise BadInput(f"Grid {path.name} names no model: give 'models' or axes 'module' and 'backbone'.")
    return grid
