"""Reading and checking the files that people write: YAML with the keys and types that are expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from suite.spec.errors import BadInput, unknown


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def checked(kind: type[BaseModel], data: Any, where: str) -> Any:
    """`data` as a `kind`, or BadInput with the first thing that is wrong in one sentence."""
    if not isinstance(data, dict):
        raise BadInput(f"{where} does not hold keys and values.")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            model = kind
            for part in first["loc"][:-1]:
                model = model.model_fields[str(part)].annotation
            raise unknown(f"key in {where}", place, model.model_fields) from None
        if first["type"] == "missing":
            raise BadInput(f"{where} lacks the key '{place}'.") from None
        detail, value = first["msg"].removeprefix("Value error, "), _short(first["input"])
        raise BadInput(
            f"In {where}{f', key {place!r}' if place else ''}: {detail}{f' (it is {value})' if place else ''}."
        ) from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def read_yaml(path: Path, what: str) -> Any:
    try:
        data = yaml.safe_load(path.read_text())
        size = _size(data, {})
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # such as a date that is none, or text not in UTF-8
        raise BadInput(f"{what} {path} is not valid YAML: {' '.join(str(error).split())}") from None
    except (LookupError, AttributeError, ArithmeticError):  # PyYAML's own, of such as !!bool "x" and !!timestamp ""
        raise BadInput(f"{what} {path} is not valid YAML: a value is not of the type that it is said to have") from None
    if size > 1_000_000:
        raise BadInput(f"{what} {path} is not valid YAML: its aliases stand for more than a million values")
    return data


def _size(value: Any, known: dict[int, int]) -> int:
    """Values within `value` with aliases written out; ValueError where one holds itself."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = 0  # not done yet: who comes here again is inside it
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(v, known) for v in inner)
    elif not known[id(value)]:
        raise ValueError("an alias stands inside of what it stands for")
    return known[id(value)]
