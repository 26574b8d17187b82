"""The ledger's factors `code_train` and `code_test`: which code trained a model, and which tested it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

WHOLE = "all modules"  # of runs that recorded one hash of everything


class _Anything:
    """Equal to every value."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


class CodeParts(dict):
    """Part of the code -> its digest, compared on the parts that two models share.

    A part that a model does not use, such as the file of another temporal module, agrees with every digest: what
    differs there is the model, and the ledger has it under that name.
    """

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default if key == WHOLE else _Anything()


def code_factor(environments: Iterable[Mapping[str, Any]], kind: str) -> dict[str, str] | None:
    """What the sessions of a run say of `kind` ("code_train" or "code_test"); None where one of them does not say it.

    Of runs from before there were two digests it is the one hash of all modules, which says nothing beside the digests
    of others, and is equal or different among themselves.
    """
    sessions = list(environments)
    recorded = [session.get(kind) for session in sessions]
    if sessions and all(isinstance(parts, Mapping) and parts for parts in recorded):
        names = dict.fromkeys(name for parts in recorded for name in parts)
        return CodeParts({name: _then_joined(parts.get(name, "none") for parts in recorded) for name in names})
    old = [_version_of_all_code(session) for session in sessions]
    if not sessions or None in old or any(recorded):
        return None
    return {WHOLE: _then_joined(old)}


def usual_parts(values: Iterable[CodeParts]) -> CodeParts:
    """Of every part the commonest digest, the first of them on a tie: different models have different parts."""
    of_part: dict[str, list[str]] = {}
    for value in values:
        for name, digest in value.items():
            of_part.setdefault(name, []).append(digest)
    return CodeParts({name: max(digests, key=digests.count) for name, digests in of_part.items()})


def differing(a: Any, b: Any) -> tuple[Any, Any]:
    """Two values of a code factor, cut down to the parts that differ; where one is of an old run, the other is None."""
    if not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        return a, b
    if (WHOLE in a) != (WHOLE in b):
        return (dict(a), None) if WHOLE in a else (None, dict(b))
    parts = [name for name in a if name in b and a[name] != b[name]]
    return {name: a[name] for name in parts}, {name: b[name] for name in parts}


def _version_of_all_code(environment: Mapping[str, Any]) -> str | None:
    """A hash of all code, or of older runs the first ten digits of the commit."""
    version = environment.get("code_sha256") or environment.get("code")
    if not isinstance(version, str):
        return None
    commit, plus, changed = version.partition("+")
    return commit[:10] + plus + changed


def _then_joined(values: Iterable[str]) -> str:
    return " then ".join(dict.fromkeys(map(str, values)))
