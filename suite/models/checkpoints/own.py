"""`PATH`: checkpoints that the suite wrote, with names of model and classes and a checksum beside the tensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from suite.models.checkpoints.source import Source, is_state, read_checkpoint
from suite.models.naming import canonical_name
from suite.models.registry import find_add_on_block, find_architecture, find_temporal_module
from suite.spec import BadInput, parse_model

FORMAT = "video-fair-bench/1"
CHECKSUM = "tensors_sha256"  # checkpoints of earlier versions have none


def open_source(model: nn.Module, source: str, path: Path, fresh: Collection[str] | None = None) -> Source:
    """Complete or refused; what belongs to the frames of a clip may be of another number of them.

    With `blocks` in fresh the model may have more add-on blocks, behind those of the checkpoint.
    """
    data = read_checkpoint(path)
    check_content(data, source)
    saved, wanted = _same_network(data["model"]), _same_network(model.name.text)
    if saved != wanted[: len(saved)] or (len(saved) < len(wanted) and "blocks" not in (fresh or ())):
        more = fresh is not None and saved == wanted[: len(saved)]
        hint = "; add 'blocks' to init_fresh in the protocol to start its other add-on blocks anew" if more else ""
        raise BadInput(f"{source} is a checkpoint of {data['model']}, not of {model.name.text}{hint}.")
    state = data["state"]

    def names(key: str) -> list[str]:
        return [key if key in state else key.replace(".base.", ".")]  # .base: what an add-on block decorates

    return Source(source, state, names, classes=list(data["classes"]), own=True)


def save_dict(model: nn.Module, classes: Sequence[str]) -> dict[str, Any]:
    """What a checkpoint of a model holds."""
    content = {"format": FORMAT, "model": model.name.text, "classes": list(classes), "state": model.state_dict()}
    return content | {CHECKSUM: checksum(content)}


def check_content(data: Any, source: str | Path) -> None:
    """Raises BadInput unless `data`, read from `source`, is what `save_dict` gave."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise BadInput(
            f"{source} is not a checkpoint of this suite; foreign ones are named ibm:PATH, tsm:PATH, "
            f"pytorchvideo:PATH, timm:PATH, mfnet:PATH or imagenet:PATH."
        )
    classes = data.get("classes")
    named = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    if not named or not isinstance(data.get("model"), str) or not is_state(data.get("state")):
        raise BadInput(f"{source} is not a complete checkpoint: it lacks its model, its classes or its tensors.")
    if CHECKSUM in data and data[CHECKSUM] != checksum(data):
        raise BadInput(f"{source} is damaged: its tensors do not have the checksum that was saved with them.")


def checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 of names, types, shapes and values of all tensors, and of the names of model and classes."""
    found = hashlib.sha256(json.dumps([content["model"], list(content["classes"])]).encode())
    for key, value in content["state"].items():
        found.update(f"\n{key} {value.dtype} {tuple(value.shape)} ".encode())
        found.update(_bytes(value))
    return found.hexdigest()


def _bytes(value: Tensor) -> memoryview:
    return memoryview(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())


def _same_network(text: str) -> list[str]:
    """What two names must share for their weights to be exchangeable, the network first, then its add-on blocks; how a
    module starts does not matter."""
    name = parse_model(canonical_name(text))
    found = find_architecture(name.architecture) if name.standalone else find_temporal_module(name.module)
    registered = [found, *(find_add_on_block(part.name) for part in name.blocks)]
    parts = []
    for text, one in zip(name.text.split("+"), registered, strict=True):
        head, _, options = text.partition("@")
        kept = [option for option in options.split(",") if option.partition("=")[0] not in one.start_only]
        parts.append(f"{head}@{','.join(kept)}")
    return parts
