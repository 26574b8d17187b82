"""Names in figures: those of the tables; tables of numbers (CSV) keep the machine names."""

from __future__ import annotations

from suite.data.dataset_info import info
from suite.spec import BadInput, display_backbone


def dataset_title(dataset: str) -> str:
    """The title of a data set; the name itself where no file describes it."""
    try:
        return info(dataset).title
    except BadInput:
        return dataset


def body_title(body: str) -> str:
    """`resnet50@init=normal`, a backbone with its options, is "ResNet-50 (init=normal)"; "" stays."""
    name, _, options = body.partition("@")
    return display_backbone(name) + (f" ({options.replace(',', ', ')})" if options else "")
