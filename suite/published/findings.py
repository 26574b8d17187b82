"""What the published numbers say about themselves: statements whose every figure is computed from the record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from suite.published.finding import Finding
from suite.published.findings_grid import DISCORDANT, confounds, grim, margins, not_separated, pooling_claim, table_7
from suite.published.findings_printed import comparisons, conv_column, costs, disagreements, figure_7, table_6
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


def in_brief(found: Mapping[str, Finding]) -> str:
    """The main findings in one sentence each, as docs/published-record.md quotes them; `found` by key."""
    agree_as_printed = sum(row[5] == "yes" for row in found["table_7"].rows)
    agree_exchanged = sum(row[-1] == "yes" for row in found["table_7"].rows)
    values = len(found["table_7"].rows)
    *_, (_, doublings, batch, _, seen) = found["confounds"].rows
    cells, within = len(found["margins"].rows), not_separated(found["margins"].rows)
    low, high = (f"{100 * share:.0f}" for share in DISCORDANT)
    return (
        f"Of the values of Table 7, {agree_as_printed} of {values} agree with the runs, and {agree_exchanged} of "
        f"{values} once two columns are exchanged. Batch or synchronised batch normalisation differ in {batch} of "
        f"{doublings} comparisons of frame counts, epochs seen in {seen} of {doublings}. {within['unpaired']} of "
        f"{cells} winners are not separated from the runner-up by an unpaired 95 % interval ({within['paired'][0]} to "
        f"{within['paired'][1]} if {low} to {high} % of videos are discordant and pairing were possible). The numbers "
        "of videos behind the accuracies are consistent with padded validation sets."
    )


def confound_counts(found: Mapping[str, Finding]) -> str:
    """The counts of the finding `confounds` in one line, for `suite reproduce brief`."""
    (_, m, mb, *_), (_, p, pb, *_), (_, f, fb, _, fs) = found["confounds"].rows
    return f"{mb}/{m}, {pb}/{p}, {fb}/{f}; {fs}/{f} in epochs seen"
