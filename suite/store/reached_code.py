"""Which definitions of the suite a result depends on: those that can be reached by name from the ROOTS.

Computed from source, without importing anything.  What cannot change a result, or is known by another hash, is not
followed (NOT_FOLLOWED).  `suite.store.code` makes digests of what is reached.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from suite.models.user_code import absolute
from suite.spec import parse_model
from suite.spec.registrations import FOLDERS, registered_class

ROOTS = {
    "code_train": ("suite.training.run:_execute",),
    "code_test": ("suite.training.tester:Tester", "suite.evaluation.evaluate:evaluate"),
}
_NEVER_FOLLOWED = {
    "suite.store": "reads and writes files",
    "suite.models.cost": "counts operations",
    "suite.data.formats": "reads annotations, whose content the manifest's hash has",
    "suite.data.synthetic": "describes generated data, whose content the manifest's hash has",
    "suite.data.manifest_building": "indexes videos, whose list the manifest's hash has",
    "suite.data.index": "remembers what indexing found",
    "suite.data.leakage": "counts shared videos, and changes none",
    "suite.data.manifest:mark_undecodable": "marks a video for the next indexing",
    "suite.data.dataset_info": "facts of a data set, whose classes the manifest's hash has",
    "suite.data.check": "reports what is there",
    "suite.data.remarks": "tells what is left out",
    "suite.data.class_remarks": "tells which classes lack videos",
    "suite.data.resemblance": "words an error",
    "suite.program": "words commands in messages",
    "suite.data.subsets": "chooses videos, whose list the manifest's hash has",
    "suite.spec.registrations": "reads names from registrations; a new one must not change the code of the others",
    "suite.store.identity": "names runs and their tests; what they hold is in the run's spec.yaml",
    "suite.models.naming": "names a model; what the name means is in the run's identity",
    "suite.models.network:backbone_class": "names every backbone; a model has one, added by the model's name",
    "suite.spec.model_names:parse_model": "reads a model name; what it means is in the run's identity",
    "suite.spec.errors:unknown": "words an error",
    "suite.evaluation.retest": "makes further tests of finished runs, by suite.evaluation.evaluate",
    "suite.training.same_videos": "compares the videos with those at the start, and changes none",
    "suite.evaluation.control:Control": "hooks of the process around a run",
}
NOT_FOLLOWED = {
    "code_train": _NEVER_FOLLOWED
    | {
        "suite.evaluation.inference": "tests",
        "suite.training.tester": "tests",
        "suite.training.run:_result": "writes down what was tested",
        "suite.training.run:_on_dev": "writes down what was tested",
    },
    "code_test": _NEVER_FOLLOWED | {"suite.evaluation.evaluate:_submission": "writes down what was tested"},
}
NETWORKS = "suite.models.network:VideoNetwork"  # names every backbone; a model has one, added by the model's name
PARTS = ("backbones", *FOLDERS.values())  # folders of suite.models: a part of the digest for each file

_NAMING = (ast.Name, ast.Attribute, ast.Import, ast.ImportFrom)

Sources = Mapping[str, bytes]  # module name -> source
Definition = tuple[str, str]  # (module, name in it); the name is "*" for all of the module, "" for loose statements


@lru_cache
def sources(folder: Path | None = None) -> Sources:
    """The source of every module of the suite, read once per process: what was loaded, while files may change."""
    folder = folder or Path(__file__).resolve().parents[1]
    return _Sources({_module_name(path, folder): path.read_bytes() for path in sorted(folder.rglob("*.py"))})


class _Sources(dict):
    """Compared by identity, so that what is derived from it can be cached."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def _module_name(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def reached(model: str, kind: str, folder: Path | None = None) -> dict[str, list[str]]:
    """Module -> its definitions that count for a model: what the digests are made of, for a person to read."""
    found: dict[str, list[str]] = {}
    for module, name in sorted(reached_definitions(sources(folder), kind, roots_of_model(sources(folder), model))):
        found.setdefault(module, []).append(name)
    return found


def part_of(module: str) -> str:
    """The part that a module of the suite belongs to: `data`, `training`, `models`, or `temporal/tam`."""
    pieces = module.split(".")[1:]
    if pieces[:1] == ["models"] and len(pieces) > 2 and pieces[1] in PARTS:
        return "/".join(pieces[1:])
    return pieces[0] if pieces else "suite"


# --- definitions and the names in them ------------------------------------------------------------------------------


@dataclass
class ParsedModule:
    """The definitions of a module by name, its imports, and the statements that only run (`loose`)."""

    package: str
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (module, name in it or "")
    loose: list[ast.stmt] = field(default_factory=list)


@lru_cache(maxsize=1024)
def _tree(source: bytes) -> ast.Module:
    """One tree for one text: what is derived from a statement is kept by the statement."""
    return ast.parse(source)


@lru_cache(maxsize=4096)
def parsed_module(modules: Sources, name: str) -> ParsedModule:
    """The module `name` taken apart; its docstring and other free-standing texts are left out."""
    package = name if any(other.startswith(f"{name}.") for other in modules) else name.rpartition(".")[0]
    out = ParsedModule(package)
    for statement in _statements(_tree(modules[name]).body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            out.imports |= _bound(modules, statement, package)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            out.definitions.setdefault(statement.name, []).append(statement)
        else:
            names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            for bound in names:
                out.definitions.setdefault(bound, []).append(statement)
            if not isinstance(statement, ast.Assign | ast.AnnAssign):
                out.loose.append(statement)
    return out


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Top-level statements without docstrings; what stands under TYPE_CHECKING names types, and so is looked into."""
    for statement in body:
        if isinstance(statement, ast.If) and getattr(statement.test, "id", "") == "TYPE_CHECKING":
            yield from statement.body
        elif not is_text(statement):
            yield statement


def _bound(modules: Sources, node: ast.Import | ast.ImportFrom, package: str) -> dict[str, tuple[str, str]]:
    """The names that an import binds, and what they mean."""
    if isinstance(node, ast.Import):
        tops = {alias.name.partition(".")[0]: (alias.name.partition(".")[0], "") for alias in node.names}
        return tops | {alias.asname: (alias.name, "") for alias in node.names if alias.asname}
    base = absolute(node, package)
    full = {alias.asname or alias.name: (base, alias.name) for alias in node.names}
    return {name: (f"{b}.{n}", "") if f"{b}.{n}" in modules else (b, n) for name, (b, n) in full.items()}


@lru_cache(maxsize=64)
def reached_definitions(modules: Sources, kind: str, extra_roots: tuple[Definition, ...]) -> frozenset[Definition]:
    """All definitions that are reached from the roots of `kind` and from `extra_roots`.

    Raises LookupError when a root of `kind` does not exist.
    """
    waiting = [(module, name) for module, _, name in (root.partition(":") for root in ROOTS[kind])]
    for module, name in waiting:
        if name not in parsed_module(modules, module).definitions:
            raise LookupError(f"{module} has no {name}, from which {kind} is computed")
    waiting += extra_roots
    found: set[Definition] = set()
    while waiting:
        module, name = waiting.pop()
        if module not in modules or (module, name) in found or _is_excluded(kind, module, name):
            continue
        here = parsed_module(modules, module)
        if name == "*":
            waiting += [(module, other) for other in here.definitions]
            continue
        if name and name not in here.definitions:
            if name in here.imports:  # a name that a module passes on
                waiting.append(here.imports[name])
            continue
        found.add((module, name))
        for statement in here.definitions[name] if name else here.loose:
            waiting += [
                edge
                for edge in _edges(modules, module, statement)
                if not (f"{module}:{name}" == NETWORKS and edge[0].startswith("suite.models.backbones."))
            ]
        if name and here.loose:
            waiting.append((module, ""))
    return frozenset(found)


def _is_excluded(kind: str, module: str, name: str) -> bool:
    return f"{module}:{name}" in NOT_FOLLOWED[kind] or any(
        module == stop or module.startswith(f"{stop}.") for stop in NOT_FOLLOWED[kind] if ":" not in stop
    )


@lru_cache(maxsize=2**16)
def _edges(modules: Sources, module: str, statement: ast.stmt) -> list[Definition]:
    """What a statement names of its own module and of others; annotations too, for they say whose methods are called.

    A local variable of the same name is taken for the definition: that can only make more code count.
    """
    here = parsed_module(modules, module)
    nodes = nodes_of(statement)
    imports = here.imports
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports = imports | _bound(modules, node, here.package)
    found, handled = [], set()
    for node in nodes:  # a parent comes before its children
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            target = imports.get(node.value.id, ("", ""))
            if target[0] in modules and not target[1]:
                found.append((target[0], node.attr))
                handled.add(node.value)
        elif isinstance(node, ast.Name) and node not in handled:
            if node.id in imports:
                target, name = imports[node.id]
                found.append((target, name or "*"))
            elif node.id in here.definitions:
                found.append((module, node.id))
    return found


@lru_cache(maxsize=2**14)
def nodes_of(statement: ast.stmt) -> list[ast.AST]:
    """The names, attributes and imports in a statement, a parent before its children."""
    return [node for node in ast.walk(statement) if isinstance(node, _NAMING)]


def is_text(node: Any) -> bool:
    """A docstring, or another text that stands by itself; `pass`, which may stand where only a docstring was."""
    if isinstance(node, ast.Pass):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


# --- where a model begins -------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def roots_of_model(modules: Sources, model: str) -> tuple[Definition, ...]:
    """The classes that a model's name asks for; of names that are none, nothing: building the model says so."""
    name, known = parse_model(model), _registered(modules)
    wanted = [("add_on_block", block.name) for block in name.blocks]
    if name.standalone:
        wanted.append(("standalone_architecture", name.architecture))
        return tuple(known[key] for key in wanted if key in known)
    file = "inception" if name.backbone == "inception_v1" else "resnet"
    wanted.append(("temporal_module", name.module))
    return ((f"suite.models.backbones.{file}", "*"), *(known[key] for key in wanted if key in known))


@lru_cache(maxsize=4)
def _registered(modules: Sources) -> dict[tuple[str, str], Definition]:
    """(decorator, name) -> (module, class), of all that stands in a folder of networks and their parts."""
    found = {}
    for module in modules:
        if "/" not in part_of(module):
            continue
        for definitions in parsed_module(modules, module).definitions.values():
            for definition in definitions:
                if one := registered_class(definition, module):
                    found[one.decorator, one.name] = (module, definition.name)
    return found


@lru_cache(maxsize=4)
def roots_of_all_models(modules: Sources) -> tuple[Definition, ...]:
    """Every backbone and every registered class."""
    backbones = [(module, "*") for module in modules if part_of(module).startswith("backbones/")]
    return (*backbones, *_registered(modules).values())
