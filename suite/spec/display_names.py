"""Names of models as papers write them: `tam-resnet50-tp` is TAM-ResNet-50 + TP.

The name of a module, block or architecture is the `title` of its registration; no torch is imported to read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from suite.spec.errors import BadInput
from suite.spec.model_names import BACKBONE_TITLES, EXTERNAL, ModelName, Part, parse_model
from suite.spec.registrations import registered

POOLING_TITLES = {"none": "", "tp": "TP", "tp=max": "TP (max)"}  # temporal pooling


def display_name(model_name: str) -> str:
    """`tsm-resnet50-tp+rcca@r=2` is "TSM-ResNet-50 + TP + RCCA-3D (r=2)".

    Text in parentheses, in brackets or both after the name is kept; a text that is not a model name is unchanged.
    """
    name, behind = re.fullmatch(r"(.*?)((?: \(.*\))?(?: \[.*\])?)", model_name, re.DOTALL).groups()
    try:
        model = parse_model(name)
    except BadInput:
        return model_name
    return _of_model(model) + behind


def display_names(model_names: Iterable[str]) -> dict[str, str]:
    """`display_name` of each; if two models would share one, each is followed by its model name in brackets."""
    shown = {name: display_name(name) for name in model_names}
    alike = list(shown.values())
    return {name: text if alike.count(text) == 1 else f"{text} [{name}]" for name, text in shown.items()}


def display_architecture(architecture: str) -> str:
    """`tsm+rcca@r=2`, a model name without backbone and pooling, is "TSM + RCCA-3D (r=2)".

    A setting behind it is kept.
    """
    architecture, setting = without_setting(architecture)
    module, *blocks = (_part(text) for text in architecture.split("+"))
    return " + ".join([_with_options(_module_title(module.name), module), *map(_block_title, blocks)]) + setting


def without_setting(name: str) -> tuple[str, str]:
    """A name, and the setting of protocol keys behind it, as a grid with axes of them gives it: `tsn`, ` (lr=0.1)`."""
    base, bracket, rest = name.partition(" (")
    return (base, bracket + rest) if rest.endswith(")") and "=" in rest else (name, "")


def display_backbone(backbone: str) -> str:
    """`inception_v1@pool=2` is "Inception-V1 (pool=2)"; an unknown name is unchanged."""
    part = _part(backbone)
    return _with_options(BACKBONE_TITLES.get(part.name, part.name), part)


def _of_model(model: ModelName) -> str:
    title = _module_title(model.module)
    if model.backbone:
        title += f"-{display_backbone(model.backbone)}"
    own = Part(model.module, tuple(option for option in model.options if option[0] != "tp"))
    parts = [_with_options(title, own), POOLING_TITLES[model.pooling], *map(_block_title, model.blocks)]
    return " + ".join(filter(None, parts))


def _module_title(module: str) -> str:
    """Of a temporal module, or of a standalone architecture with its variant: cstransformer-v2 is CSTransformer-V2."""
    titles = {one.name: one.title for one in registered("temporal_module")}
    if module in titles:
        return titles[module]
    for one in registered("standalone_architecture"):
        if one.name != EXTERNAL and (module == one.name or module.startswith(f"{one.name}-")):
            variant = module.removeprefix(one.name)
            return one.title + re.sub(r"-v(\d)", r"-V\1", variant)
    return module


def _block_title(block: Part) -> str:
    titles = {one.name: one.title for one in registered("add_on_block")}
    return _with_options(titles.get(block.name, block.name), block)


def _with_options(title: str, part: Part) -> str:
    options = ", ".join(f"{key}={value}" for key, value in part.options)
    return f"{title} ({options})" if options else title


def _part(text: str) -> Part:
    name, _, tail = text.partition("@")
    return Part(name, tuple(tuple(item.split("=", 1)) for item in tail.split(",")) if tail else ())
