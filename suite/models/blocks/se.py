"""SE: squeeze and excitation."""

import torch
from torch import Tensor, nn

from suite.models.registry import add_on_block

RATIO = 16


@add_on_block(
    "se",
    site="residual",
    paper="Squeeze-excitation, Hu et al. 2018",
    equation="deep_analysis Figure 7",
    example="i3d-resnet50+se",
)
class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate read from the clip's mean (Hu et al. 2018; I3D-SE-R50 of deep_analysis, Figure 7).

    x * sigmoid(W_2 ReLU(W_1 mean of x)), the mean over time and space, W_1: C -> C/16, W_2: C/16 -> C, both with bias;
    in and out (B, C, T, H, W), in the residual branch of every block.  One gate for the whole clip: neither paper nor
    release says whether I3D-SE squeezes frames or clips; a 3-D map's global average is over all three.  The gates
    start near 1/2, as in the original, so that a pretrained network is not left as it was.
    """

    def __init__(self, channels: int):
        super().__init__()
        narrow = max(1, channels // RATIO)
        self.squeeze = nn.Linear(channels, narrow)
        self.excite = nn.Linear(narrow, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.excite(self.squeeze(x.mean((2, 3, 4))).relu()))
        return x * gate[:, :, None, None, None]
