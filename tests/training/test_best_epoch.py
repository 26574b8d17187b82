"""The best epoch is kept, tested, and resumed exactly."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from suite.evaluation.control import Control, Stopped
from suite.evaluation.retest import evaluate_run
from suite.store.folder import RunFolder
from suite.training.loop import Trainer
from suite.training.run import execute
from tests.training.builders import equal, run_spec, state_of, train

pytestmark = pytest.mark.slow

BEST = {"epochs": 3, "dev": 0.25, "selection": "best", "evaluation.every_epochs": 1}

SCORES = (25.0, 75.0, 75.0)


@contextmanager
def scripted():
    """Within, the curve says SCORES, whatever the network has learned; dev is tested all the same."""
    end_epoch = Trainer.end_epoch

    def scored(self, batches, seconds):
        test = self.validate
        self.validate = lambda: (test(), SCORES[self.at.step // batches.steps_per_epoch - 1])[1]
        try:
            end_epoch(self, batches, seconds)
        finally:
            self.validate = test

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "end_epoch", scored)
        yield


@pytest.fixture(scope="module")
def best(data, tmp_path_factory):
    with scripted():
        return train(tmp_path_factory.mktemp("best"), data, run_spec(**BEST))


def stopped_after(calls):
    left = iter(range(calls))
    return lambda: next(left, None) is None


@pytest.mark.more
def test_best_keeps_and_tests_the_weights_of_the_best_epoch_and_resumes_exactly(data, tmp_path, best):
    result = best.result()
    assert (result["selected_epoch"], result["dev_top1"]) == (1, 75.0)  # the first of equals
    assert "selected epoch 2: dev top-1 75.00 %" in best.log.read_text()

    # stopped in an epoch, in a test of dev, after the best epoch, in the last test of dev, and in the final one
    folder = RunFolder(tmp_path / "mine" / "runs" / best.id)
    folder.create(best.spec())
    saved = []
    with scripted():
        for calls in (2, 1, 5, 4, 1):
            with pytest.raises(Stopped):
                execute(folder, data, Control(stopping=stopped_after(calls)))
            saved.append(torch.load(folder.checkpoint, weights_only=True))
        execute(folder, data, Control())
    assert [checkpoint["position"]["step"] for checkpoint in saved] == [2, 3, 6, 9, 9]
    assert equal(saved[2]["state"], state_of(best))  # a run stopped after that epoch has these very weights
    assert not equal(saved[3]["state"], state_of(best))  # the last ones are others
    assert equal(state_of(folder), state_of(best))
    assert folder.predictions.read_bytes() == best.predictions.read_bytes()
    assert folder.result_file.read_bytes() == best.result_file.read_bytes()
    curves = [[line["dev_top1"] for line in f.read_history()] for f in (folder, best)]
    assert curves == [list(SCORES)] * 2
    assert torch.load(folder.checkpoint, weights_only=True)["best"]["state"] is None  # kept once, as the model's
    own = evaluate_run(folder, root=data)[0]  # what was tested are the weights that were kept
    assert (Path(own["folder"]) / "predictions.parquet").read_bytes() == best.predictions.read_bytes()


def test_the_next_stage_starts_from_the_weights_that_were_selected(data, tmp_path, best):
    shutil.copytree(best.path, tmp_path / "mine" / "runs" / best.id)
    child = train(tmp_path, data, run_spec(frames=4, parent=best.id, epochs=0))
    assert equal(state_of(best), state_of(child))


def test_the_best_of_a_real_curve_is_its_first_highest_epoch(data, tmp_path):
    folder = train(tmp_path, data, run_spec(**BEST))
    curve = [line["dev_top1"] for line in folder.read_history()]
    result = folder.result()
    assert (result["dev_top1"], result["selected_epoch"]) == (max(curve), curve.index(max(curve)))
