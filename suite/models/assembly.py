"""What stands at each site of a backbone, given temporal module, temporal pooling and options of a model name."""

from __future__ import annotations

from torch import nn

from suite.models.add_on_blocks import AddOnBlocks
from suite.models.layers import ConvNorm, SpatialConv, SpatialMaxPool, TemporalMaxPool, VolumeMaxPool
from suite.models.options import model_options
from suite.models.registry import find_temporal_module
from suite.models.sites import ConvSite, PoolSite
from suite.spec import BadInput, ModelName


def chosen_blocks(sites: str, blocks: int) -> set[int]:
    """Which of a backbone's blocks (0 is nearest the input) get the temporal module (deep_analysis Table 6).

    `top` is nearest the output.  `uniform-half` takes the first of every two.  The stem goes with the first block.
    """
    return {
        "all": set(range(blocks)),
        "top-half": set(range(blocks // 2, blocks)),
        "bottom-half": set(range(blocks // 2)),
        "uniform-half": set(range(0, blocks, 2)),
    }[sites]


class Assembly:
    """Maps the sites of one backbone to layers."""

    def __init__(self, name: ModelName, blocks: int, frames: int, depths: tuple[int, ...] = ()):
        """blocks: number of blocks that `@sites` chooses from.  depths: residual blocks per stage, res2 first."""
        self.name, self.frames = name, frames
        self.module = find_temporal_module(name.module)
        self.volumetric = self.module.site == "convolution"
        options = model_options(name).network
        self.add_on_blocks = AddOnBlocks(name, depths)
        self.chosen = chosen_blocks(options["sites"], blocks)
        self.older_pool = options.get("pool") == "2"
        self.module_options = {key: options[key] for key in self.module.options}
        # Published 3-D ResNets have no pooling layer: they stride in time where they stride in space.
        self.strides_time = self.volumetric and name.pooling == "tp"
        if self.strides_time and len(self.chosen) < blocks:
            raise BadInput(
                f"'{name.text}': temporal pooling as published strides the 3-D convolutions, which sites= takes away; "
                f"use -tp with the option tp=max."
            )

    def conv(self, site: ConvSite) -> nn.Module:
        """A convolution with its batch normalisation."""
        time_stride = 2 if self.strides_time and site.pools_time else 1
        if self.volumetric and site.kernel > 1 and site.block in self.chosen:
            return self.add_on_blocks.decorate(self.module.cls(site, time_stride, **self.module_options), site)
        layer = SpatialConv(
            site.in_channels, site.out_channels, site.kernel, site.stride, site.padding, time_stride=time_stride
        )
        return self.add_on_blocks.decorate(ConvNorm(layer, site.out_channels, site.eps), site)

    def exit(self, channels: int, stage: int, block: int) -> nn.Module | None:
        """What stands behind a residual block of a stage (2 to 5)."""
        frames = self.frames
        if self.name.pooling != "none":
            for _ in range(stage - 2):
                frames = -(-frames // 2)
        return self.add_on_blocks.exit(channels, stage, block, frames)

    def residual(self, channels: int) -> nn.Module | None:
        """What stands in a block's residual branch, before its addition."""
        return self.add_on_blocks.residual(channels)

    def entrance(self, channels: int, block: int) -> nn.Module | None:
        """What stands at the entrance of a block's residual branch (Inception: behind a convolution or block)."""
        if self.module.site != "block_entrance" or block not in self.chosen:
            return None
        return self.module.cls(channels, self.frames, **self.module_options)

    def pool(self, site: PoolSite) -> nn.Module:
        """A spatial max-pool; joint ones reach into time in 3-D networks, or are followed by a temporal pool."""
        pooled = self.name.pooling != "none"
        if self.volumetric and site.joint:
            stride = (2 if pooled and site.stride > 1 else 1, site.stride, site.stride)
            # S3D's last pool, and that of the older I3D code, is 2x2x2 without padding: 8 frames become 7.
            if site.last and (self.older_pool or self.name.module == "s3d"):
                return VolumeMaxPool(2, stride)
            return VolumeMaxPool(3, stride, 1)
        pool = SpatialMaxPool(site.kernel, site.stride, site.padding, site.ceil)
        return nn.Sequential(pool, TemporalMaxPool()) if pooled and site.joint and site.stride > 1 else pool

    def stage_end(self) -> nn.Module | None:
        """Temporal pooling between the stages of a ResNet."""
        return TemporalMaxPool() if self.name.pooling != "none" and not self.strides_time else None
