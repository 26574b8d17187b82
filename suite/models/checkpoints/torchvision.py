"""`imagenet` and `imagenet:FILE`: torchvision's ImageNet weights, inflated where needed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import nn

from suite.models.checkpoints.source import Names, Source, is_state, read_checkpoint
from suite.models.registry import find_architecture
from suite.spec import BadInput, ModelName, parse_model

ARCHITECTURES = {"inception_v1": "googlenet"}  # where torchvision has another name


def open_source(model: nn.Module, source: str, path: Path | None, fresh: Collection[str] | None = None) -> Source:
    """torchvision's weights of the backbone; a classifier, and what the 2-D network does not have, starts anew.

    A standalone architecture that takes some names them: `imagenet_file`, `imagenet_names(key)` (none for what starts
    anew) and `imagenet_ignored(key)`.
    """
    name, network = model.name, model.net
    path = path or _downloaded(imagenet_architecture(name))
    state = read_checkpoint(path)
    if not is_state(state):
        raise BadInput(f"{path} does not hold ImageNet weights: it is not a plain state dict of tensors.")
    if name.standalone:
        anew = {key for key in model.state_dict() if not network.imagenet_names(key)}
        return Source(source, state, network.imagenet_names, anew.__contains__, network.imagenet_ignored, file=path)
    return Source(
        source,
        {key: value for key, value in state.items() if not key.startswith("fc.")},  # its classes are not ours
        key_names(name.backbone),
        may_lack=lambda key: bool(
            re.search(r"\.(fc|entrance|mix\w+|exit|residual|arc_\w+)\.|_t\.|num_batches_tracked", key)
        ),
        ignored=lambda key: key.startswith(("aux1.", "aux2.")),
        file=path,
    )


def key_names(backbone: str) -> Names:
    """torchvision's names of a backbone's tensors."""

    def names(key: str) -> list[str]:
        key = key.removeprefix("net.").replace("head.fc.", "fc.").replace(".base.", ".")  # .base: what +arc decorates
        if backbone == "inception_v1":
            return [re.sub(r"\.0\.(conv|bn|conv_t|bn_t)\.", r".\1.", key)]
        return [resnet_key(key)]

    return names


def resnet_key(key: str) -> str:
    """torchvision's name of a ResNet's tensor; `_t` marks the temporal half of a factorised convolution."""
    key = re.sub(r"downsample\.conv\.", "downsample.0.", key)
    key = re.sub(r"downsample\.bn\.", "downsample.1.", key)
    key = re.sub(r"conv(\d)\.conv(_t)?\.", r"conv\1\2.", key)
    return re.sub(r"conv(\d)\.bn(_t)?\.", r"bn\1\2.", key)


def imagenet_architecture(name: ModelName) -> str:
    """The network of torchvision.models whose ImageNet weights start a model.  Raises BadInput where none do."""
    if not name.standalone:
        return ARCHITECTURES.get(name.backbone, name.backbone)
    network = find_architecture(name.architecture).cls
    if not hasattr(network, "imagenet_file"):
        raise BadInput(f"{name.text} cannot start from ImageNet weights; start it with init=scratch or a checkpoint.")
    return network.imagenet_file


def local_imagenet_file(model: str) -> Path | None:
    """The file on this machine that `init: imagenet` takes for a model; None where it would be downloaded."""
    file = _file_name(_weights_of(imagenet_architecture(parse_model(model))))
    return next((path for path in _candidates(file) if path.is_file()), None)


def _weights_of(architecture: str) -> Any:
    import torchvision

    return torchvision.models.get_model_weights(architecture).IMAGENET1K_V1


def _file_name(weights: Any) -> str:
    return weights.url.rsplit("/", 1)[1]


def _candidates(file: str) -> list[Path]:
    """Where a weights file of torchvision may lie: SUITE_WEIGHTS, then PyTorch's cache."""
    own = os.environ.get("SUITE_WEIGHTS")
    return ([Path(own) / file] if own else []) + [Path(torch.hub.get_dir()) / "checkpoints" / file]


def _downloaded(architecture: str) -> Path:
    """The file of torchvision's ImageNet weights, downloaded where it is not there yet.  Raises BadInput."""
    weights = _weights_of(architecture)
    file = _file_name(weights)
    own, cached = _candidates(file)[0], _candidates(file)[-1]
    if own.is_file():
        return own
    try:
        weights.get_state_dict(progress=False, check_hash=True)  # into PyTorch's cache, its hash checked
    except Exception as error:  # no network, no disk, a proxy's answer
        raise BadInput(
            f"The ImageNet weights of {architecture} could not be downloaded ({type(error).__name__}); put {file} into "
            f"a folder and name it in SUITE_WEIGHTS, or start with init=scratch."
        ) from None
    return cached
