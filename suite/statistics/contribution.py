"""How much of a model's accuracy comes from space and how much from time (deep_analysis, eqs. 1 and 2)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from suite.spec import without_setting

if TYPE_CHECKING:
    import pandas as pd

RUN = ["id", "baseline_id", "dataset", "module", "label", "backbone", "pooling", "pooled", "frames", "seed"]
CELLS = [*RUN, "frame_wise", "top1", "baseline", "phi", "psi", "source"]
COLUMNS = [
    "dataset",
    "module",
    "phi",
    "psi_ta",
    "psi_ta_tp",
    "n_phi",
    "n_psi_ta",
    "n_psi_ta_tp",
    "frame_wise",
    "source",
]


def spatial_contribution(top1: float, baseline: float) -> float:
    """Phi of one cell (deep_analysis, eq. 1): baseline / max(top1, baseline), a fraction in 0..1.

    `top1` and the frame-wise `baseline` are top-1 in percent.  NaN where one is unknown or both are 0.
    """
    top = max(top1, baseline)
    return math.nan if math.isnan(top1 + baseline) or top == 0 else baseline / top


def temporal_improvement(top1: float, baseline: float) -> float:
    """Psi of one cell (deep_analysis, eq. 1): the share of the baseline's errors that the temporal module removes; at
    most 1.

    `top1` and the frame-wise `baseline` are top-1 in percent.  Negative where the module harms; NaN where one is
    unknown or the baseline is 100 %.
    """
    return math.nan if math.isnan(top1 + baseline) or baseline >= 100 else (top1 - baseline) / (100 - baseline)


def contribution_cells(done: pd.DataFrame) -> pd.DataFrame:
    """phi and psi of every finished run but the baselines themselves.

    The baseline is the model of the column `frame_wise` (plain TSN of the same backbone, unless a standalone
    architecture has one of its own), without temporal pooling, on the same data set, with the same frames, seed and
    source.  Where it is missing, `baseline`, phi and psi are NaN: no other seed or backbone stands in.
    Control arms are no cells.  `done` are finished runs of `run_table`.
    One row per run: id, baseline_id, dataset, module (with its add-on blocks and options), label (with the kind of
    pooling where that is not the published one), backbone, pooling, pooled ("none" or "pooled"), frames, seed, top1,
    baseline (percent), phi, psi (fractions), source, frame_wise (the name of its baseline).
    """
    done = done[done["control"] == ""]
    key = ["source", "dataset", "frame_wise", "frames", "seed", "setting"]
    split = [without_setting(name) for name in done["architecture"]]
    done = done.assign(setting=[setting for _, setting in split])
    plain = [f"{a}-{b}" if b else a for (a, _), b in zip(split, done["body"], strict=True)]
    is_baseline = (done["frame_wise"] == plain) & (done["pooling"] == "none")
    baselines = done.loc[is_baseline, [*key, "top1", "id"]].rename(columns={"top1": "baseline", "id": "baseline_id"})
    out = done[~is_baseline].merge(baselines, on=key, how="left", validate="many_to_one")
    pairs = list(zip(out["top1"], out["baseline"], strict=True))
    out = out.assign(
        module=out["architecture"],
        label=[m + " tp=max" * (p == "tp=max") for m, p in zip(out["architecture"], out["pooling"], strict=True)],
        backbone=out["body"],
        pooled=["none" if p == "none" else "pooled" for p in out["pooling"]],
        phi=[spatial_contribution(*pair) for pair in pairs],
        psi=[temporal_improvement(*pair) for pair in pairs],
    ).astype({"frames": int, "phi": float, "psi": float})
    return out[CELLS]


def contribution(of_all: pd.DataFrame) -> pd.DataFrame:
    """Mean phi and psi per data set and module over backbones and frames (deep_analysis, eq. 2 and Table 7).

    `of_all` are `contribution_cells`.  Of several seeds the accuracies are averaged first, those of a model and of the
    baseline's runs with its seeds.  phi and psi_ta are over models without temporal pooling, psi_ta_tp over those with
    it, all against the baseline without pooling; n_* is the number of cells behind each mean, which is NaN when there
    are none.  Z of eq. 2 is that number.  frame_wise: the baseline where it is not TSN of the same backbone.
    TSN has a row only where it was run with temporal pooling; pooling "tp=max" makes rows of its own ("i3d tp=max").
    """
    import pandas as pd

    key = ["source", "dataset", "label", "pooled", "pooling", "backbone", "frames", "frame_wise"]
    paired = of_all.assign(top1=of_all["top1"].where(of_all["baseline"].notna()))  # no other seed stands in
    of_all = paired.groupby(key, sort=False)[["top1", "baseline"]].mean().reset_index()
    pairs = list(zip(of_all["top1"], of_all["baseline"], strict=True))
    of_all["phi"] = [spatial_contribution(*pair) for pair in pairs]
    of_all["psi"] = [temporal_improvement(*pair) for pair in pairs]
    table = []
    for (source, dataset, module), group in of_all.groupby(["source", "dataset", "label"], sort=False):
        plain, pooled = group[group["pooled"] == "none"], group[group["pooled"] != "none"]
        means = {"phi": plain["phi"], "psi_ta": plain["psi"], "psi_ta_tp": pooled["psi"]}
        counts = {f"n_{name}": int(values.count()) for name, values in means.items()}
        means = {name: float(values.mean()) for name, values in means.items()}
        own = [name for name in dict.fromkeys(group["frame_wise"]) if not name.startswith("tsn-")]
        facts = {"dataset": dataset, "module": module, "source": source, "frame_wise": " ".join(own)}
        table.append(facts | means | counts)
    return pd.DataFrame(table, columns=COLUMNS)
