"""ResNet-18/34/50/101 (He et al. 2016; stride in the 3x3 of a bottleneck, as torchvision's)."""

from __future__ import annotations

from torch import Tensor, nn

from suite.models.assembly import Assembly
from suite.models.layers import Head, SpatialMaxPool
from suite.models.sites import ConvSite
from suite.spec import ModelName

DEPTHS = {  # blocks per stage, bottleneck
    "resnet18": ((2, 2, 2, 2), False),
    "resnet34": ((3, 4, 6, 3), False),
    "resnet50": ((3, 4, 6, 3), True),
    "resnet101": ((3, 4, 23, 3), True),
}


class ResidualBlock(nn.Module):
    """A residual block, basic (two 3x3) or bottleneck (1x1, 3x3, 1x1): (B, C, T, H, W) -> (B, C', T', H', W')."""

    def __init__(
        self,
        layers: Assembly,
        index: int,
        at: tuple[int, int],
        channels: int,
        planes: int,
        stride: int,
        bottleneck: bool,
    ):
        """index: among all blocks, at: stage (2 to 5) and block within it; both from the input."""
        super().__init__()
        width, stage = planes * (4 if bottleneck else 1), at[0]
        between = stride > 1  # the block that strides, at the start of stages 2 to 4

        def conv(*args: int, pools_time: bool = False) -> nn.Module:
            return layers.conv(ConvSite(*args, pools_time=pools_time, stage=stage))

        self.entrance = layers.entrance(channels, index)
        if bottleneck:
            self.conv1 = conv(channels, planes, 1, index)
            self.conv2 = conv(planes, planes, 3, index, stride, 1, pools_time=between)
            self.conv3 = conv(planes, width, 1, index)
        else:
            self.conv1 = conv(channels, planes, 3, index, stride, 1, pools_time=between)
            self.conv2 = conv(planes, planes, 3, index, 1, 1)
            self.conv3 = None
        self.residual = layers.residual(width)
        self.downsample = None
        if stride > 1 or channels != width:
            self.downsample = conv(channels, width, 1, index, stride, pools_time=between)
        self.exit = layers.exit(width, *at)

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.entrance is None else self.entrance(x)
        y = self.conv2(self.conv1(y).relu_())
        if self.conv3 is not None:
            y = self.conv3(y.relu_())
        if self.residual is not None:
            y = self.residual(y)
        y += x if self.downsample is None else self.downsample(x)
        y = y.relu_()
        return y if self.exit is None else self.exit(y)


class ResNet(nn.Module):
    """Clip (B, 3, T, H, W) -> logits (B, classes)."""

    normalisation = "imagenet"  # of its input: that of torchvision's weights
    older_pool = False

    @staticmethod
    def depths(name: ModelName) -> tuple[int, ...]:
        """Residual blocks per stage, res2 first."""
        return DEPTHS[name.backbone][0]

    def __init__(self, name: ModelName, num_classes: int, frames: int, dropout: float):
        super().__init__()
        depths, bottleneck = DEPTHS[name.backbone]
        layers = Assembly(name, blocks=sum(depths), frames=frames, depths=depths)
        self.conv1 = layers.conv(ConvSite(3, 64, 7, 0, 2, 3, stem=True))
        self.maxpool = SpatialMaxPool(3, 2, 1)
        self.pools = nn.ModuleList()
        channels, index = 64, 0
        for stage, depth in enumerate(depths):
            planes, blocks = 64 * 2**stage, []
            for i in range(depth):
                stride = 2 if stage > 0 and i == 0 else 1
                blocks.append(ResidualBlock(layers, index, (stage + 2, i), channels, planes, stride, bottleneck))
                channels, index = planes * (4 if bottleneck else 1), index + 1
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
            self.pools.append((layers.stage_end() if stage < 3 else None) or nn.Identity())
        self.head = Head(channels, num_classes, dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.conv1(x).relu_())
        for stage, pool in zip((self.layer1, self.layer2, self.layer3, self.layer4), self.pools, strict=True):
            x = pool(stage(x))
        return self.head(x)
