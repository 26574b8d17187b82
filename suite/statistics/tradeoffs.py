"""Accuracy against cost: Pareto fronts, how sure a place on one is, and the best of each model at equal cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from suite.spec import BadInput, unknown
from suite.statistics.run_table import CELL

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class CostColumn:
    """A column of costs: how a table heads it, what it counts, and whether more of it is the cheaper."""

    head: str
    unit: str
    text: str
    more_is_cheaper: bool = False


VIEWS = "× test views (1 if not reported)"
COSTS = {
    "gmacs_views": CostColumn("GMACs × views", "GMACs", f"GMACs per view {VIEWS}"),
    "conv_gmacs_views": CostColumn(
        "GMACs × views (convolutions)",
        "GMACs",
        f"GMACs of the convolutions alone per view {VIEWS}",
    ),
    "train_device_hours": CostColumn("training (device-hours)", "h", "measured training time times devices"),
    "clips_per_second": CostColumn("clips/s", "clips/s", "measured throughput of the network", more_is_cheaper=True),
}
MEASURED = ("train_device_hours", "clips_per_second")  # columns of the rows; they need not be there
SERIES = ["source", "name", "architecture", "body", "pooling"]  # a model over its frame counts
ROUND = (  # digits of round budgets, from fine to coarse
    tuple(m / 10 for m in range(10, 100)),
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
    (1, 1.5, 2, 3, 5, 7),
    (1, 2, 5),
    (1, 3),
    (1,),
)
MOST_BUDGETS = 6
DECIMALS = 9  # means over seeds that are equal as counts may differ in the last bit


def pareto_front(top1: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Which runs no other run beats: (R,) bool from accuracies (R,) and costs (R,), both in any unit.

    A rival beats a run when it costs at most as much and is at least as accurate, one of the two strictly; of equal
    runs all or none are on the front.  A run with NaN is not on it and beats nobody.
    Raises BadInput when the shapes differ.
    """
    import numpy as np

    return _fronts(np.asarray(top1, float)[None], cost)[0]


def front_membership(draws: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Share of the draws in which a run is on the front: (R,) in 0..1 from draws of accuracies (D, R), costs (R,).

    The draws are joint ones (of the same videos for all runs of a row), so that rivals rise and fall together.  Costs
    are taken as known.  A draw that is NaN does not count for its run; NaN for a run without draws or cost.
    Raises BadInput when the shapes differ.
    """
    import numpy as np

    draws = np.asarray(draws, float)
    on_front = _fronts(draws, cost)
    known = ~np.isnan(draws) & ~np.isnan(np.asarray(cost, float))
    count = known.sum(axis=0)
    return np.divide(on_front.sum(axis=0), count, out=np.full(len(count), math.nan), where=count > 0)


def _fronts(draws: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """(D, R) bool: the front of each row.  One sort and a running maximum, not R x R comparisons per draw."""
    import numpy as np

    cost = np.asarray(cost, float)
    if draws.ndim != 2 or cost.shape != draws.shape[1:]:
        raise BadInput(f"Accuracies of shape {draws.shape} and costs of shape {cost.shape} are not of the same runs.")
    draws = np.round(draws, DECIMALS)
    known = ~np.isnan(draws) & ~np.isnan(cost)
    order = np.argsort(cost, kind="stable")  # NaN last
    ranked = np.where(known, draws, -math.inf)[:, order]
    # Before each run: the best of those that cost less; up to it: with all that cost the same, whatever their order.
    highest = np.maximum.accumulate(np.column_stack([np.full(len(draws), -math.inf), ranked]), axis=1)
    first = np.searchsorted(cost[order], cost[order], side="left")
    last = np.searchsorted(cost[order], cost[order], side="right")
    out = np.empty(draws.shape, bool)
    out[:, order] = (ranked > highest[:, first]) & (ranked >= highest[:, last])
    return out & known


def below_front(top1: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """How far the best run of at most the same cost is above each: (R,), 0 on the front, in the unit of `top1`.

    NaN where accuracy or cost is unknown.
    """
    import numpy as np

    top1, cost = np.round(np.asarray(top1, float), DECIMALS), np.asarray(cost, float)
    known = ~np.isnan(top1) & ~np.isnan(cost)
    best = [top1[known & (cost <= c)].max() if k else math.nan for c, k in zip(cost, known, strict=True)]
    return np.asarray(best, float) - top1


def with_costs(done: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of `mean_over_seeds` with the columns of COSTS and `views`, NaN where unknown; `done`: their runs.

    `views` are the test views behind `top1`; a row that does not say has one.  Measured costs are means over seeds.
    Raises BadInput for a number of views below one.
    """
    import pandas as pd

    runs = cells.copy()
    for column in ("views", *MEASURED):
        values = pd.to_numeric(done[column], errors="coerce") if column in done else math.nan
        values = done.assign(value=values).astype({"value": float})
        if column == "views":
            values["value"] = values["value"].fillna(1.0)
            odd = values[values["value"] < 1]
            if len(odd):
                raise BadInput(
                    f"The run {odd['id'].iloc[0]} has {odd['value'].iloc[0]:g} test views; at least 1 is needed."
                )
        # the groups of mean_over_seeds, in its order
        runs[column] = values.groupby(CELL, sort=False, dropna=False)["value"].mean().to_numpy()
    for column in ("gmacs", "conv_gmacs"):
        runs[f"{column}_views"] = runs[column] * runs["views"]
    return runs


def computed_cost(runs: pd.DataFrame) -> str:
    """The column of multiply-adds under which all `runs` (of `with_costs`) can be compared.

    All operators where every run knows them; else those of convolutions alone, for all, since published ones are
    often known by these only; all operators again where no run knows its convolutions.
    """
    whole = runs["gmacs_views"].notna()
    return "gmacs_views" if whole.all() or runs["conv_gmacs_views"].isna().all() else "conv_gmacs_views"


def convention(runs: pd.DataFrame, cost: str) -> str:
    """A sentence for a note: what `cost` counts, and whom that leaves out or makes count otherwise than it could."""
    text = f"Cost: {COSTS[cost].text}."
    if cost == "conv_gmacs_views" and runs["gmacs_views"].notna().any():
        lacking = int(runs["gmacs_views"].isna().sum())
        text += f" {lacking} of the {len(runs)} runs have only the cost of their convolutions, so that is used for all."
    unknown_cost = int(runs[cost].isna().sum())
    text += f" {unknown_cost} of the {len(runs)} runs have no known cost and are left out." if unknown_cost else ""
    return text


def fronts(
    done: pd.DataFrame,
    cells: pd.DataFrame,
    draws_by_dataset: Mapping[str, np.ndarray] | None = None,
    cost: str | None = None,
) -> pd.DataFrame:
    """The runs of `with_costs` with their place on the Pareto front of their data set, all sources together.

    Adds `cost_name` (a key of COSTS, `computed_cost` unless given), `cost`, `on_front`, `below_front` (percentage
    points) and `membership` (share of draws, 0..1; NaN without draws).  `draws_by_dataset` has for a data set the
    draws (D, R) of top-1 in percent of its finished runs, in the order of `done`; those
    of several seeds are averaged here.  Raises BadInput for an unknown cost and for draws of another number of runs.
    """
    import numpy as np

    runs = with_costs(done, cells)
    name = cost or computed_cost(runs)
    price = _price(runs, name)
    out = runs.assign(cost_name=name, cost=runs[name], on_front=False, below_front=math.nan, membership=math.nan)
    cell = done.groupby(CELL, sort=False, dropna=False).ngroup()  # the row of `runs` that a finished run went into
    for dataset, of_set in runs.groupby("dataset", sort=False):
        at = of_set.index
        out.loc[at, "on_front"] = pareto_front(of_set["top1"], price[at])
        out.loc[at, "below_front"] = below_front(of_set["top1"], price[at])
        draws = (draws_by_dataset or {}).get(dataset)
        if draws is None:
            continue
        place = cell[done["dataset"] == dataset].to_numpy()
        draws = np.asarray(draws, float)
        if draws.ndim != 2 or draws.shape[1] != len(place):
            raise BadInput(
                f"The draws of {dataset} have the shape {draws.shape}; they must be of its {len(place)} runs."
            )
        means = np.column_stack([draws[:, place == row].mean(axis=1) for row in at])
        out.loc[at, "membership"] = front_membership(means, price[at])
    return out


def affordable(runs: pd.DataFrame, cost: str, budget: float) -> pd.Series:
    """Which runs, bool by their index, keep to a budget: at most the cost, of `clips_per_second` at least."""
    return _price(runs, cost) <= (-budget if COSTS[cost].more_is_cheaper else budget)


def at_equal_cost(runs: pd.DataFrame, cost: str, budgets: Iterable[float] | None = None) -> pd.DataFrame:
    """The most accurate run of each model, over its frame counts, that costs at most the budget.

    `runs` are those of `with_costs`, `cost` a key of COSTS in whose unit the budgets are; of `clips_per_second` a run
    must reach at least the budget.  Default: `round_budgets`.  Of equal accuracies the cheaper run is taken.
    One row per data set, budget and model that has such a run: dataset, budget, SERIES, frames, `cost`, top1, n, ids,
    and `run`, the index label of the run.
    Raises BadInput for an unknown cost and for a budget that is not a positive number.
    """
    import pandas as pd

    price = _price(runs, cost)
    budgets = round_budgets(runs, cost) if budgets is None else sorted({float(b) for b in budgets})
    for budget in budgets:
        if not budget > 0:
            raise BadInput(f"A budget of {budget:g} {COSTS[cost].unit} is not positive; give budgets above 0.")
    known = runs.assign(price=price, run=runs.index, model=runs.groupby(SERIES, sort=False, dropna=False).ngroup())
    known = known.assign(rounded=runs["top1"].round(DECIMALS))[price.notna() & runs["top1"].notna()]
    known = known.sort_values(["rounded", "price"], ascending=[False, True])
    found = []
    for dataset in sorted(set(known["dataset"])):
        of_set = known[known["dataset"] == dataset]
        for budget in budgets:
            within = of_set[affordable(of_set, cost, budget)]
            found.append(within.drop_duplicates("model").sort_values("model").assign(budget=budget))
    columns = ["dataset", "budget", *SERIES, "frames", cost, "top1", "n", "ids", "run"]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def round_budgets(runs: pd.DataFrame, cost: str) -> list[float]:
    """At most six round budgets, ascending, shared by all data sets: where the choice of `at_equal_cost` changes.

    These are the costs of runs that are more accurate than all cheaper ones of their model, rounded so that the run
    still fits, by the finest of ROUND that leaves six; one that fits every choice is always among them.
    """
    import pandas as pd

    price = _price(runs, cost)
    known = pd.DataFrame({"price": price, "cost": runs[cost], "top1": runs["top1"].round(DECIMALS)}).join(
        runs[["dataset", *SERIES]]
    )
    known = known[known["cost"].gt(0) & known["top1"].notna()]
    known = known.sort_values(["price", "top1"], ascending=[True, False], kind="stable")
    series = [known[column] for column in ("dataset", *SERIES)]
    before = known["top1"].groupby(series, dropna=False).cummax().groupby(series, dropna=False).shift()
    changes = known.loc[~(known["top1"] <= before), "cost"]
    up = not COSTS[cost].more_is_cheaper
    for digits in ROUND:
        budgets = sorted({_round(value, digits, up) for value in changes})
        if len(budgets) <= MOST_BUDGETS:
            return budgets
    steps = [round(i * (len(budgets) - 1) / (MOST_BUDGETS - 1)) for i in range(MOST_BUDGETS)]
    return [budgets[i] for i in steps]


def _round(value: float, digits: tuple[float, ...], up: bool) -> float:
    exponent = math.floor(math.log10(value))
    steps = [float(f"{m:g}e{e}") for e in (exponent - 1, exponent, exponent + 1) for m in digits]
    return min(s for s in steps if s >= value) if up else max(s for s in steps if s <= value)


def _price(runs: pd.DataFrame, cost: str) -> pd.Series:
    """The cost as a number of which less is better."""
    if cost not in COSTS:
        raise unknown("cost", cost, COSTS)
    return -runs[cost] if COSTS[cost].more_is_cheaper else runs[cost]
