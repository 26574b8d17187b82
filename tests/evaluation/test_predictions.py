"""Predictions of other codebases."""

import json

import numpy as np
import pytest

from suite.collect.resolve import read_result
from suite.evaluation.predictions import Outcome, aligned, read_predictions
from suite.spec import BadInput
from tests.builders import call_suite

NUM = 8  # classes of calib_order

IDS = ["a", "b", "c"]


def test_the_three_forms_of_a_predictions_file_say_the_same(theirs, tmp_path):
    logits = np.eye(NUM)[[3, 1, 2]]
    forms = [
        {"id": IDS, "label": [3, 1, 0], "logits": list(logits)},
        {"id": IDS, "label": [3, 1, 0], "prediction": [3, 1, 2]},
        {"id": IDS, "label": [3, 1, 0], **{f"logit_{k}": logits[:, k] for k in range(NUM)}},
        {"id": IDS, "label": [3, 1, 0], "logits": [json.dumps(list(row)) for row in logits]},
    ]
    for form, suffix in zip(forms, (".parquet", ".csv", ".csv", ".csv"), strict=True):
        read = read_result(str(theirs(form, suffix)), tmp_path)
        assert read.top1 == pytest.approx(200 / 3)
        assert read.factors["backbone"] == "resnet18"
        assert read.factors["batch"] is None
    classes = [f"class {k}" for k in range(NUM)]
    only = read_result(str(theirs({"id": IDS, "label": [3, 1, 2]}, classes=classes)), tmp_path)
    assert only.outcome.labels is None
    assert list(only.outcome.predicted) == [3, 1, 2]


def test_class_names_stand_for_their_numbers(theirs):
    names = [f"class {k}" for k in range(NUM)]
    path = theirs(
        {"id": IDS, "prediction": ["class 3", "class 1", "class 0"], "label": ["class 3", "class 1", "class 2"]}
    )
    read = read_predictions(path, names, NUM)
    assert list(read.predicted) == [3, 1, 0]
    assert list(read.labels) == [3, 1, 2]


def test_classes_are_matched_by_name_where_the_orders_differ():
    ours = Outcome(np.array(IDS), np.array([0, 1, 1]), np.array([0, 1, 2]), ("x", "y", "z"))
    theirs = Outcome(np.array(IDS), np.array([2, 0, 0]), None, ("y", "z", "x"))
    assert [list(right) for right in aligned(ours, theirs)] == [[True, True, False]] * 2
    assert [list(right) for right in aligned(theirs, ours)] == [[True, True, False]] * 2
    with pytest.raises(BadInput, match="Unknown class in B 'w'"):
        aligned(ours, Outcome(np.array(IDS), np.array([0, 0, 0]), None, ("w",)))


def test_names_alone_say_the_classes(theirs, tmp_path):
    path = theirs({"id": IDS, "prediction": ["cat", "dog", "dog"], "label": ["cat", "dog", "cat"]}, dataset="elsewhere")
    read = read_result(str(path), tmp_path)
    assert read.outcome.classes == ("cat", "dog")
    assert read.top1 == pytest.approx(200 / 3)


NAN = float("nan")

BAD = {
    "more than once": {"id": ["a", "a", "b"], "label": [0, 1, 2]},
    "row 2 has no label": {"id": IDS, "label": [0, NAN, 2]},
    "row 3 has no id": {"id": ["a", "b", None], "label": [0, 1, 2]},
    "no column 'id'": {"video": IDS, "label": [0, 1, 2]},
    "not a finite number": {"id": IDS, **{f"logit_{k}": [0.0, NAN if k == 2 else 1.0, 2.0] for k in range(NUM)}},
    "has 5 logits per video, but the data set has 8 classes": {
        "id": IDS,
        **{f"logit_{k}": [0.0] * 3 for k in range(5)},
    },
    "'8' is not one of the 8 classes": {"id": IDS, "label": [0, 1, 8]},
    "none of the columns 'logits', 'prediction' and 'label'": {"id": IDS, "score": [0, 1, 2]},
    "'inf' is not one of the 8 classes": {"id": IDS, "label": [0.0, 1.0, float("inf")]},
    "row 2 has no list of logits": {"id": IDS, "logits": ["[1, 2]", "[1, 2", "[1, 2]"]},
    "logits that are not numbers": {"id": IDS, "logits": ['["a", 2]', "[1, 2]", "[1, 2]"]},
    "are not numbered from logit_0": {"id": IDS, "logit_1": [0.0] * 3, "logit_2": [0.0] * 3},
    "contains no predictions": {"id": [], "label": []},
}


@pytest.mark.parametrize("why", BAD)
def test_malformed_predictions_are_refused_in_one_sentence(theirs, capsys, why):
    path = theirs(BAD[why])
    with pytest.raises(SystemExit) as stopped:
        call_suite("compare", path, path)
    assert stopped.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert why in said[0]


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"bachbone": "resnet18"}, "did you mean 'backbone'"),
        ({"classes": ["a", "b"]}, "classes has 2 names; calib_order has 8"),
        ({"dataset": None}, "lacks the key 'dataset'"),
    ],
)
def test_a_wrong_spec_of_predictions_is_refused(theirs, tmp_path, about, why):
    with pytest.raises(BadInput, match=why):
        read_result(str(theirs({"id": IDS, "label": [0, 1, 2]}, **about)), tmp_path)
