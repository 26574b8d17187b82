"""Main effects: scipy called by hand, and their properties."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare, rankdata, wilcoxon

from suite.spec import BadInput
from suite.statistics.effects import AXES, blocks_needed, paired_effect, signed_rank_p, smallest_holm_p
from tests.from_rows import effects_table, main_effects
from tests.statistics.builders import cost_row, table


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
        ("64", "32"),
        ("64", "16"),
        ("64", "8"),
        ("32", "16"),
        ("32", "8"),
        ("16", "8"),
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
    with pytest.raises(BadInput, match="cannot be paired"):
        paired_effect([1.0, math.nan], [1.0, 2.0])


@pytest.mark.slow
def test_holm_is_that_of_statsmodels(published):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for _, of_set in main_effects(published, "module", collapse=None).groupby("dataset"):
        theirs = multitest.multipletests(of_set["wilcoxon_p"], method="holm")[1]
        assert of_set["holm_p"].to_numpy() == pytest.approx(theirs)


@pytest.mark.slow
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
    rows = [
        cost_row("tsn-resnet18", 50.0),
        cost_row("tsn-resnet18", 60.0, frames=16),
        cost_row("tsn-resnet18", 90.0, frames=32),
    ]
    rows += [cost_row("tam-resnet18", 54.0), cost_row("tam-resnet18", 62.0, frames=16)]
    found = main_effects(table(*rows), "module").iloc[0]
    assert (found["a"], found["b"], found["blocks"], found["cells"], found["dropped"]) == ("tam", "tsn", 1, 4, 1)
    assert found["mean_difference"] == pytest.approx(3.0)
    assert math.isnan(found["wilcoxon_p"])
    assert "fewer than 6 blocks" in found["note"]
    assert main_effects(table(*rows), "module", collapse=None).iloc[0]["blocks"] == 2


def test_a_level_run_nearly_nowhere_does_not_cost_the_others_their_blocks():
    backbones = ("resnet18", "resnet34", "resnet50", "resnet101")
    rows = [cost_row(f"{m}-{b}", 50.0 + i) for i, (m, b) in enumerate(itertools.product(("tsn", "tam"), backbones))]
    found = main_effects(table(*rows, cost_row("i3d-resnet18", 70.0)), "module")
    assert list(zip(found["a"], found["b"], found["blocks"], strict=True)) == [("tam", "tsn", 4)]
    assert "i3d" in found["note"].item()


def test_two_whole_networks_of_one_kind_are_two_levels_and_never_averaged():
    same = {"module": "r3d", "backbone": "its own"}
    names = ("hub:r3d_a", "hub:r3d_b")
    rows = [cost_row("x-y", top1) | {"name": name} | same for name, top1 in zip(names, (50.0, 60.0), strict=True)]
    found = main_effects(table(*rows), "module").iloc[0]
    assert ({found["a"], found["b"]}, abs(found["mean_difference"])) == (set(names), 10.0)


def test_sources_are_not_paired_with_each_other(published):
    ours = [cost_row(name, 50.0, dataset="mini_ssv2", source="suite") for name in ("tsn-resnet18", "tam-resnet18")]
    found = main_effects(pd.concat([published, table(*ours)]), "module", by_dataset=False)
    alone = main_effects(published, "module", by_dataset=False)
    assert set(found["source"]) == {"deep_analysis", "suite"}
    assert found[found["source"] == "deep_analysis"].reset_index(drop=True).equals(alone)


@pytest.mark.slow
def test_an_axis_of_one_level_and_no_rows_have_no_effects():
    for rows in (pd.DataFrame(), table(cost_row("tsn-resnet18", 50.0))):
        assert all(main_effects(rows, axis).empty for axis in AXES)
    with pytest.raises(BadInput, match="did you mean 'module'"):
        main_effects(table(cost_row("tsn-resnet18", 50.0)), "modules")
    with pytest.raises(BadInput, match="way to collapse"):
        main_effects(table(cost_row("tsn-resnet18", 50.0)), "module", collapse="chains")


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
