"""How often the reported split was used, and whether anything was chosen on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def split_use(done: pd.DataFrame, title: Callable[[str], str] = str) -> list[str]:
    """Sentences on our own runs: how many results the validation split reported, and how they were selected.

    One sentence for all data sets of which the same is true; `title` names a data set.

    From the factors `selection`, `held_out` and `tuning` of finished runs `done`; nothing where they carry no factors.
    A validation split that reports many results favours the best of them by chance, even if no run selects on it.
    """
    done = done[done["source"] == "suite"]
    if "factors" not in done:
        return []
    used: dict[str, list[str]] = {}  # what is true -> the data sets
    for dataset, of_set in done.groupby("dataset", sort=True):
        known = [f for f in of_set["factors"] if isinstance(f, Mapping)]
        if not known:
            continue
        on_dev = sum(1 for f in known if f.get("held_out") and str(f.get("selection")).startswith("best"))
        # a text is the budget of a search on dev, which the report tells by itself
        tried = [f.get("tuning") for f in known if not isinstance(f.get("tuning"), str)]
        stated = [count for count in tried if count is not None]
        tuned = ""
        if not stated and tried:
            tuned = "; how many configurations were tried is not reported"
        elif tried and (max(stated) or len(stated) < len(tried)):
            unknown = f", not reported for {len(tried) - len(stated)} runs" if len(stated) < len(tried) else ""
            tuned = f"; up to {max(stated)} other configurations were tried per model{unknown}"
        chosen = (
            f"{on_dev} selected their epoch on held-out (dev) videos" if on_dev else "none selected its epoch on it"
        )
        count, models = len(of_set), of_set["name"].nunique()
        facts = (
            f"evaluated {count} {'run' if count == 1 else 'runs'} of {models} {'model' if models == 1 else 'models'}"
        )
        used.setdefault(f"{facts}; {chosen}{tuned}.", []).append(title(dataset))
    out = []
    for facts, datasets in used.items():
        *first, last = datasets
        where = f"{', '.join(first)} and {last}" if first else last
        out.append(f"Validation split of {where}: {'each ' if first else ''}{facts}")
    return out
