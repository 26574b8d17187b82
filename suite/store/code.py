"""Digests of the code that trains a model and of the code that tests it.

Edits to other code, to comments and to docstrings leave them unchanged.  `suite.store.reached_code` finds the
definitions that count.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from suite.models.user_code import imports_of, user_sources
from suite.spec import parse_model
from suite.spec.registrations import DESCRIPTIONS, FOLDERS
from suite.store.reached_code import (
    ROOTS,
    Sources,
    is_text,
    nodes_of,
    parsed_module,
    part_of,
    reached_definitions,
    roots_of_all_models,
    roots_of_model,
    sources,
)

_SILENT = ("ctx", "kind", "type_comment", "type_ignores")  # fields of a syntax tree without meaning


def code_digests(model: str, folder: Path | None = None) -> dict[str, dict[str, str]]:
    """{"code_train": ..., "code_test": ...} for a model, each part of the code -> its digest (10 hexadecimal digits).

    Parts: data, models (shared by all networks), training, spec, each file of a backbone, temporal module, block or
    network that the model uses, and for `package.module:factory` the user's own files.  At one version of the suite a
    part has one digest, whatever the model, so two models are compared on the parts that both have.
    folder: another copy of the package `suite`.
    """
    modules = sources(folder)
    user = _user_part(model)
    found = {}
    for kind in ROOTS:
        own = _parts_of_model(modules, kind, model, tuple(sorted(user["suite"])) if user else ())
        found[kind] = {part: digest for part, digest in _digests_of_parts(modules, kind).items() if part in own}
        if user:
            found[kind][parse_model(model).module] = user["digest"]
    return found


@lru_cache(maxsize=16)
def _digests_of_parts(modules: Sources, kind: str) -> dict[str, str]:
    """The digest of every part of the code, from what any model reaches."""
    texts: dict[str, list[str]] = {}
    for module, name in reached_definitions(modules, kind, roots_of_all_models(modules)):
        here = parsed_module(modules, module)
        statements = here.definitions[name] if name else here.loose
        text = "\n".join(_canonical_statement(statement) for statement in statements)
        used = {node.id for s in statements for node in nodes_of(s) if isinstance(node, ast.Name)}
        foreign = {n: target for n, target in here.imports.items() if n in used and target[0] not in modules}
        outside = [f"{n} is {target} {inner}" for n, (target, inner) in sorted(foreign.items())]
        texts.setdefault(part_of(module), []).append("\n".join([name, *outside, text]))
    return {part: _digest(sorted(of_part)) for part, of_part in sorted(texts.items())}


@lru_cache(maxsize=256)
def _parts_of_model(
    modules: Sources, kind: str, model: str, extra_roots: tuple[tuple[str, str], ...]
) -> frozenset[str]:
    return frozenset(
        part_of(module)
        for module, _ in reached_definitions(modules, kind, (*roots_of_model(modules, model), *extra_roots))
    )


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


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:10]


@lru_cache(maxsize=2**14)
def _canonical_statement(statement: ast.stmt) -> str:
    return canonical(statement)


def canonical(node: Any) -> str:
    """A syntax tree as text: without positions, comments, docstrings, type hints of functions and what a registration
    only describes (paper, example).

    Written here because `ast.dump` (empty fields, from Python 3.13) and `ast.unparse` (quotes) change between versions;
    fields that are empty are left out, so that a field which a later Python adds changes nothing.
    """
    if isinstance(node, list):
        return "[" + ",".join(canonical(item) for item in node if not is_text(item)) + "]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    hints = ("annotation", "returns") if isinstance(node, ast.arg | ast.FunctionDef | ast.AsyncFunctionDef) else ()
    fields = sorted((name, value) for name, value in ast.iter_fields(node) if name not in (*_SILENT, *hints))
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FOLDERS:
        kept = [keyword for keyword in node.keywords if keyword.arg not in DESCRIPTIONS]
        fields = [(name, kept if name == "keywords" else value) for name, value in fields]
    shown = [f"{name}={canonical(value)}" for name, value in fields if value is not None and value != []]
    return f"{type(node).__name__}({','.join(shown)})"
