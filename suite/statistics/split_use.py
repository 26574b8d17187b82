"""How often the reported split was used, and whether anything was chosen on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def split_use(done: pd.DataFrame) -> list[str]:
    """A sentence per data set on our own runs: how many results the split reported, and how they were selected.

    From the factors `selection`, `held_out` and `tuning` of finished runs `done`; nothing where they carry no factors.
    A validation split that reports many results favours the best of them by chance, even if no run selects on it.
    """
    done = done[done["source"] == "suite"]
    if "factors" not in done:
        return []
    out = []
    for dataset, of_set in done.groupby("dataset", sort=True):
        known = [f for f in of_set["factors"] if isinstance(f, Mapping)]
        if not known:
            continue
        on_dev = sum(1 for f in known if f.get("held_out") and str(f.get("selection")).startswith("best"))
        tried = [f.get("tuning") for f in known]
        stated = [count for count in tried if count is not None]
        tuned = ""
        if not stated:
            tuned = "; how many configurations were tried is not reported"
        elif max(stated) or len(stated) < len(tried):
            unknown = f", not reported for {len(tried) - len(stated)} runs" if len(stated) < len(tried) else ""
            tuned = f"; up to {max(stated)} other configurations were tried per model{unknown}"
        chosen = (
            f"{on_dev} selected their epoch on held-out (dev) videos" if on_dev else "none selected its epoch on them"
        )
        out.append(
            f"The validation videos of {dataset} evaluated {len(of_set)} runs of {of_set['name'].nunique()} models; "
            f"{chosen}{tuned}."
        )
    return out
