"""`tsm:PATH`: checkpoints of the TSM release (Lin et al. 2019)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from torch import nn

from suite.models.checkpoints.source import Names, Source, module_state, without_other_classes
from suite.models.checkpoints.torchvision import resnet_key
from suite.models.options import model_options
from suite.spec import BadInput, ModelName


def open_source(model: nn.Module, source: str, path: Path, fresh: Collection[str] | None = None) -> Source:
    """A shift wraps the first convolution of every block, a non-local block the whole of one."""
    state = module_state(path, "TSM")
    names = release_names(model.name, state, "blocks" in (fresh or ()))
    return without_other_classes(Source(source, state, names), model.num_classes)


def release_names(name: ModelName, keys: Iterable[str], more_blocks: bool = False) -> Names:
    """keys: those of the file; more_blocks: the model may have add-on blocks that the release does not have.

    Raises BadInput for a network that the release does not have though its tensors fit.
    """
    plain = not name.options and name.pooling == "none" and name.backbone.startswith("resnet")
    if name.module != "tsm" or not plain or (any(part.name != "nl" for part in name.blocks) and not more_blocks):
        raise BadInput(
            f"The TSM release has no {name.text}; it has tsm on a ResNet without options and temporal pooling, such as "
            f"tsm-resnet50 and tsm-resnet50+nl."
        )
    wrapped = {match[1] for key in keys if (match := re.match(r"base_model\.(layer\d\.\d+)\.block\.", key))}
    # Where keys and values are not pooled their convolutions stand alone in the release.
    of_blocks = zip(name.blocks, model_options(name).blocks, strict=True)
    first = ".0" if all(options["pool"] == "2" for part, options in of_blocks if part.name == "nl") else ""

    def names(key: str) -> list[str]:
        key = key.removeprefix("net.").replace(".base.", ".")  # .base: what +arc decorates
        if key.startswith("head.fc."):
            return [key.replace("head.fc.", "new_fc.")]
        key = re.sub(r"\.exit\.0\.", ".nl.", key)
        key = re.sub(r"\.nl\.(phi|g)\.", rf".nl.\1{first}.", key)
        key = key.replace(".nl.out.conv.", ".nl.W.0.").replace(".nl.out.bn.", ".nl.W.1.")
        if ".nl." not in key:
            key = re.sub(r"^(layer\d\.\d+\.conv1)\.weight$", r"\1.net.weight", resnet_key(key))
            block = ".".join(key.split(".")[:2])
            if block in wrapped:
                key = key.replace(block, f"{block}.block", 1)
        return [f"base_model.{key}"]

    return names
