"""Accuracy by the number of test views, and over the official splits of a data set: values, intervals, names, order."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from suite.collect import views
from suite.collect.results_table import ResultsTable
from suite.collect.views import COLUMNS
from suite.published.references import published_rows
from suite.report.figures import views as figures
from suite.report.tables.rendering.formats import to_latex, to_markdown
from suite.report.tables.splits import splits_table
from suite.report.tables.views import views_table
from suite.spec import display_name
from suite.statistics.proportions import mean_interval, newcombe, wilson
from suite.sweep.plan import Selection, make_plan
from suite.sweep.planned_run import PlannedRun
from tests.builders import csv_of, summary_row
from tests.report.builders import lines_of

# --- the interval of a mean -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("percent", "n"), [(0.0, 40), (61.1, 1000), (100.0, 50)])
def test_the_interval_of_the_mean_of_one_accuracy_is_wilsons(percent, n):
    assert mean_interval([percent], [n]) == pytest.approx(wilson(percent, n))


@pytest.mark.parametrize(("a", "n_a", "b", "n_b"), [(80, 70, 60, 80), (0, 10, 0, 20), (75, 12_000, 60, 1_000)])
def test_the_interval_of_the_mean_of_two_is_newcombes_of_a_difference(a, n_a, b, n_b):
    """The accuracies of a and b add up to 100 more than the difference of a and the errors of b."""
    low, high = newcombe(a, n_a, 100 - b, n_b)
    assert mean_interval([a, b], [n_a, n_b]) == pytest.approx(((low + 100) / 2, (high + 100) / 2))


def test_the_interval_of_a_mean_is_unknown_with_one_of_the_accuracies():
    assert np.isnan(mean_interval([50.0, float("nan")], [10, 10])).all()
    assert np.isnan(mean_interval([50.0, 60.0], [10, float("nan")])).all()


@pytest.mark.parametrize("true", [(50.0, 60.0, 70.0), (85.0, 95.0, 97.0)])
def test_the_interval_of_a_mean_covers_it_in_95_of_100_samples(true):
    rng, n = np.random.default_rng(0), (100, 150, 80)
    draws = [100 * rng.binomial(count, p / 100, 4000) / count for p, count in zip(true, n, strict=True)]
    mean = sum(true) / 3
    limits = np.array([mean_interval(values, n) for values in zip(*draws, strict=True)])
    assert ((limits[:, 0] <= mean) & (mean <= limits[:, 1])).mean() == pytest.approx(0.95, abs=0.012)


# --- splits ---------------------------------------------------------------------------------------------------------

SPLITS = ("ucf101", "ucf101@split=2", "ucf101@split=3")


def on_splits(module, top1s, datasets=SPLITS, **more):
    rows = [
        summary_row(module, top1, n=100 + i, **more) | {"dataset": dataset}
        for i, (dataset, top1) in enumerate(zip(datasets, top1s, strict=True))
    ]
    return [row | {"id": f"{row['dataset']}.{row['id']}", "control": "", "n": 100 + i} for i, row in enumerate(rows)]


def results(*groups):
    return ResultsTable.of(pd.DataFrame([row for group in groups for row in group]))


def test_the_mean_over_splits_stands_beside_them_with_its_interval():
    table = splits_table(results(on_splits("tam", (80.0, 82.0, 87.0)), on_splits("tsn", (70.0, 71.0, 75.0))))
    rows = {row["model"]: row for row in csv_of(table)}
    assert set(rows) == {"tam-resnet18", "tsn-resnet18"}
    tam = rows["tam-resnet18"]
    assert [float(tam[f"top1_split{i}"]) for i in (1, 2, 3)] == [80.0, 82.0, 87.0]
    assert float(tam["top1_mean"]) == pytest.approx(83.0)
    limits = (float(tam["top1_mean_low"]), float(tam["top1_mean_high"]))
    assert limits == pytest.approx(mean_interval([80.0, 82.0, 87.0], [100, 101, 102]))
    text = to_markdown(table)
    assert "### UCF101\n" in text
    assert "split 1" in text
    assert "for which a model of its own was trained" in table.note


def test_the_printed_mean_over_splits_stands_beside_ours():
    run = {"name": "tsm-resnet50+rcca@at=conv3_3", "backbone": "resnet50"}
    ours = [row | run for row in on_splits("tsm", (80.0, 82.0, 87.0))]
    table = splits_table(results(ours, on_splits("tsn", (70.0, 71.0, 75.0))), reference=published_rows("rcca3d"))
    printed = {row["model"]: row["published_top1_mean"] for row in csv_of(table)}
    assert printed["tsn-resnet18"] == ""
    # 86.3 from ImageNet, 95.1 from Kinetics: of these, the ledger of our runs decides
    assert printed[run["name"]] == ""
    known = [row | {"factors": {"pretraining": "imagenet"}} for row in ours]
    (row,) = csv_of(splits_table(results(known), reference=published_rows("rcca3d")))
    assert float(row["published_top1_mean"]) == 86.3
    assert "assumes that the splits test different videos" in table.note


def test_seeds_are_averaged_before_splits():
    table = splits_table(results(on_splits("tam", (80.0, 82.0, 84.0)), on_splits("tam", (84.0, 86.0, 88.0), seed=1)))
    (row,) = csv_of(table)
    assert [float(row[f"top1_split{i}"]) for i in (1, 2, 3)] == [82.0, 84.0, 86.0]
    assert float(row["top1_mean"]) == pytest.approx(84.0)


def test_a_model_that_lacks_a_split_has_no_mean_and_other_data_sets_have_none():
    whole, lacking = on_splits("tam", (80.0, 82.0, 87.0)), on_splits("tsn", (70.0, 71.0), SPLITS[:2])
    assert [row["model"] for row in csv_of(splits_table(results(whole, lacking)))] == ["tam-resnet18"]
    assert splits_table(results(lacking)) is None
    assert splits_table(results([summary_row("tam", 80.0) | {"dataset": "ssv2", "control": ""}])) is None


def test_splits_stand_in_their_order_whatever_the_order_of_the_runs():
    table = splits_table(results(on_splits("tam", (80.0, 82.0, 87.0))[::-1]))
    (row,) = csv_of(table)
    assert [float(row[f"top1_split{i}"]) for i in (1, 2, 3)] == [80.0, 82.0, 87.0]


# --- views ----------------------------------------------------------------------------------------------------------


def geometries(*rows):
    usual = {"dataset": "calib_order", "model": "tsn-resnet18", "frames": 8, "seed": 0, "n": 200}
    found = []
    for clips, crops, top1, *more in rows:
        about = usual | {"clips": clips, "crops": crops, "top1": top1, "gmacs": 0.5 * clips * crops}
        about |= {"distinct_views": float(clips * crops)} | (more[0] if more else {})
        found.append(about | {"id": f"{about['model']}.s{about['seed']}"})
    return pd.DataFrame(found, columns=COLUMNS)


def test_the_views_table_has_a_row_per_geometry_in_the_order_of_the_tests_with_wilsons_interval():
    table = views_table(geometries((1, 1, 50.0), (10, 3, 56.0), (2, 1, 52.0)))
    rows = csv_of(table)
    assert [(row["clips"], row["crops"]) for row in rows] == [("1", "1"), ("10", "3"), ("2", "1")]
    for row in rows:
        top1 = float(row["top1"])
        assert (float(row["top1_low"]), float(row["top1_high"])) == pytest.approx(wilson(top1, 200))
        assert float(row["gmacs"]) == 0.5 * int(row["clips"]) * int(row["crops"])
    assert "different" not in to_markdown(table)
    assert "TSN-ResNet-18" in to_markdown(table)
    assert "TSN-ResNet-18" in to_latex(table)


CONTROLS = """
protocol: smoke
data: calib_order
models: [tsm-resnet18]
axes: {seed: [0, 1]}
chain: {frames: [4, 8]}
controls: [epoch_matched]
set: {evaluation.views: [2x1]}
"""


def test_a_control_run_has_rows_of_its_own_and_seeds_alone_are_averaged(monkeypatch, tmp_path):
    (tmp_path / "mine.yaml").write_text(CONTROLS)
    plan = make_plan(str(tmp_path / "mine.yaml"), Selection(), tmp_path / "results", costs=False)
    monkeypatch.setattr(PlannedRun, "result", lambda run: {"macs": 10**9, "classes": 8})
    top1s = {run.folder.id: 10.0 * number for number, run in enumerate(plan.runs, start=1)}
    made = {"n": 200}
    monkeypatch.setattr(
        views, "stored_test", lambda folder, test: SimpleNamespace(accuracies=made | {"top1": top1s[folder.id]})
    )
    tests = views.tests_by_views(plan, {run.id: run.spec.model for run in plan.runs})
    rows = csv_of(views_table(tests))
    expected = {}
    for run in plan.runs:
        expected.setdefault((run.spec.frames, run.control), []).append(top1s[run.folder.id])
    assert len(expected) == 3
    for (frames, control), values in expected.items():
        name = "tsm-resnet18" + (f" [{control}]" if control else "")
        found = [row for row in rows if (row["model"], row["frames"]) == (name, str(frames))]
        assert [float(row["top1"]) for row in found] == [np.mean(values)] * 2, "a row per test geometry"
        assert {row["seeds"] for row in found} == {"2"}
    assert display_name("tsm-resnet18 (lr=0.1) [epoch_matched:8]") == "TSM-ResNet-18 (lr=0.1) [epoch_matched:8]"


def test_the_views_table_averages_seeds_and_says_how_many_views_differ():
    table = views_table(geometries((2, 3, 50.0, {"distinct_views": 2.0}), (2, 3, 60.0, {"seed": 1})))
    (row,) = csv_of(table)
    assert (float(row["top1"]), row["seeds"], float(row["distinct_views"])) == (55.0, "2", 4.0)
    assert float(row["top1_sd"]) == pytest.approx(np.std([50.0, 60.0], ddof=1))
    assert "Different: mean number of different views per video." in table.note
    assert lines_of(to_markdown(table), "TSN-ResNet-18")


@pytest.mark.slow
def test_the_figure_has_a_panel_per_model_and_a_curve_per_number_of_crops_with_its_intervals(monkeypatch, tmp_path):
    drawn = {}
    monkeypatch.setattr(figures, "save", lambda figure, path: drawn.update({path.name: figure}) or [path])
    tam = {"model": "tam-resnet18", "id": "tam"}
    frame = geometries((10, 3, 56.0), (1, 1, 50.0), (1, 1, 58.0, tam), (2, 1, 60.0, tam), (1, 1, 60.0, {"seed": 1}))
    written = figures.write_views_of_grid(frame, tmp_path)
    assert [path.name for path in written] == ["views_calib_order"]
    panels = {axes.get_title(): axes for axes in drawn["views_calib_order"].axes}
    assert list(panels) == ["TSN-ResNet-18", "TAM-ResNet-18"]
    tsn = {bars.get_label(): bars.lines for bars in panels["TSN-ResNet-18"].containers}
    assert list(tsn) == ["8 frames, 3 crops", "8 frames, 1 crop"]
    for curve, cost, top1 in (("8 frames, 1 crop", 0.5, 55.0), ("8 frames, 3 crops", 15.0, 56.0)):
        line, _, (bars,) = tsn[curve]
        assert (list(line.get_xdata()), list(line.get_ydata())) == ([cost], [top1]), "the mean over seeds"
        ((low, high),) = bars.get_segments()
        assert (low[1], high[1]) == pytest.approx(wilson(top1, 200))
    ((line, *_),) = (bars.lines for bars in panels["TAM-ResNet-18"].containers)
    assert list(line.get_xdata()) == [0.5, 1.0]
    assert [text.get_text() for text in panels["TAM-ResNet-18"].texts] == ["1", "2"], "clips"
    assert panels["TAM-ResNet-18"].get_xscale() == "log"
    assert figures.write_views_of_grid(None, tmp_path) == []
