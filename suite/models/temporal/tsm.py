"""TSM: temporal shift."""

import torch
from torch import Tensor, nn

from suite.models.registry import temporal_module


@temporal_module(
    "tsm",
    site="block_entrance",
    paper="TSM, Lin et al. 2019",
    equation="TSM Sec. 3",
)
class TemporalShift(nn.Module):
    """Moves an eighth of the channels one frame back and an eighth one frame on (TSM, Lin et al. 2019).

    Channels [0, C/8) read frame t+1, [C/8, C/4) read t-1, the rest t; zero outside; in and out (B, C, T, H, W).
    """

    def __init__(self, channels: int, frames: int):
        super().__init__()
        self.fold = channels // 8

    def forward(self, x: Tensor) -> Tensor:
        f = self.fold
        y = torch.empty_like(x)
        y[:, :f, :-1], y[:, :f, -1:] = x[:, :f, 1:], 0
        y[:, f : 2 * f, 1:], y[:, f : 2 * f, :1] = x[:, f : 2 * f, :-1], 0
        y[:, 2 * f :] = x[:, 2 * f :]
        return y
