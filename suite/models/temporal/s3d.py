"""S3D: a spatial and a temporal convolution in place of a joint one."""

from torch import Tensor, nn

from suite.models.layers import ConvNorm, SpatialConv, TemporalConv, VolumeConv, normalised
from suite.models.registry import temporal_module
from suite.models.sites import ConvSite


@temporal_module(
    "s3d",
    site="convolution",
    paper="S3D, Xie et al. 2018",
    equation="deep_analysis Sec. E",
)
class FactorisedConv(ConvNorm):
    """3x3 becomes (1,3,3) - BN - ReLU - (3,1,1) - BN (S3D, Xie et al. 2018; deep_analysis Sec. E).

    The width between the two is that of the output, so pretrained 2-D weights fit; the stem is a joint (3,7,7).
    """

    def __init__(self, conv: ConvSite, time_stride: int):
        k, s, p = conv.kernel, conv.stride, conv.padding
        if conv.stem:
            layer = VolumeConv(conv.in_channels, conv.out_channels, (3, k, k), (time_stride, s, s), (1, p, p))
        else:
            layer = SpatialConv(conv.in_channels, conv.out_channels, k, s, p)
        super().__init__(layer, conv.out_channels, conv.eps)
        self.factorised = not conv.stem
        if self.factorised:
            width = conv.out_channels
            self.conv_t = TemporalConv(width, width, stride=time_stride, bias=conv.factor_bias)
            self.bn_t = nn.BatchNorm3d(width, eps=conv.eps)

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return normalised(self.conv_t, self.bn_t, y.relu_()) if self.factorised else y
