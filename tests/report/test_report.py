"""Tables, figures and the page."""

import csv
import io
import math
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from suite.collect.evidence import Evidence, gather
from suite.collect.outcomes import Outcomes
from suite.published.references import published_rows
from suite.report.figures.scatter import write_figures
from suite.report.figures.tradeoffs import write_pareto
from suite.report.page import write_page
from suite.report.tables.formats import Column, Estimate, Part, Table, to_csv, to_html, to_latex, to_markdown
from suite.report.tables.make import accuracy_table, contribution_table, cost_table, make_tables, write_tables
from suite.spec import BadInput
from suite.statistics.contribution import cells
from suite.statistics.proportions import newcombe, wilson
from suite.statistics.run_table import mean_over_seeds

FACTS = {"n": 240, "chance": 12.5, "ceiling_blind": 50.0, "ceiling_ordered": 98.5}


def run(module, top1, *, pooling="none", frames=8, seed=0, **more):
    name = f"{module}-resnet18" + ("" if pooling == "none" else "-tp")
    row = {"id": f"{name}.f{frames}.s{seed}", "name": name, "dataset": "moving_shapes", "module": module}
    row |= {"backbone": "resnet18", "pooling": pooling, "frames": frames, "seed": seed, "state": "done", "top1": top1}
    row |= {"top5": 95.0, "pair_top1": 97.0, "params": 11.2e6, "conv_gmacs": 1.8, "gmacs": 1.81, "source": "suite"}
    return row | FACTS | more


@pytest.fixture
def rows():
    modules = {"tsn": 48.0, "tam": 75.0, "s3d": 71.0, "i3d": 80.0}
    return pd.DataFrame([run(module, top1) for module, top1 in modules.items()])


@pytest.fixture(scope="module")
def published():
    return published_rows()


def lines_of(markdown, start):
    return [line for line in markdown.splitlines() if line.startswith(f"| {start}")]


def csv_of(table):
    return list(csv.DictReader(io.StringIO(to_csv(table))))


def test_bold_is_every_value_that_is_not_significantly_different_from_the_best(rows):
    rows.loc[rows["module"] == "s3d", "top1"] = 69.0
    table = accuracy_table(rows)
    text = to_markdown(table)
    assert ["**" in lines_of(text, f"{m}-")[0] for m in ("tsn", "tam", "s3d", "i3d")] == [False, True, False, True]
    assert "Bold: not significantly different from the best of the data set (Newcombe interval" in table.note
    # 9 points are significant for two models, and not for two of four
    for others, bold in ((["tsn", "tam"], True), ([], False)):
        kept = rows[rows["module"].isin(["s3d", "i3d", *others])].copy()
        kept.loc[kept["module"] == "s3d", "top1"] = 71.0
        assert ("**" in lines_of(to_markdown(accuracy_table(kept)), "s3d-")[0]) == bold
    assert newcombe(80.0, 240, 71.0, 240)[0] > 0


def test_nothing_is_bold_where_the_number_of_videos_is_unknown(published):
    unknown = published.assign(n=float("nan"))
    assert "**" not in to_markdown(accuracy_table(unknown))


def test_confounded_cells_carry_letters_and_a_strict_table_withholds_them(published):
    evidence = gather(published)
    table = accuracy_table(published, evidence=evidence)
    cells = {row[1]: row for part in table.parts if part.title == "mini_kinetics" for row in part.rows}
    marked = [cell for row in cells.values() for cell in row if isinstance(cell, Estimate) and cell.mark]
    assert marked
    assert "effective batch size" in table.note
    for text in (to_markdown(table), to_latex(table), to_html(table)):
        assert "cumulative epochs" in text
    strict = accuracy_table(published, evidence=gather(published, strict=True))
    values = [cell for part in strict.parts for row in part.rows for cell in row if isinstance(cell, Estimate)]
    assert all(math.isnan(cell.value) == bool(cell.mark) for cell in values)
    assert "withheld" in to_markdown(strict)


def test_contributions_count_the_cells_that_are_confounded(published):
    table = contribution_table(published, evidence=gather(published))
    rows = csv_of(table)
    by = {(row["dataset"], row["module"]): row for row in rows}
    assert by["mini_ssv2", "i3d"]["n_psi_ta"] == "12"
    assert int(by["mini_ssv2", "i3d"]["confounded_psi_ta"]) > 0
    strict = csv_of(contribution_table(published, evidence=gather(published, strict=True)))
    kept = {(row["dataset"], row["module"]): row for row in strict}["mini_ssv2", "i3d"]
    marked = set(gather(published).marks.letters)
    of_i3d = cells(published).query("dataset == 'mini_ssv2' and label == 'i3d' and pooled == 'none'")
    clean = [not marked & {a, b} for a, b in zip(of_i3d["id"], of_i3d["baseline_id"], strict=True)]
    assert int(kept["n_psi_ta"]) == sum(clean) < 12
    assert kept["confounded_psi_ta"] == ""
    for row in rows:
        for key in ("phi", "psi_ta", "psi_ta_tp"):
            if row[key]:
                assert float(row[f"{key}_low"]) <= float(row[key]) <= float(row[f"{key}_high"])


def test_chance_and_ceilings_stand_with_the_data_set_in_every_format(rows):
    table = accuracy_table(rows)
    for text in (to_markdown(table), to_latex(table).replace(r"\%", "%"), to_html(table)):
        assert "chance 12.5 %" in text
        assert "50.0 %" in text
        assert "98.5 %" in text
    assert {(r["chance"], r["ceiling_blind"], r["ceiling_ordered"]) for r in csv_of(table)} == {
        ("12.5", "50.0", "98.5")
    }


def test_csv_has_every_digit_and_the_bounds_that_print_rounds(rows):
    rows.loc[0, "top1"] = 100 * 115 / 240
    line = csv_of(accuracy_table(rows))[0]
    assert float(line["top1_f8"]) == 100 * 115 / 240
    assert (float(line["top1_f8_low"]), float(line["top1_f8_high"])) == wilson(100 * 115 / 240, 240)
    assert "47.9 [41.7, 54.2]" in to_markdown(accuracy_table(rows))


def test_seeds_are_averaged_and_their_number_is_said(rows):
    table = accuracy_table(pd.concat([rows, pd.DataFrame([run("i3d", 84.0, seed=1)])]))
    assert "82.0** ± 2.8" in lines_of(to_markdown(table), "i3d-")[0]
    assert [line["seeds"] for line in csv_of(table)] == ["1", "1", "1", "2"]
    assert "| seeds" in to_markdown(table)
    assert "| seeds" not in to_markdown(accuracy_table(rows))


def test_published_values_stand_beside_ours_for_the_same_model_data_set_and_frames(published):
    ours = pd.DataFrame([run("tsn", 30.0, n=11799), run("tsn", 31.0, frames=4)]).assign(dataset="mini_ssv2")
    line = csv_of(accuracy_table(ours, reference=published))[0]
    theirs = published.query("dataset == 'mini_ssv2' and name == 'tsn-resnet18' and frames == 8")["top1"].item()
    assert float(line["published_top1_f8"]) == theirs
    assert line["published_top1_f4"] == ""


def test_runs_that_are_not_done_are_in_no_table(rows):
    rows.loc[rows["module"] == "i3d", "state"] = "failed"
    for table in (accuracy_table(rows), contribution_table(rows), cost_table(rows)):
        assert "i3d" not in to_csv(table)


def test_a_contribution_without_baseline_is_an_empty_cell(rows):
    line = next(r for r in csv_of(contribution_table(rows[rows["module"] != "tsn"])) if r["module"] == "i3d")
    assert (line["phi"], line["n_phi"], line["psi_ta"]) == ("", "", "")
    line = next(r for r in csv_of(contribution_table(rows)) if r["module"] == "i3d")
    assert (float(line["phi"]), line["n_phi"]) == (0.6, "1")


def test_costs_are_in_millions_and_in_1e9_per_frame_count(rows):
    table = cost_table(pd.concat([rows, rows.assign(frames=16, gmacs=3.62)]))
    line = csv_of(table)[0]
    assert (line["mparams"], line["conv_gmacs_f8"], line["gmacs_f16"]) == ("11.2", "1.8", "3.62")
    assert "parameters (M)" in to_markdown(table)
    table = cost_table(pd.concat([rows, rows.assign(frames=16, params=12e6)]))
    assert csv_of(table)[0]["mparams_f16"] == "12.0", "parameters that depend on the frames have a column each"


NASTY = r"50% of a_b & {c} $d$ #1 ~x^2 \end <script> | **bold**"


def nasty_table():
    columns = (Column("a", "name & more", "up_to", text=True), Column("b", "Ψ (%)", "up_to", digits=3))
    return Table("nasty", NASTY, NASTY, columns, [Part(NASTY, [(NASTY, -0.0001), ("[0]", Estimate(-1.5, bold=True))])])


def test_latex_escapes_what_latex_would_act_on():
    text = to_latex(nasty_table())
    assert r"50\% of a\_b \& \{c\} \$d\$ \#1 \textasciitilde{}x\textasciicircum{}2 \textbackslash{}end" in text
    body = text[text.rindex("midrule") : text.index("bottomrule")]
    assert len(re.findall(r"(?<!\\)&", body)) == 2, "one separator a row"
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert "[0]" not in body, r"a bracket after \\ would be an argument"
    assert "$-$1.500" in body
    assert r"\textbf{$-$1.500}" in body


def test_markdown_escapes_what_would_break_the_row():
    rows = [line for line in to_markdown(nasty_table()).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}
    assert "<script>" not in to_markdown(nasty_table())
    assert "0.000 |" in rows[2], "a rounded zero has no sign"
    assert "-0.000" not in rows[2]


def test_html_escapes_names():
    assert "<script>" not in to_html(nasty_table())


def test_writing_twice_gives_the_same_bytes_whatever_the_order_of_the_rows(tmp_path, rows):
    rows = pd.concat([rows, pd.DataFrame([run("i3d", 70.0, pooling="tp"), run("i3d", 85.0, frames=16)])])
    once = write_tables(rows, tmp_path / "a") + write_figures(rows, tmp_path / "a") + write_pareto(rows, tmp_path / "a")
    once.append(write_page("Demo", rows, tmp_path / "a"))
    rows = rows.sample(frac=1, random_state=1)
    twice = (
        write_tables(rows, tmp_path / "b") + write_figures(rows, tmp_path / "b") + write_pareto(rows, tmp_path / "b")
    )
    twice.append(write_page("Demo", rows, tmp_path / "b"))
    assert len(once) == 3 * 8 + 2 * 4 + 1
    for one, other in zip(once, twice, strict=True):
        assert one.relative_to(tmp_path / "a") == other.relative_to(tmp_path / "b")
        assert one.read_bytes() == other.read_bytes(), one.name


def test_a_figure_with_nothing_to_show_is_not_written_and_an_old_one_goes(tmp_path, rows):
    stale = tmp_path / "figures" / "gain_by_temporal_pooling.png"
    stale.parent.mkdir()
    stale.write_bytes(b"old")
    assert [path.name for path in write_figures(rows, tmp_path)] == ["accuracy_vs_gflops.png", "accuracy_vs_gflops.pdf"]
    assert not stale.exists()
    assert write_figures(rows.assign(state="todo"), tmp_path) == []


def test_the_288_published_runs_fill_all_figures_without_a_letter_below_8_points(tmp_path, published):
    from matplotlib.text import Text

    from suite.report.figures import scatter as plots
    from suite.statistics.run_table import mean_over_seeds

    runs = mean_over_seeds(published)
    for draw in (plots.accuracy_vs_gflops, plots.accuracy_vs_frames, plots.gain_by_temporal_pooling):
        figure = draw(runs)
        panels = [axes for axes in figure.axes if axes.get_title()]
        assert {axes.get_title().split(",")[0] for axes in panels} == {"mini_kinetics", "mini_mit", "mini_ssv2"}
        assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 8
    bars = sum(len(axes.patches) for axes in figure.axes)
    assert bars == 144


def test_legends_and_panels_do_not_overlap(published, rows):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from suite.report.figures import scatter as plots
    from suite.statistics.run_table import mean_over_seeds

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


def test_calibrated_sets_show_chance_and_the_ceiling_of_order_blind_models(rows):
    from suite.report.figures import scatter as plots
    from suite.statistics.run_table import mean_over_seeds

    def named(table):
        return [t.get_text().replace("\n", " ") for t in plots.accuracy_vs_gflops(mean_over_seeds(table)).axes[0].texts]

    assert named(rows) == ["chance 12.5 %", "order-blind ceiling 50 %"]
    assert named(rows.assign(ceiling_blind=None)) == []


class Page(HTMLParser):
    """Tags that are open, and every attribute that could reach the network."""

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.tags = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.sources += [value for key, value in attrs if key in ("src", "href", "srcset")]
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_one_file_without_scripts_or_network(tmp_path, rows):
    rows.loc[3, "state"] = "failed"
    rows["error"] = [None, None, None, "CUDA <out> of memory\nsecond line"]
    write_figures(rows, tmp_path)
    path = write_page("Demo & <grid>", rows, tmp_path, timing=pd.DataFrame({"id": ["a<b"], "seconds": [3.25]}))
    text = path.read_text()
    page = Page(text)
    assert path == tmp_path / "report.html"
    assert page.open == []
    assert "script" not in page.tags
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "url(" not in text
    assert "Demo &amp; &lt;grid&gt;" in text
    assert "3 done, 1 failed" in text
    assert "CUDA &lt;out&gt; of memory" in text
    assert "second line" not in text
    assert "a&lt;b" in text
    assert "prefers-color-scheme" in text


def test_an_unknown_table_is_a_sentence_and_a_grid_without_results_has_a_page(tmp_path, rows):
    with pytest.raises(BadInput, match="did you mean 'accuracy'"):
        write_tables(rows, tmp_path, ["acuracy"])
    todo = rows.assign(state="todo", top1=None)
    assert write_tables(todo, tmp_path) == []
    assert "4 todo" in write_page("Demo", todo, tmp_path).read_text()


def test_importing_the_report_loads_neither_pandas_nor_matplotlib_nor_mlflow():
    code = "import sys, suite.report.page, suite.report.tracking, suite.published.references; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "matplotlib", "mlflow", "scipy", "torch"} & set(loaded)


def test_published_rows_beside_ours_leave_our_contributions_as_they_are(rows, published):
    ours = rows.assign(dataset="mini_ssv2")
    theirs = published[published["dataset"] == "mini_ssv2"].assign(name=lambda r: r["name"] + " (deep_analysis)")
    alone = {r["module"]: r["phi"] for r in csv_of(contribution_table(ours))}
    both = csv_of(contribution_table(pd.concat([ours, theirs], ignore_index=True)))
    assert {r["module"]: r["phi"] for r in both if r["source"] == "suite"} == alone
    assert {r["source"] for r in both} == {"suite", "deep_analysis"}


def test_a_strict_report_shows_confounded_cells_nowhere(published):
    evidence = gather(published, strict=True)
    marked = set(evidence.marks.letters)
    for name in ("pareto", "equal_cost"):
        table = make_tables(published, [name], evidence=evidence)[0]
        names = {(row[0], row[1]) for part in table.parts for row in part.rows}
        assert names
    assert not marked & set(evidence.kept(published)["id"])


def test_seeds_of_a_cell_are_one_confounded_cell():
    from tests.fairness.test_fairness import factors

    table = [run(m, t, seed=s) for m, t in (("tsn", 50.0), ("tam", 60.0)) for s in (0, 1, 2)]
    rows = pd.DataFrame(table)
    rows["factors"] = [factors(**({"lr": 0.5} if name.startswith("tam") else {})) for name in rows["name"]]
    line = csv_of(contribution_table(rows, evidence=gather(rows)))[0]
    assert (line["n_psi_ta"], line["confounded_psi_ta"]) == ("1", "1")


def test_one_run_without_predictions_leaves_the_others_paired():
    correct = np.random.default_rng(0).random((2, 240)) < 0.7
    rows = pd.DataFrame([run("tsn", 0.0), run("tam", 0.0), run("s3d", 71.0)])
    evidence = Evidence({"moving_shapes": Outcomes({rows["id"][0]: 0, rows["id"][1]: 1}, correct)})
    rows.loc[:1, "top1"] = 100 * correct.mean(1)
    found = evidence.tied(mean_over_seeds(rows))
    assert found.tests == ("exact McNemar test", "Newcombe interval for independent samples")
    assert found.labels == {0, 1, 2}
