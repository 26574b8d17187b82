"""Which data set class names look like, to say so where files of another one lie in a folder."""

from __future__ import annotations

from pathlib import Path

from suite.data.dataset_info import DatasetInfo, info, names
from suite.program import command


def other_classes(about: DatasetInfo, classes: tuple[str, ...], root: Path) -> str:
    """Why no model of `about` can be trained on a copy with other numbers of classes; "" where they agree."""
    if len(classes) == about.num_classes:
        return ""
    part = command("data add NAME --root DIR")
    return (
        f"data set {about.name} has {len(classes)} classes in {root}, not {about.num_classes}"
        f"{looks_like(classes, about)}; a part of it is a data set of its own ({part})"
    )


def looks_like(classes: tuple[str, ...], expected: DatasetInfo) -> str:
    """ ", which look like those of Kinetics-600 (kinetics600)"; "" where no other data set of the suite fits.

    A published list with most of these names says most; without one, the number of classes does, among data sets of
    the same annotation format and layout.
    """
    others = [info(name) for name in names() if name not in (expected.name, expected.name.partition("@")[0])]
    wanted = set(classes)
    listed = [other for other in others if other.class_list and len(wanted & set(other.class_list)) > len(wanted) / 2]
    numbered = [
        other for other in others if other.reader == expected.reader and other.num_classes == len(classes) and classes
    ]
    fitting = listed or (numbered if len(classes) != expected.num_classes else [])
    if not fitting:
        return ""
    return f", which look like those of {' or '.join(f'{other.title} ({other.name})' for other in fitting)}"
