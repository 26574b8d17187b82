"""Whether a data set can be used on this machine, known without indexing its videos."""

from __future__ import annotations

from pathlib import Path

from suite.data.dataset_info import DatasetInfo, info
from suite.data.datasets import open_dataset
from suite.data.formats.annotations import NotFound
from suite.spec import BadInput


def _not_found(about: DatasetInfo, root: Path | str) -> str:
    return f"data not found under {root} (looked for {Path(root) / about.folder}; set DATA=, see docs/data.md)"


def why_unavailable(name: str, root: Path | str) -> str | None:
    """Why runs on data set `name` cannot start with the data folder `root`; None when they can.

    A calibration data set is always available: a sweep generates it.
    """
    about = info(name)
    if about.reader is None:
        return f"no reader for {about.name} annotations"
    if about.reader == "calibrated":
        return None
    if not Path(root).is_dir() and not Path(about.folder).is_absolute():
        return _not_found(about, root)
    try:
        open_dataset(name, root)
    except NotFound:
        return _not_found(about, root)
    except BadInput as error:
        return str(error)
    return None
