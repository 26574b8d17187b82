"""Published numbers in the schema of `suite.statistics.run_table`, so that they pass through the same code as ours."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.fairness.factors import chain_of
from suite.published.grim import explain, fits
from suite.published.names import DIVISIONS, MEAN, SPLITS, dataset_of, frames_of, suite_name
from suite.published.record import PUBLISHED, factors_of, stated, wide
from suite.spec import BACKBONES, BadInput, unknown
from suite.statistics.contribution import contribution_cells
from suite.statistics.run_table import finished, tidy
from suite.sweep.plan import REFERENCES

if TYPE_CHECKING:
    import pandas as pd

CLASSES = {"mini_ssv2": 87, "mini_kinetics": 200, "mini_mit": 200}  # deep_analysis, Table 11
VIDEOS = {"mini_ssv2": 12_000, "mini_kinetics": 10_000, "mini_mit": 10_000}  # printed in thousands, ibid.
DECIMALS = 4  # of the accuracies of the 288 runs
MILESTONES = {35: [10, 20, 30], 45: [15, 30, 40]}  # deep_analysis, Table 12
GPUS = 6  # deep_analysis, Sec. D.1: one node, unless batch normalisation is synchronised


def published_rows(source: str = "deep_analysis", folder: Path = PUBLISHED) -> pd.DataFrame:
    """Published results as rows: the 288 runs of deep_analysis, or the tables of one of the other papers.

    "deep_analysis": top1 and top5 are clip-level percents of the best epoch on the reported split; conv_gmacs are
    multiply-adds of convolutions alone, one clip, in 1e9; n, the videos evaluated, is inferred from the accuracies
    themselves (`videos_evaluated`).  `epochs_seen` adds up the chain 8 -> 16 -> 32 -> 64 frames.
    "rcca3d", "gta", "arc", "cstransformer", and "deep_analysis_tables" for the printed tables of deep_analysis: a row
    per printed row and data set, `source` names the table.  The column `factors` holds the ledger's factors,
    `suite_name` the suite's name of the model: empty where it has none, or the row is of a split that is not ours;
    `mean_of` that name where the row is a mean over the official splits.
    Raises BadInput when the source is unknown or its file is missing or malformed.
    """
    if source == "deep_analysis":
        return _runs(Path(folder)).copy()
    paper = source.removesuffix("_tables")
    if source not in REFERENCES:
        raise unknown("reference", source, REFERENCES)
    return _printed(paper, Path(folder)).copy()


def run_table(folder: Path = PUBLISHED) -> pd.DataFrame:
    """The 288 runs as the file holds them, with `pooled` (bool)."""
    import pandas as pd

    path = folder / "deep_analysis_mini.csv"
    if not path.is_file():
        raise BadInput(f"The published numbers are not at {path}; install the suite again.")
    table = pd.read_csv(path, keep_default_na=False)
    for column in ("top1", "top5", "conv_macs", "params", "epochs", "batch_size", "frames"):
        numbers = pd.to_numeric(table[column], errors="coerce") if column in table else None
        if numbers is None or numbers.isna().any():
            line = "" if numbers is None else f" line {int(numbers.isna().idxmax()) + 2}"
            raise BadInput(f"{path.name}{line}: {column} is missing or not a number.")
        table[column] = numbers
    return table.assign(pooled=table["temporal_pooling"].astype(str).str.lower() == "true")


def published_cells(folder: Path = PUBLISHED) -> pd.DataFrame:
    """Phi and Psi of every one of the 288 runs: `contribution_cells` of the record alone."""
    return contribution_cells(finished(tidy(published_rows(folder=folder))))


@lru_cache(maxsize=2)
def _runs(folder: Path) -> pd.DataFrame:
    import pandas as pd

    table = run_table(folder)
    name = table["module"] + "-" + table["backbone"] + table["pooled"].map({True: "-tp", False: ""})
    chain = table.sort_values("frames").groupby(["dataset", "module", "backbone", "temporal_pooling"])["epochs"]
    rows = pd.DataFrame(
        {
            "id": "published." + table["dataset"] + "." + name + ".f" + table["frames"].astype(str),
            "name": name,
            "suite_name": name,
            **{c: table[c] for c in ("dataset", "module", "backbone")},
            "pooling": table["pooled"].map({True: "tp", False: "none"}),
            "frames": table["frames"],
            "seed": float("nan"),
            "state": "done",
            "top1": table["top1"],
            "top5": table["top5"],
            "n": videos_evaluated(table),
            "params": table["params"],
            "conv_gmacs": table["conv_macs"] / 1e9,
            "gmacs": float("nan"),
            "views": 1,
            "epochs": table["epochs"],
            "epochs_seen": chain.cumsum().sort_index(),
            "chance": 100 / table["dataset"].map(CLASSES),
            "source": "deep_analysis",
        }
    )
    return rows.assign(factors=_run_factors(table, folder))


def evaluated(table: pd.DataFrame) -> dict[str, list[tuple[int, list[int]]]]:
    """Per data set the numbers of videos that explain the accuracies, each with the index labels of its rows."""
    found = {}
    for dataset, of_set in table.groupby("dataset", sort=True):
        about = VIDEOS[dataset]
        groups = explain(list(of_set["top1"]), DECIMALS, round(0.95 * about), round(1.05 * about))
        found[dataset] = [(n, [of_set.index[i] for i in indices]) for n, indices in groups]
    return found


def videos_evaluated(table: pd.DataFrame) -> pd.Series:
    """n of every one of the 288 runs: the found n that its top-1 fits, else the commonest of its data set."""
    import pandas as pd

    n = pd.Series(float("nan"), index=table.index)
    for dataset, groups in evaluated(table).items():
        n[table["dataset"] == dataset] = groups[0][0]
        for videos, indices in groups:
            n[indices] = videos
    return n


def fits_no_n(table: pd.DataFrame) -> pd.DataFrame:
    """The runs whose top-1 is a share of none of the numbers of videos found for their data set."""
    known = {dataset: [n for n, _ in groups] for dataset, groups in evaluated(table).items()}
    lost = [
        not any(fits(value, DECIMALS, n) for n in known[dataset])
        for value, dataset in zip(table["top1"], table["dataset"], strict=True)
    ]
    return table[lost]


def _run_factors(table: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """The ledger's factors of the 288 runs: the paper's protocol, and each run's own recipe and chain."""
    from suite.fairness.factors import FACTORS, ONE_MODEL

    shared = stated("deep_analysis", "mini", "", "", folder)
    stages: dict[tuple, list[tuple[int, dict[str, Any]]]] = {}
    own = {}
    for run in table.sort_values("frames").to_dict("records"):
        schedule = {"kind": run["schedule"], "lr": 0.01, "epochs": run["epochs"]}
        if run["schedule"] == "multistep":
            schedule |= {"milestones": MILESTONES.get(run["epochs"]), "gamma": 0.1}
        key = (run["dataset"], run["module"], run["backbone"], run["pooled"])
        before = stages.setdefault(key, [])
        sync = str(run["sync_bn"]).lower() == "true"
        own[(*key, run["frames"])] = {
            "dataset": run["dataset"],
            "split": "val",
            "ensemble": ONE_MODEL,
            "module": run["module"],
            "backbone": run["backbone"],
            "pooling": "tp" if run["pooled"] else "none",
            "frames": run["frames"],
            "test_frames": run["frames"],
            "normalisation": "half" if run["backbone"] == "inception_v1" else "imagenet",
            "schedule": schedule,
            "chain": chain_of([(s, None) for _, s in before]),
            "chain_frames": [f for f, _ in before],
            "epochs_seen": run["epochs"] + sum(s["epochs"] for _, s in before),
            "batch": run["batch_size"],
            "batch_norm": run["batch_size"] if sync else run["batch_size"] // GPUS,
            "sync_bn": sync,
        }
        before.append((run["frames"], schedule))
    keys = zip(*(table[c] for c in ("dataset", "module", "backbone", "pooled", "frames")), strict=True)
    return [dict.fromkeys(FACTORS) | shared | own[key] for key in keys]


@lru_cache
def _printed(paper: str, folder: Path) -> pd.DataFrame:
    """The rows of a paper's tables that print a top-1."""
    import pandas as pd

    table = wide(paper, folder=folder)
    lost = table["notes"].str.contains("row_unknown")
    table = table[table["top1"].notna() & ~lost].reset_index(drop=True)
    out = []
    for row in table.to_dict("records"):
        views = [int(v) for v in row["views"].split("x")] if row["views"] else []
        one_view = isinstance(row["counts"], str) and row["counts"].endswith("/view")
        known = row["counts"] in ("macs/view", "conv_macs/view")
        label = row["model"] + (f" ({row['pretraining']})" if row["pretraining"] else "")
        out.append(
            {
                "id": f"published.{paper}.{row['table'].replace(' ', '')}.{row['row']}.{row['dataset']}",
                "name": label,
                "suite_name": suite_name(row) if row["split"] in SPLITS else "",
                "mean_of": suite_name(row) if row["split"] == MEAN else "",
                "dataset": dataset_of(row),
                "module": row["module"] if row["module"] != "other" else row["model"],
                "backbone": row["backbone"] if row["backbone"] in BACKBONES else row["backbone"] or "",
                "pooling": row["pooling"] or "none",
                "frames": frames_of(row),
                "seed": float("nan"),
                "state": "done",
                "top1": row["top1"],
                "top5": row.get("top5"),
                "n": row["n"],
                "params": row["params_m"] * 1e6 if "params_m" in row else float("nan"),
                "conv_gmacs": row["gflops"] if row["counts"] == "conv_macs/view" else float("nan"),
                "gmacs": row["gflops"] if known and one_view and row["counts"] == "macs/view" else float("nan"),
                "views": views[0] * (views[1] if len(views) > 1 else 1) if views else float("nan"),
                "source": f"{paper} {row['table']}",
                "factors": factors_of(row, folder) | _tested_on(row),
                "origin": row["origin"],
            }
        )
    return pd.DataFrame(out)


def _tested_on(row: dict[str, Any]) -> dict[str, Any]:
    """The factors of a printed row's test videos in the words of our runs: an official split is part of the name."""
    return {"dataset": dataset_of(row)} | ({"split": "val"} if row["split"] in DIVISIONS else {})
