"""Comparisons of two results."""

import numpy as np
import pytest

from suite.collect.resolve import read_result
from suite.evaluation.predictions import Outcome
from suite.fairness.compare import compare
from suite.fairness.result import Result
from suite.spec import BadInput
from tests.builders import factors


def outcome(predicted, labels=None, ids=None):
    ids = [f"v{i:03d}" for i in range(len(predicted))] if ids is None else ids
    return Outcome(np.array(ids), np.array(predicted), None if labels is None else np.array(labels))


def result(predicted, labels, **kind):
    return Result("x", 50.0, len(predicted), factors(**kind), outcome(predicted, labels))


def test_the_difference_of_two_results_and_its_sign():
    labels = [0] * 200
    a, b = [0] * 150 + [1] * 50, [0] * 120 + [1] * 80
    found = compare(result(a, labels), result(b, labels, model="tam-resnet18"))
    assert (found["comparable"], found["n"], found["difference"]) == (True, 200, pytest.approx(15.0))
    assert (found["only_a"], found["only_b"]) == (30, 0)
    assert found["ci95"][0] < 15 < found["ci95"][1]
    assert found["p_mcnemar"] == pytest.approx(2 * 0.5**30)
    back = compare(result(b, labels), result(a, labels))
    assert back["difference"] == pytest.approx(-15.0)


def test_other_videos_are_refused_and_labels_may_come_from_the_other_side():
    labels = [0, 1, 2, 3]
    a = result([0, 1, 2, 0], labels)
    theirs = Result("t", float("nan"), 4, factors(), outcome([0, 1, 0, 0]))
    assert compare(a, theirs)["difference"] == pytest.approx(25.0)
    other = Result("o", 1.0, 4, factors(), outcome([0, 1, 2, 0], labels, ["v000", "v001", "v002", "w"]))
    with pytest.raises(BadInput, match="not tested on the same videos"):
        compare(a, other)
    wrong = Result("o", 1.0, 4, factors(), outcome([0, 1, 2, 0], [1, 0, 2, 3]))
    with pytest.raises(BadInput, match="disagree on the label of 2 videos"):
        compare(a, wrong)


def test_published_rows_are_compared_from_accuracies_alone(tmp_path):
    a = read_result("published.mini_ssv2.tsn-resnet50.f8", tmp_path)
    b = read_result("published.mini_ssv2.tam-resnet50.f8", tmp_path)
    found = compare(a, b)
    assert found["p_mcnemar"] is None
    assert found["difference"] == pytest.approx(33.9351 - 65.4378)
    assert not found["comparable"]
    assert not found["confounds"]
    with pytest.raises(BadInput, match="did you mean"):
        read_result("published.mini_ssv2.tsn-resnet50.f9", tmp_path)
