"""One table, four renderings: Markdown, LaTeX, CSV and HTML."""

from __future__ import annotations

import csv
import html
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval; `spread` is the standard deviation over seeds, NaN for a single one.

    `mark` are letters of footnotes; with a mark a value that is NaN is one that was withheld.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    spread: float = math.nan
    bold: bool = False
    mark: str = ""


Cell = str | int | float | Estimate | None  # None and NaN are printed as an empty cell


@dataclass(frozen=True)
class Column:
    """`head` (with its unit) stands under `group` in print; `key` is its name in CSV."""

    key: str
    head: str = ""
    group: str = ""
    digits: int = 1
    text: bool = False  # left-aligned words; otherwise right-aligned numbers
    csv_only: bool = False
    interval: bool = False  # CSV: more columns, key_low, key_high, key_sd and key_mark


@dataclass(frozen=True)
class Part:
    """Rows that are printed together, such as those of one data set; each row has a cell per column of the table.

    `sources` says where each row comes from, such as the ids of its runs; LaTeX shows it as a comment above the row.
    """

    title: str
    rows: list[tuple[Cell, ...]]
    note: str = ""
    sources: list[str] = field(default_factory=list)  # none, or one a row; "" where there is nothing to say


@dataclass(frozen=True)
class Table:
    """`name` is the file's, `note` says what the numbers are.  Columns empty in a part are not printed there."""

    name: str
    title: str
    note: str
    columns: tuple[Column, ...]
    parts: list[Part]


@dataclass(frozen=True)
class Style:
    """What differs between the printed formats in a single cell."""

    escape: Callable[[str], str]
    bold: Callable[[str], str]
    raised: Callable[[str], str]
    minus: str


def to_markdown(table: Table) -> str:
    """GitHub-flavoured Markdown, one pipe table a part."""
    style = Style(_escape_markdown, "**{}**".format, "<sup>{}</sup>".format, "-")
    out = [f"## {style.escape(table.title)}", ""]
    for part in table.parts:
        columns, rows = _printed(table, part, style)
        heads = [", ".join(filter(None, map(style.escape, (c.group, c.head)))) for c in columns]
        widths = [max(3, *(len(line[i]) for line in [heads, *rows])) for i in range(len(columns))]
        rule = ["-" * w if c.text else "-" * (w - 1) + ":" for c, w in zip(columns, widths, strict=True)]
        if part.title:
            out += [f"### {style.escape(part.title)}", ""]
        for line in [heads, rule, *rows]:
            fitted = zip(line, columns, widths, strict=True)
            out.append("| " + " | ".join(x.ljust(w) if c.text else x.rjust(w) for x, c, w in fitted) + " |")
        out += ["", *([style.escape(part.note), ""] if part.note else [])]
    return "\n".join([*out, style.escape(table.note), ""])


def to_latex(table: Table) -> str:
    r"""One `table` environment a part, for \usepackage{booktabs,graphicx}; wider than the line it is scaled to fit."""
    style = Style(_escape_latex, r"\textbf{{{}}}".format, r"\textsuperscript{{{}}}".format, "$-$")
    out = [f"% {_comment(table.name)}: needs \\usepackage{{booktabs,graphicx}}"]
    for part in table.parts:
        columns, rows = _printed(table, part, style)
        runs = [(name, len(list(run))) for name, run in groupby(columns, key=lambda c: c.group)]
        title = ": ".join(filter(None, (table.title, part.title)))
        size = r"\footnotesize" if len(columns) < 10 else r"\scriptsize"
        out += [r"\begin{table}[t]", rf"  \centering{size}\setlength{{\tabcolsep}}{{3.5pt}}"]
        # article leaves no room below a caption, being made for captions under tables
        out += [r"  \setlength{\belowcaptionskip}{4pt}", f"  \\caption{{{style.escape(title)}.}}"]
        out += [r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"]
        grouped = groupby(columns, key=lambda c: c.group)
        aligned = r"@{\hspace{9pt}}".join("".join("l" if c.text else "r" for c in group) for _, group in grouped)
        out += [f"  \\begin{{tabular}}{{{aligned}}}", r"    \toprule"]
        if any(name for name, _ in runs):
            spans, rules, first = [], "", 1
            for name, n in runs:
                spans.append(f"\\multicolumn{{{n}}}{{c}}{{{style.escape(name)}}}")
                rules += f"\\cmidrule(lr){{{first}-{first + n - 1}}}" if name else ""
                first += n
            out += ["    " + " & ".join(spans) + r" \\", "    " + rules]
        out += ["    " + " & ".join(style.escape(c.head) for c in columns) + r" \\", r"    \midrule"]
        for row, source in zip(rows, part.sources or [""] * len(rows), strict=True):
            out += [f"    % {_comment(source)}"] if source else []  # a line of its own: it cannot swallow a row
            out += ["    " + " & ".join(row) + r" \\"]
        out += [r"    \bottomrule", r"  \end{tabular}}"]
        notes = " ".join(filter(None, (part.note, table.note)))
        out += [f"  \\par\\smallskip\\parbox{{\\linewidth}}{{\\scriptsize {style.escape(notes)}}}", r"\end{table}", ""]
    return "\n".join(out)


def to_csv(table: Table) -> str:
    """All parts under one header, every column, unrounded."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name for c in table.columns for name in _csv_names(c)])
    for part in table.parts:
        for row in part.rows:
            cells = zip(table.columns, row, strict=True)
            writer.writerow(["" if _empty(x) else x for c, cell in cells for x in _csv_values(c, cell)])
    return out.getvalue()


def to_html(table: Table) -> str:
    """A <section>, everything escaped; the page brings the style sheet."""
    style = Style(html.escape, "<b>{}</b>".format, "<sup>{}</sup>".format, "−")
    out = [f'<section id="{style.escape(table.name)}">', f"<h2>{style.escape(table.title)}</h2>"]
    for part in table.parts:
        columns, rows = _printed(table, part, style)
        kinds = [' class="text"' if c.text else "" for c in columns]
        out += [f"<h3>{style.escape(part.title)}</h3>"] if part.title else []
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
    return "\n".join([*out, f'<p class="note">{style.escape(table.note)}</p>', "</section>"])


def _printed(table: Table, part: Part, style: Style) -> tuple[list[Column], list[list[str]]]:
    """The columns of a part that hold anything, and its cells as text."""
    shown = [
        i
        for i, column in enumerate(table.columns)
        if not column.csv_only and any(not _empty(row[i]) for row in part.rows)
    ]
    columns = [table.columns[i] for i in shown]
    return columns, [[_cell(row[i], table.columns[i].digits, style) for i in shown] for row in part.rows]


def _cell(cell: Cell, digits: int, style: Style) -> str:
    if _empty(cell):
        return ""
    if isinstance(cell, str):
        return style.escape(cell)
    if isinstance(cell, int):
        return str(cell).replace("-", style.minus)
    if isinstance(cell, float):
        return _number(cell, digits, style)
    text = "withheld" if math.isnan(cell.value) else _number(cell.value, digits, style)
    text = style.bold(text) if cell.bold else text
    text += style.raised(cell.mark) if cell.mark else ""
    if not math.isnan(cell.spread):
        text += " " + style.escape(f"± {cell.spread:.{digits}f}")
    if not math.isnan(cell.low):
        text += " " + style.escape(f"[{cell.low:.{digits}f}, {cell.high:.{digits}f}]")
    return text


def _number(value: float, digits: int, style: Style) -> str:
    text = f"{value:.{digits}f}"
    return text.replace("-", "" if float(text) == 0 else style.minus)  # no "-0.000"


def _empty(cell: Cell) -> bool:
    if isinstance(cell, Estimate) and cell.mark:
        return False
    value = cell.value if isinstance(cell, Estimate) else cell
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _csv_names(column: Column) -> list[str]:
    return [column.key, *(f"{column.key}_{x}" for x in ("low", "high", "sd", "mark") if column.interval)]


def _csv_values(column: Column, cell: Cell) -> list[Cell]:
    if not column.interval:
        return [cell]
    if not isinstance(cell, Estimate):
        return [cell, *[None] * 4]
    return [cell.value, cell.low, cell.high, cell.spread, cell.mark]


def _escape_markdown(text: str) -> str:
    text = " ".join(text.split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for sign in "|*`":
        text = text.replace(sign, "\\" + sign)
    return text


_LATEX = {
    "\\": r"\textbackslash{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"},
    **{"|": r"\textbar{}", "±": r"$\pm$", "–": "--", "—": "---", "−": "$-$", "×": r"$\times$", "…": r"\ldots{}"},
    **{"≤": r"$\leq$", "≥": r"$\geq$", "≠": r"$\neq$", "≈": r"$\approx$", "→": r"$\to$", "·": r"$\cdot$"},
    **{"†": r"$\dagger$", "‡": r"$\ddagger$", "°": r"$^\circ$", "µ": r"$\mu$", "√": r"$\surd$", "∞": r"$\infty$"},
    **{"²": "$^2$", "³": "$^3$", "‘": "`", "’": "'", "“": "``", "”": "''", "½": "1/2"},
    **{"[": "{[}", "]": "{]}"},  # after \\ a bracket would be read as its optional argument
}
_GREEK = {
    **{"Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega"},
    **{"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "η": "eta", "θ": "theta"},
    **{"κ": "kappa", "λ": "lambda", "μ": "mu", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "varphi"},
    **{"χ": "chi", "ψ": "psi", "ω": "omega"},
}
_LATEX |= {sign: rf"$\{name}$" for sign, name in _GREEK.items()}  # pdflatex stops at a letter that it does not know


def _escape_latex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in " ".join(text.split()))


def _comment(text: str) -> str:
    """One line, whatever was in it."""
    return " ".join(text.split())
