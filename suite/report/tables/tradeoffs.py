"""Tables of accuracy against cost, and of what each factor does over all others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from suite.collect.evidence import BoldCells, Evidence, bold_note, bold_scope
from suite.collect.results_table import ResultsTable
from suite.report.tables.names import listed, named_dataset, named_level, named_models
from suite.report.tables.notes import marks_note
from suite.report.tables.rendering.table import Cell, Column, Estimate, Named, Part, Table
from suite.statistics.effects import AXES, FEWEST_BLOCKS, blocks_needed, main_effects, smallest_holm_p
from suite.statistics.significance import ALPHA
from suite.statistics.tradeoffs import (
    COSTS,
    DECIMALS,
    MEASURED,
    affordable,
    at_equal_cost,
    computed_cost,
    convention,
    fronts,
    round_budgets,
    with_costs,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

NEAR_POINTS = 1.0  # percentage points below the front at which a run is still listed, where nothing was drawn
NEAR_SHARE = 0.05  # share of the draws on the front from which it is


def pareto_table(
    table: ResultsTable,
    draws_by_dataset: Mapping[str, np.ndarray] | None = None,
    evidence: Evidence | None = None,
) -> Table:
    """The runs on or near the Pareto front of top-1 (percent) and multiply-adds: a part per data set, cheapest first.

    `draws_by_dataset` as in `suite.statistics.tradeoffs.fronts`; with it a run is near from NEAR_SHARE of the draws on
    the front, without it up to NEAR_POINTS below the front.  Letters mark confounded runs.
    Raises BadInput as `fronts`.
    """
    evidence = evidence or Evidence()
    runs = fronts(table.finished, table.cells, draws_by_dataset)
    cost = computed_cost(runs) if len(runs) else "gmacs_views"
    several_sources, several_views = runs["source"].nunique() > 1, bool((runs["views"] > 1).any())
    columns = (
        Column("dataset", csv_only=True),
        Column("model", "model", text=True),
        Column("source", "source", text=True, csv_only=not several_sources),
        Column("frames", "frames"),
        Column("views", "views", digits=0, csv_only=not several_views),
        Column(cost, COSTS[cost].head, digits=2),
        Column("mparams", "parameters (M)"),
        Column("top1", "top-1 (%)", percent=True),
        Column("below_front", "below the front (points)", percent=True),
        Column("membership", "on the front (% of draws)", digits=0),
        Column("on_front", csv_only=True),
        Column("mark", csv_only=True),
    )
    parts, shown = [], named_models(runs["name"])
    for dataset, of_set in runs.groupby("dataset", sort=True):
        drawn = of_set["membership"].notna().any()
        near = of_set["membership"] >= NEAR_SHARE if drawn else of_set["below_front"] <= NEAR_POINTS
        lines: list[tuple[Cell, ...]] = []
        for run in of_set[of_set["on_front"] | near].sort_values("cost", kind="stable").to_dict("records"):
            line = [dataset, shown[run["name"]], run["source"], int(run["frames"]), run["views"], run["cost"]]
            letters = evidence.letters(run["ids"])
            line += [run["params"] / 1e6, Estimate(run["top1"], bold=run["on_front"], mark=letters)]
            line += [None if run["on_front"] else run["below_front"], 100 * run["membership"], int(run["on_front"])]
            lines.append((*line, letters))
        if lines:
            kind = f"at least {100 * NEAR_SHARE:g} % of the draws" if drawn else f"within {NEAR_POINTS:g} point"
            on_front, known = int(of_set["on_front"].sum()), int(of_set["cost"].notna().sum())
            near_it = f"; also listed: runs near it ({kind})" if len(lines) > on_front else ""
            parts.append(Part(named_dataset(dataset), lines, f"{on_front} of {known} runs are on the front{near_it}."))
    note = (
        "Bold: on the Pareto front (no other run is at least as accurate at the same or lower cost, and better in one "
        "of the two)."
    )
    at = [column.key for column in columns].index("below_front")
    if any(line[at] is not None for part in parts for line in part.rows):
        note += " Below the front: difference to the most accurate run at the same or lower cost."
    if runs["membership"].notna().any():
        note += " Draws: resampled test videos, the same for all runs (not retraining)."
    note += f" {convention(runs, cost)}{marks_note(evidence, runs)}"
    return Table("pareto", "Accuracy against cost: the Pareto front", note, columns, parts)


def equal_cost_table(
    table: ResultsTable, evidence: Evidence | None = None, measured: pd.DataFrame | None = None
) -> Table:
    """Top-1 (percent) of each model at the best of its frame counts within a budget: a part per data set and cost.

    Bold is every top-1 that is not significantly different from the best that the budget buys
    (`Evidence.bold_cells`).  The family is all runs within the budget, at all frame counts, since the printed ones were
    chosen among them.

    The costs are multiply-adds and, by run id in `measured`, device-hours of training and throughput (MEASURED); the
    budgets are those of `round_budgets`.  Letters mark confounded runs.  Raises BadInput as `with_costs`.
    """
    evidence, done = evidence or Evidence(), table.finished
    if measured is not None:
        done = done.assign(**{cost: done["id"].map(measured[cost]) for cost in MEASURED})
    runs = with_costs(done, table.cells)
    costs = [computed_cost(runs), *(cost for cost in MEASURED if runs[cost].notna().any())]
    several_sources = runs["source"].nunique() > 1
    columns = [Column("dataset", csv_only=True), Column("model", "model", text=True)]
    columns += [Column("source", "source", text=True, csv_only=not several_sources)]
    budgets = {cost: round_budgets(runs, cost) for cost in costs}
    for cost in costs:
        about = COSTS[cost]
        for budget in budgets[cost]:
            group = f"{'from' if about.more_is_cheaper else 'up to'} {budget:g} {about.unit}"
            key = f"{cost}_{budget:g}"
            columns += [
                Column(f"top1_{key}", "top-1 (%)", group, percent=True),
                Column(f"frames_{key}", "frames", group),
            ]
            columns += [Column(f"cost_{key}", csv_only=True), Column(f"top1_{key}_mark", csv_only=True)]
    keys = [(cost, budget) for cost in costs for budget in budgets[cost]]
    parts, bold, shown = [], [], named_models(runs["name"])
    for cost in costs:
        best = at_equal_cost(runs, cost, budgets[cost])
        for dataset, of_set in best.groupby("dataset", sort=True):
            lines = []
            found = dict(iter(of_set.groupby(["name", "source"])))
            in_set = runs[runs["dataset"] == dataset]  # in the order of the other tables, not by what is affordable
            tied = {
                (cost, budget): evidence.bold_cells(in_set[affordable(in_set, cost, budget)])
                for budget in budgets[cost]
            }
            bold += tied.values()
            for name, source in dict.fromkeys(zip(in_set["name"], in_set["source"], strict=True)):
                if (name, source) not in found:
                    continue
                at = {(cost, row["budget"]): row for row in found[name, source].to_dict("records")}
                line: list[Any] = [dataset, shown[name], source]
                for key in keys:
                    row = at.get(key, {})
                    letters = evidence.letters(row.get("ids", ()))
                    top1 = Estimate(row["top1"], bold=row["run"] in tied[key].labels, mark=letters) if row else None
                    line += [top1, row.get("frames"), row.get(cost), letters]
                lines.append(tuple(line))
            leaders = [_best(of_set, COSTS[cost].unit, budget, tied[cost, budget], shown) for budget in budgets[cost]]
            note = f"Most accurate: {'; '.join(filter(None, leaders))}." if len(lines) > 1 else ""
            title = named_dataset(dataset, "" if len(costs) == 1 else f", {COSTS[cost].head}")
            parts.append(Part(title, lines, note))
    note = "Each model at its most accurate frame count within the budget; empty where none is within it. "
    details = "A model with few frame counts has fewer candidates."
    if meaning := bold_note(bold, "the most accurate run within the budget"):
        note += f"{meaning} "
        details += (
            f" {bold_scope(bold)}".rstrip() + " Each budget is a separate family of tests, over all runs within it."
        )
    note += " ".join(convention(runs, cost) for cost in costs) if len(runs) else ""
    note += marks_note(evidence, runs)
    order = {dataset: i for i, dataset in enumerate(sorted(set(runs["dataset"])))}
    parts.sort(key=lambda part: order[part.rows[0][0]])  # a data set's costs one below the other
    return Table("equal_cost", "Accuracy at equal cost", note, tuple(columns), parts, details)


def _best(of_set: pd.DataFrame, unit: str, budget: float, tied: BoldCells, shown: Mapping[str, Named]) -> str:
    """What a budget buys the highest top-1, and from how many models that is not significantly different."""
    within = of_set[of_set["budget"] == budget]
    rounded = within["top1"].round(DECIMALS)
    best = within[rounded == rounded.max()]
    named = [
        f"{shown[name].shown} at {frames} frames" for name, frames in zip(best["name"], best["frames"], strict=True)
    ]
    if not named:
        return ""
    others = int(within["run"].isin(tied.labels).sum()) - len(best)
    said = {0: "", 1: " (not significantly different: 1 other)"}
    more = said.get(others, f" (not significantly different: {others} others)") if tied.labels else ""
    return f"{budget:g} {unit}: {listed(named)}{more}"


def effects_table(table: ResultsTable, evidence: Evidence | None = None) -> Table:
    """Main effects on top-1 (percentage points) of module, backbone, pooling and frames: a part per data set.

    As `suite.statistics.effects.main_effects` by data set, frames averaged first except on their own axis.  A single
    block is no effect over others and is not printed.  Letters mark differences in which confounded runs take part.
    """
    import pandas as pd

    evidence = evidence or Evidence()

    several_sources = table.cells["source"].nunique() > 1
    found = pd.concat([main_effects(table.cells, axis) for axis in AXES], ignore_index=True)
    found = found[found["blocks"] > 1]
    columns = (
        *(Column("source", csv_only=True), Column("dataset", csv_only=True)),
        Column("axis", "axis", text=True),
        Column("a", "level", text=True),
        Column("b", "compared with", text=True),
        *(Column("blocks", "blocks"), Column("cells", csv_only=True), Column("dropped", csv_only=True)),
        Column("mean_difference", "mean", "difference (points)", digits=2, percent=True),
        Column("median_difference", "median", "difference (points)", digits=2, percent=True),
        *(Column("wins", csv_only=True), Column("ties", csv_only=True), Column("losses", csv_only=True)),
        Column("record", "won-tied-lost"),
        *(Column("wilcoxon_p", csv_only=True), Column("holm_p", csv_only=True)),
        *(Column("p", "p", "Wilcoxon"), Column("p_holm", "p, Holm", "Wilcoxon")),
        *(Column(key, csv_only=True) for key in ("rank_a", "rank_b", "friedman_chi2", "friedman_p", "note")),
        Column("mark", csv_only=True),
    )
    parts = []
    for (source, dataset), of_set in found.groupby(["source", "dataset"], sort=True):
        lines = []
        for row in of_set.to_dict("records"):
            letters = evidence.letters(row["ids"])
            shown = {
                "a": named_level(row["axis"], row["a"]),
                "b": named_level(row["axis"], row["b"]),
                "mark": letters,
                "mean_difference": Estimate(row["mean_difference"], mark=letters),
                "record": f"{row['wins']}-{row['ties']}-{row['losses']}",
                "p": _p(row["wilcoxon_p"]),
                "p_holm": _p(row["holm_p"]),
            }
            lines.append(tuple((row | shown)[column.key] for column in columns))
        title = named_dataset(dataset, f" ({source})" if several_sources else "")
        parts.append(Part(title, lines, _remarks(of_set)))
    note = (
        "Top-1 accuracy at a level minus that at the other, paired within blocks: combinations of the other axes that "
        "were run at every level, averaged over frame counts on all axes but frames. Two-sided exact Wilcoxon "
        "signed-rank test; Holm correction over the pairs of an axis and data set."
    )
    details = (
        "A model with more frames may have been trained further from the one with fewer frames, so that an effect of "
        "frames can also be an effect of cumulative epochs. Friedman's p is the chi-squared approximation, which is "
        "rough below ten blocks. The tests treat blocks as a sample of models, although all share their test videos "
        "and often the weights of a backbone."
    )
    note += marks_note(evidence, table.cells)
    return Table("effects", "Main effects", note, columns, parts, details)


def _p(value: float) -> str | None:
    return None if math.isnan(value) else "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _remarks(effects: pd.DataFrame) -> str:
    """Friedman's test with the mean ranks, what was dropped and why a p is missing, axis by axis."""
    said = []
    for axis, of_axis in effects.groupby("axis", sort=False):
        first = of_axis.iloc[0]
        if not math.isnan(first["friedman_p"]):
            ranks = dict(zip(of_axis["a"], of_axis["rank_a"], strict=True))
            ranks |= dict(zip(of_axis["b"], of_axis["rank_b"], strict=True))
            listed = ", ".join(
                f"{named_level(axis, level).shown} {rank:.2f}"
                for level, rank in sorted(ranks.items(), key=lambda x: x[1])
            )
            p = _p(first["friedman_p"])
            said.append(
                f"{axis}: Friedman chi2 = {first['friedman_chi2']:.2f}, p {p if p.startswith('<') else '= ' + p}, "
                f"mean ranks {listed}"
            )
        if first["dropped"]:
            said.append(f"{axis}: incomplete combinations dropped: {first['dropped']}")
        if first["note"]:
            said.append(f"{axis}: {first['note']}")
        blocks, pairs = int(first["blocks"]), len(of_axis)
        if blocks >= FEWEST_BLOCKS and (smallest := smallest_holm_p(blocks, pairs)) >= ALPHA:
            said.append(
                f"{axis}: with {blocks} blocks and {pairs} pairs the smallest possible Holm-corrected p is "
                f"{smallest:.2g}; {blocks_needed(pairs)} blocks are needed for p < 0.05"
            )
    return f"{said[0][0].upper()}{'; '.join(said)[1:]}." if said else ""
