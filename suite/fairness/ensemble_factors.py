"""The factors of an ensemble: those of its models where they agree, else the values of all of them in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from suite.fairness.code_parts import WHOLE, CodeParts
from suite.fairness.factors import FACTORS

CODE = ("code_train", "code_test")


def of_ensemble(models: Sequence[Mapping[str, Any]], weights: Sequence[float], fusion: str) -> dict[str, Any]:
    """The factors of the weighted mean of several models' predictions, given the factors of each.

    The factor `ensemble` holds how many models there are, what is averaged and with which weights.  Another factor has
    the value that all models share, a list with the value of each where they differ, and None where one is unknown.
    """
    found = {factor: _shared([model.get(factor) for model in models], factor) for factor in FACTORS}
    return found | {"ensemble": {"models": len(models), "average": fusion, "weights": list(weights)}}


def read_factors(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Factors from JSON: digests of code are compared on the parts that two models share."""
    return dict.fromkeys(FACTORS) | {
        factor: CodeParts(value) if factor in CODE and isinstance(value, Mapping) and WHOLE not in value else value
        for factor, value in stored.items()
        if factor in FACTORS
    }


def _shared(values: list[Any], factor: str) -> Any:
    if any(value is None for value in values):
        return None
    if all(value == values[0] for value in values):
        return values[0]
    if factor in CODE and all(isinstance(value, CodeParts) for value in values):
        parts = {name: dict.fromkeys(value[name] for value in values if name in value) for v in values for name in v}
        return CodeParts({name: " and ".join(digests) for name, digests in sorted(parts.items())})
    return values
