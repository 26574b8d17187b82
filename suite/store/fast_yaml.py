"""spec.yaml of a run, read ten times as fast as other YAML: `status` reads hundreds of them.

libyaml reads what is plain; anything else, and all that is wrong, is left to `suite.spec.read_yaml` and its messages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from suite.spec import read_yaml

LONGEST = 20_000  # characters of a file that counts as plain
NOT_PLAIN = re.compile(r"[&*!%{}\t\r]|\[[^\]]*\[|.{500}")  # anchors, tags, nested lists, endless lines


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML's safe types; a key that stands twice in one mapping is an error."""

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            raise yaml.YAMLError("duplicate key")
        return found


def read_plain_yaml(path: Path, what: str) -> Any:
    """As `suite.spec.read_yaml`."""
    try:
        text = path.read_text(encoding="utf-8")
        if text.isascii() and len(text) < LONGEST and not NOT_PLAIN.search(text):
            return yaml.load(text, _Loader)  # derived from SafeLoader: makes no objects
    except (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, yaml.YAMLError):
        pass
    return read_yaml(path, what)
