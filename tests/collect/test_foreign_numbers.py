"""Predictions of other codebases: class numbers are checked, odd predictors pointed at, values read as meant."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from suite.collect.predictions_file import from_file
from suite.collect.resolve import read_result
from suite.evaluation.predictions import Outcome
from suite.evaluation.suspicious import relabelled, suspicions
from suite.fairness.compare import compare
from suite.fairness.factor_values import KINDS, meaning
from suite.fairness.factors import FACTORS, agree
from suite.fairness.result import Result
from suite.report.console.comparison import print_comparison
from suite.spec import BadInput
from tests.builders import factors

NUM = 8  # classes of calib_order
CLASSES = tuple(f"class {k}" for k in range(NUM))


def guesses(rng, labels, accuracy, classes=NUM):
    """Right for a share of the videos, elsewhere any class."""
    right = rng.random(len(labels)) < accuracy
    return np.where(right, labels, rng.integers(0, classes, len(labels)))


def ours(labels):
    ids = np.array([f"v{i:04d}" for i in range(len(labels))])
    return Result("ours", 50.0, len(labels), factors(), Outcome(ids, labels, labels, CLASSES))


def file_of(theirs, predicted, labels=None, **about):
    table = {"id": [f"v{i:04d}" for i in range(len(predicted))], "prediction": predicted}
    return read_result(str(theirs(table | ({} if labels is None else {"label": labels}), **about)), None)


@pytest.mark.parametrize("path", ["", ".", "/"])
def test_a_path_without_a_name_is_one_sentence(path):
    with pytest.raises(BadInput, match="There is no file"):
        from_file(Path(path))


# --- class numbers ------------------------------------------------------------------------------------------------


def test_class_numbers_need_a_class_list_or_labels(theirs):
    labels = np.arange(40) % NUM
    with pytest.raises(BadInput, match=r"add to mynet\.yaml 'classes'.* or to the file a column 'label'") as caught:
        file_of(theirs, labels)
    assert "\n" not in str(caught.value)
    logits = {f"logit_{k}": np.eye(NUM)[labels][:, k] for k in range(NUM)}
    with pytest.raises(BadInput, match="gives class numbers, which differ between codebases"):
        read_result(str(theirs({"id": [f"v{i:04d}" for i in range(40)], **logits})), None)
    for told in ({"classes": list(CLASSES)}, {"labels": labels}):
        found = compare(file_of(theirs, labels, **told), ours(labels))
        assert (found["top1_a"], found["warnings"]) == (100.0, [])


def test_labels_in_another_class_order_are_refused(theirs):
    labels = np.arange(40) % NUM
    with pytest.raises(BadInput, match="disagree on the label of 40 videos"):
        compare(file_of(theirs, (labels + 1) % NUM, (labels + 1) % NUM), ours(labels))


# --- predictors that look wrong -----------------------------------------------------------------------------------


def test_predictions_in_another_class_order_are_pointed_at(theirs, capsys):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, NUM, 800)
    order = np.array([0, 1, 2, 4, 5, 6, 7, 3])  # three classes of eight stay where they are
    predicted = order[guesses(rng, labels, 0.9)]
    found = compare(file_of(theirs, predicted, classes=list(CLASSES)), ours(labels))
    assert 25 < found["top1_a"] < 45
    assert len(found["warnings"]) == 1
    assert "MyNet: its classes seem to be in another order" in found["warnings"][0]
    json.dumps(found["warnings"])
    print_comparison(found)
    assert "Warning: MyNet: its classes seem" in capsys.readouterr().out.replace("\n", " ")


def test_one_class_for_all_videos_is_pointed_at(theirs):
    labels = np.arange(80) % NUM
    found = compare(file_of(theirs, np.full(80, 3), classes=list(CLASSES)), ours(labels))
    assert found["warnings"] == ["MyNet predicts one class ('class 3') for all 80 videos."]
    assert suspicions("x", np.full(5, 1), np.full(5, 1)) == []  # a data set of one class


def order_blind(rng, labels):
    """The right pair of classes, either of the two."""
    return labels ^ rng.integers(0, 2, len(labels))


@pytest.mark.parametrize("videos", [16, 200, 3000])
@pytest.mark.parametrize(
    "predictor",
    [
        lambda rng, labels: labels,
        lambda rng, labels: guesses(rng, labels, 0.9),
        lambda rng, labels: guesses(rng, labels, 0.2),
        lambda rng, labels: guesses(rng, labels, 0.0),
        order_blind,
    ],
    ids=["perfect", "good", "weak", "chance", "order-blind"],
)
def test_honest_predictors_are_not_pointed_at_however_weak(predictor, videos):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, NUM, videos)
        predicted = predictor(rng, labels)
        if len(np.unique(predicted)) > 1:
            assert suspicions("x", predicted, labels) == []


@pytest.mark.parametrize(("classes", "videos", "accuracy"), [(8, 400, 0.5), (87, 5000, 0.4), (174, 8000, 0.6)])
def test_any_other_class_order_is_pointed_at(classes, videos, accuracy):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, classes, videos)
        order = rng.permutation(classes)
        before, after, p = relabelled(order[guesses(rng, labels, accuracy, classes)], labels)
        assert before < after
        assert abs(after - 100 * accuracy - 100 * (1 - accuracy) / classes) < 6
        assert p < 1e-6


# --- values as they are meant -------------------------------------------------------------------------------------

OURS = factors()


@pytest.mark.parametrize(
    ("factor", "stated"),
    [
        ("batch", "32"),
        ("batch", 32.0),
        ("dropout", "0.5"),
        ("frames", "8"),
        ("seed", "0"),
        ("sync_bn", "No"),
        ("precision", "FP32"),
        ("precision", "float32"),
        ("backbone", "ResNet-18"),
        ("pooling", "None"),
        ("pretraining", "from scratch"),
        ("pretraining", None),
        ("split", "validation"),
        ("device", "CPU"),
        ("views", "1x1"),
        ("views", "1 × 1"),
        ("views", {"clips": 1, "crops": 1}),
        ("chain", "None"),
        ("chain_frames", "[]"),
        ("selection", "Last epoch"),
        ("sampling", {"rule": "Uniform", "variant": "segment"}),
        (
            "optimiser",
            {
                "momentum": "0.9",
                "weight_decay": "0.0",
                "norm_decay": "yes",
                "nesterov": "false",
                "gradient_limit": "None",
            },
        ),
        ("schedule", {"kind": "Cosine", "lr": "1e-1", "epochs": "6", "warmup": 0}),
    ],
)
def test_a_value_in_another_spelling_is_the_same_value(factor, stated):
    if stated is None:
        assert meaning(factor, None, "x.yaml") is None
        assert agree(meaning(factor, None, "x.yaml"), OURS[factor]) is None
    elif factor == "pretraining":
        assert meaning(factor, "Scratch", "x.yaml") == OURS[factor]
    else:
        assert agree(meaning(factor, stated, "x.yaml"), OURS[factor]) is True


@pytest.mark.parametrize(
    ("factor", "stated", "part"),
    [
        ("batch", "64", None),
        ("backbone", "ResNet-34", None),
        ("schedule", {"kind": "cosine", "lr": "1e-2", "epochs": 6, "warmup": 0}, "lr"),
        ("optimiser", {"weight_decay": "1e-4"}, "weight_decay"),
        ("chain", {"stage 1": {"kind": "cosine", "lr": 0.1}}, None),
        ("views", 30, "number"),
        ("sampling", "dense", "rule"),
        ("module", "MyNet", None),
    ],
)
def test_another_value_differs(factor, stated, part):
    found = meaning(factor, stated, "x.yaml")
    assert agree(found, OURS[factor]) is False
    assert part is None or agree(found[part], OURS[factor][part]) is False


@pytest.mark.parametrize(
    ("factor", "stated", "words"),
    [
        ("batch", "many", "batch is a whole number such as 32, not 'many'"),
        ("batch", "32.5", "batch is a whole number"),
        ("batch", True, "batch is a whole number"),
        ("batch", [32], "batch is a whole number"),
        ("dropout", "none", "dropout is a number such as 0.5, not 'none'; leave out what is not known"),
        ("dropout", float("nan"), "dropout is a number"),
        ("sync_bn", "maybe", "sync_bn is yes or no"),
        ("views", "10y3", "views is clips x crops such as 10x3, or their number"),
        ("views", 0, "views is clips x crops"),
        ("chain_frames", "8 and 16", "chain_frames is whole numbers"),
        ("optimiser", 3, "optimiser is a mapping with parts such as kind, momentum, weight_decay"),
        ("optimiser", {"momentum": "high"}, "optimiser momentum is a number"),
        ("augmentation", "flip", "augmentation is a mapping"),
        ("chain", "long", "chain is none, or a mapping"),
        ("module", ["x"], "module is a name"),
    ],
)
def test_a_value_that_cannot_be_of_its_kind_is_refused(theirs, factor, stated, words):
    with pytest.raises(BadInput, match=words) as caught:
        file_of(theirs, np.arange(8), np.arange(8), **{factor: stated})
    assert str(caught.value).startswith("In mynet.yaml, ")
    assert "\n" not in str(caught.value)


def test_every_factor_of_a_run_means_itself():
    """Stated as our own ledger has it, in a YAML, a factor is equal to itself."""
    for factor in FACTORS:
        if OURS[factor] is not None and not factor.startswith("code_"):
            stated = yaml.safe_load(yaml.safe_dump(OURS[factor]))
            assert agree(meaning(factor, stated, "x.yaml"), OURS[factor]) is True, factor
            if not isinstance(stated, dict | list):
                assert agree(meaning(factor, str(stated), "x.yaml"), OURS[factor]) is True, factor
    assert set(KINDS) <= set(FACTORS)


def test_a_yaml_with_text_for_numbers_gives_the_same_verdict(theirs):
    labels = np.arange(40) % NUM
    numbers = {"batch": 32, "frames": 8, "seed": 0, "dropout": 0.5, "views": "1x1", "resolution": 224}
    verdicts = [
        compare(file_of(theirs, labels, labels, **about), ours(labels))
        for about in (numbers, {key: str(value) for key, value in numbers.items()})
    ]
    assert verdicts[0] == verdicts[1]
    assert {"batch", "frames", "seed", "dropout", "views"} <= set(verdicts[1]["same"])


def test_a_report_says_what_looks_wrong():
    from tests.from_rows import gather

    labels = np.arange(80) % NUM
    ids = np.array([f"v{i:04d}" for i in range(80)])
    rows = pd.DataFrame([{"id": "t", "name": "theirs", "dataset": "d", "frames": 8, "state": "done", "top1": 12.5,
                          "n": 80, "factors": None, "predictions": Outcome(ids, np.full(80, 3), labels)}])  # fmt: skip
    assert gather(rows).warnings == ["theirs predicts one class (number 3) for all 80 videos."]
