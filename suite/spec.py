"""What is to be run: model names, protocols and grids.

Everything here is plain data, readable without torch, a GPU or the videos.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class BadInput(ValueError):
    """Something the person at the keyboard can mend; its text is one sentence. The command line exits with 2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> BadInput:
    """The error for a name that is not known, with the nearest known one."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}."
    return BadInput(f"Unknown {kind} '{name}'; {hint}")


# --- model names --------------------------------------------------------------------------------------------------

BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101", "inception_v1")


@dataclass(frozen=True)
class Part:
    """A name with its options: `tam-resnet18` with {sites: top-half}, or a block such as `nl` with {at: conv3_3}."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    def get(self, key: str, default: str | None = None) -> str | None:
        return dict(self.options).get(key, default)


NETWORKS = {  # whole networks that are no module on a backbone, and what may stand behind their name
    "slowfast": ("-resnet50", "-resnet101"),
    "mfnet": ("",),
    "cstransformer": tuple(f"-v{i}{end}" for i in (1, 2, 3) for end in ("", "-baseline")),
}


@dataclass(frozen=True)
class ModelName:
    """A model name taken apart: `<module>-<backbone>[-tp][@key=value,...][+<block>[@key=value,...]]...`.

    For a whole network `module` is its name (`cstransformer-v2`, `torchvision:r3d_18`, `package.module:factory`) and
    `backbone` what it stands on, or empty.
    """

    text: str
    module: str
    backbone: str
    pooling: str  # "none", "tp" (as published) or "tp=max" (max-pooling everywhere, as the paper's text says)
    options: tuple[tuple[str, str], ...] = ()
    blocks: tuple[Part, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it is a whole network and no module on a backbone."""
        return ":" in self.module or self.module.split("-")[0] in NETWORKS


def _part(text: str, whole: str) -> Part:
    name, _, tail = text.partition("@")
    options = []
    for item in tail.split(",") if tail else []:
        key, eq, value = item.partition("=")
        if not eq or not key or not value:
            raise BadInput(f"In model name '{whole}' the option '{item}' is not of the form key=value.")
        if key in dict(options):
            raise BadInput(f"In model name '{whole}' the option '{key}' is given twice.")
        options.append((key, value))
    return Part(name, tuple(options))


def parse_model(text: str) -> ModelName:
    """Takes a model name apart.  Raises BadInput when it has not the form of one; registries check the rest."""
    head, *tail = [_part(piece, text) for piece in text.strip().split("+")]
    if whole := _whole_network(head, text):
        return ModelName(text.strip(), *whole, "none", head.options, tuple(tail))
    match = re.fullmatch(r"(?P<module>[a-z0-9_]+)-(?P<backbone>[a-z0-9_]+)(?P<tp>-tp)?", head.name)
    if not match:
        raise BadInput(
            f"'{text}' is not a model name; it has the form <module>-<backbone>[-tp], e.g. tam-resnet18-tp, or is a "
            f"whole network: {', '.join(NETWORKS)}, torchvision:NAME or package.module:factory."
        )
    if match["backbone"] not in BACKBONES:
        raise unknown("backbone", match["backbone"], BACKBONES)
    options = dict(head.options)
    how = options.get("tp")
    if how is not None and not match["tp"]:
        raise BadInput(f"In model name '{text}' the option tp={how} needs temporal pooling: write -tp before the '@'.")
    if how not in (None, "max", "published"):
        raise BadInput(f"In model name '{text}' the option tp={how} is unknown; it is 'max' or 'published'.")
    pooling = "none" if not match["tp"] else "tp=max" if how == "max" else "tp"
    return ModelName(text.strip(), match["module"], match["backbone"], pooling, head.options, tuple(tail))


def _whole_network(head: Part, text: str) -> tuple[str, str] | None:
    """(module, backbone) of a whole network; None when the name is that of a module on a backbone."""
    if ":" in head.name:
        if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", head.name):
            raise BadInput(f"'{text}' names no network: write torchvision:NAME or package.module:factory.")
        return head.name, ""
    network = head.name.split("-")[0]
    if network not in NETWORKS:
        return None
    rest = head.name.removeprefix(network)
    if rest not in NETWORKS[network]:
        raise unknown("model", head.name, [network + end for end in NETWORKS[network]])
    return (network, rest[1:]) if network == "slowfast" else (head.name, "")


# --- protocols ----------------------------------------------------------------------------------------------------


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampling(Strict):
    """Which frames of a video make a clip."""

    rule: Literal["uniform", "dense"] = "uniform"
    variant: Literal["segment", "published"] = "segment"  # uniform, training: own offset per segment, or one for all
    stride: int = Field(1, ge=1)  # dense: distance in frames
    dense_clip: Literal["middle", "first"] = "middle"  # dense, one test clip: where it lies


class Augmentation(Strict):
    """What is done to a training clip; the same crop and flip for all its frames."""

    # multi-scale crop of TSN: fractions of the short side; (1.0,) leaves the position alone to chance
    scales: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field((1.0, 0.875, 0.75, 0.66), min_length=1)
    flip: Literal["label_aware", "blind", "none"] = "label_aware"


class Evaluation(Strict):
    """How test views are made and fused."""

    clips: int = Field(1, ge=1)  # clip level: 1
    crops: Literal[1, 3] = 1
    video_clips: int = Field(0, ge=0)  # video level beside it: that many clips; 0: not computed
    video_crops: Literal[1, 3] = 1
    fusion: Literal["logits", "softmax"] = "logits"
    every_epochs: int = Field(0, ge=0)  # curve, on dev where videos are held out; 0: only after the last epoch
    batch: int = Field(16, ge=1)


def weights_file(source: str) -> tuple[str, Path | None]:
    """What a source of weights is and the file that it names: ("ibm", PATH) of `ibm:PATH`, ("", PATH) of `PATH`.

    A name without a folder is looked up in SUITE_WEIGHTS too.  The file is None for sources by name: `scratch`,
    `imagenet`.
    """
    kind, colon, text = source.partition(":")
    if source in ("scratch", "imagenet"):
        return source, None
    if not colon or kind not in ("imagenet", "ibm", "tsm", "pytorchvideo"):
        kind, text = "", source
    path, folder = Path(text), os.environ.get("SUITE_WEIGHTS")
    if folder and path.name == text and not path.exists() and (Path(folder) / text).is_file():
        path = Path(folder) / text
    return kind, path


def file_sha256(path: Path) -> str:
    """SHA-256 of all bytes of a file, in hexadecimal digits.  Raises OSError when it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Protocol(Strict):
    """How a model is trained and tested.  One stage of a chain, fully resolved."""

    name: str
    source: str = ""  # where the numbers come from; not part of a run's identity
    init: str = "imagenet"  # first stage: scratch, imagenet, ibm:PATH, or a path
    inflate: Literal["repeat", "mean", "center"] = "repeat"
    size: int = Field(224, ge=16)  # pixels
    epochs: int = Field(ge=0)
    batch: int = Field(ge=1)  # effective: clips per update
    step_batch: int | None = Field(None, ge=1)  # clips per forward pass, and per batch normalisation
    lr: float = Field(gt=0, allow_inf_nan=False)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["cosine", "multistep", "constant"] = "cosine"
    milestones: tuple[int | float, ...] = ()  # multistep: epochs after which the learning rate falls by gamma
    gamma: float = 0.1
    warmup_epochs: float = Field(0.0, ge=0)
    clip_gradient: float | None = Field(None, gt=0)
    dropout: float = Field(0.5, ge=0, lt=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    sampling: Sampling = Sampling()
    augmentation: Augmentation = Augmentation()
    evaluation: Evaluation = Evaluation()
    allow_missing: int = Field(0, ge=0)  # videos that may be missing or undecodable
    allow_leakage: int = Field(0, ge=0)  # validation videos that may occur in the training split too
    dev: float = Field(0.0, ge=0, lt=1)  # share of the training videos held out of training; the curve is then on them
    selection: Literal["last", "best"] = "last"  # whose weights are tested and kept: best is by top-1 on dev
    tuning: int | None = Field(None, ge=0)  # configurations tried for one model alone before this one; None: unknown
    chained: dict[str, Any] = Field(default_factory=dict)  # what differs in stages that start from another run

    @model_validator(mode="after")
    def _batches(self) -> Protocol:
        if self.batch % self.per_step:
            raise ValueError(f"batch {self.batch} is not a multiple of step_batch {self.per_step}")
        return self

    @model_validator(mode="after")
    def _choices(self) -> Protocol:
        if self.selection == "best" and not (self.dev and self.evaluation.every_epochs):
            raise ValueError(
                "selection best chooses on videos held out of training: it needs dev above 0 and "
                "evaluation.every_epochs above 0"
            )
        if "dev" in self.chained:  # what one stage holds out, another would have trained on
            raise ValueError("dev is the same in all stages of a chain; it cannot stand in chained")
        return self

    @model_validator(mode="after")
    def _schedule(self) -> Protocol:
        if self.epochs and self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs {self.warmup_epochs:g} leaves nothing of {self.epochs} epochs")
        if self.schedule == "multistep" and self.epochs:
            ordered = list(self.milestones) == sorted(set(self.milestones))
            if not ordered or not all(0 < m < self.epochs for m in self.milestones):
                shown = ", ".join(f"{m:g}" for m in self.milestones)
                raise ValueError(
                    f"milestones {shown} must increase and lie within the {self.epochs} epochs; set milestones too"
                )
        return self

    @property
    def per_step(self) -> int:
        """Clips that pass through the network at once; batch normalisation sees as many."""
        return self.step_batch or self.batch

    def stage(
        self, chained: bool, overrides: dict[str, Any], grid: dict[str, Any] | None = None, where: str = "--set"
    ) -> Protocol:
        """The protocol of one stage: the file, its `chained` part, what the grid sets, then what the command line sets.

        Where the grid or the command line changes the epochs alone, milestones move in proportion, so that the schedule
        keeps its shape.
        """
        data = self.model_dump(exclude={"chained"})
        for source, changes in (
            (f"chained of protocol {self.name}", self.chained if chained else {}),
            ("set of the grid", grid or {}),
            (where, overrides),
        ):
            planned = data["epochs"]
            for key, value in changes.items():
                _assign(data, key, value, source)
            if not source.startswith("chained") and "milestones" not in changes:
                data["milestones"] = _scaled(data["milestones"], planned, data["epochs"])
        return checked(Protocol, data, f"protocol {self.name}")


def _scaled(milestones: Sequence[float], planned: int, epochs: Any) -> Sequence[float]:
    """Milestones of `planned` epochs for another number of epochs, to four decimals; whole ones as whole numbers."""
    if not isinstance(epochs, int) or epochs == planned or not planned:
        return milestones
    moved = [round(m * epochs / planned, 4) for m in milestones]
    return tuple(int(m) if m == int(m) else m for m in moved)


def _assign(data: dict[str, Any], key: str, value: Any, where: str) -> None:
    """Sets `key` (dotted where nested, e.g. evaluation.clips) to `value` in a protocol's dictionary."""
    *path, last = str(key).split(".")
    target = data
    for name in path:
        if not isinstance(target.get(name), dict):
            raise unknown(f"key in {where}", key, _keys(data))
        target = target[name]
    if last not in target:
        raise unknown(f"key in {where}", key, _keys(data))
    if isinstance(value, dict) and isinstance(target[last], dict):
        for inner, v in value.items():
            _assign(target[last], inner, v, where)
    else:
        target[last] = value


def _keys(data: dict[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for key, value in data.items():
        keys += _keys(value, f"{prefix}{key}.") if isinstance(value, dict) and key != "chained" else [prefix + key]
    return [k for k in keys if k not in ("name", "source", "chained")]


# --- grids --------------------------------------------------------------------------------------------------------


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


def checked(kind: type[BaseModel], data: Any, where: str) -> Any:
    """`data` as a `kind`, or BadInput with the first thing that is wrong in one sentence."""
    if not isinstance(data, dict):
        raise BadInput(f"{where} does not hold keys and values.")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            model = kind
            for part in first["loc"][:-1]:
                model = model.model_fields[str(part)].annotation
            raise unknown(f"key in {where}", place, model.model_fields) from None
        if first["type"] == "missing":
            raise BadInput(f"{where} lacks the key '{place}'.") from None
        detail, value = first["msg"].removeprefix("Value error, "), _short(first["input"])
        raise BadInput(
            f"In {where}{f', key {place!r}' if place else ''}: {detail}{f' (it is {value})' if place else ''}."
        ) from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def read_yaml(path: Path, what: str) -> Any:
    try:
        data = yaml.safe_load(path.read_text())
        size = _size(data, {})
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # such as a date that is none, or text not in UTF-8
        raise BadInput(f"{what} {path} is not valid YAML: {' '.join(str(error).split())}") from None
    except (LookupError, AttributeError, ArithmeticError):  # PyYAML's own, of such as !!bool "x" and !!timestamp ""
        raise BadInput(f"{what} {path} is not valid YAML: a value is not of the type that it is said to have") from None
    if size > 1_000_000:
        raise BadInput(f"{what} {path} is not valid YAML: its aliases stand for more than a million values")
    return data


def _size(value: Any, known: dict[int, int]) -> int:
    """Values within `value` with aliases written out; ValueError where one holds itself."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = 0  # not done yet: who comes here again is inside it
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(v, known) for v in inner)
    elif not known[id(value)]:
        raise ValueError("an alias stands inside of what it stands for")
    return known[id(value)]


def experiments_dir() -> Path:
    """Where grids and protocols are: `experiments/` of the working directory or of this checkout."""
    here = Path.cwd() / "experiments"
    return here if here.is_dir() else Path(__file__).resolve().parent.parent / "experiments"


def load_grid(name: str) -> Grid:
    """The grid `name` of experiments/, or the one in the file `name`."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else experiments_dir() / f"{name}.yaml"
    if not path.is_file():
        raise unknown("grid", name, [p.stem for p in experiments_dir().glob("*.yaml")])
    data = read_yaml(path, "Grid")
    if isinstance(data, dict):
        data = {"name": path.stem, **data}
        if isinstance(data.get("data"), str):
            data["data"] = [data["data"]]
    grid = checked(Grid, data, f"grid {path.name}")
    if not re.fullmatch(r"[A-Za-z0-9_+=-][A-Za-z0-9._+=-]*", grid.name):
        raise BadInput(f"Grid {path.name}: a name has letters, digits and ._+=- only, not '{grid.name}'.")
    if not grid.model_names():
        raise BadInput(f"Grid {path.name} names no model: give 'models' or axes 'module' and 'backbone'.")
    return grid


def load_protocol(name: str) -> Protocol:
    folder = experiments_dir() / "protocols"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise unknown("protocol", name, [p.stem for p in folder.glob("*.yaml")])
    data = read_yaml(path, "Protocol")
    protocol = checked(Protocol, {"name": name, **data} if isinstance(data, dict) else data, f"protocol {path.name}")
    protocol.stage(chained=True, overrides={})  # a wrong key in `chained` shows now, not at the second stage
    return protocol
