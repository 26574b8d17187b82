"""One table, four renderings: Markdown, CSV and HTML here, LaTeX in `latex`."""

from __future__ import annotations

import csv
import html
import io
from itertools import groupby

from suite.report.tables.rendering.cells import Style, is_empty, name_of, printed_cells, visible
from suite.report.tables.rendering.latex import to_latex
from suite.report.tables.rendering.table import Cell, Column, Estimate, Printed, Table
from suite.spec.spreadsheets import csv_cell
from suite.statistics.rounding import without_noise


def to_markdown(table: Table) -> str:
    """GitHub-flavoured Markdown, one pipe table per part."""
    style = Style(_escape_markdown, "**{}**".format, "<sup>{}</sup>".format, "-")
    out = [f"## {style.escape(table.title)}", ""]
    for part in table.parts:
        columns, rows = printed_cells(table, part, style)
        heads = [", ".join(filter(None, map(style.escape, (c.group, c.head)))) for c in columns]
        widths = [max(3, *(len(line[i]) for line in [heads, *rows])) for i in range(len(columns))]
        rule = ["-" * w if c.text else "-" * (w - 1) + ":" for c, w in zip(columns, widths, strict=True)]
        if part.title:
            out += [f"### {style.escape(name_of(part.title))}", ""]
        for line in [heads, rule, *rows]:
            fitted = zip(line, columns, widths, strict=True)
            out.append("| " + " | ".join(x.ljust(w) if c.text else x.rjust(w) for x, c, w in fitted) + " |")
        out += ["", *([style.escape(part.note), ""] if part.note else [])]
    return "\n".join([*out, style.escape(table.note), ""])


def to_csv(table: Table) -> str:
    """All parts under one header, every column, unrounded; text that a spreadsheet would run is escaped."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name for c in table.columns for name in _csv_names(c)])
    for part in table.parts:
        for row in part.rows:
            cells = zip(table.columns, row, strict=True)
            values = ["" if is_empty(x) else x for c, cell in cells for x in _csv_values(c, cell)]
            writer.writerow([_in_csv(x) for x in values])
    return out.getvalue()


def to_html(table: Table) -> str:
    """A <section>, everything escaped; the page brings the style sheet."""
    style = Style(_escape_html, "<b>{}</b>".format, "<sup>{}</sup>".format, "−")
    out = [f'<section id="{style.escape(table.name)}">', f"<h2>{style.escape(table.title)}</h2>"]
    for part in table.parts:
        columns, rows = printed_cells(table, part, style)
        kinds = [' class="text"' if c.text else "" for c in columns]
        out += [f"<h3>{style.escape(name_of(part.title))}</h3>"] if part.title else []
        out.append('<div class="wide"><table><thead>')
        if any(c.group for c in columns):
            runs = [(name, len(list(run))) for name, run in groupby(columns, key=lambda c: c.group)]
            out.append("<tr>" + "".join(f'<th colspan="{n}">{style.escape(name)}</th>' for name, n in runs) + "</tr>")
        heads = zip(columns, kinds, strict=True)
        out.append("<tr>" + "".join(f"<th{k}>{style.escape(c.head)}</th>" for c, k in heads) + "</tr></thead><tbody>")
        for row in rows:
            out.append("<tr>" + "".join(f"<td{k}>{x}</td>" for x, k in zip(row, kinds, strict=True)) + "</tr>")
        out.append("</tbody></table></div>")
        out += [f"<p>{style.escape(part.note)}</p>"] if part.note else []
    out.append(f'<p class="note">{style.escape(table.note)}</p>')
    if table.details:
        out.append(f'<details class="note"><summary>Notes</summary><p>{style.escape(table.details)}</p></details>')
    return "\n".join([*out, "</section>"])


def _in_csv(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return csv_cell(visible(cell))
    return without_noise(cell) if isinstance(cell, float) and not isinstance(cell, Printed) else cell


def _csv_names(column: Column) -> list[str]:
    if column.print_only:
        return []
    return [column.key, *(f"{column.key}_{x}" for x in ("low", "high", "sd", "mark") if column.interval)]


def _csv_values(column: Column, cell: Cell) -> list[Cell]:
    if column.print_only:
        return []
    if not column.interval:
        return [cell.value if isinstance(cell, Estimate) else cell]
    if not isinstance(cell, Estimate):
        return [cell, *[None] * 4]
    return [cell.value, cell.low, cell.high, cell.spread, cell.mark]


def _escape_html(text: str) -> str:
    return html.escape(visible(text))


def _escape_markdown(text: str) -> str:
    text = " ".join(visible(text).split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for sign in "|*`":
        text = text.replace(sign, "\\" + sign)
    for end in "([:":  # nobody's name is a link or a picture; the brackets of intervals stay
        text = text.replace("]" + end, "]\\" + end)
    return text


RENDERINGS = {"md": to_markdown, "tex": to_latex, "csv": to_csv}  # by the ending of the file
