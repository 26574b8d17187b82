"""What is known of printed costs that differ from ours, beyond what the cost audit computes: readings that were tried.

Each remark was established by counting networks of this suite; where it gives numbers of ours, they are GMACs and
millions of parameters.
"""

from __future__ import annotations

import re

REMARKS: tuple[tuple[str, str, str, str], ...] = (  # paper, tables, model names (regular expressions), remark
    (
        "arc",
        "3|7",
        r"tsm-resnet50\+msm",
        "The printed cost is that of the separable transform with 400 classes (24.37 M, and 33.96 G at 8 frames); "
        "transform=dense gives 24.66 M and 35.8 G.",
    ),
    (
        "arc",
        "7",
        r"tsm-resnet18\+msm(\+arc)?|tsm-resnet50\+msm\+arc",
        "The table adds 0.3 M for the block to every network, which is that of transform=dense on ResNet-50; on "
        "ResNet-18 that form has 0.11 M and the separable one 0.01 M.",
    ),
    (
        "arc",
        "3",
        r"i3d-resnet50.*",
        "A quoted row of another I3D, that of Wang et al. 2018, with 3x1x1 kernels in every other block and temporal "
        "pooling.",
    ),
    ("arc", "5b", ".*n=2", "The table prints the cost of n=4 (14.19 M, 17.0 G counted) for n=2 as well."),
    (
        "gta",
        "5",
        r"slowfast-resnet101.*\+.*",
        "One cost is printed for both blocks; also tried: temporal kernels in all blocks of res4 (159.7 G with the "
        "non-local block, 145.0 G with GTA), and the three positions in res4 that PySlowFast configures for a "
        "SlowFast-R101 with non-local blocks (117.8 G, 117.4 G).",
    ),
    (
        "cstransformer",
        "1a|1d|3|4",
        ".*",
        "No fixed cost per spatial and per temporal block gives the three costs of Table 1a: it would leave less than "
        "zero for the patches and the head.",
    ),
)


def remark(paper: str, table: str, name: str) -> str:
    """The remark on a printed row of a model; "" where there is none."""
    for one, tables, names, text in REMARKS:
        if paper == one and re.fullmatch(tables, table) and re.fullmatch(names, name):
            return text
    return ""
