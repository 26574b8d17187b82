"""`pytorchvideo:PATH`: SlowFast as PyTorchVideo releases it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from torch import nn

from suite.models.checkpoints.source import Source, is_state, read_checkpoint, without_other_classes
from suite.spec import BadInput


def open_source(model: nn.Module, source: str, path: Path, fresh: Collection[str] | None = None) -> Source:
    """Blocks 0 (stems) to 4, each of two pathways and a fusion; block 6 is the head.  Raises BadInput for another
    network.
    """
    if model.name.module != "slowfast":
        raise BadInput(
            f"pytorchvideo: is for the released slowfast-resnet50 and slowfast-resnet101, not {model.name.text}."
        )
    data = read_checkpoint(path)
    state = data.get("model_state") if isinstance(data, dict) else None
    if not is_state(state):
        raise BadInput(f"{path} is not a checkpoint of PyTorchVideo: it lacks a model_state of tensors.")
    return without_other_classes(Source(source, state, release_names), model.num_classes)


def release_names(key: str) -> list[str]:
    """The one tensor of the release behind a key of the model."""
    key = key.removeprefix("net.").replace("head.fc.", "blocks.6.proj.")
    key = re.sub(r"^lateral\.(\d)\.conv\.", r"blocks.\1.multipathway_fusion.conv_fast_to_slow.", key)
    key = re.sub(r"^lateral\.(\d)\.bn\.", r"blocks.\1.multipathway_fusion.norm.", key)
    for i, pathway in enumerate(("slow", "fast")):
        key = re.sub(rf"^{pathway}\.conv1\.", f"blocks.0.multipathway_blocks.{i}.", key)
        key = re.sub(
            rf"^{pathway}\.layer(\d)\.(\d+)\.", rf"blocks.\1.multipathway_blocks.{i}.res_blocks.\2.branch2.", key
        )
    key = re.sub(r"branch2\.downsample\.(conv|bn)\.", r"branch1_\1.", key).replace("branch1_bn.", "branch1_norm.")
    for ours, theirs in (("conv1", "a"), ("conv2", "b"), ("conv3", "c")):
        key = key.replace(f".branch2.{ours}.conv.", f".branch2.conv_{theirs}.")
        key = key.replace(f".branch2.{ours}.bn.", f".branch2.norm_{theirs}.")
    return [re.sub(r"(multipathway_blocks\.\d)\.bn\.", r"\1.norm.", key)]
