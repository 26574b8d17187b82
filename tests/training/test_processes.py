"""One run in several processes: its results do not depend on their number, and none of them waits for a dead one."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from suite.models.synced_norm import synchronise
from suite.spec import BadInput
from suite.sweep.executors.base import CRASH, EXITED, FAILED, STOPPED, End, Job
from suite.sweep.ranks import run_processes
from suite.training.compiled import compiled
from suite.training.division import Division
from tests.training.builders import state_of
from tests.training.several import in_processes, train_in

pytestmark = pytest.mark.slow


def close(a, b):
    return a.keys() == b.keys() and all(torch.allclose(a[key], b[key], rtol=1e-6, atol=1e-9) for key in a)


def losses(folder):
    return [record["loss"] for record in folder.read_history()]


@pytest.mark.more
@pytest.mark.parametrize("step_batch", [2, 12], ids=["whole micro-batches", "split micro-batches"])
def test_results_do_not_depend_on_the_number_of_processes(data, tmp_path, monkeypatch, step_batch):
    batches = {"batch": 12, "step_batch": step_batch, "clip_gradient": 1.0, "evaluation.batch": 3}
    one, *others = (train_in(n, tmp_path / str(n), data, monkeypatch, **batches) for n in (1, 2, 3))
    predictions = pd.read_parquet(one.predictions)
    assert len(losses(one)) == 2
    for other in others:
        assert losses(other) == pytest.approx(losses(one), rel=1e-6)
        assert close(state_of(other), state_of(one))
        found = pd.read_parquet(other.predictions)
        assert found[["id", "label"]].equals(predictions[["id", "label"]])
        assert np.allclose(np.stack(found.logits), np.stack(predictions.logits), rtol=1e-5, atol=1e-6)
        assert other.result()["top1"] == one.result()["top1"]


@pytest.mark.more
def test_a_run_goes_on_with_another_number_of_processes(data, tmp_path, monkeypatch):
    whole = train_in(1, tmp_path / "whole", data, monkeypatch, step_batch=4)
    stopped = train_in(2, tmp_path / "stopped", data, monkeypatch, stop_at=2, step_batch=4)
    assert torch.load(stopped.checkpoint, weights_only=True)["position"]["step"] == 2
    again = train_in(1, tmp_path / "stopped", data, monkeypatch, step_batch=4)
    assert losses(again) == pytest.approx(losses(whole), rel=1e-6)
    assert close(state_of(again), state_of(whole))
    sessions = json.loads(again.provenance.read_text())["sessions"]
    assert [session["processes"] for session in sessions] == [2, 1]


@pytest.mark.more
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiles C++")
def test_a_compiled_training_step_computes_the_same(data, tmp_path, monkeypatch):
    plain = train_in(1, tmp_path, data, monkeypatch, epochs=1)
    for processes in (1, 2):
        folder = train_in(processes, tmp_path / str(processes), data, monkeypatch, epochs=1, compile=True)
        assert folder.id != plain.id
        assert losses(folder) == pytest.approx(losses(plain), rel=1e-6)


def test_without_a_compiler_compile_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(BadInput, match=r"needs a C\+\+ compiler on the CPU, and no-such-compiler is not found"):
        compiled(nn.Linear(1, 1), torch.device("cpu"))


def normalised(layer, x, wanted):
    """Output, gradients and statistics of two updates of a layer."""
    x.requires_grad_()
    for _ in range(2):
        y = layer(x)
        (y * wanted).sum().backward()
    statistics = layer.running_mean, layer.running_var, layer.num_batches_tracked
    return [value.detach() for value in (y, x.grad, layer.weight.grad, layer.bias.grad, *statistics)]


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("processes", [2, 3])
def test_synchronised_batch_normalisation_is_that_of_one_process(processes, momentum):
    torch.manual_seed(0)
    x, wanted = torch.randn(2, 6, 5, 2, 3, 3, dtype=torch.float64)

    def layer():
        made = nn.Sequential(nn.BatchNorm3d(5, momentum=momentum)).double()
        made[0].weight.data = torch.arange(1.0, 6.0, dtype=torch.float64)
        return made

    def share(group):
        model = layer()
        synchronise(model, "cpu")
        return normalised(model[0], *(part.chunk(group.world)[group.rank].clone() for part in (x, wanted)))

    shares = in_processes(processes, share)
    y, of_x, of_weight, of_bias, *statistics = zip(*shares, strict=True)
    whole = normalised(layer()[0], x.clone(), wanted)
    together = [torch.cat(y), torch.cat(of_x), sum(of_weight), sum(of_bias)]
    for found, expected in zip([*together, *(s[-1] for s in statistics)], whole, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.3, None])
@pytest.mark.parametrize("processes", [2, 3])
def test_running_statistics_are_those_of_one_process_that_sees_all_batches_in_order(processes, momentum):
    torch.manual_seed(0)
    clips = torch.randn(2, 6, 4, 5, dtype=torch.float64)  # updates, micro-batches, clips, channels

    def after(group):
        model, division = nn.BatchNorm1d(5, momentum=momentum).double(), Division(6, 4, group.rank, group.world)
        for update in clips:
            with division.statistics_of_all(model):
                for part in division.own_parts:
                    model(update[part])
        return model.state_dict()

    whole = nn.BatchNorm1d(5, momentum=momentum).double()
    for batch in clips.flatten(0, 1):
        whole(batch)
    for found in in_processes(processes, after):
        for key, value in whole.state_dict().items():
            torch.testing.assert_close(found[key], value, rtol=1e-12, atol=1e-12)


def dying(how):
    def train(group):
        for step in range(10_000):
            group.sums(step)
            if step == 20 and group.rank == 1:
                how()

    return train


def fail():
    raise ValueError("no such thing")


@pytest.mark.parametrize(
    ("how", "cause", "words"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), CRASH, "ended unexpectedly (SIGKILL)"),
        (lambda: os._exit(0), EXITED, "exited with code 0"),
        (lambda: os._exit(7), CRASH, "(exit code 7)"),
        (fail, FAILED, "ValueError: no such thing"),
    ],
    ids=["kill -9", "os._exit(0)", "os._exit(7)", "exception"],
)
def test_a_process_that_dies_ends_the_run_with_one_sentence_that_names_it(how, cause, words):
    end = in_processes(3, dying(how))
    assert (end.cause, end.text.startswith("Rank 1 of 3 processes: ")) == (cause, True)
    assert words in end.text
    assert "\n" not in end.text


@pytest.mark.parametrize("signalled", [False, True], ids=["the run is asked", "one process is signalled"])
def test_all_processes_stop_at_the_same_step(tmp_path, signalled):
    def train(job, stopping, report, group):
        for step in range(100_000):
            report({"step": step})
            if any(group.any_of(stopping())):
                (tmp_path / str(group.rank)).write_text(str(step))
                return End(STOPPED), ""
            if signalled and step == 30 and group.rank == 1:
                os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError

    seen = []
    end, _ = run_processes(Job("", {}, "", processes=3), lambda: not signalled and len(seen) > 30, seen.append, train)
    assert end.cause == STOPPED
    assert len({(tmp_path / str(rank)).read_text() for rank in range(3)}) == 1


def test_the_same_error_in_all_processes_is_told_once():
    def train(group):
        group.wait()
        raise ValueError("the same")

    assert in_processes(2, train).text == "ValueError: the same"


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="reads /proc")
def test_no_port_is_opened_but_on_the_loopback_address():
    def listening(group):
        group.wait()
        own = {os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if is_socket(fd)}
        found = []
        for table in ("tcp", "tcp6"):
            rows = [line.split() for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]]
            found += [row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own]
        group.wait()
        return found

    def is_socket(fd):
        try:
            return os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
        except OSError:
            return False

    addresses = [address for found in in_processes(2, listening) for address in found]
    assert set(addresses) == {"0100007F"}
