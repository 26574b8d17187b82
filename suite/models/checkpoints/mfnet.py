"""`mfnet:PATH`: MF-Net as its authors release it, the 2-D network of ImageNet or the 3-D one (Chen et al. 2018)."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from torch import nn

from suite.models.checkpoints.fresh import started_anew
from suite.models.checkpoints.source import Source, is_state, read_checkpoint, without_other_classes
from suite.spec import BadInput

MEAN, STD = (124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3
"""Of the release: pixels from 0 to 255 less this mean, times 0.0167.  MF-Net has the statistics of ImageNet here: a
mean that differs by up to 1.3 % of the deviation, and inputs up to 5 % larger.  That is reported, and not adapted."""
CONVOLUTIONS = {
    "gather": "conv_i1",
    "scatter": "conv_i2",
    "conv1": "conv_m1",
    "conv2": "conv_m2",
    "shortcut": "conv_w1",
}
FIRST = "conv1.conv.weight"


def open_source(model: nn.Module, source: str, path: Path, fresh: Collection[str] | None = None) -> Source:
    """A 2-D file starts a training: its classifier stays behind, kernels are inflated, add-on blocks start anew.

    A 3-D file is complete where it has as many classes as the model.  Raises BadInput for another network or file.
    """
    if model.name.module != "mfnet":
        raise BadInput(f"mfnet: is for mfnet, not for {model.name.text}.")
    data = read_checkpoint(path)
    state = data.get("state_dict", data) if isinstance(data, dict) else None
    if not is_state(state):
        raise BadInput(f"{path} is not a checkpoint of the MF-Net release: it lacks a state dict of tensors.")
    state = {key.removeprefix("module."): value for key, value in state.items()}
    if FIRST not in state:
        raise BadInput(f"{path} is not a checkpoint of the MF-Net release: it has no tensor {FIRST}.")
    found = Source(source, state, release_names, may_lack=_counts, expects=(MEAN, STD))
    found.fresh = lambda missing: started_anew(model, missing)
    if state[FIRST].ndim == 4:  # of the 2-D network
        found.state = {key: value for key, value in state.items() if not key.startswith("classifier.")}
        found.may_lack = lambda key: _counts(key) or re.search(r"\.(fc|exit|residual)\.", key) is not None
        return found
    found = without_other_classes(found, model.num_classes)
    lacks = found.may_lack
    found.may_lack = lambda key: _counts(key) or lacks(key)
    return found


def _counts(key: str) -> bool:
    return key.endswith("num_batches_tracked")  # PyTorch had none when the networks were released


def release_names(key: str) -> list[str]:
    """The one tensor of the release behind a key of the model."""
    key = key.removeprefix("net.")
    if match := re.fullmatch(r"conv([2-5])\.(\d+)\.(\w+)\.((?:bn|conv)\.\w+)", key):
        stage, unit, part, rest = match.groups()
        if part in CONVOLUTIONS:
            return [f"conv{stage}.B{int(unit) + 1:02d}.{CONVOLUTIONS[part]}.{rest}"]
    key = re.sub(r"^conv1\.", "conv1.conv.", key)
    key = re.sub(r"^bn1\.", "conv1.bn.", key)
    key = re.sub(r"^bn5\.", "tail.bn.", key)
    return [key.replace("head.fc.", "classifier.")]
