"""Per-video predictions: which videos are correct, and predictions files of any codebase (CSV or parquet)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.spec import BadInput, unknown
from suite.statistics.calibration import confidence_of

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".csv", ".parquet")


@dataclass(frozen=True)
class Outcome:
    """Videos in the order of their ids; `predicted` and `labels` are class numbers, labels None where not given."""

    ids: np.ndarray  # (N,) str
    predicted: np.ndarray  # (N,) int
    labels: np.ndarray | None  # (N,) int
    classes: tuple[str, ...] | None = None  # names in the order of the numbers, where they are known
    named: bool = False  # whether the numbers are ours, made of names in a file without a list of its classes
    confidence: np.ndarray | None = None  # (N,) probability of the predicted class, where scores of all classes are
    top5: float | None = None  # percent, where a file of ours has logits and labels
    logits: np.ndarray | None = None  # (N, K), kept only where they are asked for

    def in_order_of(self, classes: tuple[str, ...] | None, where: str) -> Outcome:
        """The same in the class numbers of `classes`.  Raises BadInput for a class that is not in `classes`.

        Without names on one side the numbers are taken as they are, unless they were made of names.
        """
        if self.classes is None or self.classes == classes or (classes is None and not self.named):
            return self
        if classes is None:
            raise BadInput(f"{where} gives classes by name, but the other side has no class names.")
        place = {name: i for i, name in enumerate(classes)}
        for name in self.classes:
            if name not in place:
                raise unknown(f"class in {where}", name, place)
        numbers = np.array([place[name] for name in self.classes])
        labels = None if self.labels is None else numbers[self.labels]
        return Outcome(self.ids, numbers[self.predicted], labels, classes, confidence=self.confidence)

    def correct(self, labels: np.ndarray | None = None) -> np.ndarray:
        """(N,) bool against its own labels, or those given for the same ids."""
        truth = self.labels if self.labels is not None else labels
        if truth is None:
            raise BadInput("These predictions have no labels, and no other source of labels is given.")
        return self.predicted == truth


def aligned(a: Outcome, b: Outcome, names: tuple[str, str] = ("A", "B")) -> tuple[np.ndarray, np.ndarray]:
    """Which videos each has correct, bool (N,) and (N,).  Raises BadInput when videos or labels are not the same."""
    a, b = same_numbers(a, b, names)
    return a.correct(), b.correct()


def same_numbers(a: Outcome, b: Outcome, names: tuple[str, str] = ("A", "B")) -> tuple[Outcome, Outcome]:
    """Both in the same class numbers and with labels.  Raises BadInput when videos or labels are not the same."""
    if len(a.ids) != len(b.ids) or (a.ids != b.ids).any():
        only_a, only_b = np.setdiff1d(a.ids, b.ids), np.setdiff1d(b.ids, a.ids)
        first = f" (first '{(only_a if len(only_a) else only_b)[0]}')"
        raise BadInput(
            f"{names[0]} and {names[1]} were not tested on the same videos: {len(only_a)} are only in the first and "
            f"{len(only_b)} only in the second{first}; a paired comparison needs the same videos."
        )
    # between codebases class numbers mean nothing, names do
    if a.classes and b.classes:
        if len(a.classes) < len(b.classes):
            a = a.in_order_of(b.classes, names[0])
        else:
            b = b.in_order_of(a.classes, names[1])
    elif (a.named and not b.classes) or (b.named and not a.classes):
        named, other = (names[0], names[1]) if a.named else (names[1], names[0])
        raise BadInput(f"{named} gives classes by name, but {other} has no class names.")
    if a.labels is not None and b.labels is not None and (a.labels != b.labels).any():
        at = int((a.labels != b.labels).argmax())
        raise BadInput(
            f"{names[0]} and {names[1]} disagree on the label of {int((a.labels != b.labels).sum())} videos (first "
            f"'{a.ids[at]}'): class numbers differ; give class names, or the order of 'classes'."
        )
    labels = a.labels if a.labels is not None else b.labels
    return replace(a, labels=labels), replace(b, labels=labels)


def read_predictions(
    path: Path, classes: list[str] | tuple[str, ...] | None = None, num: int = 0, keep_logits: bool = False
) -> Outcome:
    """Reads a CSV or parquet file with one row per video.

    Columns: `id`; `logits` (a list; in CSV a JSON list, or one column per class: logit_0, logit_1, …) or `prediction`
    (a class number or name); `label`, the true class, number or name.  With `id` and `label` alone, the label is the
    predicted class.  classes: their names in the order of the numbers; num: how many there must be (0: not known);
    keep_logits: the outcome has them, None where the file has none.
    Raises BadInput for duplicate ids, missing or unknown labels, logits that are not finite or not one per class.
    """
    table = _read_table(Path(path))
    where = f"{Path(path).name}"
    if "id" not in table:
        raise BadInput(f"{where} has no column 'id'.")
    if not len(table):
        raise BadInput(f"{where} contains no predictions.")
    if table["id"].isna().any():
        raise BadInput(f"{where} row {int(table['id'].isna().argmax()) + 1} has no id.")
    ids = np.array([str(i) for i in table["id"]])
    order = np.argsort(ids, kind="stable")
    twice = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    if len(twice):
        raise BadInput(f"{where} contains the video '{ids[order][twice[0]]}' more than once.")
    if not classes and _names(table) and (_has_logits(table) or not _all_names(table)):
        raise BadInput(
            f"{where} gives labels by name but predictions by number: its YAML needs 'classes', the class "
            "names in order."
        )
    named = not classes and bool(_names(table))
    classes = tuple(classes or _names(table)) or None
    num = num or len(classes or ())
    logits = _logits(table, where, num)
    if logits is not None:
        predicted = logits.argmax(1)
        labels = _class_numbers(table, "label", where, classes, logits.shape[1]) if "label" in table else None
    elif "prediction" in table:
        predicted = _class_numbers(table, "prediction", where, classes, num)
        labels = _class_numbers(table, "label", where, classes, num) if "label" in table else None
    elif "label" in table:
        predicted, labels = _class_numbers(table, "label", where, classes, num), None
    else:
        raise BadInput(f"{where} has none of the columns 'logits', 'prediction' and 'label'.")
    confidence = None if logits is None else confidence_of(logits)[order]
    labels = None if labels is None else labels[order]
    kept = logits[order] if keep_logits and logits is not None else None
    return Outcome(ids[order], predicted[order], labels, classes, named, confidence, logits=kept)


def _has_logits(table: pd.DataFrame) -> bool:
    return "logits" in table or any(str(column).startswith("logit_") for column in table.columns)


def _all_names(table: pd.DataFrame) -> bool:
    """Whether every label in the file is a name; those that are missing are found later, with their row."""
    values = [v for column in ("prediction", "label") if column in table for v in table[column] if not _missing(v)]
    return all(isinstance(v, str) and not v.lstrip("-").isdecimal() for v in values)


def _missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and (pd.isna(value) or value == ""))  # parquet may hold lists


def _names(table: pd.DataFrame) -> list[str]:
    """The class names in a file that does not list its classes."""
    values = [v for column in ("prediction", "label") if column in table for v in table[column]]
    return sorted({v for v in values if isinstance(v, str) and v and not v.lstrip("-").isdecimal()})


def _read_table(path: Path) -> pd.DataFrame:
    import pandas as pd

    if path.suffix not in FORMATS:
        raise BadInput(f"{path.name} is not a predictions file; it ends with .csv or .parquet.")
    if not path.is_file():
        raise BadInput(f"There is no file {path}.")
    try:
        return pd.read_csv(path, dtype={"id": str}) if path.suffix == ".csv" else pd.read_parquet(path)
    except (ValueError, OSError) as error:  # pandas and pyarrow derive theirs from these
        raise BadInput(f"{path.name} cannot be read: {' '.join(str(error).split())[:120]}.") from None


def _logits(table: pd.DataFrame, where: str, num: int) -> np.ndarray | None:
    columns = [c for c in table.columns if re.fullmatch(r"logit_\d+", str(c))]
    if "logits" in table:
        rows = [_parsed_list(value) for value in table["logits"]]
        for i, row in enumerate(rows):
            if not isinstance(row, list | np.ndarray) or not len(row):
                raise BadInput(f"{where} row {i + 1} has no list of logits.")
        lengths = {len(row) for row in rows}
        if len(lengths) > 1:
            raise BadInput(f"{where} has rows with {min(lengths)} and with {max(lengths)} logits.")
        try:
            values = np.array([np.asarray(row, float) for row in rows])
        except (ValueError, TypeError):
            raise BadInput(f"{where} has logits that are not numbers.") from None
        if values.ndim != 2:
            raise BadInput(f"{where} has logits that are not a list of numbers.")
    elif columns:
        if set(columns) != {f"logit_{i}" for i in range(len(columns))}:
            raise BadInput(f"{where} has {len(columns)} logit columns that are not numbered from logit_0 on.")
        try:
            values = table[[f"logit_{i}" for i in range(len(columns))]].to_numpy(float)
        except (ValueError, TypeError):
            raise BadInput(f"{where} has logits that are not numbers.") from None
    else:
        return None
    if num and values.shape[1] != num:
        raise BadInput(f"{where} has {values.shape[1]} logits per video, but the data set has {num} classes.")
    bad = ~np.isfinite(values).all(1)
    if bad.any():
        raise BadInput(f"{where} row {int(bad.argmax()) + 1} has a logit that is not a finite number.")
    return values


def _parsed_list(value: Any) -> Any:
    """The list in a text such as "[0.5, 1]", None for another text; any other value unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _as_integer(value: Any) -> int | None:
    """A whole number as it stands in a CSV or parquet file; None for anything else."""
    if not np.isscalar(value):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError, TypeError):
        return None
    return number if isinstance(value, str) or number == value else None


def _class_numbers(table: pd.DataFrame, column: str, where: str, classes: Any, num: int) -> np.ndarray:
    """Class numbers of a column that holds numbers or names."""
    known = {name: i for i, name in enumerate(classes or ())}
    out = []
    for i, value in enumerate(table[column]):
        if _missing(value):
            raise BadInput(f"{where} row {i + 1} has no {column}.")
        if isinstance(value, str) and value in known:
            out.append(known[value])
            continue
        number = _as_integer(value)
        if number is None or not 0 <= number < (num or 1 << 31):
            shown = " ".join(str(value).split())[:60]
            raise BadInput(f"{where} row {i + 1}: '{shown}' is not one of the {num or 'known'} classes.")
        out.append(number)
    return np.array(out, dtype=np.int64)
