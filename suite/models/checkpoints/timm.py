"""`timm:PATH`: ViT-B/16 in timm's names of tensors, such as `vit_base_patch16_224.augreg_in21k` (ImageNet-21K).

Steiner et al., "How to train your ViT?", 2021.  These weights expect pixels from -1 to 1.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor, nn

from suite.models import NORMALISATION, normalisation
from suite.models.checkpoints.source import Source, is_state, read_checkpoint
from suite.spec import BadInput

EXPECTED = "half"  # normalisation of timm's ViTs of augreg, in `suite.models.NORMALISATION`
PATCHES = "patch_embed.proj"
PARTS = {"attention.qkv": "attn.qkv", "attention.out": "attn.proj", "mlp.0": "mlp.fc1", "mlp.2": "mlp.fc2"}
FRESH = {  # parts of the network that no ViT has, and what they are called
    "spatial": "cross-stage scalars",
    "temporal_position": "temporal encoding",
    "temporal": "temporal blocks",
    "fam": "aggregation",
    "head": "head",
}
# What the network has no place for: the classifier, the normalisation in front of it (here temporal blocks follow), and
# what a variant or an option leaves out.
LEFT_OUT = r"(head|pre_logits|fc_norm|norm)\..*|pos_embed|blocks\.1[01]\..*"


def open_source(model: nn.Module, source: str, path: Path, fresh: Collection[str] | None = None) -> Source:
    """The spatial half of CSTransformer; temporal blocks, aggregation and classifier start anew.

    The network's input has its own normalisation, whatever the weights: the patch embedding is rewritten for it, which
    is exact, as patches do not overlap and have no padding.  Raises BadInput for another network or file.
    """
    if model.name.module.partition("-")[0] != "cstransformer":
        raise BadInput(f"timm: is for the spatial blocks of cstransformer, not for {model.name.text}.")
    if path.suffix == ".safetensors" and path.is_file():
        raise BadInput(f"{path} is in the format of safetensors; give timm's pytorch_model.bin, saved by torch.save.")
    data = read_checkpoint(path)
    state = data.get("state_dict", data) if isinstance(data, dict) else None
    if not is_state(state) or "cls_token" not in state:
        raise BadInput(f"{path} is not a vision transformer in timm's layout: it lacks a state dict with a cls_token.")
    names = {key: timm_names(key) for key in model.state_dict()}
    return Source(
        source,
        _for_input(state, *NORMALISATION[normalisation(model.name.text)]),
        timm_names,
        may_lack=lambda key: not names[key],
        ignored=lambda key: re.fullmatch(LEFT_OUT, key) is not None,
        fresh=_fresh,
        expects=NORMALISATION[EXPECTED],
        adapted="patch embedding, to the normalisation of the network's input",
    )


def timm_names(key: str) -> list[str]:
    """timm's tensor behind a key of the network; none behind what starts anew."""
    key = key.removeprefix("net.")
    if key in ("class_token", "spatial_position"):
        return ["cls_token" if key == "class_token" else "pos_embed"]
    if key.startswith("patches."):
        return [key.replace("patches", PATCHES)]
    match = re.fullmatch(r"spatial\.(\d+)\.(norm1|norm2|attention\.qkv|attention\.out|mlp\.[02])\.(weight|bias)", key)
    return [f"blocks.{match[1]}.{PARTS.get(match[2], match[2])}.{match[3]}"] if match else []


def _fresh(missing: list[str]) -> list[str]:
    parts = {key.split(".")[1] for key in missing}
    return [words for part, words in FRESH.items() if part in parts]


def _for_input(state: dict[str, Tensor], mean: tuple[float, ...], std: tuple[float, ...]) -> dict[str, Tensor]:
    """The tensors for pixels that were normalised with `mean` and `std` in place of the expected ones.

    w . (x - m) / s = (w std / s) . (x - mean) / std + sum over w (mean - m) / s.
    """
    weight, bias = (state.get(f"{PATCHES}.{part}") for part in ("weight", "bias"))
    if weight is None or bias is None or weight.ndim != 4 or weight.shape[1] != 3 or not weight.is_floating_point():
        return state  # refused in its place, as one that does not fit
    m, s, mean, std = (torch.tensor(v, dtype=torch.float64) for v in (*NORMALISATION[EXPECTED], mean, std))
    wide = weight.double()
    shift = (wide.sum((2, 3)) * ((mean - m) / s)).sum(1)
    rewritten = {
        f"{PATCHES}.weight": (wide * (std / s).view(1, 3, 1, 1)).to(weight.dtype),
        f"{PATCHES}.bias": (bias.double() + shift).to(bias.dtype) if bias.shape == shift.shape else bias,
    }
    return {**state, **rewritten}
