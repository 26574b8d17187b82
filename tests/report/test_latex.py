"""The LaTeX of every table becomes a PDF, in one document; skipped where there is no pdflatex."""

import re

import pandas as pd
import pytest

from suite.published.references import published_rows
from suite.report.tables.rendering.formats import to_latex
from suite.report.tables.rendering.latex import LATEX_SIGNS
from suite.report.tables.rendering.table import Column, Estimate, Part, Table
from tests.from_rows import write_tables
from tests.report.builders import NASTY
from tests.report.latex import SMALLEST, compiled, needs_latex


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Every table that the suite prints: of a sweep with seeds beside published rows, and of the published record."""
    from suite.report import reproduce

    folder = tmp_path_factory.mktemp("tables")
    published = published_rows()
    ours = published.assign(source="suite", n=11799.0, pair_top1=99.0, top5=95.0)
    seeds = [ours.assign(seed=s, top1=ours.top1 + s, id=[f"run_{i}.s{s}" for i in range(len(ours))]) for s in (0, 1)]
    write_tables(pd.concat(seeds), folder / "seeds", reference=published)
    with pytest.MonkeyPatch.context() as patch:
        for figures in ("write_figures", "write_published_figures"):  # they take most of the time and have no LaTeX
            patch.setattr(reproduce, figures, lambda *args: [], raising=False)
        reproduce.reproduce(folder / "record")
    return sorted(folder.rglob("*.tex"))


@needs_latex
def test_every_table_becomes_a_page_that_can_be_read(sources, tmp_path):
    log, _ = compiled(sources, tmp_path)
    assert len(sources) >= 9
    lines = log.splitlines()
    assert [line for line in lines if line.startswith(("Overfull", "Missing character"))] == []
    assert [line for line in lines if "Float too large" in line or "Font Warning" in line] == []
    line = float(re.search(r"SUITE LINE ([0-9.]+)pt", log)[1])
    widths = [float(width) for width in re.findall(r"SUITE WIDTH ([0-9.]+)pt", log)]
    assert len(widths) == sum(path.read_text().count(r"\begin{table}") for path in sources)
    assert line / max(widths) >= SMALLEST


def nasty_table():
    columns = (Column("a", "name & more", "up_to", text=True), Column("b", "Ψ (%)", "up_to", digits=3))
    rows = [(NASTY, -0.0001), ("[0]", Estimate(-1.5, bold=True)), ("last", 7.0)]
    ids = ["runs: calib_order.tam-resnet18.f8.s0-5ed12dcd07", "100 % of \\end{tabular}\n} two\u2028lines", ""]
    return Table("nas\nty", NASTY, NASTY, columns, [Part(NASTY, rows, "".join(LATEX_SIGNS), ids)])


def test_a_comment_names_the_source_of_a_row_and_swallows_none():
    lines = to_latex(nasty_table()).splitlines()
    body = lines[lines.index(r"    \midrule") + 1 : lines.index(r"    \bottomrule")]
    assert [line.lstrip()[0] == "%" for line in body] == [True, False, True, False, False]
    assert body[0] == "    % runs: calib_order.tam-resnet18.f8.s0-5ed12dcd07"
    assert body[2] == r"    % 100 % of \end{tabular} } two lines"
    assert lines[0].startswith("% nas ty: needs")
    with pytest.raises(ValueError):
        to_latex(Table("t", "t", "", (Column("a"),), [Part("", [(1,), (2,)], sources=["one of two"])]))


def test_a_table_longer_than_a_page_goes_on_in_another():
    rows = [(i, "x") for i in range(100)]
    text = to_latex(Table("t", "Long", "the note", (Column("a"), Column("b", text=True)), [Part("", rows)]))
    assert [line.strip() for line in text.splitlines() if "caption{" in line] == [
        rf"\caption{{Long ({i} of 3).}}" for i in (1, 2, 3)
    ]
    assert re.findall(r"(\d+) & x", text) == [str(i) for i in range(100)]
    assert text.count("the note") == 1


def test_a_table_too_wide_to_be_read_goes_on_group_by_group_beside_its_first_columns():
    def caption_and_heads(groups):
        columns = [Column("m", "model", text=True), *(Column(f"c{g}", "x" * 40, f"{g} frames") for g in groups)]
        text = to_latex(Table("t", "Wide", "", tuple(columns), [Part("", [("tam", *map(float, groups))])]))
        return len(re.findall("caption{", text)), re.findall(r"([0-9]+) frames", text), text.count("tam & ")

    assert caption_and_heads((8, 16, 32, 64)) == (1, ["8", "16", "32", "64"], 1)
    assert caption_and_heads((8, 16, 32, 64, 128)) == (2, ["8", "16", "32", "64", "128"], 2)


@needs_latex
def test_what_latex_would_act_on_is_printed_as_it_stands(tmp_path):
    (tmp_path / "nasty.tex").write_text(to_latex(nasty_table()))
    log, text = compiled([tmp_path / "nasty.tex"], tmp_path)
    assert "Missing character" not in log
    if text is not None:
        for words in ("50% of a", "b & {c} $d$ #1", "\\end <script> | **bold**", "[0]", "−1.500", "last", "7.000"):
            assert words in text, words
        assert "5ed12dcd07" not in text
