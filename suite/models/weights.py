"""Loading weights: strictly, with a declared list of what may be absent, and a report of what was loaded.

Sources: `imagenet` (torchvision's weights, inflated where needed), `imagenet:FILE` (the same from a local file),
`ibm:PATH` (a checkpoint in the key names of the deep_analysis authors' release), `tsm:PATH` (of the TSM release),
`pytorchvideo:PATH` (SlowFast as PyTorchVideo releases it) and `PATH` (the suite's own).
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
from suite.models.blocks.attention import interpolated
from suite.models.checkpoints import foreign
from suite.models.naming import canonical_name
from suite.models.network import network_class
from suite.spec import BadInput, ModelName, file_sha256, parse_model, weights_file

Inflate = Literal["repeat", "mean", "center"]
OWN_FORMAT = "video-fair-bench/1"
TORCHVISION = {"inception_v1": "googlenet"}  # where torchvision has another name


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
    interpolated: list[str] = field(default_factory=list)  # tensors that were made for another number of frames
    sha256: str | None = None  # of the file

    def __str__(self) -> str:
        return f"{self.loaded} of {self.total} tensors from {self.source}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class _Source:
    """A state dict in foreign names and how the model's names map to them."""

    text: str
    state: dict[str, Tensor]
    foreign: foreign.Names  # model key -> the tensor(s) it is made of; several are stacked as taps
    may_lack: Callable[[str], bool] = lambda key: False  # model keys that may stay as they started
    ignored: Callable[[str], bool] = lambda key: False  # foreign keys that are not for us
    classes: list[str] | None = None
    own: bool = False  # the suite's own: what belongs to the frames of a clip may be of another number of them
    file: Path | None = None


def load(model: nn.Module, source: str, *, inflate: Inflate = "repeat", classes: Sequence[str] | None = None) -> Report:
    """Loads `source` into a model of `build`.

    inflate: how a 2-D kernel fills a 3-D one: `repeat` copies it along time (as published), `mean` divides by the
    length, `center` puts it at the middle tap.  classes: the model's class names; the head's rows follow them.
    A module's `time_parameters` (see blocks.attention.interpolated) may come from a clip of other length, in the
    suite's own checkpoints.
    Raises BadInput, and leaves the model as it was, when the file is not a checkpoint of this very model.
    """
    found = _open(model, source)
    found.file = found.file or weights_file(source)[1]
    target = model.state_dict()
    fresh, missing, used, resampled = {}, [], set(), []
    for key, tensor in target.items():
        names = found.foreign(key)
        if not names or not all(name in found.state for name in names):
            missing.append(key)
            continue
        used.update(names)
        value = found.state[names[0]] if len(names) == 1 else torch.stack([found.state[n] for n in names], 2)
        if found.own and (how := _time_parameter(model, key, value, tensor)):
            value = interpolated(value, tensor.shape[how["dims"][0]], **how)
            resampled.append(key)
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
    expected = {"mean": mean, "std": std}
    sha256 = file_sha256(found.file) if found.file else None
    return Report(found.text, len(fresh), len(target), missing, unexpected, expected, found.classes, resampled, sha256)


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


def _time_parameter(model: nn.Module, key: str, value: Tensor, target: Tensor) -> dict[str, Any] | None:
    """How to bring a tensor to the model's frames; None where it has them or is no parameter of them.

    A module names such parameters in `time_parameters`, with the dimensions that count frames or with the arguments
    of `interpolated`.
    """
    path, _, name = key.rpartition(".")
    how = getattr(model.get_submodule(path), "time_parameters", {}).get(name)
    if how is None or value.shape == target.shape or value.ndim != target.ndim:
        return None
    how = how if isinstance(how, dict) else {"dims": tuple(how)}
    differ = {i for i in range(value.ndim) if value.shape[i] != target.shape[i]}
    return how if differ == set(how["dims"]) else None


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


def _open(model: nn.Module, source: str) -> _Source:
    name = model.name
    kind, rest = weights_file(source)
    if kind == "imagenet":
        return _imagenet(model, source, rest)
    if kind == "ibm":
        return _Source(source, _module_state(rest, "deep_analysis"), foreign.published(name.backbone))
    if kind == "tsm":
        state = _module_state(rest, "TSM")
        return _released(model, source, state, foreign.tsm(name, state))
    if kind == "pytorchvideo":
        names = foreign.pytorchvideo(name)
        data = read_checkpoint(rest)
        state = data.get("model_state") if isinstance(data, dict) else None
        if not _is_state(state):
            raise BadInput(f"{rest} is not a checkpoint of PyTorchVideo: it lacks a model_state of tensors.")
        return _released(model, source, state, names)
    data = read_checkpoint(rest or source)
    if not isinstance(data, dict) or data.get("format") != OWN_FORMAT:
        raise BadInput(
            f"{source} is not a checkpoint of this suite; foreign ones are named ibm:PATH, tsm:PATH, "
            f"pytorchvideo:PATH or imagenet:PATH."
        )
    if _same_network(data["model"]) != _same_network(name.text):
        raise BadInput(f"{source} is a checkpoint of {data['model']}, not of {name.text}.")
    return _Source(source, data["state"], lambda key: [key], classes=list(data["classes"]), own=True)


def _released(model: nn.Module, source: str, state: dict[str, Tensor], names: foreign.Names) -> _Source:
    """A release, whole where it has as many classes as the model.

    Where it has not it can only start a training: its classifier stays behind, and extra blocks may start anew.
    """
    weight, bias = (names(f"net.head.fc.{part}")[0] for part in ("weight", "bias"))
    if weight not in state or len(state[weight]) == model.num_classes:
        return _Source(source, state, names)
    state = {key: value for key, value in state.items() if key not in (weight, bias)}
    return _Source(source, state, names, may_lack=lambda key: bool(re.search(r"\.(head\.fc|exit)\.", key)))


def _imagenet(model: nn.Module, source: str, file: Path | None) -> _Source:
    """torchvision's weights.  A whole network that takes some names them: `imagenet_file`, `imagenet_names(key)`
    (none for what starts anew) and `imagenet_ignored(key)`."""
    name, network = model.name, model.net
    architecture = imagenet_architecture(name)
    path = file or _torchvision_file(architecture)
    state = _floats(read_checkpoint(path))
    if name.whole:
        anew = {key for key in model.state_dict() if not network.imagenet_names(key)}
        return _Source(source, state, network.imagenet_names, anew.__contains__, network.imagenet_ignored, file=path)
    state = {key: value for key, value in state.items() if not key.startswith("fc.")}  # its classes are not ours
    return _Source(
        source,
        state,
        foreign.published(name.backbone),
        # New at the start of training: the classifier, and what the 2-D network does not have.
        may_lack=lambda key: bool(
            re.search(r"\.(fc|entrance|mix\w+|exit|residual|arc_\w+)\.|_t\.|num_batches_tracked", key)
        ),
        ignored=lambda key: key.startswith(("aux1.", "aux2.")),
        file=path,
    )


def _module_state(path: Path, release: str) -> dict[str, Tensor]:
    """The tensors of {"state_dict": {"module.…"}}, as DataParallel names them, without that prefix."""
    data = read_checkpoint(path)
    state = data.get("state_dict") if isinstance(data, dict) else None
    if not _is_state(state) or not all(key.startswith("module.") for key in state):
        raise BadInput(f"{path} is not a checkpoint of the {release} release: it lacks a state_dict of module.… keys.")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _same_network(text: str) -> str:
    """What two names must share for their weights to be exchangeable; how a module starts does not matter."""
    body, *blocks = canonical_name(text).split("+")
    head, _, options = body.partition("@")
    kept = [option for option in options.split(",") if not option.startswith("init=")]
    return "+".join(["@".join([head, ",".join(kept)]), *blocks])


def _is_state(state: Any) -> bool:
    return isinstance(state, dict) and all(isinstance(value, Tensor) for value in state.values())


def _floats(state: Any) -> dict[str, Tensor]:
    if not _is_state(state):
        raise BadInput("The file with ImageNet weights does not hold a plain state dict of tensors.")
    return state


def imagenet_architecture(name: ModelName) -> str:
    """The network of torchvision.models whose ImageNet weights start a model.  Raises BadInput where none do."""
    if not name.whole:
        return TORCHVISION.get(name.backbone, name.backbone)
    network = network_class(name)
    if not hasattr(network, "imagenet_file"):
        raise BadInput(f"{name.text} cannot start from ImageNet weights; start it with init=scratch or a checkpoint.")
    return network.imagenet_file


def local_imagenet_file(model: str) -> Path | None:
    """The file on this machine that `init: imagenet` takes for a model; None where it would be downloaded."""
    file = _torchvision_weights(imagenet_architecture(parse_model(model))).url.rsplit("/", 1)[1]
    return next((path for path in _places(file) if path.is_file()), None)


def _torchvision_weights(architecture: str) -> Any:
    import torchvision

    return torchvision.models.get_model_weights(architecture).IMAGENET1K_V1


def _places(file: str) -> list[Path]:
    """Where a weights file of torchvision may lie: SUITE_WEIGHTS, then PyTorch's cache."""
    own = os.environ.get("SUITE_WEIGHTS")
    return ([Path(own) / file] if own else []) + [Path(torch.hub.get_dir()) / "checkpoints" / file]


def _torchvision_file(architecture: str) -> Path:
    """The file of torchvision's ImageNet weights, downloaded where it is not there yet.  Raises BadInput."""
    weights = _torchvision_weights(architecture)
    file = weights.url.rsplit("/", 1)[1]
    own, cached = _places(file)[0], _places(file)[-1]
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
