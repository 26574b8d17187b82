"""Figures of accuracy against cost and frames."""

import pandas as pd
import pytest

from suite.collect.results_table import ResultsTable
from tests.builders import summary_row
from tests.from_rows import write_figures


@pytest.mark.slow
def test_a_figure_with_nothing_to_show_is_not_written_and_an_old_one_goes(tmp_path, rows):
    stale = tmp_path / "figures" / "gain_by_temporal_pooling.png"
    stale.parent.mkdir()
    stale.write_bytes(b"old")
    assert [path.name for path in write_figures(rows, tmp_path)] == ["accuracy_vs_gflops.png", "accuracy_vs_gflops.pdf"]
    assert not stale.exists()
    assert write_figures(rows.assign(state="todo"), tmp_path) == []


@pytest.mark.slow
def test_the_288_published_runs_fill_all_figures_without_a_letter_below_8_points(tmp_path, published):
    from matplotlib.text import Text

    from suite.report.figures import scatter as plots
    from tests.from_rows import mean_over_seeds

    runs = mean_over_seeds(published)
    for draw in (plots.accuracy_vs_gflops, plots.accuracy_vs_frames, plots.gain_by_temporal_pooling):
        figure = draw(runs)
        panels = [axes for axes in figure.axes if axes.get_title()]
        assert {axes.get_title().split(",")[0] for axes in panels} == {
            "Mini-Kinetics",
            "Mini-MiT",
            "Mini-SSV2",
        }
        assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 8
    bars = sum(len(axes.patches) for axes in figure.axes)
    assert bars == 144


@pytest.mark.slow
def test_legends_and_panels_do_not_overlap(published, rows):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from suite.report.figures import scatter as plots
    from tests.from_rows import mean_over_seeds

    for runs in (mean_over_seeds(published), mean_over_seeds(rows)):
        figure = plots.accuracy_vs_gflops(runs)
        figure.draw_without_rendering()
        renderer = FigureCanvasAgg(figure).get_renderer()
        boxes = [axes.get_tightbbox(renderer) for axes in figure.axes]
        boxes += [legend.get_window_extent(renderer) for legend in figure.legends]
        for i, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[i + 1 :])
            assert box.x0 >= -1
            assert box.x1 <= figure.bbox.x1 + 1


def test_calibration_sets_show_chance_and_the_upper_bound_of_order_invariant_models(rows):
    from suite.report.figures import scatter as plots
    from tests.from_rows import mean_over_seeds

    def named(table):
        return [t.get_text().replace("\n", " ") for t in plots.accuracy_vs_gflops(mean_over_seeds(table)).axes[0].texts]

    assert named(rows) == ["chance 12.5 %", "upper bound without temporal order 50 %"]
    assert named(rows.assign(ceiling_blind=None)) == []


@pytest.mark.slow
def test_ensembles_differ_in_colour_are_called_ensemble_and_have_no_number_of_frames(tmp_path):
    from suite.report.figures import scatter
    from suite.report.figures.tradeoffs import pareto_plot

    rows = [summary_row("tsn", 50.0 + f, frames=f, gmacs=f / 4) for f in (4, 8)]
    names = ("TSN-ResNet-18, 4 + 8 frames", "TSM-ResNet-18, 4 + 8 frames, logits averaged")
    fused = {"module": "ensemble", "backbone": "", "frames": 12, "gmacs": 3.0}
    rows += [summary_row("tsn", 60.0) | fused | {"id": name, "name": name} for name in names]
    table = ResultsTable.of(pd.DataFrame(rows))
    for figure in (scatter.accuracy_vs_gflops(table.cells), pareto_plot(table)):
        texts = [[text.get_text() for text in one.get_texts()] for one in figure.legends[:2]]
        modules, backbones = ([text for text in of_legend if text] for of_legend in texts)
        assert modules == ["TSN", *sorted(("TSM-ResNet-18, 4 + 8 frames,\nlogits averaged", names[0]))]
        assert backbones == ["ensemble", "ResNet-18"]
        colours = {patch.get_facecolor() for patch in figure.legends[0].get_patches()[:3]}
        assert len(colours) == 3
    (axes,) = scatter.accuracy_vs_frames(table.cells).axes
    drawn = [x for bars in axes.containers for x in bars.lines[0].get_xdata()]
    assert drawn == pytest.approx([4, 8])
