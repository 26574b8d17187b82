"""How often the reported split was used, and whether anything was chosen on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from suite.spec import without_setting
from suite.statistics.run_table import ENSEMBLE

if TYPE_CHECKING:
    import pandas as pd


def split_use(done: pd.DataFrame, title: Callable[[str], str] = str) -> list[str]:
    """Sentences on our own runs: how many results the validation split reported, and how they were selected.

    One sentence for all data sets of which the same is true; `title` names a data set.

    From the factors `selection`, `held_out` and `tuning` of finished runs `done`; nothing where they carry no factors.
    Where the column `tested` is there, a row stands for so many runs that were tuned, all of which were tested.
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
            lacking = _counted(len(tried) - len(stated), "run")
            unknown = f", not reported for {lacking}" if len(stated) < len(tried) else ""
            tuned = f"; up to {max(stated)} other configurations were tried per model{unknown}"
        chosen = (
            f"{on_dev} selected their epoch on held-out (dev) videos" if on_dev else "none selected its epoch on it"
        )
        used.setdefault(f"{_evaluated(of_set)}; {chosen}{tuned}.", []).append(title(dataset))
    out = []
    for facts, datasets in used.items():
        *first, last = datasets
        where = f"{', '.join(first)} and {last}" if first else last
        out.append(f"Validation split of {where}: {'each ' if first else ''}{facts}")
    return out


def _evaluated(of_set: pd.DataFrame) -> str:
    """How many runs of how many models were tested on a data set, and how many ensembles of them."""
    of_models = of_set[of_set["module"] != ENSEMBLE]
    tested = of_models["tested"].fillna(1) if "tested" in of_models else of_models["top1"].notna()
    runs, ensembles = int(tested.sum()), len(of_set) - len(of_models)
    parts = [without_setting(str(name)) for name in of_models["name"]]
    models, settings = len({name for name, _ in parts}), len({setting for _, setting in parts})
    text = f"evaluated {_counted(runs, 'run')} of {_counted(models, 'model')}"
    text += f" in {settings} settings" if settings > 1 else ""
    text += f" ({len(of_models)} chosen on dev and shown)" if runs > len(of_models) else ""
    return text + (f", and {_counted(ensembles, 'ensemble')} of them" if ensembles else "")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
