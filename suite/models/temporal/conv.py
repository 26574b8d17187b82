"""Conv.: temporal aggregation with dense taps."""

import torch
from torch import Tensor, nn

from suite.models.layers import TemporalConv
from suite.models.registry import temporal_module


@temporal_module(
    "conv",
    site="block_entrance",
    paper="deep_analysis, Chen et al. 2021",
    equation="Tables 5 and 10, Conv.",
)
class DenseAggregation(nn.Module):
    """A full C x C convolution along time at the places of TAM ("Conv." of deep_analysis Tables 5 and 10).

    y[t] = relu(W_prev x[t-1] + W_curr x[t] + W_next x[t+1]); in and out (B, C, T, H, W).  Not S3D: the printed costs
    (107.0 G, 71.5 M on ResNet50) are those of this construction.
    """

    def __init__(self, channels: int, frames: int):
        super().__init__()
        self.taps = TemporalConv(channels, channels, kernel=3)
        with torch.no_grad():
            self.taps.weight.normal_(0, (2 / (3 * channels)) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.taps(x).relu_()
