"""What a source of weights gives: tensors in the names of a file, and how the names of a model map to them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from suite.spec import BadInput

Names = Callable[[str], list[str]]  # key of a model -> the tensor(s) it is made of; several are stacked as taps


@dataclass
class Source:
    """The tensors of a file under the names that it uses."""

    text: str  # as the person wrote it
    state: dict[str, Tensor]
    names: Names
    may_lack: Callable[[str], bool] = lambda key: False  # keys of the model that may stay as they started
    ignored: Callable[[str], bool] = lambda key: False  # keys of the file that are not for us
    classes: list[str] | None = None
    own: bool = False  # the suite's own: what belongs to the frames of a clip may be of another number of them
    file: Path | None = None
    expects: tuple[tuple[float, ...], tuple[float, ...]] | None = None  # mean and std, where not those of the model
    fresh: Callable[[list[str]], list[str]] | None = None  # missing keys -> what starts anew, in words
    adapted: str = ""  # what was rewritten so that an input of the model's normalisation is right for them


def read_checkpoint(path: str | Path) -> Any:
    """A file of torch.save, tensors and plain containers only.  Raises BadInput, also where the file is damaged.

    torch.save stores a checksum of every tensor, which torch.load does not look at.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"There is no checkpoint at {path}.")
    damaged = None
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                damaged = parts.testzip()
        content = None if damaged else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the unpickler or the zip reader meets
        raise BadInput(f"{path} is not a readable checkpoint ({type(error).__name__}).") from None
    if damaged:
        raise BadInput(f"{path} is damaged (the checksum of its part {damaged} does not match); copy the file again.")
    return content


def is_state(state: Any) -> bool:
    """Whether something is a state dict: tensors by name, each with its values in one block of memory."""
    return isinstance(state, dict) and all(isinstance(k, str) and _is_dense(v) for k, v in state.items())


def _is_dense(value: Any) -> bool:
    dense = isinstance(value, Tensor) and value.layout == torch.strided
    return dense and not value.is_quantized and value.device.type == "cpu"


def module_state(path: Path, release: str) -> dict[str, Tensor]:
    """The tensors of {"state_dict": {"module.…"}}, as DataParallel names them, without that prefix."""
    data = read_checkpoint(path)
    state = data.get("state_dict") if isinstance(data, dict) else None
    if not is_state(state) or not all(key.startswith("module.") for key in state):
        raise BadInput(f"{path} is not a checkpoint of the {release} release: it lacks a state_dict of module.… keys.")
    return {key.removeprefix("module."): value for key, value in state.items()}


def without_other_classes(source: Source, num_classes: int) -> Source:
    """A release, whole where it has as many classes as the model.

    Where it has not it can only start a training: its classifier stays behind, and add-on blocks may start anew.
    """
    weight, bias = (source.names(f"net.head.fc.{part}")[0] for part in ("weight", "bias"))
    if weight in source.state and len(source.state[weight]) != num_classes:
        source.state = {key: value for key, value in source.state.items() if key not in (weight, bias)}
        source.may_lack = lambda key: ".head.fc." in key or ".exit." in key
    return source
