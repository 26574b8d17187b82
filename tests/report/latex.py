"""LaTeX of tables, compiled; skipped where there is no pdflatex."""

import os
import re
import shutil
import subprocess

import pytest

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
