"""Which parameters have weight decay."""

import itertools

import pytest
import torch
from torch import nn

from suite.evaluation.control import Stopped
from suite.models import build
from suite.spec import BadInput, Protocol, load_protocol
from suite.training.optimiser import optimiser
from tests.models.builders import on_meta
from tests.training.builders import equal, run_spec, state_of, train


def groups(model, **changes):
    """Weight decay by the name of each parameter."""
    protocol = Protocol(name="test", epochs=1, batch=1, lr=0.1, weight_decay=0.01, **changes)
    names = {id(value): key for key, value in model.named_parameters()}
    found = optimiser(model, protocol).param_groups
    decay = {names[id(value)]: group["weight_decay"] for group in found for value in group["params"]}
    assert len(decay) == len(names) == sum(len(group["params"]) for group in found)  # each once
    return decay


@pytest.mark.parametrize("name", ["i3d-resnet18", "mfnet", "slowfast-resnet50", "cstransformer-v1", "tsn-resnet18+gta"])
def test_normalisation_layers_alone_have_no_decay_where_the_protocol_says_so(name):
    with on_meta():
        model = build(name, 4, 32 if name.startswith("slowfast") else 8)
    assert set(groups(model).values()) == {0.01}
    decay = groups(model, norm_decay=False)
    layers = {key: type(layer).__name__ for key, layer in model.named_modules()}
    for key, value in decay.items():
        assert value == (0.0 if "Norm" in layers[key.rpartition(".")[0]] else 0.01), key
    assert decay["net.head.fc.bias"] == 0.01


def test_a_network_without_normalisation_layers_has_one_group():
    protocol = Protocol(name="test", epochs=1, batch=1, lr=0.1, norm_decay=False)
    assert len(optimiser(nn.Linear(2, 2), protocol).param_groups) == 1


def test_a_step_without_a_gradient_shrinks_what_has_decay_and_leaves_the_rest():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    protocol = Protocol(name="test", epochs=1, batch=1, lr=0.1, momentum=0.0, weight_decay=0.5, norm_decay=False)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for value in model.parameters():
        value.grad = torch.zeros_like(value)
    optimiser(model, protocol).step()
    assert torch.allclose(model[0].weight, before["0.weight"] * 0.95)
    assert torch.equal(model[1].weight, before["1.weight"])


@pytest.mark.slow
@pytest.mark.more
def test_a_run_that_was_stopped_goes_on_with_its_groups(data, tmp_path):
    spec = run_spec(norm_decay=False, weight_decay=0.01)
    whole = state_of(train(tmp_path / "whole", data, spec))
    calls = itertools.count()
    with pytest.raises(Stopped):
        train(tmp_path / "part", data, spec, stopping=lambda: next(calls) >= 3)
    assert equal(state_of(train(tmp_path / "part", data, spec)), whole)
    assert not equal(state_of(train(tmp_path / "other", data, run_spec(weight_decay=0.01))), whole)


def test_synchronised_batch_normalisation_needs_all_clips_of_an_update_in_one_step():
    smoke = load_protocol("smoke")
    assert smoke.stage(False, {"sync_bn": True}).sync_bn
    with pytest.raises(BadInput, match="sync_bn needs all 32 clips of an update in one step"):
        smoke.stage(False, {"sync_bn": True, "step_batch": 16})
