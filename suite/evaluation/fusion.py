"""Late fusion of several models: the weighted mean of their logits, or of their class probabilities, per video."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from suite.evaluation.predictions import Outcome
from suite.spec import BadInput

FUSIONS = ("softmax", "logits")  # the default first: logits of models that were trained apart share no scale


def normalised_weights(weights: Sequence[float] | None, models: int) -> list[float]:
    """One weight per model, of sum 1; equal ones where none are given.

    Raises BadInput for another number of weights, for one that is negative or not finite, and where all are 0.
    """
    weights = [1.0] * models if weights is None else list(weights)
    if len(weights) != models:
        raise BadInput(f"--weights gives {len(weights)} weights for {models} models; give one per model.")
    for weight in weights:
        if not (math.isfinite(weight) and weight >= 0):
            raise BadInput(f"--weights expects numbers that are not negative, not {weight:g}.")
    largest = max(weights)
    if not largest:
        raise BadInput("--weights gives 0 for every model; at least one weight must be above 0.")
    weights = [weight / largest for weight in weights]  # whose sum is finite
    return [weight / sum(weights) for weight in weights]


def fuse_logits(logits: np.ndarray, weights: Sequence[float], fusion: str) -> np.ndarray:
    """(N, K) float32 from the logits (M, N, K) of M models and their weights, of sum 1.

    fusion: `logits` gives the weighted mean of the logits; `softmax` the logarithm of the weighted mean of the class
    probabilities.
    """
    values, share = np.asarray(logits, np.float64), np.asarray(weights, np.float64)[:, None, None]
    if fusion == "logits":
        return (share * values).sum(0).astype(np.float32)
    values = values - values.max(-1, keepdims=True)
    values = values - np.log(np.exp(values).sum(-1, keepdims=True))
    used = share[:, 0, 0] > 0
    return np.logaddexp.reduce(values[used] + np.log(share[used]), axis=0).astype(np.float32)


def same_videos(outcomes: Sequence[Outcome], names: Sequence[str]) -> list[Outcome]:
    """The outcomes with logits and labels in the class numbers of the first that has class names.

    Raises BadInput, with what differs, unless all have logits of the same classes for the same videos with the same
    labels.  names: of the outcomes, for messages.
    """
    for outcome, name in zip(outcomes, names, strict=True):
        if outcome.logits is None:
            raise BadInput(f"{name} has no logits per video, so it cannot be averaged with other results.")
    at = next((i for i, outcome in enumerate(outcomes) if outcome.classes), 0)
    first, found = outcomes[at], []
    for outcome, name in zip(outcomes, names, strict=True):
        _check_ids(first, outcome, names[at], name)
        found.append(_in_classes_of(first, outcome, names[at], name))
    labelled = next((i for i, outcome in enumerate(found) if outcome.labels is not None), None)
    if labelled is None:
        raise BadInput(f"None of {', '.join(names)} has labels, so there is no accuracy to compute.")
    labels = found[labelled].labels
    for outcome, name in zip(found, names, strict=True):
        if outcome.labels is not None and (outcome.labels != labels).any():
            differ = np.flatnonzero(outcome.labels != labels)
            raise BadInput(
                f"{names[labelled]} and {name} disagree on the labels of {len(differ)} videos (first "
                f"'{outcome.ids[differ[0]]}')."
            )
    return [replace(outcome, labels=labels) for outcome in found]


def _check_ids(first: Outcome, other: Outcome, name: str, other_name: str) -> None:
    if len(first.ids) == len(other.ids) and (first.ids == other.ids).all():
        return
    only_first, only_other = np.setdiff1d(first.ids, other.ids), np.setdiff1d(other.ids, first.ids)
    example = (only_first if len(only_first) else only_other)[0]
    raise BadInput(
        f"{name} and {other_name} were not tested on the same videos: {len(only_first)} are only in the first and "
        f"{len(only_other)} only in the second (for example '{example}')."
    )


def _in_classes_of(first: Outcome, other: Outcome, name: str, other_name: str) -> Outcome:
    """`other` in the class numbers of `first`; without names on one side the numbers are taken as they are."""
    if first.logits.shape[1] != other.logits.shape[1]:
        raise BadInput(
            f"{name} has logits of {first.logits.shape[1]} classes, {other_name} of {other.logits.shape[1]}."
        )
    if not first.classes or not other.classes or first.classes == other.classes:
        return replace(other, classes=first.classes)
    if odd := sorted(set(first.classes) ^ set(other.classes)):
        raise BadInput(
            f"{name} and {other_name} have different classes: {len(odd)} are in one of them only (for example "
            f"'{odd[0]}')."
        )
    theirs, ours = ({name: i for i, name in enumerate(one.classes)} for one in (other, first))
    logits = other.logits[:, [theirs[name] for name in first.classes]]
    numbers = np.array([ours[name] for name in other.classes])
    labels = None if other.labels is None else numbers[other.labels]
    return replace(other, classes=first.classes, logits=logits, predicted=numbers[other.predicted], labels=labels)
