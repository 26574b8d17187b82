"""The published record: every number of five papers, one row a number, and what is stated about how it was made.

The files are `results/published/<paper>.csv`; results/published/README.md describes their columns.
"""

from __future__ import annotations

import csv
import math
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from suite.spec import BadInput, Strict, checked, read_yaml, shipped, unknown

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = shipped("results/published")
PAPERS = ("deep_analysis", "rcca3d", "gta", "arc", "cstransformer")
PERCENT = ("top1", "top5")
METRICS = (
    *PERCENT,
    *("top1_gain", "phi", "psi_ta", "psi_ta_tp"),
    *("gflops", "gflops_percent", "params_m", "params_percent", "clips_per_second", "max_batch"),
    *("train_videos", "val_videos", "classes"),
    *("weight_decay", "batch_size", "epochs", "initial_lr", "dropout"),
    *("n_stb", "n_ttb", "embedding_size", "mlp_stb", "mlp_ttb", "heads"),
)
RANGES = {  # of values; other metrics are not negative
    **dict.fromkeys(PERCENT, (0, 100)),
    **{"phi": (0, 1), "psi_ta": (-100, 1), "psi_ta_tp": (-100, 1), "top1_gain": (-100, 100)},
}
COUNTS = {  # what printed FLOPs count
    "conv_macs": "multiply-adds of convolutions",
    "macs": "multiply-adds",
    "2macs": "2 × multiply-adds",
    "macs+2block": "multiply-adds, twice in the add-on block",
    "2macs+conv": "multiply-adds of convolutions, twice in the add-on block",
    "unknown": "unknown",
}


def _whole(text: Any) -> Any:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() else text


Whole = Annotated[int, BeforeValidator(_whole)]


class Number(Strict):
    """One printed number."""

    paper: Literal[PAPERS]
    table: str = Field(min_length=1)  # as numbered in the paper, or "text <section>"
    line: str = ""  # of the paper's text
    row: Whole = Field(ge=1)  # within the table
    model: str = ""  # as printed
    module: str = ""  # in the words of the suite; "other" where it has none
    backbone: str = ""
    pooling: Literal["", "none", "tp"] = ""
    frames: str = Field("", pattern=r"^([0-9]+(\+[0-9]+)?)?$")  # slow+fast, or those of an ensemble's members
    sampling: Literal["", "uniform", "dense"] = ""
    dataset: str = ""
    split: Literal["", "val", "test", "split1", "split2", "split3", "avg_splits"] = ""
    pretraining: str = ""
    views: str = Field("", pattern=r"^([0-9]+(x[0-9]+)?)?$")  # clips x crops, or their product
    crop: str = Field("", pattern=r"^[0-9]*$")  # pixels
    metric: Literal[METRICS]
    value: str  # as printed; empty where a printed value cannot be assigned
    decimals: Whole = Field(ge=0)
    n: str = Field("", pattern=r"^[0-9]*$")  # videos evaluated
    counts: str = ""  # what the FLOPs count, and of one view or all
    origin: Literal["own", "quoted", "unknown"] = "unknown"
    ablation: str = ""
    setting: str = ""
    notes: str = ""  # codes of notes.csv

    @field_validator("value")
    @classmethod
    def _printed(cls, value: str) -> str:
        if value and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
            raise ValueError("a value is a number as printed, or empty")
        return value

    @field_validator("counts")
    @classmethod
    def _counts(cls, value: str) -> str:
        what, _, views = value.partition("/")
        if value and (what not in COUNTS or views not in ("view", "all_views")):
            raise ValueError("counts is one of " + ", ".join(COUNTS) + " followed by /view or /all_views")
        return value

    def problem(self, notes: dict[str, str]) -> str | None:
        """What single columns cannot tell."""
        if self.decimals != len(self.value.partition(".")[2]):
            return f"decimals is {self.decimals}, the value is printed as {self.value!r}"
        low, high = RANGES.get(self.metric, (0, math.inf))
        if self.value and not low <= float(self.value) <= high:
            return f"{self.metric} is {self.value}, which is not within {low} and {high}"
        if (self.metric == "gflops") != bool(self.counts):
            return "gflops, and nothing else, says in counts what it counts"
        if odd := [code for code in self.notes.split() if code not in notes]:
            return f"the note '{odd[0]}' is not in notes.csv"
        return None


@lru_cache
def _load(folder: Path) -> tuple[dict[str, Any], ...]:
    notes = read_notes(folder)
    rows: list[dict[str, Any]] = []
    for paper in PAPERS:
        path = folder / f"{paper}.csv"
        seen: dict[tuple, int] = {}
        for line, fields in _csv(path, list(Number.model_fields)):
            where = f"{path.name} line {line}"
            found = checked(Number, fields, where)
            problem = found.problem(notes)
            key = (found.table, found.row, found.model, found.dataset, found.metric)
            if problem is None and key in seen:
                problem = f"table {found.table}, row {found.row} has its {found.metric} already in line {seen[key]}"
            if problem is None and found.paper != paper:
                problem = f"the paper is {found.paper}"
            if problem:
                raise BadInput(f"In {where}: {problem}.")
            seen[key] = line
            rows.append(found.model_dump())
    return tuple(rows)


def _csv(path: Path, columns: list[str]) -> list[tuple[int, dict[str, str]]]:
    """The lines of a file that has exactly these columns, each with its number."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            head = reader.fieldnames or []
            rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise BadInput(f"The published numbers are not at {path}; install the suite again.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path.name} is not a CSV file in UTF-8: {error}.") from None
    for name in columns:
        if name not in head:
            raise BadInput(f"{path.name} line 1 lacks the column '{name}'.")
    for name in head:
        if name not in columns:
            raise unknown(f"column in line 1 of {path.name}:", name, columns)
    for number, row in rows:
        if None in row or None in row.values():
            raise BadInput(f"{path.name} line {number} does not have {len(columns)} fields.")
    return rows


def read_notes(folder: Path = PUBLISHED) -> dict[str, str]:
    """What the codes in the column `notes` mean."""
    rows = _csv(folder / "notes.csv", ["code", "meaning"])
    notes = {row["code"]: row["meaning"] for _, row in rows}
    if len(notes) < len(rows):
        raise BadInput("notes.csv explains a code twice.")
    return notes


def record(folder: Path = PUBLISHED) -> pd.DataFrame:
    """Every number of the papers' tables and text, checked; columns as in `Number`, and `number` as a float.

    Raises BadInput with file, line and fault when a row does not keep to the schema.
    """
    import pandas as pd

    out = pd.DataFrame(_load(Path(folder)), columns=list(Number.model_fields))
    out["number"] = [float(v) if v else math.nan for v in out["value"]]
    return out


def wide(paper: str, table: str | None = None, folder: Path = PUBLISHED) -> pd.DataFrame:
    """One row per printed row and data set of a paper's tables, a column per metric; NaN where nothing is printed.

    `printed_<metric>` holds the text of the value, `notes` all codes of the row.
    """
    if paper not in PAPERS:
        raise unknown("paper", paper, PAPERS)
    return _wide(paper, table, Path(folder)).copy()


@lru_cache
def _wide(paper: str, table: str | None, folder: Path) -> pd.DataFrame:
    rows = record(folder)
    rows = rows[(rows["paper"] == paper) & (rows["table"].eq(table) if table else True)]
    key = ["paper", "table", "row", "model", "dataset"]
    about = [c for c in Number.model_fields if c not in (*key, "metric", "value", "decimals", "n", "counts", "notes")]
    out = rows.groupby(key, sort=False)[about].first()
    for metric in dict.fromkeys(rows["metric"]):
        of_metric = rows[rows["metric"] == metric].set_index(key)
        out[metric] = of_metric["number"]
        out[f"printed_{metric}"] = of_metric["value"]
    for extra, metric in (("n", "top1"), ("counts", "gflops")):
        out[extra] = rows[rows["metric"] == metric].set_index(key)[extra]
    out["n"] = [float(n) if isinstance(n, str) and n else math.nan for n in out["n"]]
    joined = rows.groupby(key, sort=False)["notes"].agg(lambda notes: " ".join(dict.fromkeys(" ".join(notes).split())))
    return out.assign(notes=joined).reset_index()


# data sets of videos that printed models were pretrained on -> the suite's names; mini-kinetics is that of rcca3d
ON_VIDEOS = {"kinetics400": "kinetics400", "mini-kinetics": "mini_kinetics_xie"}


@lru_cache
def _protocols(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return read_yaml(folder / "protocols.yaml", "Published protocols")


def stated(paper: str, table: str, module: str, dataset: str, folder: Path = PUBLISHED) -> dict[str, Any]:
    """The factors that a paper states for its own rows of a table; what it does not state is absent."""
    for entry in _protocols(Path(folder)).get(paper, []):
        fits = table in entry["tables"]
        fits &= module.partition("@")[0] in entry.get("modules", [module.partition("@")[0]])
        if fits and dataset in entry.get("datasets", [dataset]):
            return {key: value for key, value in entry.items() if key not in ("tables", "modules", "datasets")}
    return {}


def factors_of(row: dict[str, Any], folder: Path = PUBLISHED) -> dict[str, Any]:
    """The factors of one printed row (as `wide` gives it); those of quoted rows are what the row itself says."""
    from suite.fairness.factors import FACTORS, ONE_MODEL, read_views

    own = row["origin"] == "own"
    facts = stated(row["paper"], row["table"], row["module"], row["dataset"], folder) if own else {}
    said = {key: row[key] or None for key in ("dataset", "split", "backbone", "pooling", "pretraining", "views")}
    said["module"] = row["module"] if row["module"] not in ("", "other") else row["model"]
    if row["setting"] and ("+" in row["module"] or row["module"].startswith("cstransformer")):
        said["module"] += f" [{row['setting']}]"  # an ablation: otherwise its rows would be one model
    said["views"] = read_views(row["views"]) if row["views"] else None
    said["frames"] = int(row["frames"]) if re.fullmatch(r"\d+", row["frames"]) else row["frames"] or None
    codes, counts = row["notes"].split(), sorted(map(int, re.findall(r"\d+", row["frames"])))
    if "ensemble" in codes:
        said["frames"] = counts or None
        said["ensemble"] = {"models": len(counts) if len(counts) > 1 else None, "average": None, "weights": None}
    elif "two_stream" not in codes:
        said["ensemble"] = ONE_MODEL
    if row["pretraining"] in ON_VIDEOS:  # as of our runs, whose other parts (model, frames) are not printed
        said["pretraining"] = {"data set": ON_VIDEOS[row["pretraining"]]}
    said["test_crop"] = int(row["crop"]) if row["crop"] else None
    said["test_frames"] = said["frames"] if own else None
    said["sampling"] = {"rule": row["sampling"]} if row["sampling"] else None
    merged = dict.fromkeys(FACTORS) | facts | {key: value for key, value in said.items() if value is not None}
    if isinstance(facts.get("sampling"), dict) and said["sampling"]:
        merged["sampling"] = facts["sampling"] | said["sampling"]
    return merged
