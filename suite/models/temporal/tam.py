"""TAM: temporal aggregation, a depthwise convolution along time."""

import torch
from torch import Tensor, nn

from suite.models.layers import TemporalConv
from suite.models.registry import temporal_module


@temporal_module(
    "tam",
    site="block_entrance",
    paper="bLVNet-TAM, Fan et al. 2019",
    equation="deep_analysis Sec. E",
    options={"init": ("normal", "shift")},
    start_only=("init",),
)
class TemporalAggregation(nn.Module):
    """Mixes each channel with its neighbours in time (deep_analysis Sec. E, from bLVNet-TAM, Fan et al. 2019).

    y[t] = relu(w_prev x[t-1] + w_curr x[t] + w_next x[t+1]), zero outside the clip; in and out (B, C, T, H, W).
    Started with normal weights of std sqrt(2 / C) as in the published runs, or (`init=shift`) as a temporal shift.
    """

    def __init__(self, channels: int, frames: int, init: str = "normal"):
        super().__init__()
        self.taps = TemporalConv(channels, channels, kernel=3, groups=channels)
        with torch.no_grad():
            if init == "shift":
                fold = channels // 8
                taps = torch.zeros(channels, 3)  # columns: previous, current, next frame
                taps[:fold, 2], taps[fold : 2 * fold, 0], taps[2 * fold :, 1] = 1, 1, 1
                self.taps.weight.copy_(taps.view_as(self.taps.weight))
            else:
                self.taps.weight.normal_(0, (2 / channels) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.taps(x).relu_()
