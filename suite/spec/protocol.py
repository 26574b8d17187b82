"""How a model is trained and tested: one stage of a chain, fully resolved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from suite.spec.errors import unknown
from suite.spec.experiments import find_protocol
from suite.spec.files import Strict, checked, read_yaml


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


def load_protocol(name: str) -> Protocol:
    path = find_protocol(name)
    data = read_yaml(path, "Protocol")
    protocol = checked(Protocol, {"name": name, **data} if isinstance(data, dict) else data, f"protocol {path.name}")
    protocol.stage(chained=True, overrides={})  # a wrong key in `chained` shows now, not at the second stage
    return protocol
