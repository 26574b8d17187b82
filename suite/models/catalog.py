"""What there is: every temporal module, extra block and whole network, with its paper, an example and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from suite.models.cost import cost
from suite.models.registry import EXTRA_BLOCKS, WHOLE_NETWORKS, find_extra_block, find_whole_network, temporal_modules
from suite.spec import NETWORKS

CLASSES, SIZE = 400, 224


@dataclass(frozen=True)
class Entry:
    """Where something is from, and a model that has it, with the frames of a clip."""

    paper: str
    formula: str  # where it is defined
    example: str
    frames: int = 8


MODULES = {
    "tsn": Entry("TSN, Wang et al. 2016", "deep_analysis Sec. 6.1", "tsn-resnet50"),
    "tsm": Entry("TSM, Lin et al. 2019", "TSM Sec. 3", "tsm-resnet50"),
    "tam": Entry("bLVNet-TAM, Fan et al. 2019", "deep_analysis Sec. E", "tam-resnet50"),
    "conv": Entry("deep_analysis, Chen et al. 2021", "Tables 5 and 10, Conv.", "conv-resnet50"),
    "s3d": Entry("S3D, Xie et al. 2018", "deep_analysis Sec. E", "s3d-resnet50"),
    "i3d": Entry("I3D, Carreira and Zisserman 2017", "deep_analysis Sec. E", "i3d-resnet50"),
}
BLOCKS = {
    "nl": Entry("Non-local, Wang et al. 2018", "gta eqs. 1 to 4", "tsn-resnet50+nl"),
    "dnl": Entry("GTA, He et al. 2020", "gta Sec. 3.2", "tsn-resnet50+dnl"),
    "sa": Entry("GTA, He et al. 2020", "gta Sec. 3.2, Table 3", "tsn-resnet50+sa"),
    "ta": Entry("GTA, He et al. 2020", "gta Sec. 3.2, Table 3", "tsn-resnet50+ta"),
    "tape": Entry("GTA, He et al. 2020", "gta Table 3", "tsn-resnet50+tape"),
    "gta": Entry("GTA, He et al. 2020", "gta eqs. 5 to 8", "tsn-resnet50+gta"),
    "rcca": Entry("RCCA-3D, its paper", "rcca3d eqs. 1 to 7", "tsm-resnet50+rcca"),
    "arc": Entry("ARC, Lin et al.", "arc eqs. 1 to 10", "tsm-resnet50+arc"),
    "se": Entry("Squeeze-excitation, Hu et al. 2018", "deep_analysis Figure 7", "i3d-resnet50+se"),
    "msm": Entry("MotionSqueeze, Kwon et al. 2020", "arc Table 7", "tsm-resnet50+msm"),
}
WHOLE = {
    "slowfast": Entry("SlowFast, Feichtenhofer et al. 2019", "its Table 1", "slowfast-resnet50", 32),
    "mfnet": Entry("MF-Net, Chen et al. 2018", "rcca3d Table 5", "mfnet", 16),
    "cstransformer": Entry("CSTransformer, ICLR 2022 submission", "cstransformer eqs. 1 to 14", "cstransformer-v2"),
    "external": Entry("torchvision, or yours", "CONTRIBUTING.md", "torchvision:r3d_18", 16),
}


def catalogue(costs: bool = True) -> list[dict[str, Any]]:
    """An entry per name: kind, about, paper, formula, options, and of its example params and macs at 224 pixels.

    What is registered and not described here, such as a module of one's own, comes without paper and example.
    """
    find_extra_block("nl"), find_whole_network("mfnet")  # registers all
    found = []
    for kind, classes, known in (
        ("module", temporal_modules(), MODULES),
        ("block", EXTRA_BLOCKS, BLOCKS),
        ("network", WHOLE_NETWORKS, WHOLE),
    ):
        for name, cls in sorted(classes.items()):
            entry = known.get(name)
            options = {key: list(values) for key, values in getattr(cls, "options", {}).items()}
            row = {"kind": kind, "name": name, "about": (cls.__doc__ or "").strip().splitlines()[0], "options": options}
            row |= {"site": getattr(cls, "site", None), "paper": "", "formula": "", "example": ""}
            row |= {"frames": None, "params": None, "macs": None}
            if entry is not None:
                row |= {"paper": entry.paper, "formula": entry.formula, "example": entry.example}
                if costs:
                    counted = cost(entry.example, entry.frames, SIZE, CLASSES)
                    row |= {"frames": entry.frames, "params": counted.params, "macs": counted.macs}
            found.append(row)
    return found


def network_names() -> list[str]:
    """Names of the whole networks, and the forms of those from elsewhere."""
    own = [network + end for network, ends in NETWORKS.items() for end in ends]
    return [*own, "torchvision:NAME", "package.module:factory"]
