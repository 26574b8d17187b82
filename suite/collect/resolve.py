"""What can be compared: a run, a checkpoint that was tested, a published row, predictions of another codebase."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from suite.data.dataset_info import info
from suite.evaluation.predictions import FORMATS, check_stored, read_own, read_predictions
from suite.fairness.contender import Contender
from suite.fairness.factor_values import meaning
from suite.fairness.factors import FACTORS
from suite.fairness.run_factors import of_evaluation, read_run
from suite.published.references import REFERENCES, published_rows
from suite.spec import BadInput, read_yaml, unknown
from suite.store.evaluations import result_of, tested_as
from suite.store.find import find_run
from suite.store.folder import intact

COSTS = ("params", "conv_gmacs", "gmacs")
SPEC = ("name", "dataset", "classes", "source", *COSTS)  # of a predictions file, beside the factors


def contender(text: str, results: Path) -> Contender:
    """The contender that `text` names: a run (id, its beginning, or folder), a folder of `suite eval`, a predictions
    file with its spec, or the id of a published row.  Raises BadInput when it is none of them."""
    path = Path(text)
    if path.suffix in FORMATS:
        return from_file(path)
    if text.startswith("published."):
        return from_record(text)
    if (path / "eval.json").is_file():
        return from_evaluation(path)
    folder = find_run(text, results)
    if folder is not None:
        return from_run(folder)
    if "/" in text or path.exists():
        raise BadInput(
            f"{text} is neither a run folder, nor one of suite eval, nor a predictions file (.csv, .parquet)."
        )
    raise unknown("run", text, [p.parent.name for p in results.glob("*/runs/*/spec.yaml")])


def from_run(folder: Any) -> Contender:
    """A finished run."""
    spec = folder.spec()
    result = result_of(folder, spec)
    if result is None:
        raise BadInput(f"The run {folder.id} is not finished; there is nothing to compare yet.")
    outcome = read_own(folder.predictions, result.get("class_names"))
    if outcome.labels is None:
        raise BadInput(f"The predictions of {folder.id} come without labels, so that its accuracy cannot be checked.")
    check_stored(result, outcome, folder.id)
    return Contender(folder.id, result["top1"], result["n"], read_run(spec, folder), outcome)


def from_evaluation(folder: Path) -> Contender:
    """What `suite eval` wrote of a checkpoint: how it was trained is known only as far as eval.json says."""
    try:
        found = json.loads((folder / "eval.json").read_text())
    except (OSError, ValueError, RecursionError):
        found = None
    test = tested_as(found)
    if test is None:
        raise BadInput(f"{folder / 'eval.json'} is damaged; test again into an empty folder.")
    # in the folder of a run, a test has the folder of its id
    if not intact(found) or (folder.resolve().parent.name == "eval" and found.get("run") and folder.name != test):
        raise BadInput(f"{folder / 'eval.json'} was changed after it was written; restore it, or test again.")
    if "top1" not in found:
        raise BadInput(f"{folder} was tested on a split without labels; there is nothing to compare.")
    outcome = read_own(folder / "predictions.parquet", found.get("class_names"))
    check_stored(found, outcome, str(folder))
    return Contender(str(folder), found["top1"], found["n"], of_evaluation(found, folder), outcome)


def from_record(text: str) -> Contender:
    """A published row by its id."""
    for source in REFERENCES:
        rows = published_rows(source)
        match = rows[rows["id"] == text]
        if len(match):
            row = match.iloc[0].to_dict()
            return Contender(text, row["top1"], row["n"], row["factors"], row=row)
    ids = [i for source in REFERENCES for i in published_rows(source)["id"]]
    raise unknown("published row", text, ids)


def from_file(path: Path) -> Contender:
    """Predictions of another codebase: `path` and, beside it, a YAML of the same name with its factors.

    Its keys: name, dataset (needed), classes (names in the order of the class numbers), params, conv_gmacs, gmacs, and
    any factor of the ledger, read as what it means (`suite.fairness.factor_values`).  What it does not state is
    unknown.  Class numbers need `classes`, or labels in the file that are checked against ours.
    """
    spec = path.with_suffix(".yaml")
    if not path.is_file():
        raise BadInput(f"There is no file {path}.")
    if not spec.is_file():
        raise BadInput(f"{path.name} needs {spec.name} beside it, with name, dataset and the factors that are known.")
    about = read_yaml(spec, "Factors")
    if not isinstance(about, dict):
        raise BadInput(f"{spec.name} does not hold keys and values.")
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
    outcome = read_predictions(path, classes, num)
    if outcome.classes is None and outcome.labels is None:
        raise BadInput(
            f"{path.name} gives class numbers, which differ between codebases: add to {spec.name} 'classes', their "
            "names in the order of the numbers, or to the file a column 'label', the true class by the same numbers."
        )
    top1 = 100 * float(outcome.correct().mean()) if outcome.labels is not None else math.nan
    if about.get("source", "") in ("suite", *REFERENCES):
        raise BadInput(f"In {spec.name}, source {about['source']!r} is a name of the suite's own.")
    factors = dict.fromkeys(FACTORS)
    factors |= {key: meaning(key, value, spec.name) for key, value in about.items() if key in FACTORS}
    if any(value <= 0 for value in (factors["frames"], *map(about.get, COSTS)) if value is not None):
        raise BadInput(f"In {spec.name}, frames and costs are above 0.")
    factors["test_frames"] = factors["test_frames"] or factors["frames"]
    factors["module"] = factors["module"] or about["name"]
    row = {
        "id": f"{path.stem}-{hashlib.sha256(path.read_bytes() + spec.read_bytes()).hexdigest()[:10]}",
        "views": (factors["views"] or {}).get("number", math.nan),
        **{"name": about["name"], "dataset": about["dataset"], "state": "done"},
        **{"module": factors["module"], "backbone": factors["backbone"] or "", "pooling": factors["pooling"] or "none"},
        **{"frames": factors["frames"] or math.nan, "seed": factors["seed"], "top1": top1, "n": len(outcome.ids)},
        **{key: about.get(key, math.nan) for key in COSTS},
        **{"source": about.get("source", path.name), "factors": factors},
    }
    return Contender(about["name"], top1, len(outcome.ids), factors, outcome, row)


def read_side(text: str, results: Path) -> tuple[Contender, ...]:
    """The results that `text` names: one, or several with commas between.  Raises BadInput as `contender`."""
    if "," not in text or Path(text).exists():
        return (contender(text, results),)
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise BadInput(f"'{text}' has an empty name between its commas; write ID,ID,ID.")
    return tuple(contender(name, results) for name in names)
