"""Inception-v1 with batch normalisation, as torchvision's GoogLeNet: the "5x5" branch is 3x3; no auxiliary heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from suite.models.assembly import Assembly
from suite.models.layers import Head
from suite.models.sites import ConvSite, PoolSite
from suite.spec import ModelName

BLOCKS = {  # widths: 1x1; 1x1 -> 3x3; 1x1 -> 3x3; pool -> 1x1
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
SITE_BLOCKS = 3 + len(BLOCKS)  # the three convolutions of the stem count as blocks


class ConvRelu(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu_()


def site(in_channels: int, out_channels: int, kernel: int, block: int, **more) -> ConvSite:
    return ConvSite(in_channels, out_channels, kernel, block, padding=kernel // 2, eps=1e-3, factor_bias=True, **more)


class Inception(nn.Module):
    """Four parallel branches: (B, C, T, H, W) -> (B, C', T, H, W)."""

    def __init__(self, layers: Assembly, index: int, channels: int, widths: tuple[int, ...]):
        super().__init__()
        one, reduce3, three, reduce5, five, pooled = widths

        def conv(*args) -> nn.Module:
            return ConvRelu(layers.conv(site(*args, index)))

        self.branch1 = conv(channels, one, 1)
        self.branch2 = nn.Sequential(conv(channels, reduce3, 1), conv(reduce3, three, 3))
        self.branch3 = nn.Sequential(conv(channels, reduce5, 1), conv(reduce5, five, 3))
        self.branch4 = nn.Sequential(layers.pool(PoolSite(3, 1, 1, ceil=True, joint=True)), conv(channels, pooled, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionV1(nn.Module):
    """Clip (B, 3, T, H, W) -> logits (B, classes)."""

    normalisation = "half"  # of its input: pixels in -1..1, as torchvision's GoogLeNet weights expect
    older_pool = True  # knows the option pool=2

    @staticmethod
    def depths(name: ModelName) -> tuple[int, ...]:
        """It has no residual blocks."""
        return ()

    def __init__(self, name: ModelName, num_classes: int, frames: int, dropout: float):
        super().__init__()
        layers = Assembly(name, blocks=SITE_BLOCKS, frames=frames)
        self.order = []

        def add(key: str, module: nn.Module | None) -> None:
            if module is not None:
                self.add_module(key, module)
                self.order.append(key)

        def mixed(key: str, module: nn.Module, width: int, index: int) -> None:
            add(key, module)
            add(f"mix{key.removeprefix('conv').removeprefix('inception')}", layers.entrance(width, index))

        # The first 3-D pool does not reach into time; its padding gives the same sizes as ceil without padding.
        mixed("conv1", ConvRelu(layers.conv(site(3, 64, 7, 0, stride=2, stem=True, cube=7))), 64, 0)
        first = PoolSite(3, 2, 1) if layers.volumetric else PoolSite(3, 2, ceil=True)
        add("maxpool1", layers.pool(first))
        mixed("conv2", ConvRelu(layers.conv(site(64, 64, 1, 1))), 64, 1)
        mixed("conv3", ConvRelu(layers.conv(site(64, 192, 3, 2))), 192, 2)
        add("maxpool2", layers.pool(PoolSite(3, 2, ceil=True, joint=True)))
        channels = 192
        for index, (key, widths) in enumerate(BLOCKS.items(), start=3):
            block, channels = Inception(layers, index, channels, widths), widths[0] + widths[2] + widths[4] + widths[5]
            mixed(f"inception{key}", block, channels, index)
            if key == "3b":
                add("maxpool3", layers.pool(PoolSite(3, 2, ceil=True, joint=True)))
            elif key == "4e":
                add("maxpool4", layers.pool(PoolSite(2, 2, ceil=True, joint=True, last=True)))
        self.head = Head(channels, num_classes, dropout)

    def forward(self, x: Tensor) -> Tensor:
        for key in self.order:
            x = getattr(self, key)(x)
        return self.head(x)
