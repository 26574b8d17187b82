"""Names of models, data sets and levels in tables: the names of papers in print, the machine names in CSV."""

from __future__ import annotations

from collections.abc import Iterable

from suite.report.names import dataset_title
from suite.report.tables.rendering.table import Named
from suite.spec import display_architecture, display_backbone, display_names


def named_models(names: Iterable[str]) -> dict[str, Named]:
    """Model name -> the cell of a table of these models; no two of them look the same in print."""
    return {name: Named(name, shown) for name, shown in display_names(names).items()}


def named_architecture(architecture: str) -> Named:
    """A model name without backbone and pooling, such as `tsm+rcca@r=2`."""
    return Named(architecture, display_architecture(architecture))


def named_dataset(name: str, behind: str = "") -> Named:
    """A data set, with a text behind its name."""
    return Named(name + behind, dataset_title(name) + behind)


def named_level(axis: str, level: str) -> Named:
    """A level of an axis of a grid."""
    if axis == "module":
        return named_architecture(level)
    pooling = {"none": "without TP", "tp": "with TP", "tp=max": "with TP (max)"}
    return Named(level, pooling.get(level, level) if axis == "pooling" else display_backbone(level))


def listed(texts: Iterable[str]) -> str:
    """a, b and c."""
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
