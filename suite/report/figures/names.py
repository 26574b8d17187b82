"""Names in figures as papers write them; tables of numbers (CSV) keep the machine names."""

from __future__ import annotations

from suite.data.dataset_info import info
from suite.spec import BadInput

BACKBONES = {
    "resnet18": "ResNet-18",
    "resnet34": "ResNet-34",
    "resnet50": "ResNet-50",
    "resnet101": "ResNet-101",
    "inception_v1": "Inception-V1",
    "inception_v3": "Inception-V3",
    "bn_inception": "BN-Inception",
    "vit_base": "ViT-Base",
    "vit_large": "ViT-Large",
}
MODULES = {
    "conv": "Conv",
    "slowfast": "SlowFast",
    "mfnet": "MF-Net",
    "cstransformer": "CSTransformer",
    "rcca": "RCCA-3D",
    **{name: name.upper() for name in ("tsn", "tsm", "tam", "i3d", "s3d", "arc")},
    **{name: name.upper() for name in ("nl", "dnl", "gta", "se", "msm", "sa", "ta")},
    **{name: name.upper() for name in ("v1", "v2", "v3")},  # variants of CSTransformer
}
PARTS = BACKBONES | MODULES


def display_name(model_name: str) -> str:
    """A model name, or the part of one, as papers write it; what is not known stays as it is.

    `tam-resnet50-tp` gives "TAM-ResNet-50-tp", `tsm-resnet50+rcca@r=3` "TSM-ResNet-50 + RCCA-3D (r=3)".
    """
    if ":" in model_name:  # a factory of somebody's own, or of torchvision
        return model_name
    return " + ".join(map(_part, model_name.split("+")))


def _part(text: str) -> str:
    name, _, options = text.partition("@")
    shown = "-".join(PARTS.get(piece, piece) for piece in name.split("-"))
    return f"{shown} ({options.replace(',', ', ')})" if options else shown


def dataset_title(dataset: str) -> str:
    """The title of a data set; the name itself where no file describes it."""
    try:
        return info(dataset).title
    except BadInput:
        return dataset
