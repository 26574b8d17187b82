"""What LaTeX, Markdown and HTML would act on is escaped."""

import re

from suite.report.tables.rendering.formats import to_html, to_latex, to_markdown
from tests.report.builders import nasty_table


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
