"""Tables of all pairs of models, of ranks with intervals, and of the stability of rankings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from suite.collect.evidence import Evidence
from suite.collect.pairs import TESTS, Pairs, over_datasets
from suite.collect.ranks import FEWEST, group_letters, rank_intervals, ranks, stability
from suite.collect.results_table import ResultsTable
from suite.report.tables.formats import Column, Estimate, Part, Table
from suite.statistics.significance import ALPHA

LIST = (
    *(Column("dataset", csv_only=True), Column("frames", csv_only=True)),
    *(Column("a", "A", text=True), Column("b", "B", text=True)),
    *(Column("top1_a", "A", "top-1 (%)"), Column("top1_b", "B", "top-1 (%)")),
    Column("difference", "A - B [95 % CI]", "difference (points)", digits=2, interval=True),
    *(Column("p", csv_only=True), Column("p_holm", csv_only=True)),
    *(Column("p_text", "p", text=True), Column("p_holm_text", "p, Holm", text=True), Column("test", csv_only=True)),
)


def model_names(found: Pairs) -> list[str]:
    """How the models of a group are called: with their source where there are several."""
    several = len({cell["source"] for cell in found.cells}) > 1
    return [f"{cell['name']} ({cell['source']})" if several else cell["name"] for cell in found.cells]


def pairwise_table(groups: Sequence[Pairs], evidence: Evidence | None = None) -> Table:
    """Every pair of models on a data set at the same frames, as a list: difference, 95 % interval, p and adjusted p.

    `groups`: `all_pairs` with intervals.
    """
    evidence = evidence or Evidence()
    parts = []
    for found in groups:
        names, lines, sources = model_names(found), [], []
        for pair in found.pairs:
            a, b = found.cells[pair.i], found.cells[pair.j]
            difference = Estimate(
                pair.difference,
                pair.low,
                pair.high,
                bold=pair.adjusted < ALPHA,
                mark=evidence.letters([*a["ids"], *b["ids"]]),
            )
            line: list[Any] = [found.dataset, found.frames, names[pair.i], names[pair.j], a["top1"], b["top1"]]
            line += [difference, pair.p, pair.adjusted, p_text(pair.p), p_text(pair.adjusted), pair.kind]
            lines.append(tuple(line))
            sources.append(" ".join([*a["ids"], *b["ids"]]))
        parts.append(Part(f"{found.dataset}, {found.frames} frames", lines, sources=sources))
    note = f"Bold: p < {ALPHA:g} after Holm. The intervals are of each pair alone, not simultaneous. {_tests(groups)}"
    return Table("pairwise", "Pairwise differences", note + _marks(groups, evidence), LIST, parts)


def matrix_table(groups: Sequence[Pairs], evidence: Evidence | None = None) -> Table:
    """The differences of `pairwise_table` as a matrix per data set and frames: row minus column, the best first."""
    evidence = evidence or Evidence()
    most = max((len(found.cells) for found in groups), default=0)
    columns = (
        *(Column("dataset", csv_only=True), Column("frames", csv_only=True)),
        *(Column("number", "", text=True), Column("model", "model", text=True)),
        *(Column(f"model_{j + 1}", str(j + 1)) for j in range(most)),
    )
    parts = []
    for found in groups:
        lines, names = [], model_names(found)
        above = {(pair.i, pair.j): pair for pair in found.pairs}
        for i, cell in enumerate(found.cells):
            letters = evidence.letters(cell["ids"])
            name = names[i] + (f" ({letters})" if letters else "")
            values = [above.get((i, j)) for j in range(most)]
            shown = [pair and Estimate(pair.difference, bold=pair.adjusted < ALPHA) for pair in values]
            lines.append((found.dataset, found.frames, str(i + 1), name, *shown))
        ids = [" ".join(cell["ids"]) for cell in found.cells]
        parts.append(Part(f"{found.dataset}, {found.frames} frames", lines, sources=ids))
    note = (
        "Top-1 of the row minus top-1 of the column, in percentage points; models in the order of top-1. "
        f"Bold: p < {ALPHA:g} after Holm. {_tests(groups)}"
    )
    title = "Pairwise differences as a matrix"
    return Table("pairwise_matrix", title, note + _marks(groups, evidence), columns, parts)


def ranks_table(groups: Sequence[Pairs], evidence: Evidence | None = None) -> Table:
    """Rank, simultaneous 95 % rank interval and groups per data set, a row per model, columns per frames.

    Data sets with fewer than three models at the same frames are left out; over several data sets a part of its own.
    """
    evidence = evidence or Evidence()
    groups = [*groups, *over_datasets(groups, evidence)]
    groups = [found for found in groups if len(found.cells) >= FEWEST]
    frames = sorted({found.frames for found in groups})
    columns = [Column("dataset", csv_only=True), Column("model", "model", text=True)]
    for f in frames:
        group = f"{f} frames"
        columns += [Column(f"top1_f{f}", "top-1 (%)", group), Column(f"rank_f{f}", "rank", group)]
        columns += [
            Column(f"ranks_f{f}", "95 % CI", group, text=True),
            Column(f"group_f{f}", "group", group, text=True),
        ]
        columns += [Column(f"rank_{end}_f{f}", csv_only=True) for end in ("low", "high")]
    parts = []
    for dataset in dict.fromkeys(found.dataset for found in groups):
        of_set = [found for found in groups if found.dataset == dataset]
        cells: dict[str, dict[int, tuple]] = {}
        ids: dict[str, list[str]] = {}
        for found in of_set:
            limits, names = rank_intervals(found), model_names(found)
            for i, letters in enumerate(group_letters(found)):
                low, high = limits[i]
                marked = evidence.letters(found.cells[i]["ids"])
                top1 = Estimate(found.cells[i]["top1"], mark=marked)
                span = str(low) if low == high else f"{low}–{high}"
                ids.setdefault(names[i], []).extend(found.cells[i]["ids"])
                cells.setdefault(names[i], {})[found.frames] = (top1, ranks(found)[i], span, letters, low, high)
        lines = [
            (dataset, name, *(value for f in frames for value in at.get(f, [None] * 6))) for name, at in cells.items()
        ]
        sources = [" ".join(ids[name]) for name in cells]
        parts.append(Part(dataset, lines, sources=sources))
    note = (
        "Rank 1 is the most accurate. 95 % simultaneous rank intervals: from 1 + the number of significantly better "
        "models to the number of models minus the significantly worse ones (Al Mohamad et al. 2019). Group: models "
        f"that share a letter do not differ significantly (p >= {ALPHA:g} after Holm). {_tests(groups)}"
    )
    if any(found.dataset == "all data sets" for found in groups):
        note += (
            " All data sets: mean accuracy with equal weights, of models with a result on every data set; variances of "
            f"the data sets added; {_mean_test([found for found in groups if found.dataset == 'all data sets'])}."
        )
    return Table("ranks", "Ranks", note + _marks(groups, evidence), tuple(columns), parts)


def stability_table(table: ResultsTable, groups: Sequence[Pairs], evidence: Evidence | None = None) -> Table:
    """Kendall's tau-b between the rankings of two data sets, frame counts or seeds, with a 95 % interval."""
    evidence = evidence or Evidence()
    found = stability(table, groups, evidence)
    columns = (
        *(Column("between", "between", text=True), Column("fixed", "at", text=True)),
        *(Column("a", "ranking A", text=True), Column("b", "ranking B", text=True), Column("models", "models")),
        *(Column("tau", "tau [95 % CI]", digits=2, interval=True), Column("decided", csv_only=True)),
        *(Column("pairs", "pairs"), Column("decided_text", "decided", text=True)),
    )
    lines = [
        (
            *(row[key] for key in ("between", "fixed", "a", "b", "models")),
            *(
                Estimate(row["tau"], row["low"], row["high"], mark=evidence.letters(row["ids"])),
                row["decided"],
                row["pairs"],
            ),
            f"{100 * row['decided'] / row['pairs']:.0f} %",
        )
        for row in found
    ]
    note = (
        "Kendall's tau-b between the accuracies of the models that both rankings share: 1 is the same order, -1 the "
        "reverse. The interval is conservative: pairs whose order is significant in both rankings (Holm over the pairs "
        "of each ranking, alpha = 0.025 each) count as they are, all others as anything from -1 to 1. Decided: share "
        "of the former. It covers other test videos and, of models with several seeds, other seeds"
    )
    between_seeds = any(row["between"] == "seeds" for row in found)
    note += "; between two seeds, other test videos only, for these weights." if between_seeds else "."
    note += _meaning([i for row in found for i in row["ids"]], evidence)
    return Table("rank_stability", "Stability of rankings", note, columns, [Part("", lines)] if lines else [])


def p_text(p: float) -> str | None:
    return None if math.isnan(p) else "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def _tests(groups: Sequence[Pairs]) -> str:
    """What the p-values come from, and what they are adjusted for."""
    kinds = [kind for kind in TESTS if any(kind in found.kinds for found in groups)]
    counts = sorted({len(found.pairs) for found in groups})
    span = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else "0"
    tests = "; ".join(TESTS[kind] for kind in kinds)
    return f"Test: {tests}. Holm over all pairs of a data set and number of frames ({span} pairs)." if tests else ""


def _mean_test(groups: list[Pairs]) -> str:
    """The tests of `over_datasets`, by the kinds of evidence that its pairs have."""
    kinds = {kind for found in groups for kind in found.kinds}
    z = "z test for models with one seed"
    if "paired" in kinds:
        z += ", with half a video added to each cell of the 2 x 2 table of a data set (Agresti and Min 2005)"
    t = "t test over seeds and test videos for models with several seeds"
    return "; ".join([z] * bool(kinds & {"paired", "unpaired"}) + [t] * bool(kinds & {"seeds", "unpaired_seeds"}))


def _marks(groups: Sequence[Pairs], evidence: Evidence) -> str:
    """The meaning of the letters that the models of these groups carry."""
    return _meaning([run for found in groups for cell in found.cells for run in cell["ids"]], evidence)


def _meaning(ids: list[str], evidence: Evidence) -> str:
    letters = set(evidence.letters(ids).split(",")) - {""}
    notes = [note for note in evidence.marks.notes if note.partition(":")[0] in letters]
    return f" Confounded: {'. '.join(notes)}." if notes else ""
