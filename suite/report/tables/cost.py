"""The table of parameters and multiply-adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.report.tables.accuracy import CONV_GMACS, COST_NOTE, GMACS, MODEL, models, parameters_are_fixed
from suite.report.tables.names import named_dataset
from suite.report.tables.rendering.table import Column, Part, Table

if TYPE_CHECKING:
    import pandas as pd


def cost_table(cells: pd.DataFrame) -> Table:
    """Parameters in millions and multiply-adds of one clip in 1e9: a part per data set, a row per model."""
    runs = cells.assign(mparams=cells["params"] / 1e6)
    frames = sorted(set(runs["frames"]))
    fixed = parameters_are_fixed(runs)
    columns = [*MODEL, *([Column("mparams", "parameters (M)", digits=2)] if fixed else [])]
    for f in frames:
        group = f"{f} frames"
        columns += [] if fixed else [Column(f"mparams_f{f}", "parameters (M)", group, digits=2)]
        columns += [Column(f"conv_gmacs_f{f}", CONV_GMACS, group, digits=2)]
        columns += [Column(f"gmacs_f{f}", GMACS, group, digits=2)]
    parts = []
    for dataset, of_set in runs.groupby("dataset", sort=True):
        lines, sources = [], []
        for head, of_model in models(of_set):
            at = {run["frames"]: run for run in of_model.to_dict("records")}
            line = [*head, *([of_model["mparams"].max()] if fixed else [])]
            for f in frames:
                keys = ("conv_gmacs", "gmacs") if fixed else ("mparams", "conv_gmacs", "gmacs")
                line += [at.get(f, {}).get(key) for key in keys]
            lines.append(tuple(line))
            sources.append(" ".join(i for ids in of_model["ids"] for i in ids))
        parts.append(Part(named_dataset(dataset), lines, sources=sources))
    return Table("cost", "Cost", COST_NOTE, tuple(columns), parts)
