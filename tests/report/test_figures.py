"""Figures of accuracy against cost and frames."""

import pytest

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
