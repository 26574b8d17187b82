"""Loading weights: strictly, with a declared list of what may be absent, and a report of what was loaded.

Sources: `imagenet` (torchvision's weights, inflated where needed), `imagenet:FILE` (the same from a local file),
`ibm:PATH` (a checkpoint in the key names of the deep_analysis authors' release), `tsm:PATH` (of the TSM release),
`pytorchvideo:PATH` (SlowFast as PyTorchVideo releases it), `timm:PATH` (ViT-B/16 in timm's layout, for CSTransformer),
`mfnet:PATH` (of the MF-Net release) and `PATH` (the suite's own).  Each has a file in `suite/models/checkpoints/`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from suite.models import NORMALISATION, normalisation
from suite.models.blocks.attention import interpolated
from suite.models.checkpoints import deep_analysis, mfnet, own, pytorchvideo, timm, torchvision, tsm
from suite.models.checkpoints.fresh import BLOCKS, HEAD, leave_blocks, leave_classifier, started_anew
from suite.models.checkpoints.own import check_content, save_dict
from suite.models.checkpoints.source import Source, read_checkpoint
from suite.models.checkpoints.torchvision import local_imagenet_file
from suite.spec import BadInput, file_sha256, weights_file

__all__ = ["Inflate", "Report", "check_content", "load", "local_imagenet_file", "read_checkpoint", "save_dict"]

Inflate = Literal["repeat", "mean", "center"]
FOREIGN = {  # prefix of a source -> the file that opens it
    "imagenet": torchvision,
    "ibm": deep_analysis,
    "tsm": tsm,
    "pytorchvideo": pytorchvideo,
    "timm": timm,
    "mfnet": mfnet,
}


@dataclass
class Report:
    """What was loaded.  `missing` stayed as they started (each allowed), `unexpected` were in the file and not used."""

    source: str
    loaded: int  # tensors of the model
    total: int
    missing: list[str]
    unexpected: list[str]
    normalisation: dict[str, Any]  # mean and std that the weights expect, and what of them was `adapted` to the model's
    classes: list[str] | None = None
    interpolated: list[str] = field(default_factory=list)  # tensors that were made for another number of frames
    sha256: str | None = None  # of the file
    fresh: list[str] = field(default_factory=list)  # what started anew, as asked for or by the source: head, 2 blocks

    def __str__(self) -> str:
        fresh = f", {' and '.join(self.fresh)} fresh" if self.fresh else ""
        return f"{self.loaded} of {self.total} tensors from {self.source}{fresh}"

    def as_dict(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "fresh" or value}


def load(
    model: nn.Module,
    source: str,
    *,
    inflate: Inflate = "repeat",
    classes: Sequence[str] | None = None,
    init_fresh: Collection[str] | None = None,
) -> Report:
    """Loads `source` into a model of `build`.

    inflate: how a 2-D kernel fills a 3-D one: `repeat` copies it along time (as published), `mean` divides by the
    length, `center` puts it at the middle tap.  classes: the model's class names; the head's rows follow them.
    init_fresh: what may start anew: `head`, a classifier that is not known to be of `classes`; `blocks`, add-on blocks
    of which the source has nothing.  None: nothing, and messages do not name this key of a protocol.
    A module's `time_parameters` (see blocks.attention.interpolated) may come from a clip of other length, in the
    suite's own checkpoints.
    Raises BadInput, and leaves the model as it was, when the file is not a checkpoint of this very model.
    """
    found = _open(model, source, init_fresh)
    if HEAD in (init_fresh or ()):
        leave_classifier(found, model, classes)
    if BLOCKS in (init_fresh or ()):
        leave_blocks(found, model)
    target = model.state_dict()
    fresh, missing, used, resampled = {}, [], set(), []
    for key, tensor in target.items():
        names = found.names(key)
        if not names or not all(name in found.state for name in names):
            missing.append(key)
            continue
        used.update(names)
        value = _joined([found.state[name] for name in names], tensor, key, found.text)
        if found.own and (how := _time_parameter(model, key, value, tensor)):
            value = interpolated(value, tensor.shape[how["dims"][0]], **how)
            resampled.append(key)
        fresh[key] = _fitted(value, tensor, inflate, key, found.text, model.num_classes, _hint(init_fresh))
    unexpected = [key for key in found.state if key not in used]
    wrong_missing = [key for key in missing if not found.may_lack(key)]
    wrong_unexpected = [key for key in unexpected if not found.ignored(key)]
    if wrong_missing or wrong_unexpected:
        raise BadInput(
            f"{found.text} is not a checkpoint of {model.name.text}: it lacks {_some(wrong_missing)} "
            f"and has {_some(wrong_unexpected)} that the model has no place for."
        )
    _match_classes(fresh, found, classes, _hint(init_fresh))
    with torch.no_grad():
        for key, value in fresh.items():
            target[key].copy_(value)
    mean, std = found.expects or NORMALISATION[normalisation(model.name.text)]
    expected = {"mean": mean, "std": std, **({"adapted": found.adapted} if found.adapted else {})}
    sha256 = file_sha256(found.file) if found.file else None
    anew = started_anew(model, missing) if init_fresh else found.fresh(missing) if found.fresh else []
    return Report(
        found.text, len(fresh), len(target), missing, unexpected, expected, found.classes, resampled, sha256, anew
    )


def _hint(init_fresh: Collection[str] | None) -> str:
    """The end of a message on other classes, for a protocol."""
    return "" if init_fresh is None else "; add 'head' to init_fresh in the protocol to start the classifier anew"


def _open(model: nn.Module, source: str, init_fresh: Collection[str] | None) -> Source:
    kind, path = weights_file(source)
    found = FOREIGN[kind].open_source(model, source, path, init_fresh) if kind in FOREIGN else None
    found = found or own.open_source(model, source, path or Path(source), init_fresh)
    found.file = found.file or path
    return found


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


def _joined(parts: list[Tensor], target: Tensor, key: str, source: str) -> Tensor:
    """The one tensor, or several stacked as taps.  Raises BadInput for numbers of another kind than the model's.

    Weights are real and floating; a counter such as num_batches_tracked may be any real number.
    """
    for part in parts:
        if part.is_complex() or (target.is_floating_point() and not part.is_floating_point()):
            raise BadInput(
                f"{source} does not fit: its tensor for {key} has the type {_type(part)}, the model's {_type(target)}."
            )
    if len({part.shape for part in parts}) > 1:
        raise BadInput(f"{source} does not fit: its tensors for {key} have different shapes.")
    return parts[0] if len(parts) == 1 else torch.stack(parts, 2)


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _fitted(
    value: Tensor, target: Tensor, inflate: Inflate, key: str, source: str, num_classes: int, hint: str
) -> Tensor:
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
        if ".fc." in key and value.ndim:
            raise BadInput(f"{source} was trained on {len(value)} classes, this model has {num_classes}{hint}.")
        raise BadInput(
            f"{source} does not fit: its tensor for {key} has the shape {tuple(value.shape)}, "
            f"the model's {tuple(target.shape)}."
        )
    return value


def _match_classes(fresh: dict[str, Tensor], found: Source, classes: Sequence[str] | None, hint: str) -> None:
    """Orders the rows of the head by class name."""
    if classes is None or found.classes is None or list(classes) == found.classes:
        return
    if set(classes) != set(found.classes):
        odd = sorted(set(classes) ^ set(found.classes))[0]
        raise BadInput(f"The classes of {found.text} are not those of the data set (for one, '{odd}'){hint}.")
    order = torch.tensor([found.classes.index(name) for name in classes])
    for key in [key for key in fresh if ".fc." in key]:
        fresh[key] = fresh[key][order]
    found.classes = list(classes)
