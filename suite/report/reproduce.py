"""The tables and figures of the papers, rebuilt from the published record, and findings about them."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite.collect.evidence import gather
from suite.collect.results_table import ResultsTable
from suite.published.finding import Finding, shown
from suite.published.findings import findings
from suite.published.references import published_rows
from suite.report.figures.scatter import write_figures
from suite.report.figures.tradeoffs import write_pareto
from suite.report.page import document, picture
from suite.report.published.figures import caption, write_published_figures
from suite.report.published.tables import published_tables
from suite.report.tables.make import write_table, write_tables
from suite.report.tables.rendering.formats import to_html
from suite.report.tables.rendering.table import Column, Part, Table
from suite.statistics.contribution import contribution

TITLE = "Published results of five papers, and findings"


def reproduce(folder: Path) -> dict[str, Any]:
    """Tables, figures and findings from the published numbers alone; the files go into `folder`.

    tables/<paper>_table_<id>.{md,tex,csv} and figures/deep_analysis_figure_<k>.{png,pdf} as the papers have them;
    tables/{accuracy,contribution,cost} and figures/ as a sweep of ours would write the 288 runs; findings.md and
    report.html.  Phi and Psi come as unrounded fractions, with the number of cells behind each.
    """
    results = ResultsTable.of(published_rows())
    folder.mkdir(parents=True, exist_ok=True)
    tables, found = published_tables(), findings()
    files = [path for table in tables for path in write_table(table, folder)]
    evidence = gather(results)
    files += write_tables(results, folder, evidence=evidence)
    letters = evidence.marks.letters
    files += write_figures(results.cells, folder, letters)
    files += write_pareto(results, folder, evidence.draws(results.finished), letters)
    figures = write_published_figures(folder)
    files += figures
    for finding in found:
        files += write_table(as_table(finding), folder)
    text = folder / "findings.md"
    text.write_text(to_text(found), encoding="utf-8", newline="\n")
    page = folder / "report.html"
    page.write_text(document(TITLE, _body(found, figures, tables)), encoding="utf-8", newline="\n")
    table = contribution(results.contribution_cells)
    table = table[table.module != "tsn"].rename(columns={"n_phi": "n"})
    return {
        "contributions": table[["dataset", "module", "phi", "psi_ta", "psi_ta_tp", "n"]].to_dict("records"),
        "findings": [as_dict(finding) for finding in found],
        "files": [str(file) for file in [page, text, *files]],
    }


def as_dict(finding: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    rows = [dict(zip(finding.columns, row, strict=True)) for row in finding.rows]
    return {
        "key": finding.key,
        "title": finding.title,
        "statement": finding.statement,
        "command": finding.command,
        "rows": rows,
    }


def as_table(finding: Finding) -> Table:
    """The numbers behind a finding."""
    numeric = [
        all(isinstance(row[i], int | float) for row in finding.rows if row[i] not in ("", None))
        for i in range(len(finding.columns))
    ]
    columns = tuple(
        Column(c, finding.heads.get(c, c), text=not n) for c, n in zip(finding.columns, numeric, strict=True)
    )
    lines = [tuple(_plain(cell) for cell in row) for row in finding.rows]
    title = f"Finding: {finding.title}"
    return Table(f"finding_{finding.key}", title, finding.statement, columns, [Part("", lines)])


def _plain(cell: Any) -> Any:
    return shown(float(cell)) if isinstance(cell, float) else cell


def to_text(found: Iterable[Finding]) -> str:
    """The findings as Markdown: statement and command each."""
    out = [f"# {TITLE}", "", "All numbers are computed from `results/published/`.", ""]
    for finding in found:
        out += [f"## {finding.title}", "", finding.statement, "", f"    {finding.command}", ""]
    return "\n".join(out)


def _body(found: list[Finding], figures: list[Path], tables: list[Table]) -> list[str]:
    body = [f"<h1>{html.escape(TITLE)}</h1>", "<p>All numbers are computed from results/published/.</p>"]
    body.append("<h2>Findings</h2>")
    for finding in found:
        body += [f'<section id="{finding.key}"><h3>{html.escape(finding.title)}</h3>']
        body += [f"<p>{html.escape(finding.statement)}</p>", f"<p><code>{html.escape(finding.command)}</code></p>"]
        table = as_table(finding)
        bare = Table(table.name, "", "", table.columns, table.parts)
        body += [f"<details><summary>{len(finding.rows)} rows</summary>", to_html(bare), "</details></section>"]
    body.append("<h2>Figures</h2>")
    body += [picture(path, caption(path.stem)) for path in figures if path.suffix == ".png"]
    body.append("<h2>Tables</h2>")
    for table in tables:
        body += [f"<details><summary>{html.escape(table.title)}</summary>", to_html(table), "</details>"]
    return body
