"""Accuracy against cost, and main effects: laws they obey, and scipy called by hand."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare, rankdata, wilcoxon

from suite.published.references import published_rows
from suite.report.tables.formats import to_csv, to_html, to_latex, to_markdown
from suite.spec import BadInput
from suite.statistics.effects import AXES, blocks_needed, paired_effect, signed_rank_p, smallest_holm_p
from suite.statistics.tradeoffs import (
    at_equal_cost,
    below_front,
    computed_cost,
    convention,
    front_membership,
    pareto_front,
    round_budgets,
)
from tests.from_rows import (
    effects_table,
    equal_cost_table,
    finished,
    fronts,
    main_effects,
    pareto_plot,
    pareto_table,
    with_costs,
)


def run(name, top1, gmacs=1.0, *, frames=8, seed=0, dataset="d", **more):
    """A finished run as a row of the summary."""
    module, backbone = name.split("-")[:2]
    row = {"id": f"{name}.f{frames}.s{seed}", "name": name, "dataset": dataset, "module": module, "backbone": backbone}
    row |= {"pooling": "tp" if "-tp" in name else "none", "frames": frames, "seed": seed, "state": "done", "top1": top1}
    return row | {"gmacs": gmacs, "conv_gmacs": gmacs and 0.9 * gmacs, "params": 1e7} | more


def table(*rows):
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def published():
    return published_rows()


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
    rows = table(run("tsn-resnet18", 50.0, 2.0, views=30), run("tam-resnet18", 60.0, 2.0))
    assert with_costs(rows).set_index("name")["gmacs_views"].to_dict() == {"tsn-resnet18": 60.0, "tam-resnet18": 2.0}
    assert with_costs(rows.drop(columns="views"))["views"].tolist() == [1, 1]
    with pytest.raises(BadInput, match="0 test views"):
        with_costs(rows.assign(views=0))


def test_a_mixed_set_is_counted_by_convolutions_and_says_so(published):
    whole = table(run("tsn-resnet18", 50.0, 2.0), run("tam-resnet18", 60.0, 2.0))
    assert computed_cost(with_costs(whole)) == "gmacs_views"
    assert computed_cost(with_costs(published)) == "conv_gmacs_views"
    mixed = pd.concat([whole, published])
    note = pareto_table(mixed).note
    assert computed_cost(with_costs(mixed)) == "conv_gmacs_views"
    assert "288 of the 290 runs are known by their convolutions only" in note
    assert "known by their convolutions only" not in pareto_table(published).note
    without = pd.concat([whole, table(run("i3d-resnet18", 70.0, math.nan))])
    runs = with_costs(without)
    assert "1 of the 3 runs have no known cost" in convention(runs, computed_cost(runs))


def test_draws_of_several_seeds_are_averaged_within_their_model():
    rows = table(
        *(run("tsn-resnet18", top1, 1.0, seed=seed) for seed, top1 in enumerate((50.0, 54.0))),
        run("tam-resnet18", 53.0, 2.0),
    )
    order = list(zip(finished(rows)["name"], finished(rows)["seed"], strict=True))
    values = {("tsn-resnet18", 0): (50, 40), ("tsn-resnet18", 1): (54, 70), ("tam-resnet18", 0): (53, 53)}
    draws = np.array([values[key] for key in order], float).T  # TSN means 52 and 55, TAM 53 and 53
    found = fronts(rows, {"d": draws}).set_index("name")["membership"].to_dict()
    assert found == {"tsn-resnet18": 1.0, "tam-resnet18": 0.5}
    with pytest.raises(BadInput, match="must be of its 3 runs"):
        fronts(rows, {"d": draws[:, :2]})


def test_throughput_counts_the_other_way_round():
    speeds = {"tsn": (50.0, 100.0), "tam": (60.0, 40.0), "i3d": (55.0, 20.0)}
    rows = table(*(run(f"{m}-resnet18", top1, clips_per_second=speed) for m, (top1, speed) in speeds.items()))
    found = fronts(rows, cost="clips_per_second")
    assert set(found.loc[found["on_front"], "module"]) == {"tsn", "tam"}
    runs = with_costs(rows)
    for least in (20, 40, 41, 101):
        names = set(at_equal_cost(runs, "clips_per_second", [least])["name"])
        assert names == {f"{m}-resnet18" for m, (_, speed) in speeds.items() if speed >= least}
    assert "from 20 clips/s" in to_markdown(equal_cost_table(rows))


# --- equal cost ---------------------------------------------------------------------------------------------------


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
    rows = table(*(run("tsn-resnet18", 50.0, float(f), frames=f) for f in (16, 8, 32)))
    assert at_equal_cost(with_costs(rows), "gmacs_views", [10, 100])["frames"].tolist() == [8, 8]


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


# --- effects ------------------------------------------------------------------------------------------------------


def wide(published, dataset, column):
    """Top-1 of a published data set, (chains or cells, levels), straight from the file's columns."""
    key = [c for c in ("module", "backbone", "pooling", "frames") if c != column]
    return published[published["dataset"] == dataset].pivot(index=key, columns=column, values="top1")


@pytest.mark.parametrize("dataset", ["mini_ssv2", "mini_kinetics", "mini_mit"])
def test_effects_of_the_module_are_scipys_on_the_published_rows(published, dataset):
    found = main_effects(published, "module").set_index(["dataset", "a", "b"])
    chains = wide(published, dataset, "module").groupby(level=["backbone", "pooling"]).mean()
    row = found.loc[(dataset, "i3d", "tam")]
    d = chains["i3d"] - chains["tam"]
    assert (row["blocks"], row["cells"], row["dropped"]) == (6, 96, 0)
    assert row["mean_difference"] == pytest.approx(d.mean())
    assert row["median_difference"] == pytest.approx(d.median())
    assert (row["wins"], row["ties"], row["losses"]) == ((d > 0).sum(), 0, (d < 0).sum())
    assert row["wilcoxon_p"] == pytest.approx(wilcoxon(chains["i3d"], chains["tam"], method="exact").pvalue)
    friedman = friedmanchisquare(*chains.to_numpy().T)
    assert (row["friedman_chi2"], row["friedman_p"]) == pytest.approx((friedman.statistic, friedman.pvalue))
    assert row["rank_a"] == pytest.approx(chains.rank(axis=1, ascending=False)["i3d"].mean())

    cells = (
        main_effects(published, "module", collapse=None).set_index(["dataset", "a", "b"]).loc[(dataset, "i3d", "tam")]
    )
    each = wide(published, dataset, "module")
    assert cells["blocks"] == 24
    d = (each["i3d"] - each["tam"]).round(9).to_numpy()
    d = d[d != 0]
    ranks, plus = rankdata(np.abs(d)), np.random.default_rng(0).random((20_000, len(d))) < 0.5
    extreme = np.abs(plus @ ranks - ranks.sum() / 2) >= abs((ranks * (d > 0)).sum() - ranks.sum() / 2) - 1e-9
    assert cells["wilcoxon_p"] == pytest.approx(extreme.mean(), abs=0.012)
    assert cells["mean_difference"] == pytest.approx(row["mean_difference"])


def test_effects_of_frames_are_of_24_chains_and_their_order_is_that_of_numbers(published):
    found = main_effects(published, "frames")
    first = found[found["dataset"] == "mini_ssv2"]
    assert list(zip(first["a"], first["b"], strict=True)) == [
        *(("64", "32"), ("64", "16"), ("64", "8")),
        *(("32", "16"), ("32", "8"), ("16", "8")),
    ]
    each = wide(published, "mini_ssv2", "frames")
    assert set(found["blocks"]) == {24}
    assert first["wilcoxon_p"].iloc[0] == pytest.approx(wilcoxon(each[64], each[32], method="exact").pvalue)
    assert first["friedman_chi2"].iloc[0] == pytest.approx(friedmanchisquare(*each.to_numpy().T).statistic)


def test_over_all_data_sets_a_block_is_of_one_of_them(published):
    found = main_effects(published, "pooling", by_dataset=False)
    assert found["blocks"].tolist() == [36]
    assert found["dataset"].tolist() == [""]
    by_set = main_effects(published, "pooling")
    assert found["mean_difference"].item() == pytest.approx(by_set["mean_difference"].mean())
    assert math.isnan(found["friedman_p"].item()), "two levels have no Friedman test"


def test_swapping_the_levels_flips_the_sign_and_keeps_p():
    rng = np.random.default_rng(4)
    for blocks in (6, 9, 24, 60):
        a, b = rng.normal(size=(2, blocks)).round(1)
        one, other = paired_effect(a, b), paired_effect(b, a)
        assert one.wilcoxon_p == other.wilcoxon_p
        assert (one.mean_difference, one.median_difference) == (-other.mean_difference, -other.median_difference)
        assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)


def test_p_of_signed_ranks_on_numbers_done_by_hand():
    assert paired_effect([1, 2, 3, 4, 5, 6], [0] * 6).wilcoxon_p == pytest.approx(2 / 2**6)
    assert paired_effect([1, 2, 3, 4, 5, 6, 7, 0], [0] * 8).wilcoxon_p == pytest.approx(2 / 2**7), "a tie is no rank"
    assert paired_effect([2.0] * 6, [2.0] * 6).wilcoxon_p == 1
    assert math.isnan(paired_effect([1, 2, 3, 4, 5], [0] * 5).wilcoxon_p), "five blocks cannot reach 0.05"
    assert paired_effect([0.1 + 0.2], [0.3]).ties == 1
    assert paired_effect([], []).blocks == 0
    with pytest.raises(BadInput, match="no pairs"):
        paired_effect([1.0, math.nan], [1.0, 2.0])


def test_holm_is_that_of_statsmodels(published):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for _, of_set in main_effects(published, "module", collapse=None).groupby("dataset"):
        theirs = multitest.multipletests(of_set["wilcoxon_p"], method="holm")[1]
        assert of_set["holm_p"].to_numpy() == pytest.approx(theirs)


def test_the_smallest_holm_p_is_that_of_blocks_that_all_agree():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for blocks, pairs in ((6, 6), (8, 6), (7, 1), (9, 15)):
        p = [paired_effect(np.arange(1.0, blocks + 1), np.zeros(blocks)).wilcoxon_p, *[1.0] * (pairs - 1)]
        assert smallest_holm_p(blocks, pairs) == pytest.approx(multitest.multipletests(p, method="holm")[1].min())
        needed = blocks_needed(pairs)
        assert smallest_holm_p(needed, pairs) < 0.05 <= smallest_holm_p(needed - 1, pairs)
    assert round(smallest_holm_p(6, 6), 2) == 0.19
    assert blocks_needed(6) == 8


def test_the_table_of_effects_says_when_its_blocks_are_too_few_for_any_pair(published):
    notes = [part.note for part in effects_table(published).parts]
    assert all("module: with 6 blocks and 6 pairs the smallest possible Holm-corrected p is 0.19" in n for n in notes)
    assert all("8 blocks are needed for p < 0.05" in note for note in notes)
    assert not any("pooling: with" in note for note in notes), "12 blocks are enough for a single pair"


def test_a_chain_is_one_block_and_only_frames_that_all_levels_have_are_averaged():
    rows = [run("tsn-resnet18", 50.0), run("tsn-resnet18", 60.0, frames=16), run("tsn-resnet18", 90.0, frames=32)]
    rows += [run("tam-resnet18", 54.0), run("tam-resnet18", 62.0, frames=16)]
    found = main_effects(table(*rows), "module").iloc[0]
    assert (found["a"], found["b"], found["blocks"], found["cells"], found["dropped"]) == ("tam", "tsn", 1, 4, 1)
    assert found["mean_difference"] == pytest.approx(3.0)
    assert math.isnan(found["wilcoxon_p"])
    assert "fewer than 6 blocks" in found["note"]
    assert main_effects(table(*rows), "module", collapse=None).iloc[0]["blocks"] == 2


def test_a_level_run_nearly_nowhere_does_not_cost_the_others_their_blocks():
    backbones = ("resnet18", "resnet34", "resnet50", "resnet101")
    rows = [run(f"{m}-{b}", 50.0 + i) for i, (m, b) in enumerate(itertools.product(("tsn", "tam"), backbones))]
    found = main_effects(table(*rows, run("i3d-resnet18", 70.0)), "module")
    assert list(zip(found["a"], found["b"], found["blocks"], strict=True)) == [("tam", "tsn", 4)]
    assert "i3d" in found["note"].item()


def test_two_whole_networks_of_one_kind_are_two_levels_and_never_averaged():
    same = {"module": "r3d", "backbone": "its own"}
    names = ("hub:r3d_a", "hub:r3d_b")
    rows = [run("x-y", top1) | {"name": name} | same for name, top1 in zip(names, (50.0, 60.0), strict=True)]
    found = main_effects(table(*rows), "module").iloc[0]
    assert ({found["a"], found["b"]}, abs(found["mean_difference"])) == (set(names), 10.0)


def test_sources_are_not_paired_with_each_other(published):
    ours = [run(name, 50.0, dataset="mini_ssv2", source="suite") for name in ("tsn-resnet18", "tam-resnet18")]
    found = main_effects(pd.concat([published, table(*ours)]), "module", by_dataset=False)
    alone = main_effects(published, "module", by_dataset=False)
    assert set(found["source"]) == {"deep_analysis", "suite"}
    assert found[found["source"] == "deep_analysis"].reset_index(drop=True).equals(alone)


def test_an_axis_of_one_level_and_no_rows_have_no_effects():
    for rows in (pd.DataFrame(), table(run("tsn-resnet18", 50.0))):
        assert all(main_effects(rows, axis).empty for axis in AXES)
    with pytest.raises(BadInput, match="did you mean 'module'"):
        main_effects(table(run("tsn-resnet18", 50.0)), "modules")
    with pytest.raises(BadInput, match="way to collapse"):
        main_effects(table(run("tsn-resnet18", 50.0)), "module", collapse="chains")


# --- tables and the figure ----------------------------------------------------------------------------------------


def draws_of(rows, n=11799):
    rng, done = np.random.default_rng(5), finished(rows)
    return {
        dataset: 100 * rng.binomial(n, of_set["top1"] / 100, (200, len(of_set))) / n
        for dataset, of_set in done.groupby("dataset")
    }


def test_the_front_stands_in_bold_and_near_runs_beside_it(published):
    made = pareto_table(published)
    text = to_markdown(made)
    line = next(line for line in text.splitlines() if line.startswith("| tam-resnet50 ") and "**78.3**" in line)
    assert "262.66" in line
    assert "% of draws" not in text, "no membership without a number of videos"
    assert len([row for part in made.parts for row in part.rows]) < 60
    drawn = to_markdown(pareto_table(published, draws_of(published)))
    assert "on the front (% of draws)" in drawn
    assert "at least 5 % of the draws" in drawn


def test_every_table_renders_in_every_format_and_without_rows_there_is_none(published):
    ours = table(run("tsn-resnet18", 50.0, n=400, views=3), run("tam-resnet18", 60.0, n=400))
    ours = ours.assign(dataset="mini_ssv2", train_device_hours=[1.5, 2.5])
    for rows in (published, ours, pd.concat([published, ours])):
        for build in (pareto_table, equal_cost_table, effects_table):
            made = build(rows)
            assert bool(made.parts) == (build is not effects_table or len(rows) > 2), "one block is no effect"
            assert all(render(made) for render in (to_markdown, to_csv, to_html))
            assert to_latex(made).isascii()
    for build in (pareto_table, equal_cost_table, effects_table):
        assert build(pd.DataFrame()).parts == []
        assert build(ours.assign(state="todo")).parts == []
    titles = [part.title for part in equal_cost_table(ours).parts]
    assert titles == ["mini_ssv2, GFLOPs × views", "mini_ssv2, training (device-hours)"]


def test_the_table_of_effects_has_the_numbers_of_the_test(published):
    text = to_markdown(effects_table(published))
    assert "Friedman chi2 = 10.80, p = 0.0129" in text
    line = next(line for line in text.splitlines() if line.startswith("| frames") and "24-0-0" in line)
    assert "< 0.0001" in line.replace("&lt;", "<")


def test_numbers_on_the_front_hide_neither_each_other_nor_a_run_of_it(published):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    figure = pareto_plot(published, draws_of(published))
    renderer = FigureCanvasAgg(figure).get_renderer()
    runs = fronts(published)
    assert [axes.get_title() for axes in figure.axes] == ["mini_kinetics", "mini_mit", "mini_ssv2"]
    for axes in figure.axes:
        front = runs[(runs["dataset"] == axes.get_title()) & runs["on_front"]]
        points = axes.transData.transform(front[["cost", "top1"]].to_numpy())
        boxes = [text.get_window_extent(renderer) for text in axes.texts if text.get_text().isdigit()]
        assert len(boxes) == len(front)
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        assert not any(box.count_contains(points) for box in boxes)
        names = next(text.get_text() for text in axes.texts if text.get_text().startswith("on the front"))
        assert all(f"{n}, {f} frames" in names for n, f in zip(front["name"], front["frames"], strict=True))
        assert axes.get_tightbbox(renderer).x1 <= figure.bbox.x1 + 1
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 8


def test_a_single_run_makes_no_figure():
    assert pareto_plot(table(run("tsn-resnet18", 50.0))) is None
    assert pareto_plot(pd.DataFrame()) is None


def test_importing_tradeoffs_loads_neither_pandas_nor_scipy_nor_matplotlib():
    code = "import sys, suite.report.figures.tradeoffs, suite.report.tables.tradeoffs; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "matplotlib", "scipy", "torch"} & set(loaded)


@pytest.mark.parametrize("seed", range(6))
def test_the_signed_rank_p_is_that_of_all_signs_also_with_ties(seed):
    rng = np.random.default_rng(seed)
    d = rng.choice([-3, -2, -1, 1, 2, 3], 9) / 2
    ranks, signs = rankdata(np.abs(d)), np.array(list(itertools.product([0, 1], repeat=9)))
    positive, sums = (ranks * (d > 0)).sum(), signs @ ranks
    brute = min(1.0, 2 * min((sums <= positive).mean(), (sums >= positive).mean()))
    assert signed_rank_p(d) == pytest.approx(brute)
    distinct = rng.normal(0.5, 1, 40)
    assert signed_rank_p(distinct) == pytest.approx(wilcoxon(distinct, method="exact").pvalue)
    many = rng.integers(1, 6, 20) * np.where(rng.random(20) < 0.8, 1, -1)
    with_ties = paired_effect(many, np.zeros(20)).wilcoxon_p
    assert with_ties == pytest.approx(signed_rank_p(many))
    assert with_ties != wilcoxon(many).pvalue, "which is a normal approximation"


def test_accuracies_that_are_equal_as_counts_are_equal_on_the_front_and_within_a_budget():
    """A mean over seeds in another order differs in the last bit, so that a dominated model was on the front."""
    counts = np.array([[1, 2, 3], [3, 2, 1], [2, 3, 1]]) + 50
    top1 = np.array([(100 * c / 240).mean() for c in counts])
    top1[1] = np.nextafter(top1[0], 100)
    cost = np.array([1.0, 2.0, 3.0])
    assert pareto_front(top1, cost).tolist() == [True, False, False]
    assert (below_front(top1, cost) == 0).all()
    assert front_membership(top1[None], cost).tolist() == [1, 0, 0]
    rows = pd.DataFrame([run("tam-resnet18", t, g, frames=f) for t, f, g in zip(top1, (8, 16, 32), cost, strict=True)])
    (best,) = at_equal_cost(with_costs(rows), "gmacs_views", [10]).to_dict("records")
    assert best["frames"] == 8, "of equal accuracies the cheaper run"
    rows = pd.DataFrame([run(f"{m}-resnet18", t) for m, t in zip(("tsn", "tam"), top1, strict=False)])
    assert "1: tsn-resnet18 at 8 frames and tam-resnet18 at 8 frames" in equal_cost_table(rows).parts[0].note
