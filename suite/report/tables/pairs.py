"""Tables of all pairs of models, of ranks with intervals, and of the stability of rankings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from suite.collect.evidence import Evidence
from suite.collect.pairs import TESTS, Pairs, over_datasets
from suite.collect.ranks import FEWEST, group_letters, rank_intervals, ranks, stability
from suite.collect.results_table import ResultsTable
from suite.report.names import dataset_title
from suite.report.tables.names import named_dataset, named_models
from suite.report.tables.rendering.table import DEFAULT_PRINTING, Column, Estimate, Named, Part, Printing, Table
from suite.statistics.rounding import rounded
from suite.statistics.significance import ALPHA


def _pairwise_columns(printing: Printing) -> tuple[Column, ...]:
    points = "difference (points)"
    return (
        Column("dataset", csv_only=True),
        Column("frames", csv_only=True),
        Column("a", "A", text=True),
        Column("b", "B", text=True),
        Column("top1_a", "A", "top-1 (%)", percent=True),
        Column("top1_b", "B", "top-1 (%)", percent=True),
        Column("difference", printing.with_interval("A − B"), points, digits=2, percent=True, interval=True),
        Column("p", csv_only=True),
        Column("p_holm", csv_only=True),
        Column("p_text", "p", text=True),
        Column("p_holm_text", "p, Holm", text=True),
        Column("test", csv_only=True),
    )


def model_names(found: Pairs) -> list[Named]:
    """How the models of a group are called: with their source where there are several."""
    several = len({cell["source"] for cell in found.cells}) > 1
    names = [f"{cell['name']} ({cell['source']})" if several else cell["name"] for cell in found.cells]
    shown = named_models(names)
    return [shown[name] for name in names]


def pairwise_table(
    groups: Sequence[Pairs], evidence: Evidence | None = None, printing: Printing = DEFAULT_PRINTING
) -> Table:
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
        parts.append(Part(named_dataset(found.dataset, f", {found.frames} frames"), lines, sources=sources))
    note = f"Bold: p < {ALPHA:g} after Holm correction. "
    note += "The intervals are per pair, not simultaneous. " if printing.interval != "none" else ""
    note += _tests(groups) + _marks(groups, evidence)
    title = "Pairwise differences"
    return Table("pairwise", title, note, _pairwise_columns(printing), parts, printing=printing)


def matrix_table(groups: Sequence[Pairs], evidence: Evidence | None = None) -> Table:
    """The differences of `pairwise_table` as a matrix per data set and frames: row minus column, the best first."""
    evidence = evidence or Evidence()
    most = max((len(found.cells) for found in groups), default=0)
    columns = (
        *(Column("dataset", csv_only=True), Column("frames", csv_only=True)),
        *(Column("number", "", text=True), Column("model", "model", text=True)),
        *(Column(f"model_{j + 1}", str(j + 1), percent=True) for j in range(most)),
    )
    parts = []
    for found in groups:
        lines, names = [], model_names(found)
        above = {(pair.i, pair.j): pair for pair in found.pairs}
        for i, cell in enumerate(found.cells):
            letters = evidence.letters(cell["ids"])
            behind = f" ({letters})" if letters else ""
            name = Named(names[i] + behind, names[i].shown + behind)
            values = [above.get((i, j)) for j in range(most)]
            shown = [pair and Estimate(pair.difference, bold=pair.adjusted < ALPHA) for pair in values]
            lines.append((found.dataset, found.frames, str(i + 1), name, *shown))
        ids = [" ".join(cell["ids"]) for cell in found.cells]
        parts.append(Part(named_dataset(found.dataset, f", {found.frames} frames"), lines, sources=ids))
    note = (
        "Top-1 accuracy of the row minus that of the column, in percentage points; sorted by accuracy. "
        f"Bold: p < {ALPHA:g} after Holm correction. {_tests(groups)}"
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
        columns += [Column(f"top1_f{f}", "top-1 (%)", group, percent=True), Column(f"rank_f{f}", "rank", group)]
        columns += [
            Column(f"ranks_f{f}", "95 % CI of the rank", group, text=True),
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
        parts.append(Part(named_dataset(dataset), lines, sources=sources))
    note = (
        "Rank 1 is the most accurate; simultaneous 95 % confidence intervals. Group: models that share a letter do not "
        f"differ significantly (p >= {ALPHA:g} after Holm correction). {_tests(groups)}"
    )
    details = (
        "Rank intervals: from 1 + the number of significantly better models to the number of models minus the "
        "significantly worse ones (Al Mohamad et al. 2019)."
    )
    if of_all := [found for found in groups if found.dataset == "all data sets"]:
        note += " All data sets: mean accuracy with equal weights, of models with a result on every data set."
        details += f" All data sets: variances summed over the data sets; {_mean_test(of_all)}."
    return Table("ranks", "Ranks", note + _marks(groups, evidence), tuple(columns), parts, details)


def stability_table(
    table: ResultsTable,
    groups: Sequence[Pairs],
    evidence: Evidence | None = None,
    printing: Printing = DEFAULT_PRINTING,
) -> Table:
    """Kendall's tau-b between the rankings of two data sets, frame counts or seeds, with a 95 % interval."""
    evidence = evidence or Evidence()
    found = stability(table, groups, evidence)
    columns = (
        *(Column("between", "between", text=True), Column("fixed", "at", text=True)),
        *(Column("a", "ranking A", text=True), Column("b", "ranking B", text=True), Column("models", "models")),
        *(Column("tau", printing.with_interval("τ"), digits=2, interval=True), Column("decided", csv_only=True)),
        *(Column("pairs", "pairs"), Column("decided_text", "decided pairs", text=True)),
    )
    datasets = sorted({of_set.dataset for of_set in groups}, key=len, reverse=True)
    lines = [
        (
            row["between"],
            *(_with_title(row[key], datasets) for key in ("fixed", "a", "b")),
            row["models"],
            *(
                Estimate(row["tau"], row["low"], row["high"], mark=evidence.letters(row["ids"])),
                row["decided"],
                row["pairs"],
            ),
            f"{rounded(100 * row['decided'] / row['pairs'], 0)} %",
        )
        for row in found
    ]
    between_seeds = any(row["between"] == "seeds" for row in found)
    note = (
        "Kendall's τ-b between two rankings of the same models: 1 is the same order, -1 the reverse. Decided pairs: "
        "pairs of models whose order is significant in both rankings (Holm correction, alpha = 0.025 each)."
    )
    details = (
        "The interval of τ is conservative: decided pairs count as they are, all others as anything from -1 to 1. It "
        "covers sampling of test videos and, of models with several seeds, of seeds"
    )
    details += "; between two seeds, sampling of test videos only." if between_seeds else "."
    note += _meaning([i for row in found for i in row["ids"]], evidence)
    parts = [Part("", lines)] if lines else []
    return Table("rank_stability", "Stability of rankings", note, columns, parts, details, printing)


def _with_title(text: str, datasets: list[str]) -> Named:
    """A setting of a ranking, such as "calib_order" or "calib_order, 8 frames", with the title of its data set."""
    dataset = next((name for name in datasets if text == name or text.startswith(f"{name}, ")), None)
    return Named(text, text if dataset is None else dataset_title(dataset) + text.removeprefix(dataset))


def p_text(p: float) -> str | None:
    return None if math.isnan(p) else "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def _tests(groups: Sequence[Pairs]) -> str:
    """What the p-values come from, and what they are adjusted for."""
    kinds = [kind for kind in TESTS if any(kind in found.kinds for found in groups)]
    counts = sorted({len(found.pairs) for found in groups})
    span = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else "0"
    tests = "; ".join(TESTS[kind] for kind in kinds)
    return f"Test: {tests}; Holm over the {span} pairs of a data set and frame count." if tests else ""


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
