"""How a model is trained and tested: one stage of a chain, fully resolved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from suite.spec.errors import unknown
from suite.spec.experiments import find_protocol
from suite.spec.files import IntegerChoice, Listed, Name, Real, Strict, checked, read_yaml

# Limits far beyond what anybody trains: a slip of the finger is an input error, not an overflow hours later.
MAX_FRAMES, MAX_PIXELS, MAX_EPOCHS, MAX_CLIPS, MAX_VIDEOS = 4096, 4096, 100_000, 1000, 10_000_000
FIXED = ("name", "source", "tuned", "chained")  # neither a grid nor --set changes them

# what a grid may tune: none changes the data, the views or the cost
TUNABLE = ("lr", "weight_decay", "momentum", "nesterov", "dropout", "warmup_epochs", "gamma", "clip_gradient")


def _views(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,2}x(1|3|10)", text):
        raise ValueError("it should be clips x crops, such as 10x3, with 1, 3 or 10 crops")
    return text


Views = Annotated[str, AfterValidator(_views)]

Crops = Annotated[Literal[1, 3, 10], IntegerChoice]
TrainCrop = Literal["multi_scale", "short_side", "random_resized", "diagonal"]  # suite.data.transforms.training_box
CROP_SETTINGS = {  # of Augmentation: those that a crop looks at
    "multi_scale": ("scales",),
    "short_side": ("short_side",),
    "random_resized": ("area", "aspect"),
    "diagonal": ("short_side",),
}
CropRule = Literal["short_side", "short_side_margin", "diagonal", "fixed_240x320"]  # suite.data.transforms
Milestone = Annotated[int | float, Field(gt=0, le=MAX_EPOCHS)]
Pixels = Annotated[int, Field(ge=16, le=MAX_PIXELS)]
Area = Annotated[Real, Field(gt=0, le=1)]
Aspect = Annotated[Real, Field(ge=0.1, le=10)]


class Sampling(Strict):
    """Which frames of a video make a clip."""

    rule: Literal["uniform", "dense"] = "uniform"
    variant: Literal["segment", "published"] = "segment"  # uniform, training: own offset per segment, or one for all
    stride: int = Field(1, ge=1, le=100_000)  # dense: distance in frames
    dense_clip: Literal["middle", "first"] = "middle"  # dense, one test clip: where it lies


class Augmentation(Strict):
    """What is done to a training clip; the same crop and flip for all its frames."""

    # multi_scale: TSN; short_side: random short side, then a crop anywhere (SlowFast); random_resized: random area and
    # aspect ratio (Inception); diagonal: random short side, then top left, centre or bottom right (CSTransformer)
    crop: TrainCrop = "multi_scale"
    # multi-scale crop of TSN: fractions of the short side; (1.0,) leaves the position alone to chance
    scales: Annotated[tuple[Annotated[Real, Field(gt=0, le=1)], ...], Listed] = Field(
        (1.0, 0.875, 0.75, 0.66), min_length=1, max_length=100
    )
    # the shape of the picture that is cropped, whatever the video's; 240x320: GTA and ARC on Something-Something
    picture: Literal["stored", "240x320"] = "stored"
    # short_side, diagonal: pixels of the short side, from and to, before the crop of the training size
    short_side: Annotated[tuple[Pixels, ...], Listed] = Field((256, 320), min_length=2, max_length=2)
    # random_resized: share of the picture's area, and width / height, from and to
    area: Annotated[tuple[Area, ...], Listed] = Field((0.08, 1.0), min_length=2, max_length=2)
    aspect: Annotated[tuple[Aspect, ...], Listed] = Field((0.75, 1.3333), min_length=2, max_length=2)
    # skip_sided: never a class whose name has a side (gta, Sec. 4.1); label_aware: flips it and swaps its label
    flip: Literal["label_aware", "skip_sided", "blind", "none"] = "label_aware"

    @model_validator(mode="after")
    def _ranges(self) -> Augmentation:
        for key in ("short_side", "area", "aspect"):
            low, high = getattr(self, key)
            if low > high:
                raise ValueError(f"{key} is a range from its smallest to its largest value, not {low:g} to {high:g}")
        return self

    def used(self) -> dict[str, Any]:
        """The settings that have an effect under its crop, as plain data.

        The defaults of crop and picture are not named: runs from before there were others keep their ids.
        """
        keys = {"flip", *CROP_SETTINGS[self.crop]}
        keys |= {key for key in ("crop", "picture") if getattr(self, key) != type(self).model_fields[key].default}
        return self.model_dump(mode="json", include=keys)


class Evaluation(Strict):
    """How test views are made and fused."""

    clips: int = Field(1, ge=1, le=MAX_CLIPS)  # clip level: 1
    crops: Crops = 1  # 10: four corners and the centre, and their flips where no class has a side
    size: int | None = Field(None, ge=16, le=MAX_PIXELS)  # pixels; None: the training size
    crop_rule: CropRule = "short_side"  # how a picture is resized before it is cropped, and where three crops lie
    video_clips: int = Field(0, ge=0, le=MAX_CLIPS)  # video level beside it: that many clips; 0: not computed
    video_crops: Crops = 1
    views: Annotated[tuple[Views, ...], Listed] = ()  # further tests, clips x crops
    fusion: Literal["logits", "softmax"] = "logits"
    every_epochs: int = Field(
        0, ge=0, le=MAX_EPOCHS
    )  # curve, on dev where videos are held out; 0: only after the last epoch
    batch: int = Field(16, ge=1, le=MAX_VIDEOS)


def check_crop(rule: str, size: int) -> None:
    """Raises ValueError where a picture resized by `rule` has no room for a crop of `size` pixels."""
    if rule == "fixed_240x320" and size > 240:
        raise ValueError(f"crop_rule fixed_240x320 leaves no room for a crop of {size} pixels; give a size up to 240")


class Protocol(Strict):
    """How a model is trained and tested.  One stage of a chain, fully resolved."""

    name: Name
    source: str = ""  # where the numbers come from; not part of a run's identity
    init: Name = "imagenet"  # first stage: scratch, imagenet, run:ID, KIND:PATH (suite.models.weights), or a path
    # first stage: what may start anew where `init` has it not, its classifier or its add-on blocks
    init_fresh: Annotated[tuple[Literal["head", "blocks"], ...], Listed] = Field((), max_length=2)
    inflate: Literal["repeat", "mean", "center"] = "repeat"
    size: int = Field(224, ge=16, le=MAX_PIXELS)  # pixels
    epochs: int = Field(ge=0, le=MAX_EPOCHS)
    batch: int = Field(ge=1, le=MAX_VIDEOS)  # effective: clips per update
    step_batch: int | None = Field(None, ge=1, le=MAX_VIDEOS)  # clips per forward pass, and per batch normalisation
    sync_bn: bool = False  # batch statistics over all clips of an update, as synchronised over several GPUs
    lr: Real = Field(gt=0)
    momentum: Real = Field(0.9, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: Real = Field(0.0, ge=0)
    norm_decay: bool = True  # whether weight decay applies to normalisation layers too (PySlowFast: not)
    schedule: Literal["cosine", "multistep", "constant"] = "cosine"
    # multistep: epochs after which the learning rate falls by gamma
    milestones: Annotated[tuple[Milestone, ...], Listed] = Field((), max_length=1000)
    gamma: Real = Field(0.1, gt=0, le=1)
    warmup_epochs: Real = Field(0.0, ge=0)
    clip_gradient: Real | None = Field(None, gt=0)
    dropout: Real = Field(0.5, ge=0, lt=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False  # training steps through torch.compile, whose kernels round differently; tests run without
    sampling: Sampling = Sampling()
    augmentation: Augmentation = Augmentation()
    evaluation: Evaluation = Evaluation()
    allow_missing: int = Field(0, ge=0, le=MAX_VIDEOS)  # videos that may be missing or undecodable
    allow_leakage: int = Field(0, ge=0, le=MAX_VIDEOS)  # validation videos that may occur in the training split too
    dev: Real = Field(0.0, ge=0, lt=1)  # share of the training videos held out of training; the curve is then on them
    selection: Literal["last", "best"] = "last"  # whose weights are tested and kept: best is by top-1 on dev
    # configurations tried for one model alone before this one; None: unknown
    tuning: int | None = Field(None, ge=0, le=MAX_VIDEOS)
    # `tune` of the grid: the values that are tried of each key
    tuned: dict[str, Annotated[tuple[Any, ...], Listed]] = Field(default_factory=dict)
    chained: dict[str, Any] = Field(default_factory=dict)  # what differs in stages that start from another run

    @model_validator(mode="after")
    def _crops(self) -> Protocol:
        check_crop(self.evaluation.crop_rule, self.test_size)
        how = self.augmentation
        if "short_side" in CROP_SETTINGS[how.crop] and how.short_side[0] < self.size:
            raise ValueError(
                f"augmentation.short_side from {how.short_side[0]} leaves no room for a crop of {self.size} pixels; "
                "raise it, or lower size"
            )
        return self

    @model_validator(mode="after")
    def _batches(self) -> Protocol:
        if self.batch % self.per_step:
            raise ValueError(f"batch {self.batch} is not a multiple of step_batch {self.per_step}")
        if self.sync_bn and self.per_step != self.batch:
            raise ValueError(f"sync_bn needs all {self.batch} clips of an update in one step; leave out step_batch")
        return self

    @model_validator(mode="after")
    def _choices(self) -> Protocol:
        if self.selection == "best" and not (self.dev and self.evaluation.every_epochs):
            raise ValueError(
                "selection best chooses on videos held out of training: it needs dev above 0 and "
                "evaluation.every_epochs above 0"
            )
        if self.tuned and not self.dev:
            raise ValueError("tune chooses on videos held out of training: it needs dev above 0, such as dev: 0.1")
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
    def test_size(self) -> int:
        """Height and width of a test view, pixels."""
        return self.evaluation.size or self.size

    @property
    def per_step(self) -> int:
        """Clips that pass through the network at once; batch normalisation sees as many."""
        return self.step_batch or self.batch

    def stage(
        self,
        chained: bool,
        overrides: Mapping[str, Any],
        grid: Mapping[str, Any] | None = None,
        where: str = "--set",
        grid_part: str = "set of the grid",
    ) -> Protocol:
        """The protocol of one stage: the file, its `chained` part, what the grid sets, then what the command line sets.

        Where the grid or the command line changes the epochs alone, milestones move in proportion, so that the schedule
        keeps its shape.
        """
        data = self.model_dump(exclude={"chained"})
        sources = {
            f"chained of protocol {self.name}": self.chained if chained else {},
            grid_part: grid or {},
            where: overrides,
        }
        for source, changes in sources.items():
            planned = data["epochs"]
            for key, value in changes.items():
                _set_key(data, key, value, source)
            if not source.startswith("chained") and "milestones" not in changes:
                data["milestones"] = _moved_milestones(data["milestones"], planned, data["epochs"])
        changed = [source for source, changes in sources.items() if changes]
        return checked(Protocol, data, f"protocol {self.name}{f' with {changed[-1]}' if changed else ''}")

    def with_views(self, views: Iterable[str]) -> Protocol:
        """The protocol with further tests, each clips x crops."""
        evaluation = self.evaluation.model_dump() | {"views": [*dict.fromkeys([*self.evaluation.views, *views])]}
        return checked(Protocol, self.model_dump() | {"evaluation": evaluation}, f"protocol {self.name} with views")

    def with_tuned(self, values: Mapping[str, Sequence[Any]]) -> Protocol:
        """The protocol of a run that is tuned (`tune` of a grid); one budget is the same however it is written."""
        data, where, tried = self.model_dump(), f"protocol {self.name} with tune", {}
        for key in sorted(values):
            tried[key] = [getattr(checked(Protocol, data | {key: value}, where), key) for value in values[key]]
        return checked(Protocol, data | {"tuned": tried}, where)


def _moved_milestones(milestones: Any, planned: Any, epochs: Any) -> Any:
    """Milestones of `planned` epochs for another number of epochs, to four decimals; whole ones as whole numbers.

    What is not of these types stays as it is: it is refused with the whole protocol.
    """
    counts = all(type(count) is int and 0 <= count <= MAX_EPOCHS for count in (planned, epochs))
    if not counts or epochs == planned or not planned or not all(type(m) in (int, float) for m in milestones):
        return milestones
    moved = [round(m * epochs / planned, 4) for m in milestones]
    return tuple(int(m) if m == int(m) else m for m in moved)


def _set_key(data: dict[str, Any], key: Any, value: Any, where: str) -> None:
    """Sets `key` (dotted where nested, e.g. evaluation.clips) to `value` in a protocol's dictionary."""
    *path, last = str(key).split(".")
    target = data
    for name in path:
        if not isinstance(target.get(name), dict):
            raise unknown(f"key in {where}", str(key), _settable_keys(data))
        target = target[name]
    if last not in target or (target is data and last in FIXED):
        raise unknown(f"key in {where}", str(key), _settable_keys(data))
    if isinstance(value, dict) and isinstance(target[last], dict):
        for inner, inner_value in value.items():
            _set_key(target[last], inner, inner_value, where)
    else:
        target[last] = value


def _settable_keys(data: dict[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for key, value in data.items():
        keys += _settable_keys(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]
    return [key for key in keys if key not in FIXED]


def load_protocol(name: str) -> Protocol:
    """The protocol `name`.  Raises BadInput for an unknown name, key or value, also in its `chained` part."""
    path = find_protocol(name)
    data = read_yaml(path, "Protocol")
    protocol = checked(Protocol, {"name": name, **data} if isinstance(data, dict) else data, f"protocol {path.name}")
    protocol.stage(chained=True, overrides={})  # a wrong key in `chained` shows now, not at the second stage
    return protocol
