"""Published numbers in the schema of `suite.analysis.rows`, so that they pass through the same code as ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from suite.spec import BadInput, unknown

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = Path(__file__).resolve().parents[2] / "results" / "published"
CLASSES = {"mini_ssv2": 87, "mini_kinetics": 200, "mini_mit": 200}  # deep_analysis, Table 11


def published_rows(source: str = "deep_analysis", folder: Path = PUBLISHED) -> pd.DataFrame:
    """The 288 runs of deep_analysis (its supplement's tables), one row each, `source` "deep_analysis".

    top1 and top5 are clip-level percents of the best epoch on the reported split; conv_gmacs are multiply-adds of
    convolutions alone, one clip, in 1e9.  Seed, n and gmacs are NaN: the paper gives none.  `epochs_seen` adds up the
    chain 8 -> 16 -> 32 -> 64 frames.  chance is that of balanced classes.
    Raises BadInput when the source is unknown or its file is missing.
    """
    import pandas as pd

    if source != "deep_analysis":
        raise unknown("reference", source, ["deep_analysis"])
    path = folder / "deep_analysis_mini.csv"
    if not path.is_file():
        raise BadInput(f"The published numbers are not at {path}: run from a checkout of the repository.")
    table = pd.read_csv(path)
    pooled = table["temporal_pooling"].astype(bool)
    name = table["module"] + "-" + table["backbone"] + pooled.map({True: "-tp", False: ""})
    chain = table.sort_values("frames").groupby(["dataset", "module", "backbone", "temporal_pooling"])["epochs"]
    return pd.DataFrame(
        {
            "id": "published." + table["dataset"] + "." + name + ".f" + table["frames"].astype(str),
            "name": name,
            **{c: table[c] for c in ("dataset", "module", "backbone")},
            "pooling": pooled.map({True: "tp", False: "none"}),
            "frames": table["frames"],
            "seed": float("nan"),
            "state": "done",
            "top1": table["top1"],
            "top5": table["top5"],
            "n": float("nan"),
            "params": table["params"],
            "conv_gmacs": table["conv_macs"] / 1e9,
            "gmacs": float("nan"),
            "epochs": table["epochs"],
            "epochs_seen": chain.cumsum().sort_index(),
            "chance": 100 / table["dataset"].map(CLASSES),
            "source": source,
        }
    )
