"""The sites of a backbone that something temporal may change.  A backbone names them and knows nothing of time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ConvSite:
    """A convolution with its batch normalisation.

    `block` counts the blocks of the backbone from the input (0-based): `@sites=` chooses by it.
    `pools_time` marks the convolutions that stride in space between stages, where a 3-D network may stride in time too.
    """

    in_channels: int
    out_channels: int
    kernel: int
    block: int
    stride: int = 1
    padding: int = 0
    stem: bool = False
    cube: int = 3  # temporal extent where the convolution is made 3-D as a cube
    pools_time: bool = False
    eps: float = 1e-5  # of the batch normalisation
    factor_bias: bool = False  # whether the temporal half of a factorised convolution has a bias
    stage: int = 0  # 2 to 5 in the residual stages res2 to res5, 0 elsewhere


@dataclass(frozen=True)
class PoolSite:
    """A spatial max-pool.  `joint`: where a 3-D network pools over time too; `last`: the last of those."""

    kernel: int
    stride: int
    padding: int = 0
    ceil: bool = False
    joint: bool = False
    last: bool = False
