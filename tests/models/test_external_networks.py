"""Networks from elsewhere."""

import re
from pathlib import Path

import pytest
import torch
from torchvision.models import get_model_weights

from suite.models import build
from suite.models.cost import cost
from suite.spec import BadInput
from tests.models.builders import clip, on_meta


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [("r3d_18", 112), ("mc3_18", 112), ("r2plus1d_18", 112), ("s3d", 224), ("mvit_v2_s", 224), ("swin3d_t", 224)],
)
def test_torchvisions_networks_cost_what_torchvision_says(name, size):
    documented = get_model_weights(name).DEFAULT.meta
    found = cost(f"torchvision:{name}", 16, size, 400)
    assert found.uncounted == []
    assert found.params == documented["num_params"]
    assert found.macs / 1e9 == pytest.approx(documented["_ops"], abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mc3_18", "mvit_v2_s", "swin3d_t"])
def test_torchvisions_networks_learn_with_dropout_drawn_by_the_step(name):
    net = build(f"torchvision:{name}", 5, 2, 32, dropout=0.5)
    net.train().set_dropout_key(7)
    x = clip(2, dtype=torch.float32)
    out = net(x)
    assert out.shape == (2, 5)
    assert torch.equal(net(x), out)
    net.set_dropout_key(8)
    assert not torch.equal(net(x), out)
    out.sum().backward()
    assert any(".fc." in key for key in net.state_dict())  # by which classes of a checkpoint are matched


@pytest.mark.slow
def test_an_mvit_of_16_frames_at_224_is_torchvisions_own():
    from torchvision.models.video import mvit_v2_s

    with on_meta():
        theirs = mvit_v2_s(num_classes=5)
        ours = build("torchvision:mvit_v2_s", 5, 16, 224).net.net
    mine = {key.replace(".0.fc.", ".1."): value.shape for key, value in ours.state_dict().items()}
    assert mine == {key: value.shape for key, value in theirs.state_dict().items()}
    depth = [block.stochastic_depth.p for block in theirs.blocks]
    assert [block.stochastic_depth.p for block in ours.blocks] == depth


def contributed():
    """The block of CONTRIBUTING.md that shows how to bring a network."""
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    return re.search(r"## Bring your own network.*?```python\n(.*?)```", text, re.S)[1]


def test_the_network_of_contributing_builds_learns_and_is_counted(code_folder, monkeypatch):
    (code_folder / "my_networks.py").write_text(contributed())
    monkeypatch.chdir(code_folder)
    net = build("my_networks:small_c3d", 5, 4, 32)
    net.train().set_dropout_key(1)
    out = net(clip(dtype=torch.float32))
    assert out.shape == (2, 5)
    out.sum().backward()
    assert torch.equal(net(clip(dtype=torch.float32)), out)
    found = cost("my_networks:small_c3d", 4, 32, 5)
    assert found.uncounted == []
    assert found.macs == 27 * (4 * 32**2) * 3 * 16 + 27 * (4 * 16**2) * 16 * 32 + 27 * (4 * 8**2) * 32 * 64 + 64 * 5


THEIRS = """
import torch
from torch import nn
number = 3
def no_module(num_classes, frames, size): return {"a": 1}
def fails(num_classes, frames, size): raise ValueError("no weights here.\\nmore")
def other_arguments(classes): return nn.Identity()
def wrong_shape(num_classes, frames, size): return nn.Sequential(nn.Flatten(), nn.Linear(3 * frames * size**2, 9))
class TwoOutputs(nn.Module):
    def __init__(self, **_): super().__init__()
    def forward(self, x): return x, x
class Eight(nn.Module):
    def __init__(self, num_classes, frames, size):
        super().__init__()
        self.fc = nn.Linear(24, num_classes)
    def forward(self, x): return self.fc(x.mean((3, 4)).view(len(x), -1))
class Looks(Eight):
    def __init__(self, num_classes, frames, size):
        super().__init__(num_classes, frames, size)
        self.scale = torch.ones(3, 1, 1, 1)  # neither parameter nor buffer: what the meta device cannot follow
    def forward(self, x): return super().forward(x * self.scale)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("torchvision:r3d_19", "did you mean 'r3d_18'"),
        ("torchvision:r3d_18+nl", r"\+nl stands at residual blocks, which torchvision:r3d_18 does not have"),
        ("torchvision:r3d_18@depth=3", "Unknown option of torchvision:r3d_18 'depth'; known: none"),
        ("torchvision:s3d", "cannot take 4 frames of 32x32 pixels; it takes 16 frames of 224x224 "),
        ("not_there.at_all:make", "not_there.at_all cannot be imported .*No module named 'not_there'"),
        ("theirs:nowhere", "Unknown function of theirs 'nowhere'"),
        ("theirs:number", "is of type int; it is to be a function"),
        ("theirs:no_module", "an object of type dict, and not a torch.nn.Module"),
        ("theirs:fails", r"frames=4 and size=32 \(ValueError: no weights here\)\."),
        ("theirs:other_arguments", "could not be built with num_classes=5"),
        ("theirs:wrong_shape", r"into \(1, 9\); logits are to have the shape \(1, 5\)"),
        ("theirs:TwoOutputs", "of type tuple, and not the tensor of logits"),
        ("theirs:Eight", "cannot take 4 frames of 32x32 pixels; it takes 8 frames of 32x32 "),
    ],
)
def test_what_cannot_come_from_elsewhere_is_refused_in_one_sentence(name, says, code_folder, monkeypatch):
    (code_folder / "theirs.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(code_folder)
    with pytest.raises(BadInput, match=says) as refused:
        build(name, 5, 4, 32)
    assert "\n" not in str(refused.value)


def test_a_network_that_the_meta_device_cannot_follow_is_tried_on_a_clip(code_folder, monkeypatch):
    (code_folder / "theirs.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(code_folder)
    assert build("theirs:Looks", 5, 8, 32).training
    with pytest.raises(BadInput, match="cannot take 4 frames"):
        build("theirs:Looks", 5, 4, 32)
