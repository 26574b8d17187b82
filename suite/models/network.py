"""The network behind a model name: a backbone with its sites filled, and the layout at its entrance."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from suite.models.backbones.inception import InceptionV1
from suite.models.backbones.resnet import ResNet
from suite.models.layers import KeyedDropout, SpatialConv, VolumeConv
from suite.models.options import model_options
from suite.models.registry import find_architecture
from suite.spec import BadInput, ModelName


def backbone_class(name: ModelName) -> type:
    """The class of the backbone under a temporal module."""
    return InceptionV1 if name.backbone == "inception_v1" else ResNet


class VideoNetwork(nn.Module):
    """Clip (B, 3, T, H, W), any memory layout -> logits (B, classes)."""

    def __init__(self, name: ModelName, num_classes: int, frames: int, size: int, dropout: float):
        super().__init__()
        self.name, self.num_classes, self.frames, self.size = name, num_classes, frames, size
        if name.standalone:
            options = model_options(name).network
            self.net = find_architecture(name.architecture).cls(name, num_classes, frames, size, dropout, **options)
            return  # they start their own weights
        self.net = backbone_class(name)(name, num_classes, frames, dropout)
        for module in self.modules():
            if isinstance(module, (SpatialConv, VolumeConv)):  # as torchvision starts its ResNets
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for module in self.modules():
            if hasattr(module, "start"):  # an add-on block that starts in another way, such as at zero
                module.start()
        nn.init.normal_(self.net.head.fc.weight, 0, 0.01)
        nn.init.zeros_(self.net.head.fc.bias)

    def set_dropout_key(self, key: int) -> None:
        for i, dropout in enumerate(m for m in self.modules() if isinstance(m, KeyedDropout)):
            dropout.key = key + i

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 5 or x.shape[1] != 3:
            raise BadInput(f"A clip has the shape (B, 3, T, H, W), not {tuple(x.shape)}.")
        return self.net(x.contiguous(memory_format=torch.channels_last_3d))
