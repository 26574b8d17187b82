"""What the published numbers say about themselves: statements whose every figure is computed from the record."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from suite.analysis.finding import Finding
from suite.analysis.findings_grid import confounds, grim, margins, pooling_claim, table_7
from suite.analysis.findings_printed import comparisons, conv_column, costs, disagreements, figure_7, table_6
from suite.spec import unknown

FINDINGS: dict[str, Callable[[], Finding]] = {
    f.__name__: f
    for f in (
        *(table_7, confounds, grim, margins, costs, comparisons),
        *(conv_column, pooling_claim, table_6, figure_7, disagreements),
    )
}


def findings(keys: Iterable[str] = ()) -> list[Finding]:
    """The findings of these keys, or all.  Raises BadInput for an unknown one."""
    for key in keys:
        if key not in FINDINGS:
            raise unknown("finding", key, FINDINGS)
    return [FINDINGS[key]() for key in keys or FINDINGS]
