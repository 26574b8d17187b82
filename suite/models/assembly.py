"""What stands at each site of a backbone, given temporal module, temporal pooling and options of a model name."""

from __future__ import annotations

from torch import nn

from suite.models.extras import Extras
from suite.models.layers import ConvNorm, SpatialConv, SpatialMaxPool, TemporalMaxPool, VolumeMaxPool
from suite.models.registry import find_temporal_module
from suite.models.sites import ConvSite, PoolSite
from suite.spec import BadInput, ModelName, unknown

SITES = ("all", "top-half", "bottom-half", "uniform-half")


def chosen_places(sites: str, places: int) -> set[int]:
    """Which of a backbone's blocks (0 is nearest the input) get the temporal module (deep_analysis Table 6).

    `top` is nearest the output.  `uniform-half` takes the first of every two.  The stem goes with the first block.
    """
    return {
        "all": set(range(places)),
        "top-half": set(range(places // 2, places)),
        "bottom-half": set(range(places // 2)),
        "uniform-half": set(range(0, places, 2)),
    }[sites]


def module_options(name: ModelName, older_pool: bool) -> dict[str, tuple[str, ...]]:
    """The options of a temporal module on a backbone and their allowed values, the default first."""
    module = find_temporal_module(name.module)
    pooled = {"tp": ("published", "max")} if name.pooling != "none" else {}
    older = {"pool": ("3", "2")} if older_pool and module.site == "convolution" else {}
    return {"sites": SITES, **pooled, **older, **module.options}


def check_options(options: dict[str, str], allowed: dict[str, tuple[str, ...]], what: str) -> None:
    """Raises BadInput for an option that is not among the allowed ones, or a value that is not."""
    for key, value in options.items():
        if key not in allowed:
            raise unknown(what, key, allowed)
        if value not in allowed[key]:
            raise unknown(f"value of option '{key}'", value, allowed[key])


class Assembly:
    """Maps the sites of one backbone to layers."""

    def __init__(
        self, name: ModelName, places: int, frames: int, older_pool: bool = False, depths: tuple[int, ...] = ()
    ):
        """places: number of blocks that `@sites` chooses from.  older_pool: whether the backbone knows `@pool=2`.

        depths: residual blocks per stage, res2 first; without any no extra block finds a place.
        """
        self.name, self.frames = name, frames
        self.module = find_temporal_module(name.module)
        self.volumetric = self.module.site == "convolution"
        options = dict(name.options)
        check_options(options, module_options(name, older_pool), f"option of {name.module}-{name.backbone}")
        self.extras = Extras(name, depths)
        self.places = chosen_places(options.get("sites", "all"), places)
        self.older_pool = options.get("pool") == "2"
        self.module_options = {k: v for k, v in options.items() if k in self.module.options}
        # Published 3-D ResNets have no pooling layer: they stride in time where they stride in space.
        self.strides_time = self.volumetric and name.pooling == "tp"
        if self.strides_time and len(self.places) < places:
            raise BadInput(
                f"'{name.text}': temporal pooling as published strides the 3-D convolutions, which sites= takes away; "
                f"use -tp with the option tp=max."
            )

    def conv(self, site: ConvSite) -> nn.Module:
        """A convolution with its batch normalisation."""
        time_stride = 2 if self.strides_time and site.pools_time else 1
        if self.volumetric and site.kernel > 1 and site.place in self.places:
            return self.extras.decorate(self.module(site, time_stride, **self.module_options), site)
        layer = SpatialConv(
            site.in_channels, site.out_channels, site.kernel, site.stride, site.padding, time_stride=time_stride
        )
        return self.extras.decorate(ConvNorm(layer, site.out_channels, site.eps), site)

    def exit(self, channels: int, stage: int, block: int) -> nn.Module | None:
        """What stands behind a residual block of a stage (2 to 5)."""
        frames = self.frames
        if self.name.pooling != "none":
            for _ in range(stage - 2):
                frames = -(-frames // 2)
        return self.extras.exit(channels, stage, block, frames)

    def residual(self, channels: int) -> nn.Module | None:
        """What stands in a block's residual branch, before its addition."""
        return self.extras.residual(channels)

    def entrance(self, channels: int, place: int) -> nn.Module | None:
        """What stands at the entrance of a block's residual branch (Inception: behind a convolution or block)."""
        if self.module.site != "block_entrance" or place not in self.places:
            return None
        return self.module(channels, self.frames, **self.module_options)

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
