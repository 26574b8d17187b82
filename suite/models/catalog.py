"""What is registered, as rows for `suite models`: paper, options, and what the example of each costs."""

from __future__ import annotations

from typing import Any

from suite.models.cost import cost
from suite.models.frame_wise import frame_wise_baseline
from suite.models.registry import add_on_blocks, standalone_architectures, temporal_modules
from suite.spec import standalone_names

CLASSES, SIZE = 400, 224  # of the examples


def catalogue(costs: bool = True) -> list[dict[str, Any]]:
    """A row per registration: what it says, the frame-wise baseline of its example, and its params and macs at 224
    pixels."""
    rows = []
    for kind, known in (
        ("module", temporal_modules()),
        ("block", add_on_blocks()),
        ("network", standalone_architectures()),
    ):
        for name, found in sorted(known.items()):
            row = {
                "kind": kind,
                "name": name,
                "about": found.about,
                "options": {key: list(values) for key, values in found.options.items()},
                "site": getattr(found, "site", None),
                "paper": found.paper,
                "formula": found.equation,
                "example": found.example,
                "frame_wise": frame_wise_baseline(found.example),
                "frames": None,
                "params": None,
                "macs": None,
            }
            if costs:
                counted = cost(found.example, found.frames, SIZE, CLASSES)
                row |= {"frames": found.frames, "params": counted.params, "macs": counted.macs}
            rows.append(row)
    return rows


def network_names() -> list[str]:
    """Names of the standalone architectures, and the forms of those from elsewhere."""
    return sorted(standalone_names(), key=lambda name: ":" in name)
