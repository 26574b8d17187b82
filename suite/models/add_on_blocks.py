"""The add-on blocks of a model, built where its network asks for them."""

from __future__ import annotations

from torch import nn

from suite.models.options import POSITION, model_options
from suite.models.positions import Position, read_positions
from suite.models.registry import find_add_on_block
from suite.models.sites import ConvSite
from suite.spec import ModelName


class AddOnBlocks:
    """The add-on blocks of one model; `depths` are the residual blocks per stage of its network, res2 first."""

    def __init__(self, name: ModelName, depths: tuple[int, ...]):
        self.at_exits: list[tuple[type, list[Position], dict[str, str]]] = []
        self.in_residuals: list[tuple[type, dict[str, str]]] = []
        self.decorators: list[tuple[type, set[int], dict[str, str]]] = []
        for part, options in zip(name.blocks, model_options(name).blocks, strict=True):
            block = find_add_on_block(part.name)
            if block.site == "residual":
                self.in_residuals.append((block.cls, options))
                continue
            positions = read_positions(options.pop(POSITION[block.site]), depths)
            if block.site == "block_exit":
                self.at_exits.append((block.cls, positions, options))
            else:
                self.decorators.append((block.cls, {stage for stage, _ in positions}, options))

    def exit(self, channels: int, stage: int, block: int, frames: int) -> nn.Module | None:
        """What stands behind a residual block of a stage (2 to 5), in the order of the name."""
        layers = [cls(channels, frames, **options) for cls, at, options in self.at_exits if (stage, block) in at]
        return nn.Sequential(*layers) if layers else None

    def residual(self, channels: int) -> nn.Module | None:
        """What stands in the residual branch of every block, before its addition."""
        layers = [cls(channels, **options) for cls, options in self.in_residuals]
        return nn.Sequential(*layers) if layers else None

    def decorate(self, layer: nn.Module, conv: ConvSite) -> nn.Module:
        """A convolution with its normalisation, as it is or in the decoration of its stage."""
        for cls, stages, options in self.decorators:
            if conv.stage in stages and conv.kernel > 1:
                layer = cls(layer, conv, **options)
        return layer
