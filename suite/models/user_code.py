"""The source files behind a user's `package.module:factory`, found by reading imports: nothing is imported for it."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

_READ: dict[str, dict[str, bytes]] = {}


def user_sources(module: str) -> dict[str, bytes]:
    """Module name -> source of `module`, of the packages around it and of every module of the same code base that one
    of them imports.  Empty where `module` is not found.

    The same code base: the top-level package, and unless that is installed (site-packages) the modules beside it.
    Imports count wherever they stand, with names given as constants to `import_module`; names computed at run time and
    files that are no Python are not seen.  Read anew until the module is imported, and kept from then on: files may
    change while a sweep goes on, and what was loaded is what counts.
    """
    if module not in _READ or module not in sys.modules:
        _READ[module] = _read(module)
    return _READ[module]


def imports_of(tree: ast.AST, package: str) -> Iterator[str]:
    """Full names of all that a module in `package` imports: modules, and names of modules that may be modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                name = node.args[0].value
                yield f"{package}.{name.lstrip('.')}" if name.startswith(".") else name


def absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that `from X import ...` in a module of `package` means; X may be relative."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - (node.level - 1)]
    return ".".join([*base, *([node.module] if node.module else [])])


def _read(module: str) -> dict[str, bytes]:
    top = module.partition(".")[0]
    spec = _spec(top)
    if spec is None or not (places := [Path(place) for place in spec.submodule_search_locations or ()] or _file(spec)):
        return {}
    root = places[0].parent
    installed = bool({"site-packages", "dist-packages"} & set(root.parts))
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        first = name.partition(".")[0]
        if name in found or not name or first == "suite" or (first != top and installed):
            continue
        folder = root.joinpath(*name.split("."))
        file = next((f for f in (folder / "__init__.py", folder.with_suffix(".py")) if f.is_file()), None)
        if file is None:
            continue
        found[name] = file.read_bytes()
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        waiting.append(name.rpartition(".")[0])  # importing a module runs the packages around it
        with suppress(SyntaxError, ValueError):  # the import itself says what is wrong
            waiting += imports_of(ast.parse(found[name]), package)
    return found


def _spec(top: str) -> ModuleSpec | None:
    try:
        found = importlib.util.find_spec(top)  # of a name without dots: runs nothing
    except (ImportError, ValueError):
        found = None
    return found or PathFinder.find_spec(top, [str(Path.cwd())])


def _file(spec: ModuleSpec) -> list[Path]:
    return [Path(spec.origin)] if spec.has_location and spec.origin else []
