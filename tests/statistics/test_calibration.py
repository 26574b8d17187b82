"""Calibration error."""

import numpy as np
import pytest

from suite.statistics.calibration import confidence_of, expected_calibration_error


def test_calibration_error_by_brute_force_and_of_a_calibrated_predictor():
    rng = np.random.default_rng(9)
    confidence = rng.random(2_000)
    correct = rng.random(2_000) < confidence**1.5
    brute = 0.0
    for k in range(15):
        inside = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        if inside.any():
            brute += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(confidence, correct) == pytest.approx(100 * brute)
    ordered = np.argsort(confidence)
    brute = sum(
        len(part) / 2_000 * abs(correct[part].mean() - confidence[part].mean()) for part in np.array_split(ordered, 15)
    )
    assert expected_calibration_error(confidence, correct, equal_mass=True) == pytest.approx(100 * brute, abs=0.3)
    assert expected_calibration_error(np.full(10, 0.7), np.arange(10) < 7) == pytest.approx(0)
    assert expected_calibration_error(np.ones(10), np.zeros(10, bool)) == pytest.approx(100)


def test_confidence_is_the_softmax_of_logits_and_probabilities_stay_as_they_are():
    logits = np.random.default_rng(10).normal(size=(50, 7)) * 30
    probabilities = np.exp(logits - logits.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    assert confidence_of(logits) == pytest.approx(probabilities.max(1))
    assert confidence_of(probabilities) == pytest.approx(probabilities.max(1))
