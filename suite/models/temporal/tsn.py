"""TSN: no temporal modelling."""

from suite.models.registry import temporal_module


@temporal_module(
    "tsn",
    site="none",
    paper="TSN, Wang et al. 2016",
    equation="deep_analysis Sec. 6.1",
)
class FrameWise:
    """Every frame by itself; the logits are averaged over time (TSN, Wang et al. 2016; deep_analysis Sec. E)."""
