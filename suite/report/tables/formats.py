"""One table, four renderings: Markdown, LaTeX, CSV and HTML."""

from __future__ import annotations

import csv
import html
import io
import math
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from numbers import Integral, Real

from suite.spec.spreadsheets import csv_cell
from suite.statistics.rounding import rounded, without_noise


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


class Printed(float):
    """A number with the decimals that a paper printed, in every format; `numbers` are its rows of the record.

    Where a value was printed but cannot be assigned it is NaN, and thus an empty cell.
    """

    text: str
    numbers: tuple[int, ...]

    def __new__(cls, text: str, numbers: Iterable[int] = ()) -> Printed:
        made = super().__new__(cls, text or math.nan)
        made.text, made.numbers = text, tuple(numbers)
        return made

    def __str__(self) -> str:
        return self.text


LATEX_ROWS = 45  # of a page; more go on in a further table
LATEX_WIDTH = 190  # letters, and two a column; on A4 they are scaled to letters of 5 points

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
    interval: str = "both"  # of an Estimate beside its value: "ci", "sd" or both; CSV has both always


@dataclass(frozen=True)
class Style:
    """What differs between the printed formats in a single cell."""

    escape: Callable[[str], str]
    bold: Callable[[str], str]
    raised: Callable[[str], str]
    minus: str


def _visible(text: str) -> str:
    """Without control characters, which break what reads the file, and halves of letters, which cannot be written."""
    return "".join(sign for sign in text if sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cs"))


_PLAIN = Style(str, str, str, "-")


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
    r"""A `table` environment a part, for \usepackage{booktabs,graphicx}.

    Wider than the line it is scaled to fit; what would be too small then goes on in a further table, group by group,
    and so does what is longer than a page.
    """
    style = Style(_escape_latex, r"\textbf{{{}}}".format, r"\textsuperscript{{{}}}".format, "$-$")
    out = [f"% {_comment(table.name)}: needs \\usepackage{{booktabs,graphicx}}"]
    for part in table.parts:
        columns, rows = _printed(table, part, style)
        title = style.escape(": ".join(filter(None, (table.title, part.title))))
        notes = style.escape(" ".join(filter(None, (part.note, table.note))))
        comments = [f"    % {_comment(source)}\n" if source else "" for source in part.sources] or [""] * len(rows)
        pieces = []
        for shown in _blocks(columns, _printed(table, part, _PLAIN)[1]):
            # a comment has a line of its own, so that it cannot swallow a row
            cells = [[row[i] for i in shown] for row in rows]
            lines = [c + "    " + " & ".join(row) + r" \\" for c, row in zip(comments, cells, strict=True)]
            parts = max(1, math.ceil(len(lines) / LATEX_ROWS))
            ends = [round(len(lines) * i / parts) for i in range(parts + 1)]
            pieces += [([columns[i] for i in shown], lines[a:b]) for a, b in pairwise(ends)]
        for number, (heads, lines) in enumerate(pieces, 1):
            which = f" ({number} of {len(pieces)})" if len(pieces) > 1 else ""
            out += _latex_float(title + which, heads, lines, notes if number == len(pieces) else "", style)
    return "\n".join(out)


def _blocks(columns: list[Column], rows: list[list[str]]) -> list[list[int]]:
    """The columns that stand in one table: all, or the first ones with a share of the groups."""
    groups = [list(group) for _, group in groupby(range(len(columns)), key=lambda i: columns[i].group)]
    first = groups.pop(0) if groups and not columns[0].group else []
    widths = [2 + max(map(len, [c.head, *(row[i] for row in rows)])) for i, c in enumerate(columns)]
    head = sum(widths[i] for i in first)
    count = math.ceil((sum(widths) - head) / max(1, LATEX_WIDTH - head))
    if sum(widths) <= LATEX_WIDTH or len(groups) < 2:
        return [list(range(len(columns)))]
    ends = [round(len(groups) * i / min(count, len(groups))) for i in range(min(count, len(groups)) + 1)]
    return [[*first, *(i for group in groups[a:b] for i in group)] for a, b in pairwise(ends)]


def _latex_float(title: str, columns: list[Column], lines: list[str], notes: str, style: Style) -> list[str]:
    """One `table`: caption, heads under their groups, rows, and what the numbers are."""
    groups = [(name, list(group)) for name, group in groupby(columns, key=lambda c: c.group)]
    aligned = r"@{\hspace{9pt}}".join("".join("l" if c.text else "r" for c in group) for _, group in groups)
    size = r"\footnotesize" if len(columns) < 10 else r"\scriptsize"
    out = [r"\begin{table}[t]", rf"  \centering{size}\setlength{{\tabcolsep}}{{3.5pt}}"]
    # article leaves no room below a caption, being made for captions under tables
    out += [r"  \setlength{\belowcaptionskip}{4pt}", f"  \\caption{{{title}.}}"]
    out += [r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"]
    out += [f"  \\begin{{tabular}}{{{aligned}}}", r"    \toprule"]
    if any(name for name, _ in groups):
        spans, rules, first = [], "", 1
        for name, group in groups:
            spans.append(f"\\multicolumn{{{len(group)}}}{{c}}{{{style.escape(name)}}}")
            rules += f"\\cmidrule(lr){{{first}-{first + len(group) - 1}}}" if name else ""
            first += len(group)
        out += ["    " + " & ".join(spans) + r" \\", "    " + rules]
    out += ["    " + " & ".join(style.escape(c.head) for c in columns) + r" \\", r"    \midrule"]
    out += [*lines, r"    \bottomrule", r"  \end{tabular}}"]
    out += [f"  \\par\\smallskip\\parbox{{\\linewidth}}{{\\scriptsize {notes}}}"] if notes else []
    return [*out, r"\end{table}", ""]


def to_csv(table: Table) -> str:
    """All parts under one header, every column, unrounded; text that a spreadsheet would run is escaped."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name for c in table.columns for name in _csv_names(c)])
    for part in table.parts:
        for row in part.rows:
            cells = zip(table.columns, row, strict=True)
            values = ["" if _empty(x) else x for c, cell in cells for x in _csv_values(c, cell)]
            writer.writerow([_in_csv(x) for x in values])
    return out.getvalue()


def to_html(table: Table) -> str:
    """A <section>, everything escaped; the page brings the style sheet."""
    style = Style(_escape_html, "<b>{}</b>".format, "<sup>{}</sup>".format, "−")
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
    cells = [[_cell(row[i], table.columns[i].digits, style, table.interval) for i in shown] for row in part.rows]
    return columns, cells


def _cell(cell: Cell, digits: int, style: Style, interval: str = "both") -> str:
    if _empty(cell):
        return ""
    if isinstance(cell, str):
        return style.escape(cell)
    if isinstance(cell, Integral):  # numpy's too
        return str(cell).replace("-", style.minus)
    if isinstance(cell, Real):
        return _number(cell, digits, style)
    text = "withheld" if math.isnan(cell.value) else _number(cell.value, digits, style)
    text = style.bold(text) if cell.bold else text
    text += style.raised(cell.mark) if cell.mark else ""
    if not math.isnan(cell.spread) and interval != "ci":
        text += " " + style.escape(f"± {rounded(cell.spread, digits)}")
    if not math.isnan(cell.low) and interval != "sd":
        text += " " + style.escape(f"[{rounded(cell.low, digits)}, {rounded(cell.high, digits)}]")
    return text


def _number(value: float, digits: int, style: Style) -> str:
    text = value.text if isinstance(value, Printed) else rounded(value, digits)
    return text.replace("-", style.minus)


def _empty(cell: Cell) -> bool:
    if isinstance(cell, Estimate) and cell.mark:
        return False
    value = cell.value if isinstance(cell, Estimate) else cell
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _in_csv(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return csv_cell(_visible(cell))
    return without_noise(cell) if isinstance(cell, float) and not isinstance(cell, Printed) else cell


def _csv_names(column: Column) -> list[str]:
    return [column.key, *(f"{column.key}_{x}" for x in ("low", "high", "sd", "mark") if column.interval)]


def _csv_values(column: Column, cell: Cell) -> list[Cell]:
    if not column.interval:
        return [cell.value if isinstance(cell, Estimate) else cell]
    if not isinstance(cell, Estimate):
        return [cell, *[None] * 4]
    return [cell.value, cell.low, cell.high, cell.spread, cell.mark]


def _escape_html(text: str) -> str:
    return html.escape(_visible(text))


def _escape_markdown(text: str) -> str:
    text = " ".join(_visible(text).split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for sign in "|*`":
        text = text.replace(sign, "\\" + sign)
    for end in "([:":  # nobody's name is a link or a picture; the brackets of intervals stay
        text = text.replace("]" + end, "]\\" + end)
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
    return "".join(_LATEX.get(sign, _known_to_latex(sign)) for sign in _composed(text))


def _known_to_latex(sign: str) -> str:
    """ASCII, its letters with an accent, and a few more as they are; pdflatex stops at others: a question mark."""
    letter, *accents = unicodedata.normalize("NFD", sign)
    known = " " <= letter <= "~" and sign <= "\u017f" and all(accent in _ACCENTS for accent in accents)
    return sign if known or sign in "ßæøœłıÆØŒŁ" else "?"


# grave, acute, circumflex, tilde, macron, breve, dot, diaeresis, ring, double acute, caron, cedilla
_ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"


def _composed(text: str) -> str:
    """One line of visible letters, accents joined to theirs."""
    return unicodedata.normalize("NFC", " ".join(_visible(text).split()))


def _comment(text: str) -> str:
    """One line, whatever was in it."""
    return " ".join(_visible(text).split())
