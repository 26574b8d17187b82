"""Which code trains a model and which tests it, as digests: edits elsewhere, comments and docstrings leave them alone.

Computed from source, without importing anything: definitions (functions, classes, constants) that can be reached by
name from the ROOTS.  What cannot change a result, or is known by another hash, is not followed (NOT_FOLLOWED).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from suite.models.user_code import absolute, imports_of, user_sources
from suite.spec import parse_model
from suite.spec.registrations import DESCRIPTIONS, FOLDERS, registered_class

ROOTS = {
    "code_train": ("suite.training.run:_execute",),
    "code_test": ("suite.training.run:Tester", "suite.evaluation.evaluate:evaluate"),
}
_ALWAYS = {
    "suite.store": "reads and writes files",
    "suite.models.cost": "counts operations",
    "suite.data.formats": "reads annotations, whose content the manifest's hash has",
    "suite.data.synthetic": "describes generated data, whose content the manifest's hash has",
    "suite.data.manifest:build_manifest": "indexes videos, whose list the manifest's hash has",
    "suite.data.leakage": "counts shared videos, and changes none",
    "suite.data.manifest:mark_undecodable": "marks a video for the next indexing",
    "suite.data.manifest:Index": "remembers what indexing found",
    "suite.data.dataset_info": "facts of a data set, whose classes the manifest's hash has",
    "suite.data.check": "reports what is there",
    "suite.spec.registrations": "reads names from registrations; a new one must not change the code of the others",
    "suite.store.identity": "names runs and their tests; what they hold is in the run's spec.yaml",
    "suite.models.naming": "names a model; what the name means is in the run's identity",
    "suite.models.network:backbone_class": "names every backbone; a model has one, added by the model's name",
    "suite.spec.model_names:parse_model": "reads a model name; what it means is in the run's identity",
    "suite.spec.errors:unknown": "words an error",
    "suite.evaluation.retest": "makes further tests of finished runs, by suite.evaluation.evaluate",
    "suite.evaluation.control:Control": "hooks of the process around a run",
}
NOT_FOLLOWED = {
    "code_train": _ALWAYS
    | {
        "suite.evaluation.inference": "tests",
        "suite.training.run:Tester": "tests",
        "suite.training.run:_result": "writes down what was tested",
        "suite.training.run:_on_dev": "writes down what was tested",
    },
    "code_test": _ALWAYS | {"suite.evaluation.evaluate:_submission": "writes down what was tested"},
}
NETWORKS = "suite.models.network:VideoNetwork"  # names every backbone; a model has one, added by the model's name
PARTS = ("backbones", *FOLDERS.values())  # folders of suite.models: a part of the digest for each file

_SILENT = ("ctx", "kind", "type_comment", "type_ignores")  # fields of a syntax tree without meaning
Sources = Mapping[str, bytes]  # module name -> source


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


def code_digests(model: str, folder: Path | None = None) -> dict[str, dict[str, str]]:
    """{"code_train": ..., "code_test": ...} for a model, each part of the code -> its digest (10 hexadecimal digits).

    Parts: data, models (shared by all networks), training, spec, each file of a backbone, temporal module, block or
    network that the model uses, and for `package.module:factory` the user's own files.  At one version of the suite a
    part has one digest, whatever the model, so two models are compared on the parts that both have.
    folder: another copy of the package `suite`.
    """
    read = sources(folder)
    user = _user_part(model)
    found = {}
    for kind in ROOTS:
        own = _parts_of_model(read, kind, model, tuple(sorted(user["suite"])) if user else ())
        found[kind] = {part: digest for part, digest in _all_parts(read, kind).items() if part in own}
        if user:
            found[kind][parse_model(model).module] = user["digest"]
    return found


def reached(model: str, kind: str, folder: Path | None = None) -> dict[str, list[str]]:
    """Module -> its definitions that count for a model: what the digests are made of, for a person to read."""
    found: dict[str, list[str]] = {}
    for module, name in sorted(_closure(sources(folder), kind, _model_roots(sources(folder), model))):
        found.setdefault(module, []).append(name)
    return found


# --- what is reached ----------------------------------------------------------------------------------------------


@dataclass
class _Module:
    """A module taken apart: its definitions by name, what its other names import, and statements that just run."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (module, name in it or "")
    loose: list[ast.stmt] = field(default_factory=list)


@lru_cache(maxsize=4096)
def _module(read: Sources, name: str) -> _Module:
    package = name if any(other.startswith(f"{name}.") for other in read) else name.rpartition(".")[0]
    out = _Module()
    for statement in _statements(ast.parse(read[name]).body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            out.imports |= _bound(read, statement, package)
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
        elif not _is_text(statement):
            yield statement


def _bound(read: Sources, node: ast.Import | ast.ImportFrom, package: str) -> dict[str, tuple[str, str]]:
    """The names that an import binds, and what they mean."""
    if isinstance(node, ast.Import):
        tops = {alias.name.partition(".")[0]: (alias.name.partition(".")[0], "") for alias in node.names}
        return tops | {alias.asname: (alias.name, "") for alias in node.names if alias.asname}
    base = absolute(node, package)
    full = {alias.asname or alias.name: (base, alias.name) for alias in node.names}
    return {name: (f"{b}.{n}", "") if f"{b}.{n}" in read else (b, n) for name, (b, n) in full.items()}


@lru_cache(maxsize=64)
def _closure(read: Sources, kind: str, more: tuple[tuple[str, str], ...]) -> frozenset[tuple[str, str]]:
    """(module, definition) of all that is reached from the roots of `kind` and from `more`; "" are loose statements."""
    waiting = [(module, name) for module, _, name in (root.partition(":") for root in ROOTS[kind])]
    for module, name in waiting:
        if name not in _module(read, module).definitions:
            raise LookupError(f"{module} has no {name}, from which {kind} is computed")
    waiting += more
    found: set[tuple[str, str]] = set()
    while waiting:
        module, name = waiting.pop()
        if module not in read or (module, name) in found or _stops(kind, module, name):
            continue
        here = _module(read, module)
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
                for edge in _edges(read, module, statement)
                if not (f"{module}:{name}" == NETWORKS and edge[0].startswith("suite.models.backbones."))
            ]
        if name and here.loose:
            waiting.append((module, ""))
    return frozenset(found)


def _stops(kind: str, module: str, name: str) -> bool:
    return f"{module}:{name}" in NOT_FOLLOWED[kind] or any(
        module == stop or module.startswith(f"{stop}.") for stop in NOT_FOLLOWED[kind] if ":" not in stop
    )


def _edges(read: Sources, module: str, statement: ast.stmt) -> list[tuple[str, str]]:
    """What a statement names of its own module and of others; annotations too, for they say whose methods are called.

    A local variable of the same name is taken for the definition: that can only make more code count.
    """
    here = _module(read, module)
    package = module if any(other.startswith(f"{module}.") for other in read) else module.rpartition(".")[0]
    imports = dict(here.imports)
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= _bound(read, node, package)
    found, handled = [], set()
    for node in ast.walk(statement):  # a parent comes before its children
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            target = imports.get(node.value.id, ("", ""))
            if target[0] in read and not target[1]:
                found.append((target[0], node.attr))
                handled.add(node.value)
        elif isinstance(node, ast.Name) and node not in handled:
            if node.id in imports:
                target, name = imports[node.id]
                found.append((target, name or "*"))
            elif node.id in here.definitions:
                found.append((module, node.id))
    return found


# --- digests ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _all_parts(read: Sources, kind: str) -> dict[str, str]:
    """The digest of every part of the code, from what any model reaches."""
    texts: dict[str, list[str]] = {}
    for module, name in _closure(read, kind, _all_roots(read)):
        here = _module(read, module)
        statements = here.definitions[name] if name else here.loose
        text = "\n".join(canonical(statement) for statement in statements)
        used = {node.id for s in statements for node in ast.walk(s) if isinstance(node, ast.Name)}
        foreign = {n: target for n, target in here.imports.items() if n in used and target[0] not in read}
        outside = [f"{n} is {target} {inner}" for n, (target, inner) in sorted(foreign.items())]
        texts.setdefault(part_of(module), []).append("\n".join([name, *outside, text]))
    return {part: _digest(sorted(of_part)) for part, of_part in sorted(texts.items())}


def part_of(module: str) -> str:
    """The part that a module of the suite belongs to: `data`, `training`, `models`, or `temporal/tam`."""
    pieces = module.split(".")[1:]
    if pieces[:1] == ["models"] and len(pieces) > 2 and pieces[1] in PARTS:
        return "/".join(pieces[1:])
    return pieces[0] if pieces else "suite"


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:10]


def canonical(node: Any) -> str:
    """A syntax tree as text: without positions, comments, docstrings, type hints of functions and what a registration
    only describes (paper, example).

    Written here because `ast.dump` (empty fields, from Python 3.13) and `ast.unparse` (quotes) change between versions;
    fields that are empty are left out, so that a field which a later Python adds changes nothing.
    """
    if isinstance(node, list):
        return "[" + ",".join(canonical(item) for item in node if not _is_text(item)) + "]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    hints = ("annotation", "returns") if isinstance(node, ast.arg | ast.FunctionDef | ast.AsyncFunctionDef) else ()
    fields = sorted((name, value) for name, value in ast.iter_fields(node) if name not in (*_SILENT, *hints))
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FOLDERS:
        kept = [keyword for keyword in node.keywords if keyword.arg not in DESCRIPTIONS]
        fields = [(name, kept if name == "keywords" else value) for name, value in fields]
    shown = [f"{name}={canonical(value)}" for name, value in fields if value is not None and value != []]
    return f"{type(node).__name__}({','.join(shown)})"


def _is_text(node: Any) -> bool:
    """A docstring, or another text that stands by itself; `pass`, which may stand where only a docstring was."""
    if isinstance(node, ast.Pass):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


# --- models -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _parts_of_model(read: Sources, kind: str, model: str, more: tuple[tuple[str, str], ...]) -> frozenset[str]:
    return frozenset(part_of(module) for module, _ in _closure(read, kind, (*_model_roots(read, model), *more)))


@lru_cache(maxsize=256)
def _model_roots(read: Sources, model: str) -> tuple[tuple[str, str], ...]:
    """The classes that a model's name asks for; of names that are none, nothing: building the model says so."""
    name, known = parse_model(model), _registered(read)
    wanted = [("add_on_block", block.name) for block in name.blocks]
    if name.standalone:
        wanted.append(("standalone_architecture", name.architecture))
        return tuple(known[key] for key in wanted if key in known)
    file = "inception" if name.backbone == "inception_v1" else "resnet"
    wanted.append(("temporal_module", name.module))
    return ((f"suite.models.backbones.{file}", "*"), *(known[key] for key in wanted if key in known))


@lru_cache(maxsize=4)
def _registered(read: Sources) -> dict[tuple[str, str], tuple[str, str]]:
    """(decorator, name) -> (module, class), of all that stands in a folder of networks and their parts."""
    found = {}
    for module in read:
        if "/" not in part_of(module):
            continue
        for definitions in _module(read, module).definitions.values():
            for definition in definitions:
                if one := registered_class(definition, module):
                    found[one.decorator, one.name] = (module, definition.name)
    return found


@lru_cache(maxsize=4)
def _all_roots(read: Sources) -> tuple[tuple[str, str], ...]:
    backbones = [(module, "*") for module in read if part_of(module).startswith("backbones/")]
    return (*backbones, *_registered(read).values())


def _user_part(model: str) -> dict[str, Any] | None:
    """Digest of the user's own files behind `package.module:factory`, and what of the suite they import."""
    module, colon, _ = parse_model(model).module.partition(":")
    if not colon or module == "torchvision":
        return None
    texts, suite = [], set()
    for name, source in sorted(user_sources(module).items()):
        try:
            tree = ast.parse(source)
            texts.append(f"{name}\n{canonical(tree)}")
            suite |= {imported for imported in imports_of(tree, "") if imported.startswith("suite.")}
        except (SyntaxError, ValueError):
            texts.append(f"{name}\n{source!r}")
    roots = {(name, "*") for name in suite} | {tuple(name.rpartition(".")[::2]) for name in suite}
    return {"digest": _digest(texts), "suite": roots}
