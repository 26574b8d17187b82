"""The loop: exact resume, independence of workers, accumulation, metrics, test views."""

import numpy as np
import pytest
import torch

from suite.data.datasets import open_dataset
from suite.data.synthetic import synthesize
from suite.evaluation.control import Control, RunFailed, Stopped
from suite.evaluation.evaluate import evaluate_checkpoint
from suite.evaluation.inference import Predictions, accuracies, ranks
from suite.models import weights
from suite.spec import BadInput, load_protocol
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec
from suite.training.loop import Batches
from suite.training.run import execute
from suite.training.schedule import learning_rate

pytestmark = pytest.mark.slow

SMALL = {"epochs": 2, "batch": 8, "step_batch": 4, "dropout": 0.5, "size": 32}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    synthesize("calib_order", root, videos={"train": 32, "val": 16})
    return root


def run_spec(model="tam-resnet18", frames=4, parent=None, **changes):
    return RunSpec(model, "calib_order", frames, 0, load_protocol("smoke").stage(False, SMALL | changes), parent)


def run(folder, data, spec=None, **control):
    spec = spec or run_spec()
    made = RunFolder(folder / "runs" / spec.id)
    made.create(spec)
    execute(made, data, Control(**control))
    return made


def weights_of(folder):
    return torch.load(folder.checkpoint, weights_only=True)["state"]


def same(a, b):
    state, other = weights_of(a), weights_of(b)
    return (
        all(torch.equal(state[k], other[k]) for k in state) and a.predictions.read_bytes() == b.predictions.read_bytes()
    )


@pytest.fixture(scope="module")
def uninterrupted(data, tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"), data)


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(data, tmp_path, uninterrupted):
    spec = run_spec()
    folder = RunFolder(tmp_path / "runs" / spec.id)
    folder.create(spec)
    calls = iter(range(100))
    for stop_after in (3, 2):  # in the middle of the first epoch, then in the second
        until = next(calls) + stop_after
        with pytest.raises(Stopped):
            execute(folder, data, Control(stopping=lambda until=until: next(calls) >= until))
        assert folder.state() == "todo"
    execute(folder, data, Control())
    assert "resumed from step 3" in folder.log.read_text()
    assert same(folder, uninterrupted)
    assert folder.result() == uninterrupted.result()
    assert [h["loss"] for h in folder.read_history()] == [h["loss"] for h in uninterrupted.read_history()]


def test_the_number_of_data_workers_does_not_change_a_result(data, tmp_path, uninterrupted):
    assert same(run(tmp_path, data, workers=2), uninterrupted)


def test_another_seed_gives_another_result(data, tmp_path, uninterrupted):
    from dataclasses import replace

    assert not same(run(tmp_path, data, replace(run_spec(), seed=1)), uninterrupted)


def test_a_chained_run_starts_from_the_last_weights_of_its_parent(data, tmp_path, uninterrupted):
    import shutil

    shutil.copytree(uninterrupted.path, tmp_path / "runs" / uninterrupted.id)
    child = run(tmp_path, data, run_spec(frames=8, parent=uninterrupted.id, epochs=0))
    assert all(torch.equal(v, weights_of(uninterrupted)[k]) for k, v in weights_of(child).items())
    assert child.result()["epochs_seen"] == 2
    assert f"130 of 130 tensors from {tmp_path / 'runs' / uninterrupted.id / 'checkpoint.pt'}" in child.log.read_text()


def test_accumulation_changes_batch_normalisation_and_nothing_else(data, tmp_path):
    """With the normalisation out of the way, 2 x 4 clips give the step of 8."""
    import torch.nn.functional as F

    from suite.models import build

    model = build("tam-resnet18", 8, 4, 32, dropout=0).eval()  # statistics fixed
    x, y = torch.randn(8, 3, 4, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(8)
    F.cross_entropy(model(x), y).backward()
    whole = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    for half in (slice(0, 4), slice(4, 8)):
        (F.cross_entropy(model(x[half]), y[half]) / 2).backward()
    for a, b in zip(whole, (p.grad for p in model.parameters()), strict=True):
        assert torch.allclose(a, b, atol=1e-5 * float(a.abs().max() + 1e-6))


def test_a_finished_run_is_left_alone(data, uninterrupted):
    before = uninterrupted.result_file.stat().st_mtime_ns
    execute(uninterrupted, data, Control())
    assert uninterrupted.result_file.stat().st_mtime_ns == before


def test_a_loss_that_is_not_finite_ends_the_run(data, tmp_path):
    with pytest.raises(RunFailed, match="not finite"):
        run(tmp_path, data, run_spec(lr=1e30, clip_gradient=None, warmup_epochs=0))


def test_a_batch_larger_than_the_training_set_is_refused(data, tmp_path):
    with pytest.raises(BadInput, match="batch size 64 is larger than the number of training videos of calib_order, 32"):
        run(tmp_path, data, run_spec(batch=64, step_batch=None))


def test_every_epoch_sees_every_video_once_and_a_resumed_order_is_the_same():
    spec = run_spec(epochs=3)
    batches = list(Batches(spec, 32, 0))
    assert len(batches) == 3 * 4 * 2
    for epoch in range(3):
        seen = [i for batch in batches[epoch * 8 : epoch * 8 + 8] for e, i in batch if e == epoch]
        assert sorted(seen) == list(range(32))
    assert batches[:8] != batches[8:16]
    assert list(Batches(spec, 32, 5)) == batches[10:]


def test_learning_rates_follow_table_12():
    p = load_protocol("mini_ssv2")
    assert learning_rate(p, 0, 10) == 0.01
    assert learning_rate(p, 375, 10) == pytest.approx(0.005)
    later = p.stage(True, {})
    rates = [learning_rate(later, 10 * epoch, 10) for epoch in (0, 9, 10, 20, 30, 34)]
    assert rates == pytest.approx([1e-2, 1e-2, 1e-3, 1e-4, 1e-5, 1e-5])


def test_ranks_and_accuracies():
    logits = np.array([[3.0, 1, 2, 0], [0, 0, 0, 0], [1, 2, 3, 4]])
    assert ranks(logits, np.array([0, 2, 0])).tolist() == [0, 2, 3]
    found = accuracies(logits, np.array([0, 2, 1]), list("abcd"), [("a", "b"), ("c", "d")])
    assert found["top1"] == pytest.approx(100 / 3)
    assert found["per_class"] == {"a": 100.0, "b": 0.0, "c": 0.0}
    assert found["pair_top1"] == pytest.approx(100 / 3)


def test_fusion_of_views():
    views = np.array([[[4.0, 0], [0, 1]]], dtype=np.float32)
    predictions = Predictions(["v"], np.array([0]), views)
    assert predictions.fused("logits").tolist() == [[2.0, 0.5]]
    e = np.exp
    p = (e(4) / (e(4) + 1) + 1 / (1 + e(1))) / 2
    assert np.allclose(np.exp(predictions.fused("softmax")), [[p, 1 - p]])


@pytest.mark.parametrize(("clips", "crops"), [(1, 1), (3, 3)])
def test_eval_of_a_runs_checkpoint_gives_the_runs_predictions(data, tmp_path, uninterrupted, clips, crops):
    import pandas as pd

    found = evaluate_checkpoint(
        name="tam-resnet18",
        source=str(uninterrupted.checkpoint),
        dataset="calib_order",
        root=data,
        split="val",
        frames=4,
        size=32,
        clips=clips,
        crops=crops,
        sampling={},
        fusion="logits",
        precision="fp32",
        batch=16,
        device="cpu",
        workers=0,
        unlabelled=True,
        out=tmp_path / "out",
        allow_missing=0,
    )
    views = pd.read_parquet(tmp_path / "out" / "views.parquet")
    assert len(views) == 16 * clips * crops
    assert len((tmp_path / "out" / "submission.csv").read_text().splitlines()) == 16
    table = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    mean = views.groupby("id", sort=False).logits.apply(lambda rows: np.mean(np.stack(list(rows)), axis=0))
    assert np.allclose(np.stack(list(mean.loc[list(table.id)])), np.stack(list(table.logits)), atol=1e-5)
    if (clips, crops) == (1, 1):
        assert found["top1"] == uninterrupted.result()["top1"]
        ours = pd.read_parquet(uninterrupted.predictions)
        assert list(ours.id) == list(table.id)
        assert np.allclose(np.stack(list(ours.logits)), np.stack(list(table.logits)), atol=1e-5)


def test_eval_refuses_what_it_cannot_use(data, tmp_path, uninterrupted):
    def call(**changes):
        settings = {
            **{"name": "tam-resnet18", "source": str(uninterrupted.checkpoint), "dataset": "calib_order"},
            **{"root": data, "split": "val", "frames": 4, "size": 32, "clips": 1, "crops": 1, "sampling": {}},
            **{"fusion": "logits", "precision": "fp32", "batch": 8, "device": "cpu", "workers": 0},
            **{"unlabelled": False, "out": tmp_path / "out", "allow_missing": 0},
        }
        return evaluate_checkpoint(**(settings | changes))

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "eval.json").write_text("{}")
    for changes, words in (
        ({"name": "tsn-resnet18"}, "is a checkpoint of tam-resnet18"),
        ({"dataset": "calib_scene"}, "calib_scene"),
        ({"frames": 0}, "at least one frame"),
        ({"crops": 2}, "crops"),
        ({"out": tmp_path / "full"}, "already contains files"),
        ({"split": "vall"}, "did you mean 'val'"),
    ):
        with pytest.raises(BadInput, match=words):
            call(**changes)


def test_data_set_names_classes_are_kept_with_every_checkpoint(data, uninterrupted):
    saved = weights.read_checkpoint(uninterrupted.checkpoint)
    assert tuple(saved["classes"]) == open_dataset("calib_order", data).classes
