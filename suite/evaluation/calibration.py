"""How well calibrated the confidences of stored predictions are."""

from __future__ import annotations

from suite.evaluation.predictions import Outcome
from suite.statistics.calibration import expected_calibration_error


def describe_calibration(outcome: Outcome) -> dict[str, float] | None:
    """{"equal_width", "equal_mass"} of predictions, errors in percentage points over BINS bins; None without scores."""
    if outcome.confidence is None or outcome.labels is None:
        return None
    correct = outcome.correct()
    return {
        "equal_width": expected_calibration_error(outcome.confidence, correct),
        "equal_mass": expected_calibration_error(outcome.confidence, correct, equal_mass=True),
    }
