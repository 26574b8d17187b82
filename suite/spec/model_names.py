"""The grammar of model names: `<module>-<backbone>[-tp][@key=value,...][+<block>[@key=value,...]]...`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from suite.spec.errors import BadInput, unknown
from suite.spec.registrations import standalone_names

BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101", "inception_v1")
TEMPORAL_POOLING = ("published", "max")  # values of the option tp= behind -tp, the default first
EXTERNAL = "external"  # the standalone architecture behind torchvision:NAME and package.module:factory


@dataclass(frozen=True)
class Part:
    """A name with its options: `tam-resnet18` with {sites: top-half}, or a block such as `nl` with {at: conv3_3}."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    def get(self, key: str, default: str | None = None) -> str | None:
        return dict(self.options).get(key, default)


@dataclass(frozen=True)
class ModelName:
    """A model name taken apart: `<module>-<backbone>[-tp][@key=value,...][+<block>[@key=value,...]]...`.

    Of a standalone architecture `module` is its name (`cstransformer-v2`, `torchvision:r3d_18`,
    `package.module:factory`) and `backbone` what it is built on, or empty.
    """

    text: str
    module: str
    backbone: str
    pooling: str  # "none", "tp" (as published) or "tp=max" (max-pooling everywhere, as the paper's text says)
    options: tuple[tuple[str, str], ...] = ()
    blocks: tuple[Part, ...] = ()
    architecture: str = ""  # the name that a standalone architecture is registered by; empty of a module on a backbone

    @property
    def standalone(self) -> bool:
        """Whether it is a standalone architecture and no module on a backbone."""
        return bool(self.architecture)


def _part(text: str, model: str) -> Part:
    name, _, tail = text.partition("@")
    options = []
    for item in tail.split(",") if tail else []:
        key, eq, value = item.partition("=")
        if not eq or not key or not value:
            raise BadInput(f"In model name '{model}' the option '{item}' is not of the form key=value.")
        if key in dict(options):
            raise BadInput(f"In model name '{model}' the option '{key}' is given twice.")
        options.append((key, value))
    return Part(name, tuple(options))


def parse_model(text: str) -> ModelName:
    """Takes a model name apart.  Raises BadInput when it has not the form of one; registries check the rest."""
    head, *tail = [_part(piece, text) for piece in text.strip().split("+")]
    if found := _standalone(head, text):
        module, backbone, architecture = found
        return ModelName(text.strip(), module, backbone, "none", head.options, tuple(tail), architecture)
    match = re.fullmatch(r"(?P<module>[a-z0-9_]+)-(?P<backbone>[a-z0-9_]+)(?P<tp>-tp)?", head.name)
    if not match:
        raise BadInput(
            f"'{text}' is not a valid model name; write <module>-<backbone>[-tp], e.g. tam-resnet18-tp, or a "
            f"standalone architecture: {', '.join(sorted(standalone_names(), key=lambda name: ':' in name))}."
        )
    if match["backbone"] not in BACKBONES:
        raise unknown("backbone", match["backbone"], BACKBONES)
    options = dict(head.options)
    how = options.get("tp")
    if how is not None and not match["tp"]:
        raise BadInput(f"In model name '{text}' the option tp={how} needs temporal pooling: write -tp before the '@'.")
    if how not in (None, *TEMPORAL_POOLING):
        raise BadInput(f"In model name '{text}' the option tp={how} is unknown; it is 'max' or 'published'.")
    pooling = "none" if not match["tp"] else "tp=max" if how == "max" else "tp"
    return ModelName(text.strip(), match["module"], match["backbone"], pooling, head.options, tuple(tail))


def is_model_name(text: str) -> bool:
    """Whether a text has the form of a model name."""
    try:
        return bool(parse_model(text))
    except BadInput:
        return False


def _standalone(head: Part, text: str) -> tuple[str, str, str] | None:
    """(module, backbone, architecture) of a standalone architecture; None of a module on a backbone."""
    known = standalone_names()
    if ":" in head.name:
        if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", head.name):
            raise BadInput(f"'{text}' is not a valid model name: write torchvision:NAME or package.module:factory.")
        return head.name, "", EXTERNAL
    if head.name in known:
        architecture = known[head.name]
        variant = head.name.removeprefix(f"{architecture}-")
        return (architecture, variant, architecture) if variant in BACKBONES else (head.name, "", architecture)
    first = head.name.partition("-")[0]
    if names := [name for name, architecture in known.items() if architecture == first and ":" not in name]:
        raise unknown("model", head.name, names)
    return None
