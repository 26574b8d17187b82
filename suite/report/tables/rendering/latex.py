"""A table as LaTeX that can be pasted into a paper."""

from __future__ import annotations

import math
import unicodedata
from itertools import groupby, pairwise

from suite.report.tables.rendering.cells import PLAIN, Style, name_of, printed_cells, visible
from suite.report.tables.rendering.table import Column, Table

LATEX_ROWS = 45  # of a page; more go on in a further table
LATEX_WIDTH = 190  # letters, and two per column; on A4 they are scaled to letters of 5 points


def to_latex(table: Table) -> str:
    r"""A `table` environment a part, for \usepackage{booktabs,graphicx}.

    Wider than the line it is scaled to fit; what would be too small then goes on in a further table, group by group,
    and so does what is longer than a page.
    """
    style = Style(_escape_latex, r"\textbf{{{}}}".format, r"\textsuperscript{{{}}}".format, "$-$")
    out = [f"% {_comment(table.name)}: needs \\usepackage{{booktabs,graphicx}}"]
    for part in table.parts:
        columns, rows = printed_cells(table, part, style)
        title = style.escape(": ".join(filter(None, (table.title, name_of(part.title)))))
        notes = style.escape(" ".join(filter(None, (part.note, table.note))))
        comments = [f"    % {_comment(source)}\n" if source else "" for source in part.sources] or [""] * len(rows)
        pieces = []
        for shown in _blocks(columns, printed_cells(table, part, PLAIN)[1]):
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


LATEX_SIGNS = {
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
# pdflatex stops at a letter that it does not know
LATEX_SIGNS |= {sign: rf"$\{name}$" for sign, name in _GREEK.items()}


def _escape_latex(text: str) -> str:
    return "".join(LATEX_SIGNS.get(sign, _known_to_latex(sign)) for sign in _composed(text))


def _known_to_latex(sign: str) -> str:
    """ASCII, its letters with an accent, and a few more as they are; pdflatex stops at others: a question mark."""
    letter, *accents = unicodedata.normalize("NFD", sign)
    known = " " <= letter <= "~" and sign <= "\u017f" and all(accent in _ACCENTS for accent in accents)
    return sign if known or sign in "ßæøœłıÆØŒŁ" else "?"


# grave, acute, circumflex, tilde, macron, breve, dot, diaeresis, ring, double acute, caron, cedilla
_ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"


def _composed(text: str) -> str:
    """One line of visible letters, accents joined to theirs."""
    return unicodedata.normalize("NFC", " ".join(visible(text).split()))


def _comment(text: str) -> str:
    """One line, whatever was in it."""
    return " ".join(visible(text).split())
