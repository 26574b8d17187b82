"""MF-Net, the 3-D multi-fiber network (Chen et al. 2018), a backbone of rcca3d.

Every convolution that sees a neighbourhood is cut into 16 fibers (groups); a 1x1x1 bottleneck in front of them, the
multiplexer, lets the fibers exchange what they found.  Normalisation and ReLU stand before every convolution.
"""

from __future__ import annotations

from torch import Tensor, nn

from suite.models.add_on_blocks import AddOnBlocks
from suite.models.layers import Head, SpatialConv, SpatialMaxPool
from suite.models.registry import standalone_architecture
from suite.spec import ModelName

FIBERS = 16
STAGES = {2: (3, 96, (2, 1, 1)), 3: (4, 192, (1, 2, 2)), 4: (6, 384, (1, 2, 2)), 5: (3, 768, (1, 2, 2))}
"""Stage: units, channels, stride (time, height, width) of its first unit (Chen et al. 2018, the 3-D table)."""
DEPTHS = tuple(depth for depth, _, _ in STAGES.values())


class Activated(nn.Module):
    """Batch normalisation, ReLU, then `conv`: (B, C, T, H, W) -> (B, C', T', H', W')."""

    def __init__(self, channels: int, conv: nn.Module):
        super().__init__()
        self.bn = nn.BatchNorm3d(channels)
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.bn(x).relu_())


def _pointwise(channels: int, out: int, stride: tuple[int, int, int] = (1, 1, 1)) -> Activated:
    return Activated(channels, SpatialConv(channels, out, 1, stride[1], time_stride=stride[0]))


def _fibers(channels: int, out: int, time: int, stride: tuple[int, int, int] = (1, 1, 1)) -> Activated:
    """A grouped convolution (time, 3, 3)."""
    padding = (time // 2, 1, 1)
    return Activated(channels, nn.Conv3d(channels, out, (time, 3, 3), stride, padding, groups=FIBERS, bias=False))


class Unit(nn.Module):
    """A multi-fiber unit: multiplexer, fibers in time and space, fibers in space (in a stage's first unit: 1x1x1)."""

    def __init__(
        self,
        add_on_blocks: AddOnBlocks,
        at: tuple[int, int],
        channels: int,
        width: int,
        stride: tuple[int, int, int],
        frames: int,
        kernel: int,
    ):
        """at: stage (2 to 5) and unit within it; frames: of its output; kernel: length in time of its 3x3 fibers."""
        super().__init__()
        first = at[1] == 0
        self.gather = _pointwise(channels, width // 4)
        self.scatter = _pointwise(width // 4, channels)
        self.conv1 = _fibers(channels, width, kernel, stride)
        self.conv2 = _pointwise(width, width) if first else _fibers(width, width, 1)
        self.residual = add_on_blocks.residual(width)
        self.shortcut = _pointwise(channels, width, stride) if first else None
        self.exit = add_on_blocks.exit(width, *at, frames)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x + self.scatter(self.gather(x))))
        if self.residual is not None:
            y = self.residual(y)
        y = y + (x if self.shortcut is None else self.shortcut(x))
        return y if self.exit is None else self.exit(y)


@standalone_architecture(
    "mfnet",
    title="MF-Net",
    paper="MF-Net, Chen et al. 2018",
    equation="rcca3d Table 5",
    frames=16,
    names=("mfnet", "mfnet-2d"),
    frame_wise=lambda name: "mfnet-2d",
    depths=lambda name: DEPTHS,
    takes=("block_exit", "residual"),  # its convolutions have 16 groups, which no decorator takes
)
class MFNet(nn.Module):
    """Clip (B, 3, T, H, W) -> logits (B, classes).

    Published with 16 frames of 224x224 and the 400 classes of Kinetics: 8.0 M parameters, 11.1 G multiply-adds (rcca3d
    Table 5).  The second stage halves the frames: add-on blocks see ceil(T / 2) of them.

    `mfnet-2d` is its 2-D counterpart, of ours: every kernel has length 1 in time and nothing strides in time, so that
    each frame is seen on its own and all count alike.
    """

    def __init__(self, name: ModelName, num_classes: int, frames: int, size: int, dropout: float):
        super().__init__()
        add_on_blocks = AddOnBlocks(name, DEPTHS)
        in_time = name.module == "mfnet"
        kernel = 3 if in_time else 1
        self.conv1 = nn.Conv3d(3, 16, (kernel, 5, 5), (1, 2, 2), (kernel // 2, 2, 2), bias=False)
        self.bn1 = nn.BatchNorm3d(16)
        self.maxpool = SpatialMaxPool(3, 2, 1)
        channels, frames = 16, (frames + 1) // 2 if in_time else frames
        for stage, (depth, width, stride) in STAGES.items():
            first = stride if in_time else (1, *stride[1:])
            units = []
            for i in range(depth):
                strides = (1, 1, 1) if i else first
                units.append(Unit(add_on_blocks, (stage, i), channels, width, strides, frames, kernel))
                channels = width
            self.add_module(f"conv{stage}", nn.Sequential(*units))
        self.bn5 = nn.BatchNorm3d(channels)
        self.head = Head(channels, num_classes, dropout)
        self._start()

    def _start(self) -> None:
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Conv3d)):
                # by fan-in: PyTorch's fan-out overlooks that an output channel reaches one fiber only
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if hasattr(module, "start"):
                module.start()
        nn.init.normal_(self.head.fc.weight, 0, 0.01)
        nn.init.zeros_(self.head.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.bn1(self.conv1(x)).relu_())
        for stage in STAGES:
            x = getattr(self, f"conv{stage}")(x)
        return self.head(self.bn5(x).relu_().mean(2, keepdim=True))  # pooled over time before dropout, as published
