"""A user's `package.module:factory`: which of them may be imported, and the source files behind one.

The files are found by reading imports: nothing is imported for it.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from suite.spec import BadInput


@dataclass
class ImportRules:
    """Which factories this process imports.  One that a file of others names is refused unless code is allowed.

    allowed: --allow-code; others: factory -> the file of others that names it (the reader of that file enters it);
    tell: is given a line about every file before it is imported; None tells nobody.
    """

    allowed: bool = False
    others: dict[str, str] = field(default_factory=dict)
    tell: Callable[[str], None] | None = lambda line: print(line, file=sys.stderr, flush=True)
    told: set[str] = field(default_factory=set)

    def named_by_others(self, model: str, where: str) -> None:
        """Notes that `where`, a file of others, names a model; only factories matter."""
        if is_factory(model):
            self.others.setdefault(model.strip().partition("@")[0].partition("+")[0], where)

    def admit(self, module: str, function: str) -> None:
        """To be called before a factory is imported.  Raises BadInput where that is not allowed."""
        factory, file = f"{module}:{function}", source_file(module)
        code = str(file) if file else f"the module {module}"
        if factory in self.others and not self.allowed:
            raise BadInput(
                f"The model '{factory}' of {self.others[factory]} runs code from {code}; check that code, then add "
                "--allow-code."
            )
        if self.tell and module not in self.told:
            self.told.add(module)
            self.tell(f"note: importing code from {code} for the model {factory}")


RULES = ImportRules()


def is_factory(model: str) -> bool:
    """Whether a model name is that of a user's factory: building it imports and runs the user's code."""
    return ":" in model.partition("@")[0].partition("+")[0] and not model.strip().startswith("torchvision:")


def source_file(module: str) -> Path | None:
    """The file that importing `module` runs; None where it is not found as one.  Nothing is imported."""
    top = module.partition(".")[0]
    spec = _spec(top)
    if spec is None or not (places := [Path(place) for place in spec.submodule_search_locations or ()] or _file(spec)):
        return None
    return _module_file(places[0].parent, module)


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
        file = _module_file(root, name)
        if file is None:
            continue
        found[name] = file.read_bytes()
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        waiting.append(name.rpartition(".")[0])  # importing a module runs the packages around it
        with suppress(SyntaxError, ValueError):  # the import itself says what is wrong
            waiting += imports_of(ast.parse(found[name]), package)
    return found


def _module_file(root: Path, name: str) -> Path | None:
    folder = root.joinpath(*name.split("."))
    return next((f for f in (folder / "__init__.py", folder.with_suffix(".py")) if f.is_file()), None)


def _spec(top: str) -> ModuleSpec | None:
    try:
        found = importlib.util.find_spec(top)  # of a name without dots: runs nothing
    except (ImportError, ValueError):
        found = None
    return found or PathFinder.find_spec(top, [str(Path.cwd())])


def _file(spec: ModuleSpec) -> list[Path]:
    return [Path(spec.origin)] if spec.has_location and spec.origin else []
