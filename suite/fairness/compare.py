"""Two results side by side: what is the same, what differs, and by how much one is better."""

from __future__ import annotations

from typing import Any

from suite.evaluation.predictions import same_numbers
from suite.evaluation.suspicious import suspicions
from suite.fairness.code_parts import differing
from suite.fairness.factors import Difference, Verdict, judge
from suite.fairness.result import Result
from suite.spec import BadInput
from suite.statistics.proportions import equivalence, newcombe, paired


def compare(a: Result, b: Result, axis: str = "module", margin: float | None = None) -> dict[str, Any]:
    """What `suite compare --json` prints: verdict, confounds, difference a - b in percentage points, its 95 % interval.

    With predictions of both the interval is Tango's score interval and p_mcnemar exact; with accuracies alone
    the interval is Newcombe's for independent samples, which is wider than a paired one, and p_mcnemar is None.
    `warnings` are sentences on predictions that look wrong in themselves (`suite.evaluation.suspicious`).
    margin: percentage points within which the two are to be shown equivalent (TOST).
    Raises BadInput when the two were tested on different data sets or videos.
    """
    verdict = judge(a.factors, b.factors, axis)
    if a.factors.get("dataset") != b.factors.get("dataset") and axis != "dataset":
        raise BadInput(
            f"{a.label} was tested on {a.factors.get('dataset')}, {b.label} on {b.factors.get('dataset')}: their "
            "accuracies cannot be compared."
        )
    found = {"a": a.label, "b": b.label, **described(verdict), "warnings": []}
    if a.outcome is not None and b.outcome is not None:
        both = same_numbers(a.outcome, b.outcome, (a.label, b.label))
        right_a, right_b = (outcome.correct() for outcome in both)
        for side, outcome in zip((a, b), both, strict=True):
            found["warnings"] += suspicions(side.label, outcome.predicted, outcome.labels, outcome.classes)
        pair = paired(right_a, right_b)
        found |= {
            "top1_a": 100 * float(right_a.mean()),
            "top1_b": 100 * float(right_b.mean()),
            "n": pair.n,
            "difference": pair.difference,
            "ci95": [pair.low, pair.high],
            "interval": "Tango score interval, paired by video",
            "p_mcnemar": pair.p_mcnemar,
            "only_a": pair.only_a,
            "only_b": pair.only_b,
            "detectable": pair.detectable,
        }
        if margin is not None:
            found |= {"margin": margin, "p_equivalence": equivalence(right_a, right_b, margin)}
        return found
    if margin is not None:
        raise BadInput("An equivalence test needs the predictions of both sides; one side has only accuracies.")
    low, high = newcombe(a.top1, a.n, b.top1, b.n)
    known = a.n if a.n == b.n else None
    found |= {"top1_a": a.top1, "top1_b": b.top1, "n": known, "difference": a.top1 - b.top1, "ci95": [low, high]}
    return found | {"p_mcnemar": None, "interval": "unpaired, from accuracies only"}


def _as_dict(difference: Difference) -> dict[str, Any]:
    a, b = difference.a, difference.b
    if difference.field in ("code_train", "code_test"):
        a, b = differing(a, b)
    return {"field": difference.field, "a": a, "b": b}


def described(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON, with the grade and the known effect of each factor that differs."""
    return {
        "axis": verdict.axis,
        "grade": verdict.grade,
        "comparable": verdict.comparable,
        "verdict": str(verdict),
        "studied": [_as_dict(d) for d in verdict.studied],
        "confounds": [_graded(d) for d in verdict.confounds],
        "unknown": [_graded(d) for d in verdict.unknown],
        "same": list(verdict.same),
    }


def _graded(difference: Difference) -> dict[str, Any]:
    return _as_dict(difference) | {"grade": difference.grade, "known": difference.known}
