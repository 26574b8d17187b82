"""One static page of a grid: figures, tables and what they mean, in a single file that needs no network."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from suite.collect.evidence import Evidence
from suite.collect.results_table import ResultsTable
from suite.report.console.plain import estimate_text
from suite.report.names import dataset_title
from suite.report.tables.make import make_tables, table_inputs
from suite.report.tables.notes import describe_dataset
from suite.report.tables.rendering.formats import to_html
from suite.report.tables.rendering.table import DEFAULT_PRINTING, Column, Part, Printing, Table
from suite.report.tables.tradeoffs import equal_cost_table
from suite.spec import TABLES
from suite.sweep.estimates import EstimateError
from suite.sweep.summary import STATES

if TYPE_CHECKING:
    import pandas as pd

CAPTIONS = {
    "accuracy_vs_gflops": "Top-1 accuracy against multiply-adds per clip. The area of a circle is proportional to the "
    "number of parameters.",
    "pareto": "Top-1 accuracy against the cost of all test views, with the Pareto front.",
    "accuracy_vs_frames": "Top-1 accuracy against frames per clip. Error bars: 95 % Wilson intervals (sampling of test "
    "videos, not retraining).",
    "gain_by_temporal_pooling": "Top-1 accuracy with temporal pooling (TP) minus that without, in percentage points.",
}
PAIRWISE = "Differences in top-1 accuracy of all pairs of models; significant ones (Holm correction) are marked."
CROSSED = " A cross marks confounded runs; see the note of the accuracy table."
TOP1 = "Top-1 accuracy: share of test videos whose label has the highest score, with the test views of the protocol"
LAST_EPOCH = " and the weights after the last epoch (no epoch is selected on the test videos)"
PHI_PSI = (
    "Spatial contribution Φ: share of a model's accuracy that the frame-wise network with the same frames and seed "
    "reaches too, which is TSN of the same backbone unless the table names another. Temporal improvement Ψ: share of "
    "that network's errors that the temporal module corrects (negative if it adds errors). CSV files and file names "
    "use the model names that commands accept, such as "
    "tam-resnet18-tp for TAM-ResNet-18 + TP (temporal pooling)."
)

CSS = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --quiet: #666666; --rule: #d5d5d5; --tint: #f4f4f4 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #161616; --quiet: #a5a5a5; --rule: #3c3c3c; --tint: #222222 }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif }
body { color: var(--ink); background: var(--paper); overflow-wrap: anywhere }
h1 { font-size: 1.6rem; line-height: 1.2 } h2 { font-size: 1.25rem; margin-top: 2.5rem } h3 { font-size: 1rem }
figure { margin: 1.5rem 0 } figcaption, .note { color: var(--quiet); font-size: .875rem }
img { display: block; width: 100%; max-width: 56rem; height: auto; background: #ffffff; border-radius: 4px }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule) }
summary { cursor: pointer; color: var(--quiet) }
th[colspan] { text-align: center } .text { text-align: left } tbody tr:hover { background: var(--tint) }
""".strip()


def write_page(
    title: str,
    table: ResultsTable,
    folder: Path,
    timing: pd.DataFrame | None = None,
    tables: Iterable[Table] | None = None,
    evidence: Evidence | None = None,
    errors: Mapping[str, str] | None = None,
    sections: Iterable[str] = (),
    printing: Printing = DEFAULT_PRINTING,
) -> Path:
    """Writes `folder`/report.html and gives its path.

    `table` has all runs of the grid, whatever their state; `tables` are by default those that it gives without
    evidence.  `evidence` tells runs at equal measured cost apart; `errors` are those of failed runs, by id;
    `sections` are those of runs with other settings (`variant_section`).
    The figures are those that `write_figures` left in `folder`/figures; `timing` is shown as it is.  The same runs,
    figures and timing give the same bytes.
    """
    folder, evidence = Path(folder), evidence or Evidence()
    if tables is None:
        tables = make_tables(table_inputs(table, TABLES, evidence=evidence, printing=printing), TABLES)
    crossed = bool(evidence.marks.letters) and not evidence.strict
    kept = evidence.kept(table)
    body = [f"<h1>{html.escape(title)}</h1>", *_summary(table.runs, kept.datasets), *_figures(folder, crossed)]
    body += map(to_html, _shown(tables))
    if timing is not None and len(timing):
        body += [to_html(_timing(timing)), *map(to_html, _at_equal_time(kept, timing, evidence, printing))]
    body += _not_finished(table.runs, errors or {})
    body += [*sections, _files()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(document(title, body), encoding="utf-8", newline="\n")
    return path


def variant_section(settings: str, table: ResultsTable, tables: Iterable[Table], folder: str) -> list[str]:
    """The part of a page on runs with other settings than the grid's own: their states and their accuracy table."""
    name, place = html.escape(settings), html.escape(folder)
    shown = [replace(one, name=f"{folder}-{one.name}") for one in tables if one.name == "accuracy"]
    return [
        f"<h2>With {name}</h2>",
        f"<p>{_states(table.runs)} They are not in the tables and figures above. In <code>{place}/</code>: "
        "summary.csv, tables and figures of these runs.</p>",
        *map(to_html, shown),
    ]


def _shown(tables: Iterable[Table]) -> list[Table]:
    """Without the list of pairs where the matrix says the same in less room; the list is in tables/."""
    tables = list(tables)
    names = {table.name for table in tables}
    return [table for table in tables if table.name != "pairwise" or "pairwise_matrix" not in names]


def document(title: str, body: Iterable[str]) -> str:
    """A whole page around the body, with the style sheet."""
    page = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title>",
        f"<style>\n{CSS}\n</style></head><body>",
        *body,
        "</body></html>\n",
    ]
    return "\n".join(page)


def picture(path: Path, caption: str) -> str:
    """A figure inside the page, so that it is one file."""
    data, text = base64.b64encode(path.read_bytes()).decode(), html.escape(caption)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{data}">\n<figcaption>{text}</figcaption></figure>'


def _summary(rows: pd.DataFrame, datasets: pd.DataFrame) -> list[str]:
    """The states of all runs, and what is true of the data sets of those that are kept."""
    last = set(rows["source"]) <= {"suite"} and rows["selected_epoch"].isna().all()
    top1 = TOP1 + (LAST_EPOCH if last else "")
    out = [f"<p>{_states(rows)}</p>", f"<p>{top1}. {PHI_PSI}</p>"]
    lines = [(dataset_title(facts["dataset"]), describe_dataset(facts)) for facts in datasets.to_dict("records")]
    items = [f"<li><b>{html.escape(name)}</b>: {html.escape(text)}</li>" for name, text in lines if text]
    return out + (["<ul>", *items, "</ul>"] if items else [])


def _states(rows: pd.DataFrame) -> str:
    """How many runs there are in each state, as HTML."""
    counts = rows["state"].value_counts().to_dict()
    named = [f"{counts.pop(state)} {state}" for state in STATES if state in counts]
    named += [f"{count} {state or 'of unknown state'}" for state, count in sorted(counts.items())]
    return f"{len(rows)} run{'' if len(rows) == 1 else 's'}: {html.escape(', '.join(named) or 'none yet')}."


def _figures(folder: Path, crossed: bool) -> list[str]:
    out = []
    for name in CAPTIONS:
        path = folder / "figures" / f"{name}.png"
        if path.is_file():
            out.append(picture(path, CAPTIONS[name] + CROSSED * crossed))
    out += [picture(path, PAIRWISE) for path in sorted((folder / "figures").glob("pairwise_*_f*.png"))]
    return ["<h2>Figures</h2>", *out] if out else []


def _timing(timing: pd.DataFrame) -> Table:
    numeric = [kind.kind in "iuf" for kind in timing.dtypes]
    columns = [Column(str(c), str(c), text=not n) for c, n in zip(timing.columns, numeric, strict=True)]
    lines = [
        tuple(cell if n else str(cell) for cell, n in zip(row, numeric, strict=True))
        for row in timing.astype(object).where(timing.notna(), None).itertuples(index=False)
    ]
    note = "Measured on the machine of each run."
    if "estimated_seconds" in timing and "seconds" in timing:
        pairs = timing[["estimated_seconds", "seconds"]].itertuples(index=False)
        if error := EstimateError.of(pair for pair in pairs if not any(map(math.isnan, pair))):
            note += f" {estimate_text(error)}"
    return Table("timing", "Time", note, tuple(columns), [Part("", lines)])


def _at_equal_time(table: ResultsTable, timing: pd.DataFrame, evidence: Evidence, printing: Printing) -> list[Table]:
    """Accuracy at equal measured cost; on the page alone, as clocks differ from machine to machine."""
    clocks = timing.set_index("id")
    if "train_seconds" not in clocks:
        return []
    measured = clocks.assign(
        train_device_hours=clocks["train_seconds"] / 3600,
        clips_per_second=clocks.get("clips_per_second", math.nan),
    )
    made = equal_cost_table(table, evidence, measured)
    parts = [part for part in made.parts if "device-hours" in part.title or "clips" in part.title]
    title = "Accuracy at equal measured cost"
    return [replace(made, name="equal_time", title=title, parts=parts, printing=printing)] if parts else []


def _not_finished(rows: pd.DataFrame, errors: Mapping[str, str]) -> list[str]:
    """Runs that failed or wait for one that did, with the first line of the error where it is known."""
    bad = rows[rows["state"].isin(["failed", "blocked"])]
    if bad.empty:
        return []
    lines = [
        (run_id or name, state, (str(errors.get(run_id) or "").strip().splitlines() or [""])[0])
        for run_id, name, state in zip(bad["id"], bad["name"], bad["state"], strict=True)
    ]
    columns = tuple(Column(key, key, text=True) for key in ("run", "state", "error"))
    note = "A blocked run starts from a failed run; the same sweep command retries both."
    return [to_html(Table("trouble", "Unfinished runs", note, columns, [Part("", lines)]))]


def _files() -> str:
    return (
        '<section id="files"><h2>Files</h2><p>In the folder of this page: <code>summary.csv</code> (one row per run), '
        "<code>tables/</code> (Markdown, LaTeX, CSV with all digits), <code>figures/</code> (PNG, PDF) and "
        "<code>runs/</code> (configuration, log, learning curve and logits per video of each run).</p></section>"
    )
