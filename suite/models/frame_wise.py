"""The frame-wise network behind a model: what Phi and Psi (deep_analysis eqs. 1 and 2) are computed against."""

from __future__ import annotations

from suite.models.registry import find_architecture
from suite.spec import BadInput, parse_model


def frame_wise_baseline(text: str) -> str:
    """The name of the model that sees each frame on its own: TSN of the same backbone, without pooling and blocks.

    A standalone architecture names its own in its registration; "" where it has none, and for an unknown model.
    """
    try:
        name = parse_model(text)
        return find_architecture(name.architecture).frame_wise(name) if name.standalone else f"tsn-{name.backbone}"
    except BadInput:
        return ""
