"""Tables and the figure of accuracy against cost."""

import itertools
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from suite.report.names import dataset_title
from suite.report.tables.rendering.formats import to_csv, to_html, to_latex, to_markdown
from suite.spec import display_name
from tests.from_rows import effects_table, equal_cost_table, finished, fronts, pareto_plot, pareto_table
from tests.statistics.builders import cost_row, table


def draws_of(rows, n=11799):
    rng, done = np.random.default_rng(5), finished(rows)
    return {
        dataset: 100 * rng.binomial(n, of_set["top1"] / 100, (200, len(of_set))) / n
        for dataset, of_set in done.groupby("dataset")
    }


def test_the_front_stands_in_bold_and_near_runs_beside_it(published):
    made = pareto_table(published)
    text = to_markdown(made)
    line = next(line for line in text.splitlines() if line.startswith("| TAM-ResNet-50 ") and "**78.3**" in line)
    assert "262.66" in line
    assert "% of draws" not in text, "no membership without a number of videos"
    assert len([row for part in made.parts for row in part.rows]) < 60
    drawn = to_markdown(pareto_table(published, draws_of(published)))
    assert "on the front (% of draws)" in drawn
    assert "at least 5 % of the draws" in drawn


@pytest.mark.slow
def test_every_table_renders_in_every_format_and_without_rows_there_is_none(published):
    ours = table(cost_row("tsn-resnet18", 50.0, n=400, views=3), cost_row("tam-resnet18", 60.0, n=400))
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
    assert titles == ["mini_ssv2, GMACs × views", "mini_ssv2, training (device-hours)"]


def test_the_table_of_effects_has_the_numbers_of_the_test(published):
    text = to_markdown(effects_table(published))
    assert "Friedman chi2 = 10.80, p = 0.0129" in text
    line = next(line for line in text.splitlines() if line.startswith("| frames") and "24-0-0" in line)
    assert "< 0.0001" in line.replace("&lt;", "<")


@pytest.mark.slow
def test_numbers_on_the_front_hide_neither_each_other_nor_a_run_of_it(published):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    figure = pareto_plot(published, draws_of(published))
    renderer = FigureCanvasAgg(figure).get_renderer()
    runs = fronts(published)
    datasets = ("mini_kinetics", "mini_mit", "mini_ssv2")
    assert [axes.get_title() for axes in figure.axes] == [dataset_title(dataset) for dataset in datasets]
    for axes, dataset in zip(figure.axes, datasets, strict=True):
        front = runs[(runs["dataset"] == dataset) & runs["on_front"]]
        points = axes.transData.transform(front[["cost", "top1"]].to_numpy())
        boxes = [text.get_window_extent(renderer) for text in axes.texts if text.get_text().isdigit()]
        assert len(boxes) == len(front)
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        assert not any(box.count_contains(points) for box in boxes)
        names = next(text.get_text() for text in axes.texts if text.get_text().startswith("Pareto front"))
        assert all(
            f"{display_name(n)}, {f} frames" in names for n, f in zip(front["name"], front["frames"], strict=True)
        )
        assert axes.get_tightbbox(renderer).x1 <= figure.bbox.x1 + 1
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 8


def test_a_single_run_makes_no_figure():
    assert pareto_plot(table(cost_row("tsn-resnet18", 50.0))) is None
    assert pareto_plot(pd.DataFrame()) is None


@pytest.mark.slow
def test_importing_tradeoffs_loads_neither_pandas_nor_scipy_nor_matplotlib():
    code = "import sys, suite.report.figures.tradeoffs, suite.report.tables.tradeoffs; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "matplotlib", "scipy", "torch"} & set(loaded)
