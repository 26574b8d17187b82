"""Names of runs as people type them: whole parts of an id, cells of a table, patterns.  Strings in, strings out."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from typing import Any

from suite.spec import BadInput

ID = re.compile(r"[A-Za-z0-9._+=-]+")
PARTS = re.compile(r"(?P<head>.+)(?P<frames>\.f[0-9]+)(?P<seed>\.s[0-9]+)-[0-9a-f]+")
TYPED = re.compile(r"(?P<dataset>[^.]+)\.(?P<model>.+?)(?P<rest>(\.f[0-9]+(\.s[0-9]+(-[0-9a-f]*)?)?)?)")
PATTERN = re.compile(r"[*?\[]")
LISTED = 5  # names shown of a longer list


def begins(text: str, run: str) -> bool:
    """Whether `text` is the beginning of the run id <dataset>.<model>.f<frames>.s<seed>-<hash>, in whole parts.

    The hash alone may be cut anywhere: `d.tsn-resnet18` begins the runs of that model and none of `tsn-resnet18-tp`.
    """
    parts = PARTS.fullmatch(run)
    if not parts:
        return run == text
    model, frames, seed = parts["head"], parts["frames"], parts["seed"]
    whole = (model.partition(".")[0], model, model + frames, model + frames + seed)
    return text in whole or (run.startswith(text) and len(text) > len(whole[-1]))


def canonical(model: str) -> str:
    """The canonical name of a model; unchanged where it has no options, or is no model of this version.

    Imports torch for a name with options.
    """
    if "@" not in model or PATTERN.search(model):
        return model
    from suite.models import canonical_name

    try:
        return canonical_name(model)
    except BadInput:
        return model


def readable(name: str) -> str:
    """A name in the characters of a run id."""
    return re.sub(r"[^A-Za-z0-9._+=-]", ".", name)


def canonical_beginning(text: str) -> str:
    """The beginning of an id in which the model is typed by its name: `d.tam-resnet18@sites=all.f8` is that of
    `d.tam-resnet18.f8`."""
    parts = TYPED.fullmatch(text)
    return readable(f"{parts['dataset']}.{canonical(parts['model'])}{parts['rest']}") if parts else text


def canonical_cell(text: str) -> str:
    """A cell <dataset>/<model>/f<frames>[/<control>], or the beginning of one, or a model, its model's name canonical.

    A model's name may itself have slashes (`+arc@stages=res4/res5`).
    """
    parts = re.fullmatch(r"(?P<dataset>[A-Za-z0-9_]+/)?(?P<model>.+?)(?P<rest>(/f[0-9]+(/[a-z_]+)?)?)", text)
    return f"{parts['dataset'] or ''}{canonical(parts['model'])}{parts['rest']}" if parts else text


def matching_cells(text: str, cells: Iterable[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Of cells (dataset, model, rest) those that `text` names: by the whole cell, by dataset/model or model alone, or
    as a pattern with * or ? for one of these."""
    spelled = {cell: ("/".join(cell), "/".join(cell[:2]), cell[1]) for cell in cells}

    def fitting(fits: Callable[[str], bool]) -> set[tuple[str, str, str]]:
        return {cell for cell, names in spelled.items() if any(map(fits, names))}

    return fitting(lambda name: name == text) or fitting(lambda name: fnmatch.fnmatchcase(name, text))


def listed(names: Iterable[str]) -> str:
    """The first few of a list of names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def differences(settings: Iterable[dict[str, Any]]) -> str:
    """In what several runs differ, such as `frames (8, 16) and seed (0, 1)`; settings: of each run, most telling first.

    At most three of them, with at most three values each; "" where they agree.
    """
    settings = list(settings)
    found = []
    for key in settings[0]:
        values = list(dict.fromkeys(str(one.get(key)) for one in settings))
        if len(values) > 1:
            found.append(f"{key} ({', '.join(values[:3])}{', …' if len(values) > 3 else ''})")
    if len(found) > 3:
        return ", ".join(found[:3]) + f" and {len(found) - 3} more settings"
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
