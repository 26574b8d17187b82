"""Tables that several tests of the report share."""

from suite.report.tables.rendering.table import Column, Estimate, Part, Table


def lines_of(markdown, start):
    return [line for line in markdown.splitlines() if line.startswith(f"| {start}")]


NASTY = r"50% of a_b & {c} $d$ #1 ~x^2 \end <script> | **bold**"


def nasty_table():
    columns = (Column("a", "name & more", "up_to", text=True), Column("b", "Ψ (%)", "up_to", digits=3))
    return Table("nasty", NASTY, NASTY, columns, [Part(NASTY, [(NASTY, -0.0001), ("[0]", Estimate(-1.5, bold=True))])])
