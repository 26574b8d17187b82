"""`ibm:PATH`: checkpoints of the deep_analysis authors' release."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from torch import nn

from suite.models.checkpoints.source import Names, Source, module_state
from suite.models.checkpoints.torchvision import key_names


def open_source(model: nn.Module, source: str, path: Path, fresh: Collection[str] | None = None) -> Source:
    """Complete or refused: the release has all that its networks have."""
    return Source(source, module_state(path, "deep_analysis"), release_names(model.name.backbone))


def release_names(backbone: str) -> Names:
    """torchvision's names, and three depthwise layers in place of the taps of a temporal aggregation."""
    of_backbone = key_names(backbone)

    def names(key: str) -> list[str]:
        if match := re.fullmatch(r"(?P<where>.*entrance|mix\w+)\.taps\.weight", key.removeprefix("net.")):
            where = re.sub(r"entrance$", "tam", match["where"]).replace("mix", "tam")
            return [f"{where}.{tap}_se.fc1.weight" for tap in ("prev", "curr", "next")]
        return of_backbone(key)

    return names
