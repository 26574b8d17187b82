"""Values of factors that a person states, read as what they mean: "32" is 32, "1e-4" a number, "SGD" is "sgd"."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from suite.fairness.factors import read_views
from suite.spec import BACKBONES, BadInput

# The kind of a factor's value: "whole" and "number" are numbers, "yes/no" a truth value, "wholes" whole numbers in a
# row, "views" clips x crops, "stages" the schedules of earlier stages; a mapping has parts of these kinds.  A factor
# that is not listed is "name".
KINDS: dict[str, Any] = {
    "missing": "whole",
    "frames": "whole",
    "test_frames": "whole",
    "resolution": "whole",
    "test_crop": "whole",
    "tuning": "whole",
    "seed": "whole",
    "batch": "whole",
    "batch_norm": "whole",
    "step_batch": "whole",
    "held_out": "number",
    "epochs_seen": "number",
    "dropout": "number",
    "sync_bn": "yes/no",
    "compile": "yes/no",
    "chain_frames": "wholes",
    "views": "views",
    "sampling": {"rule": "word", "variant": "word", "stride": "whole"},
    "test_sampling": {"rule": "word", "stride": "whole", "dense_clip": "word"},
    "augmentation": {"crop": "word", "flip": "word"},
    "optimiser": {
        "kind": "word",
        "momentum": "number",
        "weight_decay": "number",
        "norm_decay": "yes/no",
        "nesterov": "yes/no",
        "gradient_limit": "number or none",
    },
    "schedule": {
        "kind": "word",
        "lr": "number",
        "epochs": "number",
        "gamma": "number",
        "warmup": "number",
        "milestones": "wholes",
    },
    "chain": "stages",
    "ensemble": "plain parts",
    "data": "plain parts",
    "decoder": "plain parts",
    "leakage": "plain parts",
    "code_train": "plain parts",
    "code_test": "plain parts",
}
MAIN = {
    "sampling": "rule",
    "test_sampling": "rule",
    "optimiser": "kind",
    "schedule": "kind",
}  # the part that a single word means
WORDS: dict[str, dict[str, str]] = {  # of names: spellings (`_letters_and_digits`) -> the word of the ledger
    "split": {"val": "val", "validation": "val", "train": "train", "test": "test"},
    "backbone": {re.sub("[^a-z0-9]", "", name): name for name in BACKBONES},
    "pooling": {"none": "none", "tp": "tp", "tpmax": "tp=max"},
    "pretraining": {
        "imagenet": "imagenet",
        "imagenet1k": "imagenet",
        "imagenet21k": "imagenet-21k",
        "scratch": "scratch",
        "none": "scratch",
    },
    "inflation": {
        "repeat": "repeat",
        "mean": "mean",
        "center": "center",
        "centre": "center",
        "none": "none: from scratch",
    },
    "normalisation": {name: name for name in ("imagenet", "half", "slowfast", "kinetics")},
    "precision": {"fp32": "fp32", "float32": "fp32", "bf16": "bf16", "bfloat16": "bf16", "fp16": "fp16"},
    "selection": {"lastepoch": "last epoch", "last": "last epoch"},
    "fusion": {"logits": "logits", "softmax": "softmax", "oneview": "one view"},
    "device": {"cpu": "cpu"},
}
_HELP = {
    "whole": "a whole number such as 32",
    "number": "a number such as 0.5",
    "number or none": "a number, or none",
    "yes/no": "yes or no",
    "wholes": "whole numbers such as [8, 16]",
    "views": "clips x crops such as 10x3, or their number",
    "stages": "none, or a mapping from 'stage 1' on to the schedules of earlier stages",
    "word": "a word",
    "name": "a name",
    "plain": "a number or a word",
}


def meaning(factor: str, value: Any, where: str) -> Any:
    """The value of a factor as `suite.fairness.factors.of_run` gives it; None, not known, stays None.

    Raises BadInput, naming the factor and what it takes, for a value that cannot be of its kind.
    """
    return _read_value(factor, KINDS.get(factor, "name"), value, where, factor)


def _read_value(label: str, kind: Any, value: Any, where: str, factor: str) -> Any:
    if value is None:
        return None
    if isinstance(kind, Mapping):
        return _parts(label, kind, value, where, factor)
    if kind == "stages":
        return _stages(value, where)
    if kind == "plain parts":  # as `suite.fairness.data_factors` writes them; in short a name or a number
        kind = {} if isinstance(value, Mapping) else "plain"
        return _read_value(label, kind, value, where, factor)
    try:
        if kind == "name":
            text = _name(value)
            return WORDS.get(factor, {}).get(_letters_and_digits(text), text)
        return _READERS[kind](value)
    except (ValueError, TypeError, OverflowError):
        raise _refused(where, label, _HELP[kind], value) from None


def _parts(label: str, kinds: Mapping[str, str], value: Any, where: str, factor: str) -> dict[str, Any]:
    main = MAIN.get(factor)
    if main and isinstance(value, str):
        value = {main: value}
    if not isinstance(value, Mapping) or not value or not all(isinstance(key, str) for key in value):
        example = ", ".join(list(kinds)[:3])
        raise _refused(where, label, f"a mapping with parts such as {example}", value)
    return {
        key: _read_value(f"{label} {key}", kinds.get(key, "plain"), part, where, "") if part is not None else None
        for key, part in value.items()
    }


def _stages(value: Any, where: str) -> Any:
    if isinstance(value, str) and _letters_and_digits(value) == "none":
        return "none"
    if not isinstance(value, Mapping) or not all(isinstance(stage, Mapping) for stage in value.values()):
        raise _refused(where, "chain", _HELP["stages"], value)
    kinds = KINDS["schedule"] | {"recipe": "word"}  # a digest may look like a number
    return {str(name): _parts(f"chain, {name},", kinds, stage, where, "") for name, stage in value.items()}


def _refused(where: str, label: str, expected: str, value: Any) -> BadInput:
    shown = " ".join(repr(value).split())[:60]
    return BadInput(f"In {where}, {label} is {expected}, not {shown}; leave out what is not known.")


# --- readers of one value: each gives what it means, or raises ValueError or TypeError ------------------------------


def _letters_and_digits(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value) if not isinstance(value, int) else value
    if not math.isfinite(number):
        raise ValueError
    return int(number) if number == int(number) else number


def _whole(value: Any) -> int:
    number = _number(value)
    if not isinstance(number, int):
        raise ValueError
    return number


def _number_or_none(value: Any) -> Any:
    return "none" if isinstance(value, str) and _letters_and_digits(value) == "none" else _number(value)


def _yes_no(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}[_truth_word(value)]


def _truth_word(value: Any) -> str:
    if not isinstance(value, str) or _letters_and_digits(value) not in ("yes", "true", "on", "no", "false", "off"):
        raise ValueError
    return _letters_and_digits(value)


def _wholes(value: Any) -> list[int]:
    if isinstance(value, str):
        text = value.strip().strip("[]()")
        value = [part for part in re.split(r"[\s,;/]+", text) if part and _letters_and_digits(part) != "none"]
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple):
        raise TypeError
    return [_whole(part) for part in value]


def _views(value: Any) -> dict[str, int]:
    if isinstance(value, Mapping) and {"clips", "crops"} <= set(value) <= {"clips", "crops", "number"}:
        value = f"{value['clips']}x{value['crops']}"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    text = re.sub(r"\s*[x×*]\s*", "x", str(value).strip().casefold())
    if not re.fullmatch(r"[1-9][0-9]{0,5}(x[1-9][0-9]{0,5})?", text):
        raise ValueError
    return read_views(text)


def _word(value: Any) -> str:
    """Of a part: case and blanks at the ends carry no meaning."""
    return _name(value).casefold()


def _name(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
        raise TypeError
    return " ".join(str(value).split())


def _plain(value: Any) -> Any:
    """Of a part that the ledger does not know: a number where it reads as one, a word otherwise."""
    if isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    try:
        return _number(value)
    except (ValueError, TypeError):
        return _word(value)


_READERS = {
    "whole": _whole,
    "number": _number,
    "number or none": _number_or_none,
    "yes/no": _yes_no,
    "wholes": _wholes,
    "views": _views,
    "word": _word,
    "name": _name,
    "plain": _plain,
}
