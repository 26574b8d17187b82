"""The parts of a printed table's layout, and the words in its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from suite.spec.model_names import BACKBONE_TITLES

Number = dict[str, Any]  # a row of `suite.published.record.record`

NAMES = {
    **{"kinetics400": "Kinetics-400", "kinetics600": "Kinetics-600", "mini_kinetics": "Mini-Kinetics", "mit": "MiT"},
    **{"ssv1": "SSV1", "ssv2": "SSV2", "mini_ssv2": "Mini-SSV2", "mini_mit": "Mini-MiT", "jester": "Jester"},
    **{"diving48": "Diving48", "diving48_v1": "Diving48 V1", "diving48_v2": "Diving48 V2"},
    **{"ucf101": "UCF101", "hmdb51": "HMDB51", "imagenet": "ImageNet", "imagenet-21k": "ImageNet-21k"},
    **{"mini-kinetics": "Mini-Kinetics", "none": "none"},
    **BACKBONE_TITLES,
    **{"inception_v3": "Inception-V3", "bn_inception": "BN-Inception"},
    **{"vit_base": "ViT-Base", "vit_large": "ViT-Large"},
    **{"bn_inception+resnet18": "BN-Inception + ResNet-18"},
    **{"corrnet50": "CorrNet-50", "corrnet101": "CorrNet-101"},
    **{"phi": "Φ", "psi_ta": "Ψ ta", "psi_ta_tp": "Ψ ta+tp"},
}


@dataclass(frozen=True)
class Label:
    """A column of words: numbers with equal labels share a row.  `of` is a column of the record or makes the words."""

    head: str
    of: str | Callable[[Number], str]
    group: str = ""
    right: bool = False  # set like a number

    @property
    def key(self) -> str:
        return self.head.replace(" ", "_").lower()

    def text(self, number: Number) -> str:
        return str(NAMES.get(number[self.of], number[self.of])) if isinstance(self.of, str) else self.of(number)


@dataclass(frozen=True)
class Value:
    """A column of printed numbers: those of `metric` (of any, if empty) whose columns of the record equal `where`.

    `beside`: what is computed from the 288 runs and set next to it: the "run" of the same model, or Phi and Psi.
    """

    head: str
    metric: str
    where: dict[str, str] = field(default_factory=dict)
    group: str = ""
    beside: Literal["", "run", "contribution"] = ""

    @property
    def key(self) -> str:
        return "_".join([self.metric or "value", *self.where.values()])

    def takes(self, number: Number) -> bool:
        of_metric = not self.metric or number["metric"] == self.metric
        # a value that cannot be assigned names all the data sets that it may be of
        return of_metric and all(value in str(number[key]).split("|") for key, value in self.where.items())


@dataclass(frozen=True)
class Section:
    """Rows under one head, all of a table if `rows`, `where` and `metrics` are not given; columns in print's order."""

    columns: tuple[Label | Value, ...]
    title: str = ""
    rows: tuple[int, int] | None = None  # first and last `row` of the record
    where: dict[str, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()

    def holds(self, number: Number) -> bool:
        within = self.rows is None or self.rows[0] <= number["row"] <= self.rows[1]
        of_metric = not self.metrics or number["metric"] in self.metrics
        return within and of_metric and all(number[key] == value for key, value in self.where.items())


@dataclass(frozen=True)
class Layout:
    """One printed table; `about` says what it compares."""

    paper: str
    table: str
    about: str
    sections: tuple[Section, ...]
    note: str = ""


@dataclass
class Line:
    """A row of a table in the making: per column its words, its numbers of the record, and what is computed."""

    labels: dict[str, str]
    numbers: dict[str, list[Number]] = field(default_factory=dict)
    computed: dict[str, float] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)  # letters of footnotes

    def all_numbers(self) -> list[Number]:
        return list({number["id"]: number for of_cell in self.numbers.values() for number in of_cell}.values())


def bare_model(number: Number) -> str:
    """The printed name without the setting, which has a column of its own."""
    bare = number["model"].removesuffix(number["setting"]).strip() or number["model"]
    return bare.replace("(dagger)", "†")


def setting(prefix: str = "") -> Callable[[Number], str]:
    """The value varied in an ablation; empty for the baseline."""
    return lambda number: "" if number["setting"].startswith("baseline") else number["setting"].removeprefix(prefix)


def has(part: str) -> Callable[[Number], str]:
    """Print has a tick where a part is used."""
    return lambda number: "yes" if part in number["setting"].split(" + ") else ""


def blocks_at(stage: str) -> Callable[[Number], str]:
    """How many blocks a stage gets: "2" of "res3 x2 + res4 x3"."""
    return lambda number: dict(s.split(" x") for s in number["setting"].split(" + ") if " x" in s).get(stage, "")


def printed_views(number: Number) -> str:
    return str(number["views"]).replace("x", "×")


def host(pattern: str) -> Callable[[Number], str]:
    """The backbone, as print has it where a block is added to TSM."""

    def text(number: Number) -> str:
        body = NAMES.get(number["backbone"], number["backbone"])
        return pattern.format(body) if number["module"].startswith("tsm+") else body

    return text
