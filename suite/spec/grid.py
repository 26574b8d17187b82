"""What a grid file holds: which models on which data, in chains over frames."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from itertools import product
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from suite.spec.errors import BadInput, shown
from suite.spec.experiments import find_grid, grid_name
from suite.spec.files import Listed, Name, Strict, checked, read_yaml
from suite.spec.model_names import parse_model
from suite.spec.protocol import MAX_FRAMES, TUNABLE, Views

MAX_SEED = 2**63 - 1
MAX_LISTED = 1000  # values of one axis
MAX_RUNS = 100_000


class Chain(Strict):
    """The numbers of frames of a chain; each stage starts from the weights of the one before."""

    frames: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_FRAMES)], ...], Listed] = Field(
        min_length=1, max_length=MAX_LISTED
    )


Values = dict[str, Annotated[tuple[Any, ...], Listed]]  # protocol key, dotted where nested -> its values


def _split_off(data: Any, own: Iterable[str]) -> Any:
    """The keys of a part of a grid file that are not its own, under `protocol`: those of the protocol."""
    if not isinstance(data, dict):
        return data
    own, found = set(own) - {"protocol"}, {}
    if True in data and "on" in data:
        raise ValueError("'on' is given twice")
    data = {"on" if key is True else key: value for key, value in data.items()}  # YAML 1.1 reads `on` as true
    for key in [key for key in data if key not in own]:
        values = data[key]
        if not isinstance(values, list) or not values:
            raise ValueError(f"'{key}' should be a list of the values that the protocol key is to have")
        if len(values) > MAX_LISTED:
            raise ValueError(f"'{key}' lists more than {MAX_LISTED} values")
        if any(isinstance(value, dict) for value in values):
            raise ValueError(f"'{key}' lists keys and values; write each key with its dots, such as sampling.rule")
        if len({repr(value) for value in values}) < len(values):
            raise ValueError(f"'{key}' lists a value twice")
        found[str(key)] = values
    return {key: value for key, value in data.items() if key in own} | {"protocol": found}


class _WithProtocolKeys(Strict):
    """A part of a grid file whose other keys are those of the protocol, each with a list of values."""

    protocol: Values = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _protocol_keys(cls, data: Any) -> Any:
        return _split_off(data, cls.model_fields)


class Axes(_WithProtocolKeys):
    """The axes of a grid, whose product gives its models; one run per seed.

    Any other key is one of the protocol with the values that it is to have: `sampling.rule: [uniform, dense]`.
    """

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


class Tune(_WithProtocolKeys):
    """Protocol keys that are tuned for each model: one run per combination of their values, the best on `on` counts."""

    on: Literal["dev"] = "dev"  # training videos held out (`dev` of the protocol), never the reported split

    @model_validator(mode="after")
    def _tunable(self) -> Tune:
        if not self.protocol:
            raise ValueError(f"it should list values of a protocol key, one of {', '.join(TUNABLE)}")
        if odd := [key for key in self.protocol if key not in TUNABLE]:
            raise ValueError(f"'{odd[0]}' cannot be tuned; {', '.join(TUNABLE)} can")
        return self


class Pretrain(Strict):
    """The stage before all others: each model is trained on `data`, then on each data set of the grid.

    The first stage on a data set of the grid takes these weights and a fresh classifier.  Of a finished run of another
    grid with the same id the weights are taken, and nothing is trained again.
    """

    data: Name
    protocol: Name | None = None  # that of the grid
    frames: Annotated[int, Field(ge=1, le=MAX_FRAMES)] | None = None  # those of the first stage
    set: dict[str, Any] = Field(default_factory=dict)  # protocol keys that this stage changes


class Ensemble(Strict):
    """An ensemble of each model: its runs of several frame counts, averaged as `suite fuse` does."""

    frames: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_FRAMES)], ...], Listed] = Field(min_length=2)
    views: Views | None = None  # of each run, clips x crops; None: its own test
    fusion: Literal["softmax", "logits"] = "softmax"
    only: Annotated[tuple[Name, ...], Listed] = ()  # globs on model names; all without it


TABLES = (
    "accuracy",
    "splits",
    "contribution",
    "cost",
    "pareto",
    "equal_cost",
    "effects",
    "frames",
    "views",
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
    chain: Chain | None = None
    frames: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_FRAMES)], ...], Listed] = Field(
        (), max_length=MAX_LISTED
    )  # in place of a chain: each starts from the weights of the protocol
    pretrain: Pretrain | None = None
    tune: Tune | None = None
    fuse: Annotated[tuple[Ensemble, ...], Listed] = ()
    controls: Annotated[tuple[Literal["epoch_matched"], ...], Listed] = ()
    set: dict[str, Any] = Field(default_factory=dict)  # protocol keys that this grid changes
    tables: Annotated[tuple[Literal[TABLES], ...], Listed] = TABLES
    reference: Name | None = None  # published rows to print beside ours

    @model_validator(mode="after")
    def _stages(self) -> Grid:
        if bool(self.frames) == (self.chain is not None):
            which = "both 'chain' and 'frames'" if self.frames else "neither 'chain' nor 'frames'"
            raise ValueError(
                f"it specifies {which}; 'chain: {{frames: [8, 16]}}' starts each number of frames from the weights of "
                "the one before, 'frames: [8, 16]' starts each anew"
            )
        if self.controls and not self.chain:
            raise ValueError("'controls' needs a 'chain', whose stages it follows")
        if both := sorted(set(self.axes.protocol) & set(self.tune.protocol if self.tune else ())):
            raise ValueError(f"'{both[0]}' stands in 'axes' and in 'tune'")
        for ensemble in self.fuse:
            if odd := [count for count in ensemble.frames if count not in self.frame_counts]:
                raise ValueError(f"'fuse' names {odd[0]} frames, which are not among those of the grid")
            if len(set(ensemble.frames)) < len(ensemble.frames):
                raise ValueError("'fuse' names a number of frames twice; a run can be in an ensemble only once")
        return self

    def protocols(self) -> list[str]:
        """The names of the protocols of its stages."""
        return [self.protocol, *([self.pretrain.protocol] if self.pretrain and self.pretrain.protocol else [])]

    @property
    def frame_counts(self) -> tuple[int, ...]:
        return self.chain.frames if self.chain else self.frames

    def chains(self) -> list[tuple[int, ...]]:
        """The frame counts of each chain of a model."""
        return [self.chain.frames] if self.chain else [(count,) for count in self.frames]

    def fused_views(self) -> list[str]:
        """The tests, clips x crops, that its ensembles need of their runs."""
        return [ensemble.views for ensemble in self.fuse if ensemble.views]

    def settings(self) -> list[dict[str, Any]]:
        """The combinations of the protocol keys of `axes` and `tune`; one without a key where there are none."""
        values = self.axes.protocol | (self.tune.protocol if self.tune else {})
        return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]

    def model_names(self) -> list[str]:
        """The models that are listed, then those of the axes."""
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
    settings = prod(map(len, [*axes.protocol.values(), *(grid.tune.protocol.values() if grid.tune else ())]))
    if (runs := models * len(grid.data) * len(axes.seed) * len(grid.frame_counts) * settings) > MAX_RUNS:
        raise BadInput(f"Grid {path.name} has {runs:,} runs; a grid has at most {MAX_RUNS:,}.")
    if not models:
        raise BadInput(f"Grid {path.name} specifies no model: list 'models', or the axes 'module' and 'backbone'.")
    grid.refuse_duplicates("model", [(text, _without_order(text)) for text in grid.model_names()])
    plain = {
        "data set": grid.data,
        "seed": grid.axes.seed,
        "frame count": grid.frame_counts,
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
