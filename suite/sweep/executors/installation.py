"""What must be the same on the driver's machine and on all nodes, for results not to depend on the node."""

from __future__ import annotations

import platform
from importlib import metadata

from suite.store.provenance import hash_of_code


def installation() -> dict[str, str]:
    """Versions of this machine, by what they are of."""
    return {
        "Python": platform.python_version(),
        "torch": metadata.version("torch"),
        "code of the suite": hash_of_code(),
    }


def difference(there: dict[str, str], here: dict[str, str]) -> str:
    """The first difference between two installations; empty where there is none."""
    return next((f"{what}: {there.get(what)}, here {here[what]}" for what in here if there.get(what) != here[what]), "")
