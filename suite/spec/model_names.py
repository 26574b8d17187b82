"""The grammar of model names: `<module>-<backbone>[-tp][@key=value,...][+<block>[@key=value,...]]...`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from suite.spec.errors import BadInput, unknown

BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101", "inception_v1")


@dataclass(frozen=True)
class Part:
    """A name with its options: `tam-resnet18` with {sites: top-half}, or a block such as `nl` with {at: conv3_3}."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    def get(self, key: str, default: str | None = None) -> str | None:
        return dict(self.options).get(key, default)


NETWORKS = {  # whole networks that are no module on a backbone, and what may stand behind their name
    "slowfast": ("-resnet50", "-resnet101"),
    "mfnet": ("",),
    "cstransformer": tuple(f"-v{i}{end}" for i in (1, 2, 3) for end in ("", "-baseline")),
}


@dataclass(frozen=True)
class ModelName:
    """A model name taken apart: `<module>-<backbone>[-tp][@key=value,...][+<block>[@key=value,...]]...`.

    For a whole network `module` is its name (`cstransformer-v2`, `torchvision:r3d_18`, `package.module:factory`) and
    `backbone` what it stands on, or empty.
    """

    text: str
    module: str
    backbone: str
    pooling: str  # "none", "tp" (as published) or "tp=max" (max-pooling everywhere, as the paper's text says)
    options: tuple[tuple[str, str], ...] = ()
    blocks: tuple[Part, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it is a whole network and no module on a backbone."""
        return ":" in self.module or self.module.split("-")[0] in NETWORKS


def _part(text: str, whole: str) -> Part:
    name, _, tail = text.partition("@")
    options = []
    for item in tail.split(",") if tail else []:
        key, eq, value = item.partition("=")
        if not eq or not key or not value:
            raise BadInput(f"In model name '{whole}' the option '{item}' is not of the form key=value.")
        if key in dict(options):
            raise BadInput(f"In model name '{whole}' the option '{key}' is given twice.")
        options.append((key, value))
    return Part(name, tuple(options))


def parse_model(text: str) -> ModelName:
    """Takes a model name apart.  Raises BadInput when it has not the form of one; registries check the rest."""
    head, *tail = [_part(piece, text) for piece in text.strip().split("+")]
    if whole := _whole_network(head, text):
        return ModelName(text.strip(), *whole, "none", head.options, tuple(tail))
    match = re.fullmatch(r"(?P<module>[a-z0-9_]+)-(?P<backbone>[a-z0-9_]+)(?P<tp>-tp)?", head.name)
    if not match:
        raise BadInput(
            f"'{text}' is not a model name; it has the form <module>-<backbone>[-tp], e.g. tam-resnet18-tp, or is a "
            f"whole network: {', '.join(NETWORKS)}, torchvision:NAME or package.module:factory."
        )
    if match["backbone"] not in BACKBONES:
        raise unknown("backbone", match["backbone"], BACKBONES)
    options = dict(head.options)
    how = options.get("tp")
    if how is not None and not match["tp"]:
        raise BadInput(f"In model name '{text}' the option tp={how} needs temporal pooling: write -tp before the '@'.")
    if how not in (None, "max", "published"):
        raise BadInput(f"In model name '{text}' the option tp={how} is unknown; it is 'max' or 'published'.")
    pooling = "none" if not match["tp"] else "tp=max" if how == "max" else "tp"
    return ModelName(text.strip(), match["module"], match["backbone"], pooling, head.options, tuple(tail))


def is_model_name(text: str) -> bool:
    """Whether a text has the form of a model name."""
    try:
        return bool(parse_model(text))
    except BadInput:
        return False


def _whole_network(head: Part, text: str) -> tuple[str, str] | None:
    """(module, backbone) of a whole network; None when the name is that of a module on a backbone."""
    if ":" in head.name:
        if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", head.name):
            raise BadInput(f"'{text}' names no network: write torchvision:NAME or package.module:factory.")
        return head.name, ""
    network = head.name.split("-")[0]
    if network not in NETWORKS:
        return None
    rest = head.name.removeprefix(network)
    if rest not in NETWORKS[network]:
        raise unknown("model", head.name, [network + end for end in NETWORKS[network]])
    return (network, rest[1:]) if network == "slowfast" else (head.name, "")
