"""Loading weights: strictly, with a declared list of what may be absent, and a report of what was loaded.

Sources: `imagenet` (torchvision's weights, inflated where needed), `imagenet:FILE` (the same from a local file),
`ibm:PATH` (a checkpoint in the key names of the deep_analysis authors' release) and `PATH` (the suite's own).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from suite.models import NORMALISATION, normalisation
from suite.spec import BadInput, ModelName, parse_model

Inflate = Literal["repeat", "mean", "center"]
OWN_FORMAT = "video-fair-bench/1"
TORCHVISION = {
    "resnet18": "ResNet18_Weights",
    "resnet34": "ResNet34_Weights",
    "resnet50": "ResNet50_Weights",
    "resnet101": "ResNet101_Weights",
    "inception_v1": "GoogLeNet_Weights",
}


@dataclass
class Report:
    """What was loaded.  `missing` stayed as they started (each allowed), `unexpected` were in the file and not used."""

    source: str
    loaded: int  # tensors of the model
    total: int
    missing: list[str]
    unexpected: list[str]
    normalisation: dict[str, Any]  # mean and std that the weights expect
    classes: list[str] | None = None

    def __str__(self) -> str:
        return f"{self.loaded} of {self.total} tensors from {self.source}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Source:
    """A state dict in foreign names and how the model's names map to them."""

    text: str
    state: dict[str, Tensor]
    foreign: Callable[[str], list[str]]  # model key -> the tensor(s) it is made of; several are stacked as taps
    may_lack: Callable[[str], bool] = lambda key: False  # model keys that may stay as they started
    ignored: Callable[[str], bool] = lambda key: False  # foreign keys that are not for us
    classes: list[str] | None = None
    own: dict[str, Any] = field(default_factory=dict)


def load(model: nn.Module, source: str, *, inflate: Inflate = "repeat", classes: Sequence[str] | None = None) -> Report:
    """Loads `source` into a model of `build`.

    inflate: how a 2-D kernel fills a 3-D one: `repeat` copies it along time (as published), `mean` divides by the
    length, `center` puts it at the middle tap.  classes: the model's class names; the head's rows follow them.
    Raises BadInput, and leaves the model as it was, when the file is not a checkpoint of this very model.
    """
    found = _open(model.name, source)
    target = model.state_dict()
    fresh, missing, used = {}, [], set()
    for key, tensor in target.items():
        names = found.foreign(key)
        if not all(name in found.state for name in names):
            missing.append(key)
            continue
        used.update(names)
        value = found.state[names[0]] if len(names) == 1 else torch.stack([found.state[n] for n in names], 2)
        fresh[key] = _fitted(value, tensor, inflate, key, found.text, model.num_classes)
    unexpected = [key for key in found.state if key not in used]
    wrong_missing = [key for key in missing if not found.may_lack(key)]
    wrong_unexpected = [key for key in unexpected if not found.ignored(key)]
    if wrong_missing or wrong_unexpected:
        raise BadInput(
            f"{found.text} is not a checkpoint of {model.name.text}: it lacks {_some(wrong_missing)} "
            f"and has {_some(wrong_unexpected)} that the model has no place for."
        )
    _match_classes(fresh, found, classes)
    with torch.no_grad():
        for key, value in fresh.items():
            target[key].copy_(value)
    mean, std = NORMALISATION[normalisation(model.name.text)]
    return Report(found.text, len(fresh), len(target), missing, unexpected, {"mean": mean, "std": std}, found.classes)


def save_dict(model: nn.Module, classes: Sequence[str]) -> dict[str, Any]:
    """The suite's own checkpoint of a model: names of model and classes beside the tensors."""
    return {"format": OWN_FORMAT, "model": model.name.text, "classes": list(classes), "state": model.state_dict()}


def read_checkpoint(path: str | Path) -> Any:
    """A file of torch.save, tensors and plain containers only.  Raises BadInput."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"There is no checkpoint at {path}.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the unpickler or the zip reader meets
        raise BadInput(f"{path} is not a readable checkpoint ({type(error).__name__}).") from None


def _some(keys: list[str]) -> str:
    return f"{len(keys)} tensors" + (f" (first {keys[0]})" if keys else "")


def _fitted(value: Tensor, target: Tensor, inflate: Inflate, key: str, source: str, num_classes: int) -> Tensor:
    """`value` in the shape of `target`: inflated along time, or with dimensions of size one added or dropped."""
    if value.ndim == 4 and target.ndim == 5:
        length = target.shape[2]
        if inflate == "center":
            value = nn.functional.pad(value.unsqueeze(2), (0, 0, 0, 0, length // 2, length - 1 - length // 2))
        else:
            value = value.unsqueeze(2).repeat(1, 1, length, 1, 1) / (length if inflate == "mean" else 1)
    elif value.shape != target.shape and [n for n in value.shape if n > 1] == [n for n in target.shape if n > 1]:
        value = value.reshape(target.shape)  # (C, C, 1, k, k) and (C, C, k, k), or the taps of a temporal convolution
    if value.shape != target.shape:
        if ".fc." in key:
            raise BadInput(f"{source} was trained on {len(value)} classes, this model has {num_classes}.")
        raise BadInput(
            f"{source} does not fit: its tensor for {key} has the shape {tuple(value.shape)}, "
            f"the model's {tuple(target.shape)}."
        )
    return value


def _match_classes(fresh: dict[str, Tensor], found: _Source, classes: Sequence[str] | None) -> None:
    """Orders the rows of the head by class name."""
    if classes is None or found.classes is None or list(classes) == found.classes:
        return
    if set(classes) != set(found.classes):
        odd = sorted(set(classes) ^ set(found.classes))[0]
        raise BadInput(f"The classes of {found.text} are not those of the data set (for one, '{odd}').")
    order = torch.tensor([found.classes.index(name) for name in classes])
    for key in [key for key in fresh if ".fc." in key]:
        fresh[key] = fresh[key][order]
    found.classes = list(classes)


# --- sources ------------------------------------------------------------------------------------------------------


def _open(name: ModelName, source: str) -> _Source:
    kind, _, rest = source.partition(":")
    if kind == "imagenet":
        state = _floats(read_checkpoint(rest)) if rest else _torchvision_state(name.backbone)
        state = {key: value for key, value in state.items() if not key.startswith("fc.")}  # its classes are not ours
        return _Source(
            source,
            state,
            foreign=lambda key: _published_names(key, name.backbone),
            # New at the start of training: the classifier, and what the 2-D network does not have.
            may_lack=lambda key: bool(
                re.search(r"\.(fc|entrance|mix\w+|exit|residual|arc_\w+)\.|_t\.|num_batches_tracked", key)
            ),
            ignored=lambda key: key.startswith(("aux1.", "aux2.")),
        )
    if kind == "ibm":
        data = read_checkpoint(rest)
        state = data.get("state_dict") if isinstance(data, dict) else None
        if not isinstance(state, dict) or not all(key.startswith("module.") for key in state):
            raise BadInput(
                f"{rest} is not a checkpoint of the deep_analysis release: it lacks a state_dict of module.… keys."
            )
        state = {key.removeprefix("module."): value for key, value in state.items()}
        return _Source(source, state, foreign=lambda key: _published_names(key, name.backbone))
    data = read_checkpoint(source)
    if not isinstance(data, dict) or data.get("format") != OWN_FORMAT:
        raise BadInput(f"{source} is not a checkpoint of this suite; foreign ones are named ibm:PATH or imagenet:PATH.")
    if _same_network(data["model"]) != _same_network(name.text):
        raise BadInput(f"{source} is a checkpoint of {data['model']}, not of {name.text}.")
    return _Source(source, data["state"], foreign=lambda key: [key], classes=list(data["classes"]))


def _same_network(text: str) -> tuple:
    """What two names must share for their weights to be exchangeable; how a module starts does not matter."""
    name = parse_model(text)
    options = tuple(sorted((k, v) for k, v in name.options if k != "init"))
    return name.module, name.backbone, name.pooling, options, name.blocks


def _floats(state: Any) -> dict[str, Tensor]:
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise BadInput("The file with ImageNet weights does not hold a plain state dict of tensors.")
    return state


def _torchvision_state(backbone: str) -> dict[str, Tensor]:
    import torchvision

    weights = getattr(torchvision.models, TORCHVISION[backbone]).IMAGENET1K_V1
    file = weights.url.rsplit("/", 1)[1]
    folder = os.environ.get("SUITE_WEIGHTS")
    if folder and (Path(folder) / file).is_file():
        return _floats(read_checkpoint(Path(folder) / file))
    try:
        return weights.get_state_dict(progress=False, check_hash=True)
    except Exception as error:  # no network, no disk, a proxy's answer
        raise BadInput(
            f"The ImageNet weights of {backbone} could not be downloaded ({type(error).__name__}); put {file} into a "
            f"folder and name it in SUITE_WEIGHTS, or start with init=scratch."
        ) from None


def _published_names(key: str, backbone: str) -> list[str]:
    """The tensor(s) behind one of the model's keys in torchvision's and in the deep_analysis authors' naming."""
    key = key.removeprefix("net.").replace("head.fc.", "fc.").replace(".base.", ".")  # .base: what +arc decorates
    if match := re.fullmatch(r"(?P<where>.*entrance|mix\w+)\.taps\.weight", key):
        where = re.sub(r"entrance$", "tam", match["where"]).replace("mix", "tam")
        return [f"{where}.{tap}_se.fc1.weight" for tap in ("prev", "curr", "next")]
    if backbone == "inception_v1":
        return [re.sub(r"\.0\.(conv|bn|conv_t|bn_t)\.", r".\1.", key)]
    key = re.sub(r"downsample\.conv\.", "downsample.0.", key)
    key = re.sub(r"downsample\.bn\.", "downsample.1.", key)
    key = re.sub(r"conv(\d)\.conv(_t)?\.", r"conv\1\2.", key)
    return [re.sub(r"conv(\d)\.bn(_t)?\.", r"bn\1\2.", key)]
