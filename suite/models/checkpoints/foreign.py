"""Key names of other codebases' checkpoints: from a key of the model to the tensor(s) behind it in their files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from suite.spec import BadInput, ModelName

Names = Callable[[str], list[str]]


def published(backbone: str) -> Names:
    """torchvision's names and those of the deep_analysis authors' release."""
    return lambda key: _published(key, backbone)


def _published(key: str, backbone: str) -> list[str]:
    key = key.removeprefix("net.").replace("head.fc.", "fc.").replace(".base.", ".")  # .base: what +arc decorates
    if match := re.fullmatch(r"(?P<where>.*entrance|mix\w+)\.taps\.weight", key):
        where = re.sub(r"entrance$", "tam", match["where"]).replace("mix", "tam")
        return [f"{where}.{tap}_se.fc1.weight" for tap in ("prev", "curr", "next")]
    if backbone == "inception_v1":
        return [re.sub(r"\.0\.(conv|bn|conv_t|bn_t)\.", r".\1.", key)]
    return [_resnet(key)]


def _resnet(key: str) -> str:
    """torchvision's name of a ResNet's tensor; `_t` marks the temporal half of a factorised convolution."""
    key = re.sub(r"downsample\.conv\.", "downsample.0.", key)
    key = re.sub(r"downsample\.bn\.", "downsample.1.", key)
    key = re.sub(r"conv(\d)\.conv(_t)?\.", r"conv\1\2.", key)
    return re.sub(r"conv(\d)\.bn(_t)?\.", r"bn\1\2.", key)


def tsm(name: ModelName, keys: Iterable[str]) -> Names:
    """The TSM release (Lin et al. 2019): a shift wraps the first convolution of every block, a non-local the block.

    keys: those of the file.  Raises BadInput for a network that the release does not have though its tensors fit.
    """
    plain = not name.options and name.pooling == "none" and name.backbone.startswith("resnet")
    if name.module != "tsm" or not plain or any(part.name != "nl" for part in name.blocks):
        raise BadInput(
            f"The TSM release has no {name.text}; it has tsm on a ResNet without options and temporal pooling, such as "
            f"tsm-resnet50 and tsm-resnet50+nl."
        )
    wrapped = {match[1] for key in keys if (match := re.match(r"base_model\.(layer\d\.\d+)\.block\.", key))}
    # Where keys and values are not pooled their convolutions stand alone in the release.
    first = ".0" if all(part.get("pool", "2") == "2" for part in name.blocks) else ""

    def names(key: str) -> list[str]:
        key = key.removeprefix("net.")
        if key.startswith("head.fc."):
            return [key.replace("head.fc.", "new_fc.")]
        key = re.sub(r"\.exit\.0\.", ".nl.", key)
        key = re.sub(r"\.nl\.(phi|g)\.", rf".nl.\1{first}.", key)
        key = key.replace(".nl.out.conv.", ".nl.W.0.").replace(".nl.out.bn.", ".nl.W.1.")
        if ".nl." not in key:
            key = re.sub(r"^(layer\d\.\d+\.conv1)\.weight$", r"\1.net.weight", _resnet(key))
            place = ".".join(key.split(".")[:2])
            if place in wrapped:
                key = key.replace(place, f"{place}.block", 1)
        return [f"base_model.{key}"]

    return names


def pytorchvideo(name: ModelName) -> Names:
    """PyTorchVideo's SlowFast: blocks 0 (stems) to 4, each of two pathways and a fusion; block 6 is the head.

    Raises BadInput for another network.
    """
    if name.module != "slowfast":
        raise BadInput(f"pytorchvideo: is for the released slowfast-resnet50 and slowfast-resnet101, not {name.text}.")

    def names(key: str) -> list[str]:
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

    return names
