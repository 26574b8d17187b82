"""The confound ledger: everything that a result depends on beside chance, one set of factors for every run.

A factor's value is a number, a text, a dictionary of parts, or None: not known.  Unknown is equal to nothing, itself
included: two papers that both say nothing of their weight decay have not been shown to use the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from suite.fairness.grades import CONFOUND, MINOR, grade_of, known_of
from suite.spec import unknown

FACTORS = {
    "dataset": "data set",
    "split": "reported split",
    "data": "data manifest",
    "missing": "missing videos",
    "leakage": "videos shared by training and test",
    "ensemble": "ensemble",
    "module": "temporal module and blocks",
    "backbone": "backbone",
    "pooling": "temporal pooling",
    "frames": "frames per clip",
    "test_frames": "frames per test clip",
    "pretraining": "pretraining",
    "weights": "initial weights (SHA-256)",
    "inflation": "inflation rule",
    "normalisation": "input normalisation",
    "sampling": "training frame sampling",
    "test_sampling": "test frame sampling",
    "held_out": "held-out (dev) split",
    "resolution": "training resolution",
    "augmentation": "augmentation",
    "optimiser": "optimiser",
    "schedule": "schedule",
    "chain": "schedules of earlier stages",
    "chain_frames": "frames of earlier stages",
    "epochs_seen": "cumulative epochs",
    "batch": "effective batch size",
    "batch_norm": "clips per batch-norm statistic",
    "step_batch": "batch size per step",
    "sync_bn": "synchronised batch normalisation",
    "dropout": "dropout",
    "precision": "precision",
    "compile": "compiled training step",
    "selection": "selection rule",
    "tuning": "configurations tuned for this model only",
    "seed": "seed",
    "views": "test views (clips x crops)",
    "test_crop": "test resolution",
    "fusion": "view fusion",
    "code_train": "training code",
    "code_test": "test code",
    "packages": "library versions",
    "decoder": "video decoder",
    "device": "device",
}
AXES = {  # axes that cover more than the factor of their name; every other factor is an axis of its own
    "backbone": ("backbone", "normalisation"),
    "frames": ("frames", "test_frames", "chain_frames"),
    "sampling": ("sampling", "test_sampling"),  # a run is tested with the sampling that it was trained with
    "ensemble": ("ensemble", "seed"),  # the same model with several seeds against one of them
    "model": ("module", "backbone", "normalisation", "pooling"),
}


ONE_MODEL = "one model"  # of the factor "ensemble"
THE_SAME = "the same model"  # of the factor "pretraining", part "of": the run's own model was trained before


@dataclass(frozen=True)
class Difference:
    """A factor in which two results are not known to agree; None is an unknown value."""

    field: str
    a: Any
    b: Any

    @property
    def grade(self) -> str:
        """ "confound" or "minor", from the table in `suite.fairness.grades`."""
        return grade_of(self.field)

    @property
    def known(self) -> str:
        """What is known of the effect of such a difference, in a sentence."""
        return known_of(self.field)


@dataclass(frozen=True)
class Verdict:
    """What a comparison of two results rests on."""

    axis: str
    studied: tuple[Difference, ...]  # what was to differ
    same: tuple[str, ...]
    confounds: tuple[Difference, ...]  # known to differ, each with its grade
    unknown: tuple[Difference, ...]  # not known of one or both

    @property
    def grade(self) -> str:
        """ "same_protocol", "minor_differences", "confounded" or "unknown".

        A known difference that confounds outweighs what is not known, and that outweighs minor differences.
        """
        if any(d.grade == CONFOUND for d in self.confounds):
            return "confounded"
        if any(d.grade == CONFOUND for d in self.unknown):
            return "unknown"
        return "minor_differences" if self.confounds or self.unknown else "same_protocol"

    @property
    def comparable(self) -> bool:
        return self.grade in ("same_protocol", "minor_differences")

    @property
    def minor(self) -> tuple[Difference, ...]:
        """Differing and unknown factors of the minor grade."""
        return tuple(d for d in (*self.confounds, *self.unknown) if d.grade == MINOR)

    def __str__(self) -> str:
        if self.grade == "same_protocol":
            return "comparable: same protocol"
        if self.grade == "minor_differences":
            parts = [FACTORS[d.field] for d in self.confounds]
            parts += [f"{FACTORS[d.field]} (not reported)" for d in self.unknown]
            return f"comparable except for: {', '.join(parts)}"
        differs = f"differs in {titles(d.field for d in self.confounds)}"
        not_known = f"not known: {titles(d.field for d in self.unknown)}"
        if self.grade == "unknown":
            return f"comparable only in the known factors: the same in {titles(self.same)}; {differs}; {not_known}"
        if any(d.grade == CONFOUND for d in self.unknown):
            return f"confounded: the same in {titles(self.same)}; {differs}; {not_known}"
        return f"confounded: {differs}" + (f"; {not_known}" if self.unknown else "")


def titles(fields: Iterable[str]) -> str:
    """The titles of factors in a row; "nothing" of none."""
    return ", ".join(FACTORS.get(name, name) for name in fields) or "nothing"


def axis_factors(axis: str) -> tuple[str, ...]:
    """The factors that an axis covers.  Raises BadInput for an unknown axis."""
    if axis not in AXES and axis not in FACTORS:
        raise unknown("axis", axis, {**AXES, **FACTORS})
    return AXES.get(axis, (axis,))


def judge(a: Mapping[str, Any], b: Mapping[str, Any], axis: str = "module") -> Verdict:
    """Compares two results factor by factor; what differs beside `axis` is a confound."""
    covered = axis_factors(axis)
    studied, same, confounds, not_known = [], [], [], []
    for field in FACTORS:
        pair = Difference(field, a.get(field), b.get(field))
        state = agree(pair.a, pair.b)
        if state:
            same.append(field)
        elif field in covered:
            studied.append(pair)
        elif state is False:
            confounds.append(pair)
        else:
            not_known.append(pair)
    return Verdict(axis, tuple(studied), tuple(same), tuple(confounds), tuple(not_known))


def agree(a: Any, b: Any) -> bool | None:
    """True or False where it is known whether two values agree, else None; dictionaries go part by part."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if _is_of_the_same(a) and _is_of_the_same(b):
            a, b = without_own_model(a), without_own_model(b)
        states = [agree(a.get(key), b.get(key)) for key in {**a, **b}]
        return False if False in states else None if None in states else True
    if a is None or b is None:
        return None
    return a == b


def without_own_model(value: Any) -> Any:
    """A pretraining of a run's own model without that model's name, which differs wherever the models do."""
    return {key: part for key, part in value.items() if key != "model"} if _is_of_the_same(value) else value


def _is_of_the_same(value: Any) -> bool:
    return isinstance(value, Mapping) and "of" in value and value["of"] == THE_SAME


def text(value: Any) -> str:
    """A value as a person reads it; an unknown one is "not stated"."""
    if value is None:
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ("; " if any(isinstance(part, Mapping) for part in value) else "/").join(map(text, value)) or "none"
    return str(value)


def schedule_of(p: Any) -> dict[str, Any]:
    """Kind, peak learning rate, epochs and what else shapes it, of one stage."""
    steps = {"milestones": list(p.milestones), "gamma": p.gamma} if p.schedule == "multistep" else {}
    return {"kind": p.schedule, "lr": p.lr, "epochs": p.epochs, **steps, "warmup": p.warmup_epochs}


def views_of(clips: int, crops: int) -> dict[str, int]:
    """Test views; of print often only their number is known."""
    return {"number": clips * crops, "clips": clips, "crops": crops}


def read_views(words: str) -> dict[str, int]:
    """Views from "10x3" or "30"."""
    parts = [int(part) for part in words.split("x")]
    return views_of(*parts) if len(parts) == 2 else {"number": parts[0]}


def chain_of(stages: Iterable[tuple[Mapping[str, Any], str | None]]) -> Any:
    """The stages before this one, each its schedule and, where all of it is known, a digest of its whole recipe."""
    found = {}
    for i, (schedule, recipe) in enumerate(stages, start=1):
        found[f"stage {i}"] = dict(schedule) | ({"recipe": recipe} if recipe else {})
    return found or "none"
