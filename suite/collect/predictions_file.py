"""Predictions of another codebase as a result: a file (.csv, .parquet) and, beside it, a YAML with what is known."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

from suite.data.dataset_info import info
from suite.evaluation.predictions import read_predictions
from suite.fairness.factor_values import meaning
from suite.fairness.factors import FACTORS
from suite.fairness.result import Result
from suite.published.references import REFERENCES
from suite.spec import BadInput, read_yaml, unknown

COSTS = ("params", "conv_gmacs", "gmacs")
SPEC = ("name", "dataset", "classes", "source", *COSTS)  # of a predictions file, beside the factors


def from_file(path: Path, keep_logits: bool = False) -> Result:
    """Predictions of another codebase: `path` and, beside it, a YAML of the same name with its factors.

    Its keys: name, dataset (needed), classes (names in the order of the class numbers), params, conv_gmacs, gmacs, and
    any factor of the ledger, read as what it means (`suite.fairness.factor_values`).  What it does not state is
    unknown.  Class numbers need `classes`, or labels in the file that are checked against ours.  keep_logits: the
    outcome has them, where the file has.
    """
    if not path.is_file():  # first, since a path without a name has no suffix
        raise BadInput(f"There is no file {path}.")
    spec = path.with_suffix(".yaml")
    if not spec.is_file():
        raise BadInput(
            f"{path.name} needs {spec.name} in the same folder, with the keys name and dataset and any known factors."
        )
    about = read_yaml(spec, "Factors")
    if not isinstance(about, dict):
        raise BadInput(f"{spec.name} does not contain keys and values.")
    for key in about:
        if key not in (*SPEC, *FACTORS):
            raise unknown(f"key in {spec.name}", str(key), [*SPEC, *FACTORS])
    for key in ("name", "dataset"):
        if not isinstance(about.get(key), str):
            raise BadInput(f"{spec.name} lacks the key '{key}'.")
    classes = about.get("classes")
    if classes is not None and not (isinstance(classes, list) and all(isinstance(c, str) for c in classes)):
        raise BadInput(f"In {spec.name}, classes is not a list of names.")
    try:
        num = info(about["dataset"]).num_classes
    except BadInput:
        num = 0  # a data set that the suite does not know is compared on the file's own word
    if classes and num and len(classes) != num:
        raise BadInput(f"In {spec.name}, classes has {len(classes)} names; {about['dataset']} has {num}.")
    for key in COSTS:
        if key in about and (isinstance(about[key], bool) or not isinstance(about[key], int | float)):
            raise BadInput(f"In {spec.name}, {key} is a number, not {about[key]!r}.")
    for key in ("module", "backbone", "pooling", "source"):
        if about.get(key) is not None and not isinstance(about[key], str):
            raise BadInput(f"In {spec.name}, {key} is a name, not {about[key]!r}.")
    outcome = read_predictions(path, classes, num, keep_logits)
    if outcome.classes is None and outcome.labels is None:
        raise BadInput(
            f"{path.name} gives class numbers, which differ between codebases: add to {spec.name} 'classes', their "
            "names in the order of the numbers, or to the file a column 'label', the true class by the same numbers."
        )
    top1 = 100 * float(outcome.correct().mean()) if outcome.labels is not None else math.nan
    if about.get("source", "") in ("suite", *REFERENCES):
        raise BadInput(f"In {spec.name}, source {about['source']!r} is reserved for the suite.")
    factors = dict.fromkeys(FACTORS)
    factors |= {key: meaning(key, value, spec.name) for key, value in about.items() if key in FACTORS}
    if any(value <= 0 for value in (factors["frames"], *map(about.get, COSTS)) if value is not None):
        raise BadInput(f"In {spec.name}, frames and costs must be above 0.")
    factors["test_frames"] = factors["test_frames"] or factors["frames"]
    factors["module"] = factors["module"] or about["name"]
    row = {
        "id": f"{path.stem}-{hashlib.sha256(path.read_bytes() + spec.read_bytes()).hexdigest()[:10]}",
        "views": (factors["views"] or {}).get("number", math.nan),
        "name": about["name"],
        "dataset": about["dataset"],
        "state": "done",
        "module": factors["module"],
        "backbone": factors["backbone"] or "",
        "pooling": factors["pooling"] or "none",
        "frames": factors["frames"] or math.nan,
        "seed": factors["seed"],
        "top1": top1,
        "n": len(outcome.ids),
    }
    row |= {key: about.get(key, math.nan) for key in COSTS}
    row |= {"source": about.get("source", path.name), "factors": factors}
    return Result(about["name"], top1, len(outcome.ids), factors, outcome, row)
