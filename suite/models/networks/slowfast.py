"""SlowFast: a slow pathway for what is seen, a narrow fast one for how it moves, joined by lateral connections."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from suite.models.add_on_blocks import AddOnBlocks
from suite.models.backbones.resnet import DEPTHS
from suite.models.layers import ConvNorm, KeyedDropout, SpatialConv, SpatialMaxPool, TemporalConv, VolumeConv
from suite.models.registry import Options, standalone_architecture
from suite.spec import BadInput, ModelName

CLIPS = {  # slow frames x their distance in the video: (frames of the fast pathway, alpha, fusion kernel of R50)
    "8x8": (32, 4, 7),
    "4x16": (32, 8, 5),
    "16x8": (64, 4, 7),
}
BETA = 8  # the fast pathway has an eighth of the channels
EPS = 1e-5  # of the batch normalisations


def slow_frames(frames: int, alpha: int) -> list[int]:
    """The frames that the slow pathway reads: linspace(0, frames - 1, frames / alpha), truncated.

    In integers, so that no machine rounds otherwise; up to 156 frames the same as torch.linspace in fp32.
    """
    count = frames // alpha
    return [i * (frames - 1) // max(count - 1, 1) for i in range(count)]


def _conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1) -> ConvNorm:
    """A convolution of every frame with its normalisation: (B, inputs, T, H, W) -> (B, outputs, T, H', W')."""
    return ConvNorm(SpatialConv(inputs, outputs, kernel, stride, kernel // 2), outputs, EPS)


class PathwayBlock(nn.Module):
    """A bottleneck, (k,1,1) - (1,3,3) - (1,1,1): (B, C, T, H, W) -> (B, 4 * planes, T, H', W')."""

    def __init__(self, channels: int, planes: int, stride: int, time_kernel: int, behind: nn.Module | None):
        """time_kernel: k, 1 or 3.  behind: the add-on block behind this one."""
        super().__init__()
        width = 4 * planes
        if time_kernel > 1:
            self.conv1 = ConvNorm(TemporalConv(channels, planes, time_kernel), planes, EPS)
        else:
            self.conv1 = _conv_norm(channels, planes, 1)
        self.conv2 = _conv_norm(planes, planes, 3, stride)
        self.conv3 = _conv_norm(planes, width, 1)
        self.downsample = _conv_norm(channels, width, 1, stride) if stride > 1 or channels != width else None
        self.exit = behind

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv3(self.conv2(self.conv1(x).relu_()).relu_())
        y += x if self.downsample is None else self.downsample(x)
        y = y.relu_()
        return y if self.exit is None else self.exit(y)


class Pathway(nn.Module):
    """The stem and the four stages of one pathway; the network runs them in turn.

    width: channels of the stem.  stem_kernel: its length in time.  time_kernels: those of the blocks, stage by stage.
    lateral: channels that come in from the other pathway, as a multiple of the own ones.  add_on_blocks: what
    stands behind the blocks, of `frames` frames.
    """

    def __init__(
        self,
        width: int,
        stem_kernel: int,
        time_kernels: list[list[int]],
        lateral: float,
        add_on_blocks: AddOnBlocks | None,
        frames: int,
    ):
        super().__init__()
        length = stem_kernel
        stem = VolumeConv(3, width, (length, 7, 7), (1, 2, 2), (length // 2, 3, 3))
        self.conv1 = ConvNorm(stem, width, EPS) if length > 1 else _conv_norm(3, width, 7, 2)
        self.maxpool = SpatialMaxPool(3, 2, 1)
        channels = width
        for stage, kernels in enumerate(time_kernels):
            planes, blocks = width * 2**stage, []
            channels += int(channels * lateral)
            for i, kernel in enumerate(kernels):
                behind = add_on_blocks.exit(4 * planes, stage + 2, i, frames) if add_on_blocks else None
                blocks.append(PathwayBlock(channels, planes, 2 if stage > 0 and i == 0 else 1, kernel, behind))
                channels = 4 * planes
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))

    def stages(self) -> list[nn.Module]:
        return [self.layer1, self.layer2, self.layer3, self.layer4]

    def stem(self, x: Tensor) -> Tensor:
        """(B, 3, T, H, W) -> (B, C, T, H / 4, W / 4)."""
        return self.maxpool(self.conv1(x).relu_())


class TwoPathwayHead(nn.Module):
    """(B, C, T, H, W) and (B, C', T', H, W) -> (B, classes): averages side by side, dropout, one linear layer.

    Released test code averages overlapping 7x7 windows, the same at 224 pixels; at 256 it weighs the border less.
    """

    def __init__(self, channels: int, num_classes: int, dropout: float):
        super().__init__()
        self.dropout = KeyedDropout(dropout)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, slow: Tensor, fast: Tensor) -> Tensor:
        return self.fc(self.dropout(torch.cat([slow.mean((2, 3, 4)), fast.mean((2, 3, 4))], 1)))


def residual_blocks(name: ModelName) -> tuple[int, ...]:
    """Per stage, res2 first."""
    return DEPTHS[name.backbone][0]


def options_of_variant(name: ModelName, options: Options) -> Options:
    """`res4` is an option of R101 alone; its default is 6 with `clip=16x8`, as released."""
    if name.backbone != "resnet101":
        return {"clip": options["clip"]}
    return {**options, "res4": ("6", "all")} if dict(name.options).get("clip") == "16x8" else options


@standalone_architecture(
    "slowfast",
    title="SlowFast",
    names=("slowfast-resnet50", "slowfast-resnet101"),
    paper="SlowFast, Feichtenhofer et al. 2019",
    equation="its Table 1",
    frames=32,
    normalisation="slowfast",
    options={"clip": tuple(CLIPS), "res4": ("all", "6")},
    narrowed=options_of_variant,
    frame_wise=lambda name: f"tsn-{name.backbone}",  # on the same clip, all of whose frames its fast pathway reads
    depths=residual_blocks,
    takes=("block_exit",),
)
class SlowFast(nn.Module):
    """SlowFast-R50 and -R101 (Feichtenhofer et al., ICCV 2019, Table 1): (B, 3, T, H, W) -> (B, classes).

    The clip is the fast pathway's: 32 frames for `clip=8x8` and `4x16`, 64 for `16x8`; any other number that alpha
    divides is taken too.  The slow pathway reads T / alpha of them.  Behind the stem and each of the first three
    stages a convolution of length 7 or 5 and stride alpha brings the fast map, its channels doubled, to the slow one.
    Add-on blocks stand in the slow pathway, which has T / alpha frames.

    As released, R101 has fusion kernels of length 5, and its 16x8 convolves in time only in the first 6 of the 23
    blocks of res4, as many as R50 has; `res4=6` and `res4=all` choose that for any clip.
    """

    def __init__(
        self,
        name: ModelName,
        num_classes: int,
        frames: int,
        size: int,
        dropout: float,
        clip: str = "8x8",
        res4: str = "all",
    ):
        """Raises BadInput for a number of frames that it cannot take."""
        super().__init__()
        self.own_frames, self.alpha, kernel = CLIPS[clip]
        self.text = name.text
        self._check(frames)
        depths = residual_blocks(name)
        add_on_blocks = AddOnBlocks(name, depths)
        in_time = depths[2] if res4 == "all" else int(res4)
        kernels = [[3] * depth for depth in depths]  # in time, of the fast pathway
        kernels[2] = [3] * in_time + [1] * (depths[2] - in_time)
        slow, fast = 64, 64 // BETA
        spatial = [[1] * depth for depth in depths[:2]]  # res2 and res3 of the slow pathway
        self.slow = Pathway(slow, 1, spatial + kernels[2:], 2 / BETA, add_on_blocks, frames // self.alpha)
        self.fast = Pathway(fast, 5, kernels, 0, None, frames)
        kernel = 5 if name.backbone == "resnet101" else kernel
        self.lateral = nn.ModuleList(
            ConvNorm(TemporalConv(width, 2 * width, kernel, self.alpha), 2 * width, EPS)
            for width in (fast, *(4 * fast * 2**stage for stage in range(3)))
        )
        self.head = TwoPathwayHead(32 * (slow + fast), num_classes, dropout)
        self._start()

    def _check(self, frames: int) -> None:
        if frames % self.alpha:
            raise BadInput(
                f"{self.text} takes a multiple of {self.alpha} frames ({self.own_frames} as published), not {frames}."
            )

    def _start(self) -> None:
        """As published: fan-out for convolutions, zero for the last normalisation of a block, 0.01 for the head."""
        for module in self.modules():
            if isinstance(module, (SpatialConv, TemporalConv, VolumeConv)):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for module in self.modules():
            if isinstance(module, PathwayBlock):
                nn.init.zeros_(module.conv3.bn.weight)
            elif hasattr(module, "start"):
                module.start()
        nn.init.normal_(self.head.fc.weight, 0, 0.01)
        nn.init.zeros_(self.head.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x.shape[2])
        chosen = torch.stack([x[:, :, t] for t in slow_frames(x.shape[2], self.alpha)], 2)
        slow = self.slow.stem(chosen.contiguous(memory_format=torch.channels_last_3d))
        fast = self.fast.stem(x)
        for lateral, slower, faster in zip(self.lateral, self.slow.stages(), self.fast.stages(), strict=True):
            slow, fast = slower(torch.cat([slow, lateral(fast).relu_()], 1)), faster(fast)
        return self.head(slow, fast)
