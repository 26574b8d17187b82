"""What the files of `suite/models/` register, read from their source: nothing is imported for it, and no torch.

The name of a model says nothing of its kind (`slowfast-resnet50` is no module on a backbone, `tam-resnet50` is one), so
the grammar of names has to know the standalone architectures.  Their registrations are the one place that lists them.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from suite.spec.errors import BadInput

FOLDERS = {"temporal_module": "temporal", "add_on_block": "blocks", "standalone_architecture": "networks"}
"""Decorator -> the folder of `suite/models/` whose files use it."""
DESCRIPTIONS = ("paper", "equation", "example", "frames", "maps")
"""Arguments of the decorators that are shown to readers and change nothing else."""


@dataclass(frozen=True)
class RegisteredClass:
    """What a decorated class says in the plain texts of its registration."""

    decorator: str
    name: str
    names: tuple[str, ...]  # of models; of a standalone architecture alone


def registered_class(statement: ast.stmt, file: str = "") -> RegisteredClass | None:
    """The registration of a class definition; None of anything else.

    Raises BadInput where its names are computed: they are read without running the file.
    """
    for decorator in getattr(statement, "decorator_list", ()):
        called = isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "")
        if called in FOLDERS:
            given = {keyword.arg: keyword.value for keyword in decorator.keywords}
            try:
                name = ast.literal_eval(decorator.args[0])
                names = tuple(ast.literal_eval(given["names"])) if "names" in given else (name,)
            except (ValueError, TypeError, IndexError):
                where = f"{file}, class {statement.name}" if file else f"class {statement.name}"
                raise BadInput(f"{where}: write the name and names= of @{called} as plain texts.") from None
            return RegisteredClass(called, name, names)
    return None


@cache
def standalone_names() -> dict[str, str]:
    """Model name -> the standalone architecture that registers it, in the order of the files."""
    found: dict[str, str] = {}
    folder = Path(__file__).resolve().parents[1] / "models" / FOLDERS["standalone_architecture"]
    for file in sorted(folder.glob("*.py")):
        for statement in ast.parse(file.read_bytes()).body:
            one = registered_class(statement, file.name)
            if one and one.decorator == "standalone_architecture":
                found |= dict.fromkeys(one.names, one.name)
    return found
