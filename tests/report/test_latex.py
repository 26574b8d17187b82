"""The LaTeX of every table becomes a PDF, in one document; skipped where there is no pdflatex."""

import os
import re
import shutil
import subprocess

import pandas as pd
import pytest

from suite.published.references import published_rows
from suite.report.tables.formats import _LATEX, Column, Estimate, Part, Table, to_latex
from tests.from_rows import write_tables
from tests.report.test_report import NASTY

SMALLEST = 0.65  # of its size: 7-point letters printed smaller than that cannot be read
DOCUMENT = r"""
\documentclass{article}
\usepackage[a4paper,margin=2cm]{geometry}
\usepackage{booktabs,graphicx}
\let\scaled\resizebox
\renewcommand\resizebox[3]{\sbox4{#3}\typeout{SUITE WIDTH \the\wd4}\scaled{#1}{#2}{#3}}
\extrafloats{200}
\begin{document}
\typeout{SUITE LINE \the\linewidth}
%s
\end{document}
"""

needs_latex = pytest.mark.skipif(
    shutil.which("pdflatex") is None or shutil.which("kpsewhich") is None,
    reason="no pdflatex here, so the LaTeX of the tables is not compiled: apt install texlive-latex-recommended",
)


def compiled(files, folder):
    """The log of pdflatex, and the text of the PDF where pdftotext is there; fails with what LaTeX says."""
    inputs = [rf"\typeout{{SUITE FILE {path.name}}}\input{{{path}}}\clearpage" for path in files]
    (folder / "all.tex").write_text(DOCUMENT % "\n".join(inputs))
    # lines of the log are not folded; nothing is asked for, and no shell is given to what is compiled
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, timeout=120, env={**os.environ, "max_print_line": "1000"}
    )
    log = (folder / "all.log").read_text(errors="replace")
    wrong = [log[found.start() : found.start() + 400] for found in re.finditer(r"^!", log, re.MULTILINE)]
    assert done.returncode == 0, wrong or log[-2000:]
    if shutil.which("pdftotext") is None:
        return log, None
    return log, subprocess.run(
        ["pdftotext", "-layout", "all.pdf", "-"], cwd=folder, capture_output=True, check=True
    ).stdout.decode()


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
    return Table("nas\nty", NASTY, NASTY, columns, [Part(NASTY, rows, "".join(_LATEX), ids)])


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
