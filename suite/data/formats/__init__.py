"""Readers of annotation formats: from annotation files to class names and items with class and path.

annotations    what a reader gives and what readers share
FORMATS        name, as the YAML of a data set gives it -> reader
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from suite.data.formats import (
    class_folders,
    diving48,
    hmdb51,
    kinetics,
    lists,
    moments,
    something,
    something_csv,
    table,
    ucf101,
)
from suite.data.formats.annotations import Annotations, FormatSpec

Reader = Callable[[Path, FormatSpec], Annotations]
FORMATS: dict[str, Reader] = {
    "something": something.open_annotations,
    "something_csv": something_csv.open_annotations,
    "kinetics": kinetics.open_annotations,
    "moments": moments.open_annotations,
    "ucf101": ucf101.open_annotations,
    "hmdb51": hmdb51.open_annotations,
    "diving48": diving48.open_annotations,
    "mmaction2": lists.opener("mmaction2"),
    "pyslowfast": lists.opener("pyslowfast"),
    "pyslowfast_frames": lists.opener("pyslowfast_frames"),
    "tsm": lists.opener("tsm"),
    "deep_analysis": lists.opener("deep_analysis"),
    "table": table.open_annotations,
    "class_folders": class_folders.open_annotations,
}
