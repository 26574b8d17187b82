"""Statements about the published numbers; every figure in them is computed from the record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from suite.published.finding import Finding, number_of_yes
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
    values = found["table_7"].rows
    *_, (_, doublings, batch, _, seen) = found["confounds"].rows
    cells, within = len(found["margins"].rows), not_separated(found["margins"].rows)
    low, high = (f"{100 * share:.0f}" for share in DISCORDANT)
    return (
        f"In Table 7 of deep_analysis, {number_of_yes(values, 5)} of {len(values)} values agree with its runs, and "
        f"{number_of_yes(values)} of {len(values)} after two columns are exchanged. Batch size or synchronised batch "
        f"normalisation differ in {batch} of {doublings} comparisons of frame counts, cumulative epochs in {seen} of "
        f"{doublings}. An unpaired 95 % interval does not separate {within['unpaired']} of {cells} winners from the "
        f"runner-up; a paired interval would not separate {within['paired'][0]} to {within['paired'][1]} of them if "
        f"{low} to {high} % of the videos were discordant. The numbers of test videos that fit the accuracies are "
        "consistent with padded validation sets."
    )


def confound_counts(found: Mapping[str, Finding]) -> str:
    """The counts of the finding `confounds` in two sentences, for `suite reproduce brief`."""
    (_, m, mb, *_), (_, p, pb, *_), (_, f, fb, _, fs) = found["confounds"].rows
    return (
        f"Different batch size or synchronised batch normalisation: {mb} of {m} pairs of modules, {pb} of {p} pairs "
        f"with and without temporal pooling, {fb} of {f} pairs with doubled frames. Different cumulative epochs: {fs} "
        f"of {f} pairs with doubled frames."
    )
