"""Logits that are no numbers rank nowhere, and accuracies that do not follow from stored predictions are refused."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from suite.collect.outcomes import load_outcomes
from suite.collect.resolve import from_run
from suite.data.synthetic import synthesize
from suite.evaluation.control import Control, RunFailed
from suite.evaluation.inference import accuracies, predict, ranks
from suite.evaluation.own_predictions import read_own
from suite.spec import BadInput
from suite.store.folder import RunFolder
from suite.training.loop import Position, Trainer
from tests.builders import spec
from tests.training.builders import run_spec, train


@pytest.mark.slow
@pytest.mark.parametrize("lr", [1e8, 3e38])
def test_weights_that_diverge_in_the_last_update_are_no_result(tmp_path, lr):
    synthesize("calib_order", tmp_path / "data", videos={"train": 8, "val": 8})
    diverging = run_spec("tam-resnet18", 4, step_batch=4, lr=lr, clip_gradient=None, warmup_epochs=0, epochs=1, batch=8)
    with pytest.raises((RunFailed, BadInput), match=r"not finite") as caught:
        train(tmp_path, tmp_path / "data", diverging)
    assert diverging.id in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("result.json"))


@pytest.mark.parametrize("key", ["weight", "running_var"])
def test_weights_that_are_not_finite_are_named(key):
    layer = nn.BatchNorm1d(2)
    trainer = SimpleNamespace(model=layer, folder=SimpleNamespace(id="run.7"), at=Position(3))
    Trainer.check_weights(trainer)
    layer.state_dict()[key][1] = float("inf")
    with pytest.raises(RunFailed, match=f"weights of run.7 are not finite after step 3 \\(first '{key}'\\)"):
        Trainer.check_weights(trainer)


class Odd(nn.Module):
    """Gives the second video of each batch of three a logit that is not finite."""

    name = SimpleNamespace(text="odd")

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        out = torch.zeros(len(x), 4)
        out[1, 2] = self.value
        return out


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_test_names_the_video_and_the_run_of_a_logit_that_is_not_finite(monkeypatch, value):
    from suite.evaluation import inference as evaluation

    class Clips(list):
        manifest = SimpleNamespace(videos=[SimpleNamespace(id=i, label=0) for i in "abc"])

    clips = Clips((torch.zeros(1, 2, 4, 4, 3, dtype=torch.uint8), i) for i in range(3))
    monkeypatch.setattr(evaluation, "to_network", lambda x, name, device: x)
    with pytest.raises(BadInput, match=r"run\.7 gives logits that are not finite for video 'b'"):
        predict(Odd(value), clips, "fp32", 3, Control(), "run.7")
    assert predict(Odd(0.0), clips, "fp32", 3, Control()).ids == ["a", "b", "c"]


def test_what_is_not_finite_ranks_last():
    logits = np.zeros((4, 8))
    logits[0], logits[1, 3], logits[2, 5] = np.nan, np.inf, -np.inf
    labels = np.array([0, 3, 0, 0])
    assert ranks(logits, labels).tolist() == [8, 8, 8, 0]
    found = accuracies(logits, labels, list("abcdefgh"), [("a", "b")])
    assert (found["top1"], found["top5"], found["pair_top1"]) == (25.0, 25.0, 25.0)


CLASSES = [f"class {i}" for i in range(9)]


def finished(folder, logits, labels, **changes):
    """A finished run with these predictions, and what they say in its result unless `changes` says otherwise."""
    made = RunFolder(folder / spec().id)
    made.create(spec())
    pd.DataFrame({"id": [f"v{i}" for i in range(len(labels))], "label": labels, "logits": list(logits)}).to_parquet(
        made.predictions
    )
    result = {"id": made.id, "class_names": CLASSES, **accuracies(logits, labels, CLASSES)}
    made.result_file.write_text(json.dumps(result | changes))
    return made


def rows(made):
    result = made.result()
    return pd.DataFrame(
        [{"id": made.id, "dataset": "d", "state": "done", "predictions": str(made.predictions)}
         | {key: result[key] for key in ("top1", "top5", "n")}]
    )  # fmt: skip


def drawn(videos=200):
    rng = np.random.default_rng(1)  # few values, so that logits are often equal
    return rng.integers(0, 4, (videos, 9)).astype(np.float32), rng.integers(0, 9, videos)


def test_accuracies_that_follow_from_the_predictions_are_taken(tmp_path):
    logits, labels = drawn()
    made = finished(tmp_path, logits, labels)
    right = load_outcomes(rows(made))["d"].correct
    assert 100 * right.mean() == made.result()["top1"]
    assert read_own(made.predictions).top5 == pytest.approx(made.result()["top5"], abs=1e-12)
    assert from_run(made).top1 == made.result()["top1"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"top1": 99.9}, "result states top-1 99.9, but the predictions give "),
        ({"n": 201}, "result states n 201, but the predictions give 200"),
        ({"top5": 99.5}, "result states top-5 99.5, but the predictions give "),
        ({"per_class": {"class 3": 100.0}}, "top-1 of class 'class 3' 100, but the predictions give "),
        ({"per_class": {"other": 100.0}}, "top-1 of class 'other' 100, but the predictions give nothing"),
    ],
)
def test_accuracies_that_do_not_follow_from_the_predictions_are_refused(tmp_path, changes, words):
    made = finished(tmp_path, *drawn(), **changes)
    for read in (lambda: load_outcomes(rows(made)), lambda: from_run(made)):
        with pytest.raises(BadInput, match=words) as caught:
            read()
        assert made.id in str(caught.value)


def test_stored_logits_that_are_not_finite_name_their_video(tmp_path):
    logits, labels = drawn()
    logits[7, 2] = np.nan
    made = finished(tmp_path, logits, labels)
    with pytest.raises(BadInput, match="logits of video 'v7' are not finite") as caught:
        read_own(made.predictions)
    assert str(made.predictions) in str(caught.value)
