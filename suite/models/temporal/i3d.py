"""I3D: convolutions over time and space."""

from suite.models.layers import ConvNorm, VolumeConv
from suite.models.registry import temporal_module
from suite.models.sites import ConvSite


@temporal_module(
    "i3d",
    site="convolution",
    paper="I3D, Carreira and Zisserman 2017",
    equation="deep_analysis Sec. E",
)
class InflatedConv(ConvNorm):
    """A k x k convolution becomes 3 x k x k (I3D, Carreira and Zisserman 2017; deep_analysis Sec. E); 1x1 stay.

    The stem is never strided in time; Inception's is a 7x7x7 cube.
    """

    def __init__(self, conv: ConvSite, time_stride: int):
        t, k, p = conv.cube, conv.kernel, conv.padding
        stride = (time_stride, conv.stride, conv.stride)
        layer = VolumeConv(conv.in_channels, conv.out_channels, (t, k, k), stride, (t // 2, p, p))
        super().__init__(layer, conv.out_channels, conv.eps)
