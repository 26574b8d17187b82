"""The published runs of deep_analysis through our own tables and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.analysis.contribution import contribution
from suite.analysis.references import published_rows
from suite.report.plots import write_figures
from suite.report.tables import write_tables


def reproduce(folder: Path) -> dict[str, Any]:
    """Accuracies, costs, Phi and Psi (Table 7) and Figures 4, 6 and 10, from the 288 published rows alone.

    Phi and Psi come as unrounded fractions, with the number of cells behind each.  `findings` is empty: what can be
    said of the published numbers themselves is not part of this version.
    """
    rows = published_rows()
    folder.mkdir(parents=True, exist_ok=True)
    files = write_tables(rows, folder) + write_figures(rows, folder)
    found = contribution(rows)
    found = found[found.module != "tsn"]
    columns = ["dataset", "module", "phi", "psi_ta", "psi_ta_tp", "n"]
    contributions = found.rename(columns={"n_phi": "n"})[columns].to_dict("records")
    return {"contributions": contributions, "findings": [], "files": [str(file) for file in files]}
