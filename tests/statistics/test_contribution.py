"""Spatial contribution and temporal improvement: equations, baselines, and the published table."""

import math

import pandas as pd
import pytest

from suite.published.references import published_rows
from suite.spec import BadInput
from suite.statistics.contribution import spatial_contribution, temporal_improvement
from suite.statistics.proportions import wilson
from suite.statistics.run_table import architecture, tidy
from tests.from_rows import cells, contribution, mean_over_seeds

# Table 7 of deep_analysis recomputed from its 288 accuracies, to three decimals; Psi_ta+tp of Mini-Kinetics as printed
# in the notes of this project, the others where the notes give them.
TABLE_7 = {
    ("mini_ssv2", "psi_ta"): {"i3d": 0.447, "s3d": 0.460, "tam": 0.474},
    ("mini_kinetics", "psi_ta"): {"i3d": 0.079, "s3d": 0.061, "tam": 0.090},
    ("mini_kinetics", "psi_ta_tp"): {"i3d": -0.084, "s3d": -0.095, "tam": -0.123},
    ("mini_mit", "phi"): {"i3d": 0.913, "s3d": 0.889, "tam": 0.872},
    ("mini_mit", "psi_ta"): {"i3d": 0.029, "s3d": 0.037, "tam": 0.044},
}


def run(name, top1, *, frames=8, seed=0, dataset="d", **more):
    """A finished run as a row of the summary."""
    module, _, rest = name.partition("-")
    backbone = rest.split("-")[0].split("+")[0].split("@")[0]
    pooling = "none" if "-tp" not in name else "tp=max" if "tp=max" in name else "tp"
    row = {"id": f"{dataset}.{name}.f{frames}.s{seed}", "name": name, "dataset": dataset, "module": module}
    return row | {
        **{"backbone": backbone, "pooling": pooling, "frames": frames, "seed": seed, "state": "done", "top1": top1},
        **more,
    }


@pytest.mark.parametrize(("dataset", "column"), TABLE_7)
def test_the_published_accuracies_give_the_published_contributions(published, dataset, column):
    table = contribution(published).set_index(["dataset", "module"])
    ours = {module: round(table.loc[(dataset, module), column], 3) for module in ("i3d", "s3d", "tam")}
    assert ours == TABLE_7[dataset, column]
    assert (table.loc[dataset].drop("tsn")[["n_phi", "n_psi_ta", "n_psi_ta_tp"]] == 12).all(axis=None)


def test_the_published_rows_are_288_runs_in_chains_of_four_frame_counts(published):
    assert len(published) == 288
    assert not published.duplicated(["dataset", "name", "frames"]).any()
    seen = published.query("dataset == 'mini_ssv2' and name == 'i3d-resnet50-tp'").set_index("frames")["epochs_seen"]
    assert seen.to_dict() == {8: 75, 16: 110, 32: 145, 64: 180}


def test_equation_1_on_numbers_done_by_hand():
    assert spatial_contribution(60.0, 40.0) == pytest.approx(2 / 3)
    assert spatial_contribution(30.0, 40.0) == 1.0
    assert temporal_improvement(60.0, 40.0) == pytest.approx(1 / 3)
    assert temporal_improvement(10.0, 40.0) == pytest.approx(-0.5)


def test_a_perfect_baseline_leaves_psi_undefined_and_two_zeros_leave_phi_undefined():
    assert math.isnan(temporal_improvement(100.0, 100.0))
    assert spatial_contribution(100.0, 100.0) == 1.0
    assert math.isnan(spatial_contribution(0.0, 0.0))
    assert temporal_improvement(0.0, 0.0) == 0.0
    table = contribution(pd.DataFrame([run("tsn-resnet18", 100.0), run("i3d-resnet18", 90.0)]))
    assert table.loc[0, "n_psi_ta"] == 0
    assert math.isnan(table.loc[0, "psi_ta"])
    assert table.loc[0, "n_phi"] == 1


@pytest.mark.parametrize(
    "baseline",
    [
        run("tsn-resnet50", 40.0),
        run("tsn-resnet18", 40.0, frames=16),
        run("tsn-resnet18", 40.0, seed=1),
        run("tsn-resnet18", 40.0, dataset="other"),
        run("tsn-resnet18-tp", 40.0),
        run("tsn-resnet18+gta", 40.0),
        run("tsn-resnet18", 40.0, state="failed"),
    ],
    ids=["backbone", "frames", "seed", "dataset", "pooling", "block", "failed"],
)
def test_no_other_run_stands_in_for_a_missing_baseline(baseline):
    table = cells(pd.DataFrame([run("i3d-resnet18", 60.0), baseline]))
    cell = table[table["module"] == "i3d"].iloc[0]
    assert math.isnan(cell["phi"])
    assert math.isnan(cell["psi"])
    assert math.isnan(cell["baseline"])


def test_an_architecture_of_its_own_is_compared_with_the_frame_wise_network_that_it_names():
    rows = [run("mfnet", 70.0), run("mfnet+rcca", 76.0), run("mfnet-2d", 40.0), run("tsn-resnet50", 20.0)]
    rows += [run("slowfast-resnet50", 60.0), run("cstransformer-v3", 80.0), run("cstransformer-v2-spatial", 60.0)]
    rows = [row | {"backbone": "" if "resnet" not in row["name"] else "resnet50"} for row in rows]
    table = contribution(pd.DataFrame(rows)).set_index("module")
    assert table["psi_ta"].to_dict() == pytest.approx(
        {"mfnet": 0.5, "mfnet+rcca": 0.6, "slowfast": 0.5, "cstransformer-v3": 0.5}
    )
    named = {"mfnet": "mfnet-2d", "mfnet+rcca": "mfnet-2d", "cstransformer-v3": "cstransformer-v2-spatial"}
    assert table["frame_wise"].to_dict() == named | {"slowfast": ""}


@pytest.mark.parametrize("stands_in", ["tsn-resnet50", "mfnet-2d+rcca", "cstransformer-v1-spatial"])
def test_no_other_network_stands_in_for_the_frame_wise_one(stands_in):
    table = cells(pd.DataFrame([run("mfnet", 70.0) | {"backbone": ""}, run(stands_in, 40.0)]))
    assert table.loc[table["module"] == "mfnet", "psi"].isna().all()


def test_each_seed_is_held_against_the_baseline_of_its_own_seed():
    rows = [run("tsn-resnet18", 40.0), run("tsn-resnet18", 50.0, seed=1)]
    rows += [run("i3d-resnet18", 70.0), run("i3d-resnet18", 75.0, seed=1)]
    table = cells(pd.DataFrame(rows)).set_index("seed")
    assert table.loc[0, "psi"] == pytest.approx(0.5)
    assert table.loc[1, "psi"] == pytest.approx(0.5)
    mean = contribution(pd.DataFrame(rows)).loc[0]
    assert mean["n_psi_ta"] == 1, "seeds are averaged, they are no cells of their own"
    assert mean["psi_ta"] == pytest.approx((72.5 - 45) / (100 - 45))
    alone = contribution(pd.DataFrame([*rows, run("i3d-resnet18", 99.0, seed=2)])).loc[0]
    assert alone["psi_ta"] == pytest.approx(mean["psi_ta"]), "a seed without its baseline counts nowhere"


def test_tsn_has_a_row_only_through_temporal_pooling_and_extra_blocks_make_modules_of_their_own():
    rows = [run("tsn-resnet18", 40.0), run("tsn-resnet18+gta", 46.0), run("i3d-resnet18-tp@tp=max", 52.0)]
    rows += [run("i3d-resnet18", 70.0), run("i3d-resnet18-tp", 64.0)]
    table = contribution(pd.DataFrame(rows)).set_index("module")
    assert set(table.index) == {"tsn+gta", "i3d", "i3d tp=max"}
    assert table.loc["tsn+gta", "psi_ta"] == pytest.approx(0.1)
    assert table.loc["i3d", ["psi_ta", "psi_ta_tp"]].tolist() == pytest.approx([0.5, 0.4])
    assert table.loc["i3d tp=max", "psi_ta_tp"] == pytest.approx(0.2)
    assert math.isnan(table.loc["i3d tp=max", "psi_ta"])
    with_pooled = contribution(pd.DataFrame([*rows, run("tsn-resnet18-tp", 55.0)])).set_index("module")
    assert with_pooled.loc["tsn", ["n_phi", "n_psi_ta", "n_psi_ta_tp"]].tolist() == [0, 0, 1]
    assert with_pooled.loc["tsn", "psi_ta_tp"] == pytest.approx(0.25)


def test_an_architecture_is_the_name_without_backbone_and_pooling():
    assert architecture("tsm-resnet50-tp@tp=max+rcca@at=conv3_3,r=3", "") == ("tsm+rcca@at=conv3_3,r=3", "resnet50")
    assert architecture("i3d-inception_v1@pool=2", "") == ("i3d@pool=2", "inception_v1")
    assert architecture("torchvision:r3d_18", "") == ("torchvision:r3d_18", "")
    assert architecture("slowfast-resnet50@clip=4x16+nl", "") == ("slowfast@clip=4x16+nl", "resnet50")
    assert architecture("a method of others", "r3d", "its own") == ("r3d", "its own")


def test_two_protocols_are_not_averaged_as_if_they_were_seeds():
    rows = pd.DataFrame([run("i3d-resnet18", 60.0, epochs=10), run("i3d-resnet18", 70.0, epochs=20)])
    with pytest.raises(BadInput, match="i3d-resnet18"):
        contribution(rows)


def test_a_mean_over_seeds_keeps_the_number_of_videos_of_one_evaluation():
    rows = pd.DataFrame([run("i3d-resnet18", 60.0, n=500), run("i3d-resnet18", 64.0, seed=1, n=500)])
    mean = mean_over_seeds(rows).iloc[0]
    assert (mean["top1"], mean["n"], mean["seeds"]) == (62.0, 500, 2)
    assert mean["top1_sd"] == pytest.approx(math.sqrt(8))


def test_rows_come_in_the_order_of_the_tables_whatever_their_order_was():
    names = ["tsn-resnet18", "tsn-resnet18-tp", "tsm-resnet18", "tam-resnet18", "i3d-resnet18", "abc-resnet18"]
    rows = pd.DataFrame([run(name, 50.0, frames=f) for name in names for f in (8, 16)])
    shuffled = rows.sample(frac=1, random_state=0)
    assert list(dict.fromkeys(tidy(shuffled)["name"])) == names
    assert tidy(shuffled).equals(tidy(rows))


def test_wilson_is_scipys_and_unknown_n_gives_no_interval():
    from scipy.stats import binomtest

    for k, n in ((0, 12), (5, 12), (12, 12), (4123, 11799)):
        theirs = binomtest(k, n).proportion_ci(method="wilson")
        assert wilson(100 * k / n, n) == pytest.approx((100 * theirs.low, 100 * theirs.high), abs=1e-9)
    assert all(math.isnan(bound) for bound in wilson(50.0, math.nan))


def test_unknown_references_are_named_with_the_nearest_known_one():
    with pytest.raises(BadInput, match="did you mean 'deep_analysis'"):
        published_rows("deep-analysis")


def test_no_rows_give_an_empty_table_and_a_missing_column_a_sentence():
    assert contribution(pd.DataFrame()).empty
    with pytest.raises(BadInput, match="'state'"):
        contribution(pd.DataFrame([{"name": "tsn-resnet18", "dataset": "d", "frames": 8}]))
