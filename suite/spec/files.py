"""Reading and checking the files that people write: YAML and JSON with the keys, types and ranges that are expected."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, get_args

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from suite.spec.errors import BadInput, shown, unknown

MAX_VALUES = 1_000_000  # of a YAML file with its aliases written out


class Strict(BaseModel):
    """A part of a file: no key but its own, no value of another type (`true` is not 1), no infinity and no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _scientific(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text, for want of a dot; people mean the number."""
    if isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]{1,3}", value):
        return float(value)
    return value


def _not_boolean(value: Any) -> Any:
    """For choices among numbers, where `true` would equal 1 and 1.0 too."""
    if isinstance(value, bool | float):
        raise ValueError("it should be a valid integer")
    return value


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it should contain printable characters only")
    return text


Real = Annotated[float, BeforeValidator(_scientific)]
IntegerChoice = BeforeValidator(_not_boolean)
Listed = Field(strict=False)  # of a tuple: YAML has lists
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(_printable)
]


def checked(kind: type[BaseModel], data: Any, where: str) -> Any:
    """`data` as a `kind`, or BadInput with the first thing that is wrong in one sentence."""
    if not isinstance(data, dict):
        raise BadInput(f"{where} does not contain keys and values.")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise _sentence(kind, error.errors()[0], where) from None


def _model_in(kind: Any) -> Any:
    """The part of a file that a type holds: of `Part | None`, a list of parts or a dictionary of them."""
    if hasattr(kind, "model_fields") or not get_args(kind):
        return kind
    found = [part for part in map(_model_in, get_args(kind)) if hasattr(part, "model_fields")]
    return found[0] if found else kind


def _sentence(kind: type[BaseModel], error: Any, where: str) -> BadInput:
    """The error of pydantic in the words of a person who wrote the file."""
    location = list(error["loc"])
    if error["type"] == "extra_forbidden":
        model: Any = kind
        for part in location[:-1]:
            fields = getattr(model, "model_fields", {})
            model = _model_in(fields[str(part)].annotation if str(part) in fields else model)
        return unknown(f"key in {where}", str(location[-1]), getattr(model, "model_fields", {}))
    while location and location[-1] in ("int", "float", "[key]"):  # pydantic's own: which type of several it tried
        location.pop()
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    if error["type"] == "missing":
        return BadInput(f"{where} does not specify '{place}'.")
    expected = {
        "model_type": "it should contain keys and values",
        "dict_type": "it should contain keys and values",
        "tuple_type": "it should be a list",
        "string_type": "it should be text",
        "bool_type": "it should be true or false",
    }
    detail = error["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    detail = expected.get(error["type"], detail)
    if not place:
        return BadInput(f"In {where}: {detail}.")
    return BadInput(f"Invalid value {shown(error['input'])} of '{place}' in {where}: {detail}.")


class UniqueKeyLoader(yaml.SafeLoader):
    """YAML's safe types alone; a key that stands twice in one mapping is an error, not the last one's value."""

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue  # what it brings in may be overridden
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {shown(key)}", key_node.start_mark)
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, what: str) -> Any:
    """What a YAML file holds.  Raises BadInput for anything that is not valid, safe YAML with unique keys."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{what} {path} is not valid YAML: {error}.") from None
    except OSError as error:
        raise BadInput(f"{what} {path} cannot be read: {error.strerror}.") from None
    return parse_yaml(text, f"{what} {path}")


def parse_yaml(text: str, where: str) -> Any:
    """What a YAML text holds.  Raises BadInput as `read_yaml`; `where` begins its sentence."""
    try:
        data = yaml.load(text, UniqueKeyLoader)  # derived from SafeLoader: makes no objects
        size = _count_values(data, {})
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # an invalid date is a ValueError
        raise BadInput(f"{where} is not valid YAML: {str(error).rstrip('.')}.") from None
    except (LookupError, AttributeError, ArithmeticError):  # PyYAML's own, of such as !!bool "x" and !!timestamp ""
        raise BadInput(f"{where} is not valid YAML: a value does not have the type that its tag states.") from None
    if size > MAX_VALUES:
        raise BadInput(f"{where} is not valid YAML: its aliases expand to more than a million values.")
    return data


def _count_values(value: Any, known: dict[int, int]) -> int:
    """Values within `value` with aliases written out; ValueError where one contains itself."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = 0  # not done yet: who comes here again is inside it
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count_values(v, known) for v in inner)
    elif not known[id(value)]:
        raise ValueError("an alias refers to a value that contains it")
    return known[id(value)]


def read_json(path: Path) -> Any:
    """What a JSON file holds.  Raises BadInput for invalid JSON, duplicate keys, and numbers that are not finite."""
    try:
        return json.loads(
            path.read_text(encoding="utf-8-sig"),
            object_pairs_hook=unique_keys,
            parse_constant=_finite,
            parse_float=_finite,
        )
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not valid JSON: {str(error).rstrip('.')}.") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `json.loads`: the object of these pairs.  Raises ValueError for a key that occurs twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"duplicate key {shown(twice)}")
    return found


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{shown(text)} is not a finite number")
    return number
