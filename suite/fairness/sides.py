"""A side of a comparison: one result, or the runs of one configuration with several seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from suite.evaluation.calibration import describe_calibration
from suite.evaluation.classes import classes_of, compare_classes
from suite.evaluation.predictions import aligned
from suite.evaluation.suspicious import suspicions
from suite.fairness.compare import compare, described
from suite.fairness.factors import FACTORS, Verdict, agree, judge
from suite.fairness.grades import GRADES, MINOR
from suite.fairness.result import Result
from suite.spec import BadInput
from suite.statistics.intervals import difference_error, difference_interval
from suite.statistics.significance import ALPHA, t_test

Side = tuple[Result, ...]

# may change between the seeds of one model without making it another configuration
ENVIRONMENT = tuple(factor for factor, grade in GRADES.items() if grade.grade == MINOR)
FEWEST_CLASSES = 10  # of which `suite bench intervals` shows that intervals over classes cover
RESULTS = ("epochs_seen",)  # follows from training where the epoch is selected


def compare_sides(
    a: Side,
    b: Side,
    axis: str = "module",
    margin: float | None = None,
    per_class: bool = False,
    cluster: str | None = None,
) -> dict[str, Any]:
    """What `suite compare --json` prints, as `suite.fairness.compare.compare`, for one or several runs per side.

    Adds `seeds` [runs of a, runs of b] and `ece`.  With several runs the difference is that of the means over seeds,
    its interval covers videos and seeds (`difference_interval`), `p` is from the t test of the same variance components
    and `p_mcnemar` is None.  per_class adds `per_class` and `discoveries`; cluster="class" replaces the interval by one
    that resamples classes.  Raises BadInput when a side mixes configurations, or an option needs what is not there.
    """
    if cluster not in (None, "class"):
        raise BadInput(f"--cluster expects 'class', not '{cluster}'.")
    several = max(len(a), len(b)) > 1
    found = _compare_seeds(a, b, axis, margin) if several else compare(a[0], b[0], axis, margin)
    found |= {"seeds": [len(a), len(b)], "ece": {"a": _calibration(a), "b": _calibration(b)}}
    if not (per_class or cluster):
        return found
    option = "--per-class" if per_class else "--cluster class"
    if several:
        raise BadInput(f"{option} compares one run per side; A has {len(a)} and B has {len(b)}.")
    if a[0].outcome is None or b[0].outcome is None:
        raise BadInput(f"{option} needs the predictions of both sides; one side has only accuracies.")
    right = aligned(a[0].outcome, b[0].outcome, (a[0].label, b[0].label))
    labels, names = classes_of(a[0].outcome, b[0].outcome)
    if cluster:
        classes = len(np.unique(labels))
        if classes < FEWEST_CLASSES:
            raise BadInput(
                f"--cluster class needs {FEWEST_CLASSES} classes in the test videos; there are {classes}, and "
                "intervals from so few would be unreliable."
            )
        _, low, high, _ = difference_interval(*(one[None] for one in right), clusters=labels)
        found |= {"ci95_videos": found["ci95"], "ci95": [low, high]}
        found["interval"] = f"paired bootstrap over {classes} classes"
    if per_class:
        rows = compare_classes(*right, labels, names)
        found |= {"per_class": rows, "discoveries": [row["class"] for row in rows if row["q"] <= ALPHA]}
    return found


def _compare_seeds(a: Side, b: Side, axis: str, margin: float | None) -> dict[str, Any]:
    sides = [_joined(a), _joined(b)]
    if sides[0].factors.get("dataset") != sides[1].factors.get("dataset"):
        raise BadInput(
            f"A was tested on {sides[0].factors.get('dataset')}, B on {sides[1].factors.get('dataset')}: their "
            "accuracies cannot be compared."
        )
    correct = _outcomes(a, b)
    difference, low, high, covers = difference_interval(*correct)
    _, error, degrees = difference_error(*correct)
    means = [100 * c.mean(axis=1) for c in correct]
    found = {"a": sides[0].label, "b": sides[1].label}
    found |= described(_without_seed(judge(sides[0].factors, sides[1].factors, axis)))
    found |= {"top1_a": float(means[0].mean()), "top1_b": float(means[1].mean()), "n": correct[0].shape[1]}
    found |= {"sd_a": _deviation(means[0]), "sd_b": _deviation(means[1])}
    found |= {"difference": difference, "ci95": [low, high], "interval": covers}
    found |= {"p": t_test(difference, error, degrees), "p_mcnemar": None}
    found |= {"only_a": None, "only_b": None, "detectable": None, "warnings": []}
    for run in (*a, *b):
        o = run.outcome
        if o.labels is not None:
            found["warnings"] += suspicions(run.label, o.predicted, o.labels, o.classes)
    if margin is not None:
        if not margin > 0:
            raise BadInput(f"The margin of an equivalence test must be above 0 percentage points, not {margin}.")
        # TOST: the larger of two one-sided p-values (Schuirmann 1987)
        p = max(t_test(difference + side * margin, error, degrees, side) for side in (1, -1))
        found |= {"margin": margin, "p_equivalence": p}
    return found


def _joined(side: Side) -> Result:
    """A side as one result with the factors that its runs share.  Raises BadInput where they do not belong together.

    A factor that some run does not state is unknown; a known difference is refused unless it is the seed, the
    environment or a consequence of training.
    """
    first = side[0]
    if len({run.label for run in side}) < len(side):
        raise BadInput(f"{first.label} is given twice on one side.")
    factors: dict[str, Any] = {}
    for field in FACTORS:
        values = [run.factors.get(field) for run in side]
        distinct = [v for i, v in enumerate(values) if v not in values[:i]]
        if len(distinct) == 1:
            factors[field] = distinct[0]
        elif field in ("seed", *RESULTS) and None not in values:
            factors[field] = values
        elif field in ENVIRONMENT and None not in values:
            factors[field] = " and ".join(map(str, distinct))
        else:
            other = next((run for run in side if agree(run.factors.get(field), values[0]) is False), None)
            if other is not None:
                raise BadInput(
                    f"The runs of one side must differ in their seed only: {first.label} and {other.label} differ in "
                    f"{FACTORS[field]}."
                )
            factors[field] = None
    seeds = [run.factors.get("seed") for run in side]
    if len(set(seeds) - {None}) < len([seed for seed in seeds if seed is not None]):
        raise BadInput(f"Two runs of one side have the same seed: {', '.join(run.label for run in side)}.")
    label = first.label if len(side) == 1 else f"{first.label} and {len(side) - 1} more seeds"
    return replace(first, label=label, factors=factors)


def _without_seed(verdict: Verdict) -> Verdict:
    """With several seeds on a side, seeds are a sample and no confound."""

    def others(differences: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(d for d in differences if d.field != "seed")

    return replace(verdict, confounds=others(verdict.confounds), unknown=others(verdict.unknown))


def _outcomes(a: Side, b: Side) -> tuple[np.ndarray, np.ndarray]:
    """Who was right, bool (S_a, N) and (S_b, N), over the same videos."""
    for run in (*a, *b):
        if run.outcome is None:
            raise BadInput(f"A comparison of several runs per side needs their predictions; {run.label} has none.")
    against = next((run for run in (*a, *b) if run.outcome.labels is not None), a[0])

    def of(side: Sequence[Result]) -> np.ndarray:
        pairs = (aligned(against.outcome, run.outcome, (against.label, run.label)) for run in side)
        return np.stack([right for _, right in pairs])

    return of(a), of(b)


def _calibration(side: Side) -> dict[str, float] | None:
    """Mean over the runs of a side; None where one has no scores or was tested with several views."""
    found = [_calibration_of(run) for run in side]
    if any(one is None for one in found):
        return None
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}


def _calibration_of(run: Result) -> dict[str, float] | None:
    views = run.factors.get("views")
    single = isinstance(views, Mapping) and views.get("number") == 1
    return describe_calibration(run.outcome) if single and run.outcome is not None else None


def _deviation(values: np.ndarray) -> float | None:
    """Sample standard deviation; None for one value."""
    return float(values.std(ddof=1)) if len(values) > 1 else None
