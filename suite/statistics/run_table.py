"""The data frame that statistics and report start from: one row per run, with known columns, types and order.

`suite.collect.results_table` makes these frames once per report; whatever reads them says which of the three it takes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from suite.spec import BadInput, Part, parse_model, without_setting

if TYPE_CHECKING:
    import pandas as pd

TEXT = ("id", "name", "dataset", "module", "backbone", "pooling", "state", "control", "source", "frame_wise")
COUNTS = ("frames", "seed", "n", "params", "conv_gmacs", "gmacs", "views", "epochs", "epochs_seen", "selected_epoch")
ACCURACIES = ("top1", "top5", "top1_video", "pair_top1", "best_top1", "dev_top1")  # percent
BOUNDS = ("chance", "ceiling_blind", "ceiling_ordered")  # percent, of the data set
NUMBERS = COUNTS + ACCURACIES + BOUNDS
# what seeds are averaged within
CELL = ["source", "dataset", "name", "architecture", "body", "pooling", "control", "frames"]

ENSEMBLE = "ensemble"  # what stands for a module in the rows of ensembles
MODULE_ORDER = ("tsn", "tsm", "tam", "conv", "s3d", "i3d")
POOLING_ORDER = ("none", "tp", "tp=max")
BACKBONE_OPTIONS: tuple[str, ...] = ()  # options that change the 2-D network, so that its baseline has them too


def rank(known: tuple[str, ...], value: str) -> tuple[int, str]:
    """Sort key: known values in their order, then the others by name."""
    return (known.index(value) if value in known else len(known), value)


def name_with_control(name: str, control: str) -> str:
    """The name of a model's row in a table; `tsm-resnet18 [epoch_matched:8]` is the control of its 8-frame stage."""
    return f"{name} [{control}]" if control else name


def architecture(name: str, module: str, backbone: str = "") -> tuple[str, str]:
    """What a model's name says beside backbone and temporal pooling, and the backbone with its own options.

    `tsm-resnet50-tp+rcca@r=3` gives ("tsm+rcca@r=3", "resnet50"): an add-on block makes another architecture, which
    must neither be averaged with plain `tsm` nor serve as the TSN baseline.  So does a setting of protocol keys behind
    the name: `tam-resnet50 (sampling.rule=dense)` gives ("tam (sampling.rule=dense)", "resnet50").
    Standalone architectures give (module, backbone).
    """
    plain, setting = without_setting(name)
    try:
        parsed = parse_model(plain)
    except BadInput:
        return module or name, backbone
    own = [(k, v) for k, v in parsed.options if k not in (*BACKBONE_OPTIONS, "tp")]
    parts = [Part(parsed.module, tuple(own)), *parsed.blocks]
    body = Part(parsed.backbone, tuple(option for option in parsed.options if option[0] in BACKBONE_OPTIONS))
    return "+".join(map(_component_text, parts)) + setting, _component_text(body)


def _component_text(part: Part) -> str:
    return part.name + ("@" + ",".join(f"{k}={v}" for k, v in part.options) if part.options else "")


def tidy(rows: pd.DataFrame) -> pd.DataFrame:
    """A sorted copy with all columns of TEXT and NUMBERS, and `architecture` and `body` taken from the name.

    `frame_wise`, the model that Phi and Psi of a row are computed against, is TSN of the same backbone where the rows
    do not say.  Other unknown text is "", an unknown number NaN.  Order: data set, backbone (standalone
    architectures last), module, pooling, frames, seed.
    Raises BadInput when a column is missing without which a row says nothing.
    """
    import pandas as pd

    lacking = [c for c in ("name", "dataset", "frames", "state") if c not in rows.columns] if len(rows.columns) else []
    if lacking:
        raise BadInput(f"The table of runs lacks the column '{lacking[0]}'.")
    out = rows.copy()
    for column in TEXT:
        out[column] = out[column].astype(object).where(out[column].notna(), "").map(str) if column in out else ""
    for column in NUMBERS:
        values = out[column] if column in out else pd.Series(math.nan, index=out.index)
        out[column] = pd.to_numeric(values, errors="coerce").astype(float)
    out["pooling"] = out["pooling"].replace("", "none")
    out["source"] = out["source"].replace("", "suite")
    named = [architecture(*row) for row in zip(out["name"], out["module"], out["backbone"], strict=True)]
    out["architecture"] = [a for a, _ in named]
    out["body"] = [b for _, b in named]
    tsn = [f"tsn-{body}" if body else "" for body in out["body"]]
    out["frame_wise"] = [said or usual for said, usual in zip(out["frame_wise"], tsn, strict=True)]
    order = sorted(range(len(out)), key=[_sort_key(row) for row in out.to_dict("records")].__getitem__)
    return out.iloc[order].reset_index(drop=True)


def _sort_key(row: dict) -> tuple:
    numbers = [-1.0 if math.isnan(row[c]) else row[c] for c in ("frames", "seed")]
    network = (row["body"] == "", row["body"], rank(MODULE_ORDER, row["module"]), row["architecture"])
    pooling = rank(POOLING_ORDER, row["pooling"])
    return row["dataset"], network, pooling, row["name"], row["control"], numbers, row["source"], row["id"]


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """Of tidied runs those that are done and have a top-1.

    Raises BadInput when two of them differ in nothing but their protocol: their mean would be no mean over seeds.
    """
    done = runs[(runs["state"] == "done") & runs["top1"].notna()].reset_index(drop=True)
    twice = done[done.duplicated([*CELL, "seed"])]
    if len(twice):
        row = twice.iloc[0]
        raise BadInput(
            f"Two finished runs of {row['name']} on {row['dataset']} have the same frames ({row['frames']:.0f}) and "
            "seed: give the rows of one protocol at a time."
        )
    return done


def mean_over_seeds(done: pd.DataFrame) -> pd.DataFrame:
    """One row per model, data set and frames: finished runs averaged over seeds.

    Adds `ids` (a list), `seeds` (how many) and `top1_sd` (sample standard deviation in percent; NaN for one seed).
    `n` stays the number of videos of one evaluation: more seeds do not make the set of videos larger.
    """
    columns = {"module": ("module", "first"), "backbone": ("backbone", "first")}
    for column in NUMBERS:
        if column not in ("frames", "seed"):
            columns[column] = (column, "min" if column == "n" else "mean")
    columns |= {"ids": ("id", list), "seeds": ("top1", "size"), "top1_sd": ("top1", "std")}
    out = done.groupby(CELL, sort=False, dropna=False).agg(**columns).reset_index()
    return out.astype({"frames": int})


def datasets(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per data set: n, chance, ceiling_blind, ceiling_ordered (percent), from the first run with each."""
    facts = ["n", "chance", "ceiling_blind", "ceiling_ordered"]
    return runs.groupby("dataset", sort=True)[facts].first().reset_index()
