"""Accuracy against cost: fronts, costs, accuracy at equal cost."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from suite.report.tables.rendering.formats import to_markdown
from suite.spec import BadInput
from suite.statistics.tradeoffs import (
    at_equal_cost,
    below_front,
    computed_cost,
    convention,
    front_membership,
    pareto_front,
    round_budgets,
)
from tests.from_rows import equal_cost_table, finished, fronts, pareto_table, with_costs
from tests.statistics.builders import cost_row, table


@pytest.fixture(scope="module")
def sets():
    """Random sets of runs with many ties in accuracy and cost and some values unknown: (top1, cost) pairs."""
    rng = np.random.default_rng(0)
    made = []
    for size in [1, 2, 3, *rng.integers(4, 30, 60)]:
        top1, cost = rng.integers(0, 9, size).astype(float), rng.integers(1, 9, size).astype(float)
        top1[rng.random(size) < 0.1] = math.nan
        cost[rng.random(size) < 0.1] = math.nan
        made.append((top1, cost))
    return made


# --- fronts -------------------------------------------------------------------------------------------------------


def test_the_front_is_that_of_its_definition(sets):
    for top1, cost in sets:
        for i, on_front in enumerate(pareto_front(top1, cost)):
            rivals = zip(top1, cost, strict=True)
            beaten = any(
                (c <= cost[i] and t > top1[i]) or (c < cost[i] and t >= top1[i])  # never true of a NaN
                for t, c in rivals
            )
            assert on_front == (not beaten and not math.isnan(top1[i] + cost[i]))


def test_the_front_does_not_change_when_cost_or_accuracy_is_measured_otherwise(sets):
    for top1, cost in sets:
        front = pareto_front(top1, cost)
        for other in (np.log(cost), cost**3, 7 * cost - 5, np.exp(cost)):
            assert (pareto_front(top1, other) == front).all()
        assert (pareto_front(np.sqrt(top1), cost) == front).all()


def test_the_order_of_the_runs_is_of_no_account(sets):
    for top1, cost in sets:
        order = np.random.default_rng(1).permutation(len(top1))
        assert (pareto_front(top1[order], cost[order]) == pareto_front(top1, cost)[order]).all()


def test_a_run_never_gains_by_another_rival(sets):
    rng = np.random.default_rng(2)
    for top1, cost in sets:
        front = pareto_front(top1, cost)
        with_rival = pareto_front(np.append(top1, rng.integers(0, 9)), np.append(cost, rng.integers(1, 9)))
        assert not (with_rival[:-1] & ~front).any()
        draws = top1 + rng.normal(size=(50, len(top1)))
        rival = rng.normal(4, 1, size=(50, 1))
        gained = front_membership(np.hstack([draws, rival]), np.append(cost, 4.0))[:-1] - front_membership(draws, cost)
        assert not (gained > 0).any()


def test_the_cheapest_best_and_the_best_are_on_the_front_and_equal_runs_stand_together():
    assert pareto_front([50, 60, 60, 60, 55], [1, 2, 2, 3, 4]).tolist() == [True, True, True, False, False]
    assert below_front([50, 60, 60, 60, 55], [1, 2, 2, 3, 4]).tolist() == [0, 0, 0, 0, 5]
    assert math.isnan(below_front([50.0, math.nan], [1.0, 2.0])[1])


def test_membership_in_degenerate_draws_is_the_front_itself(sets):
    for top1, cost in sets:
        share = front_membership(np.tile(top1, (5, 1)), cost)
        known = ~np.isnan(top1 + cost)
        assert (share[known] == pareto_front(top1, cost)[known]).all()
        assert np.isnan(share[~known]).all()


def test_membership_is_the_mean_of_fronts_and_somebody_is_always_on_it():
    rng = np.random.default_rng(3)
    draws, cost = rng.normal(50, 3, size=(200, 6)), np.array([1.0, 2, 2, 3, 4, 4])
    share = front_membership(draws, cost)
    assert share == pytest.approx(np.mean([pareto_front(d, cost) for d in draws], axis=0))
    assert 1 <= share.sum() <= 6
    assert share[0] == 1, "the single cheapest run is on every front"


def test_a_draw_that_is_unknown_does_not_count():
    draws = np.array([[1.0, 2.0], [1.0, math.nan], [3.0, 2.0]])
    assert front_membership(draws, np.array([1.0, 2.0])).tolist() == [1.0, 0.5]


def test_shapes_that_differ_are_a_sentence():
    with pytest.raises(BadInput, match="not of the same runs"):
        pareto_front([1.0, 2.0], [1.0])
    with pytest.raises(BadInput, match="not of the same runs"):
        front_membership(np.zeros((3, 2)), np.zeros(3))


# --- costs --------------------------------------------------------------------------------------------------------


def test_views_multiply_the_cost_and_a_row_that_does_not_say_has_one():
    rows = table(cost_row("tsn-resnet18", 50.0, 2.0, views=30), cost_row("tam-resnet18", 60.0, 2.0))
    assert with_costs(rows).set_index("name")["gmacs_views"].to_dict() == {"tsn-resnet18": 60.0, "tam-resnet18": 2.0}
    assert with_costs(rows.drop(columns="views"))["views"].tolist() == [1, 1]
    with pytest.raises(BadInput, match="0 test views"):
        with_costs(rows.assign(views=0))


@pytest.mark.slow
def test_a_mixed_set_is_counted_by_convolutions_and_says_so(published):
    whole = table(cost_row("tsn-resnet18", 50.0, 2.0), cost_row("tam-resnet18", 60.0, 2.0))
    assert computed_cost(with_costs(whole)) == "gmacs_views"
    assert computed_cost(with_costs(published)) == "conv_gmacs_views"
    mixed = pd.concat([whole, published])
    note = pareto_table(mixed).note
    assert computed_cost(with_costs(mixed)) == "conv_gmacs_views"
    assert "288 of the 290 runs have only the cost of their convolutions" in note
    assert "only the cost of their convolutions" not in pareto_table(published).note
    without = pd.concat([whole, table(cost_row("i3d-resnet18", 70.0, math.nan))])
    runs = with_costs(without)
    assert "1 of the 3 runs have no known cost" in convention(runs, computed_cost(runs))


def test_draws_of_several_seeds_are_averaged_within_their_model():
    rows = table(
        *(cost_row("tsn-resnet18", top1, 1.0, seed=seed) for seed, top1 in enumerate((50.0, 54.0))),
        cost_row("tam-resnet18", 53.0, 2.0),
    )
    order = list(zip(finished(rows)["name"], finished(rows)["seed"], strict=True))
    values = {("tsn-resnet18", 0): (50, 40), ("tsn-resnet18", 1): (54, 70), ("tam-resnet18", 0): (53, 53)}
    draws = np.array([values[key] for key in order], float).T  # TSN means 52 and 55, TAM 53 and 53
    found = fronts(rows, {"d": draws}).set_index("name")["membership"].to_dict()
    assert found == {"tsn-resnet18": 1.0, "tam-resnet18": 0.5}
    with pytest.raises(BadInput, match="must be of its 3 runs"):
        fronts(rows, {"d": draws[:, :2]})


@pytest.mark.slow
def test_throughput_counts_the_other_way_round():
    speeds = {"tsn": (50.0, 100.0), "tam": (60.0, 40.0), "i3d": (55.0, 20.0)}
    rows = table(*(cost_row(f"{m}-resnet18", top1, clips_per_second=speed) for m, (top1, speed) in speeds.items()))
    found = fronts(rows, cost="clips_per_second")
    assert set(found.loc[found["on_front"], "module"]) == {"tsn", "tam"}
    runs = with_costs(rows)
    for least in (20, 40, 41, 101):
        names = set(at_equal_cost(runs, "clips_per_second", [least])["name"])
        assert names == {f"{m}-resnet18" for m, (_, speed) in speeds.items() if speed >= least}
    assert "from 20 clips/s" in to_markdown(equal_cost_table(rows))


# --- equal cost ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_larger_budget_never_buys_less(published):
    runs = with_costs(published)
    budgets = np.geomspace(5, 600, 25)
    found = at_equal_cost(runs, "conv_gmacs_views", budgets)
    assert (found["conv_gmacs_views"] <= found["budget"]).all()
    assert set(found["budget"]) <= set(budgets), "what fits nobody has no row"
    top1 = found.pivot(index=["dataset", "name"], columns="budget", values="top1")
    for small, large in itertools.pairwise(top1.columns):
        assert (top1[large] >= top1[small]).where(top1[small].notna(), True).all()
    assert top1.iloc[:, -1].tolist() == runs.groupby(["dataset", "name"])["top1"].max().tolist()


def test_of_equal_accuracies_the_cheaper_frame_count_is_taken():
    rows = table(*(cost_row("tsn-resnet18", 50.0, float(f), frames=f) for f in (16, 8, 32)))
    assert at_equal_cost(with_costs(rows), "gmacs_views", [10, 100])["frames"].tolist() == [8, 8]


@pytest.mark.slow
def test_round_budgets_are_six_at_most_and_every_choice_fits_the_last(published):
    for rows in (published, published[published["backbone"] == "resnet18"], published.head(3)):
        runs = with_costs(rows)
        budgets = round_budgets(runs, "conv_gmacs_views")
        assert 1 <= len(budgets) <= 6
        assert budgets == sorted(set(budgets))
        last = at_equal_cost(runs, "conv_gmacs_views", budgets[-1:])
        unlimited = at_equal_cost(runs, "conv_gmacs_views", [1e9])
        assert last["top1"].tolist() == unlimited["top1"].tolist()
    assert round_budgets(with_costs(published), "conv_gmacs_views") == [10, 30, 100, 300, 1000]


def test_an_unknown_cost_and_a_budget_of_nothing_are_sentences(published):
    runs = with_costs(published)
    with pytest.raises(BadInput, match="did you mean 'gmacs_views'"):
        at_equal_cost(runs, "gmac_views")
    for budget in (0, -1, math.nan):
        with pytest.raises(BadInput, match="positive"):
            at_equal_cost(runs, "gmacs_views", [budget])


def test_accuracies_that_are_equal_as_counts_are_equal_on_the_front_and_within_a_budget():
    """A mean over seeds in another order differs in the last bit, so that a dominated model was on the front."""
    counts = np.array([[1, 2, 3], [3, 2, 1], [2, 3, 1]]) + 50
    top1 = np.array([(100 * c / 240).mean() for c in counts])
    top1[1] = np.nextafter(top1[0], 100)
    cost = np.array([1.0, 2.0, 3.0])
    assert pareto_front(top1, cost).tolist() == [True, False, False]
    assert (below_front(top1, cost) == 0).all()
    assert front_membership(top1[None], cost).tolist() == [1, 0, 0]
    rows = pd.DataFrame(
        [cost_row("tam-resnet18", t, g, frames=f) for t, f, g in zip(top1, (8, 16, 32), cost, strict=True)]
    )
    (best,) = at_equal_cost(with_costs(rows), "gmacs_views", [10]).to_dict("records")
    assert best["frames"] == 8, "of equal accuracies the cheaper run"
    rows = pd.DataFrame([cost_row(f"{m}-resnet18", t) for m, t in zip(("tsn", "tam"), top1, strict=False)])
    assert "1 GMACs: TSN-ResNet-18 at 8 frames and TAM-ResNet-18 at 8 frames" in equal_cost_table(rows).parts[0].note
