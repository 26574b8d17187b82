"""Whether a data set can be used on this machine, known without indexing its videos."""

from __future__ import annotations

from pathlib import Path

from suite.data.dataset_info import info
from suite.data.datasets import open_dataset
from suite.data.formats import something
from suite.spec import BadInput


def why_unavailable(name: str, root: Path | str) -> str | None:
    """Why runs on data set `name` cannot start with the data folder `root`; None when they can.

    A calibration data set is always available: a sweep generates it.
    """
    about, root = info(name), Path(root)
    if about.reader is None:
        return f"no reader for {about.name} annotations"
    if about.reader == "calibrated":
        return None
    try:
        something.find(root, about.title, about.folder)
    except BadInput:
        return f"data not found under {root} (set DATA=)"
    try:
        open_dataset(name, root)
    except BadInput as error:
        return str(error)
    return None
