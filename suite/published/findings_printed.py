"""Findings from the printed tables of five papers: costs, comparisons, contradictions."""

from __future__ import annotations

import math
from typing import Any

from suite.fairness.factors import FACTORS, judge
from suite.published.finding import Finding, agrees, listed, number_of_yes, percent, yes_no
from suite.published.record import COUNTS, read_notes, record, wide
from suite.published.references import published_rows

STATE_OF_THE_ART = {  # tables in which a paper sets its own rows beside quoted ones
    "deep_analysis": ("2",),
    "rcca3d": ("9",),
    "gta": ("5", "6", "7"),
    "arc": ("3", "4", "6", "8"),
    "cstransformer": ("3", "4"),
}
SHOWN = ("backbone", "frames", "pretraining", "views")


def costs() -> Finding:
    """The printed costs in one convention: multiply-adds per view."""
    rows, counted = [], {}
    table = record()
    for row in table[(table["metric"] == "gflops") & (table["origin"] == "own")].to_dict("records"):
        what = row["counts"].partition("/")[0]
        counted.setdefault(row["paper"], {}).setdefault(what, 0)
        counted[row["paper"]][what] += 1
    rcca = wide("rcca3d", "5")
    at = {row["model"]: row for row in rcca[rcca["dataset"] == "ucf101"].to_dict("records")}
    base, block, nonlocal_ = (at[m]["gflops"] for m in ("TSM", "TSM+RCCA*1", "TSM+NL*1"))
    added, full = (block - base) / 2, nonlocal_ - base
    for row in table[table["metric"] == "gflops"].to_dict("records"):
        converted, how = one_convention(row, base if row["module"].startswith("tsm") else math.nan)
        if row["origin"] == "own" and row["number"] == row["number"]:
            where = (row["paper"], f"Table {row['table']}", row["model"])
            rows.append((*where, row["dataset"], row["value"], row["counts"], converted, how))
    nl = wide("deep_analysis", "10")
    nl = nl[(nl["dataset"] == "mini_ssv2") & (nl["frames"] == "8") & (nl["backbone"] == "resnet50")]
    plain, with_nl = (float(nl[nl["module"] == m]["gflops"].iloc[0]) for m in ("tsn", "tsn+nl"))
    kinds = "; ".join(f"{p}: {', '.join(f'{COUNTS[k]} ({n})' for k, n in c.items())}" for p, c in counted.items())
    statement = (
        f"The papers use different counting conventions (rows run by the authors: {kinds}). rcca3d counts the "
        "multiply-adds of its own block twice and those of the non-local block once. As printed, RCCA-3D adds "
        f"{block - base:.1f} G and the non-local block {full:.1f} G ({percent(1 - (block - base) / full)} less). In "
        f"multiply-adds counted once, RCCA-3D adds {added:.2f} GMACs ({percent(1 - added / full)} less). deep_analysis "
        f"prints {with_nl:g} G for a network that has {plain + (with_nl - plain) / 2:.1f} GMACs when the multiply-adds "
        "of its non-local blocks are also counted once."
    )
    columns = ("paper", "table", "model", "data set", "printed", "counts", "multiply-adds of one view (G)", "how")
    heads = {
        "counts": "counting convention",
        "multiply-adds of one view (G)": "GMACs per view",
        "how": "conversion",
    }
    return Finding("costs", "Costs in one counting convention", statement, columns, rows, heads)


def one_convention(row: dict[str, Any], baseline: float = math.nan) -> tuple[float, str]:
    """Multiply-adds per view in 1e9 from a printed cost, by arithmetic alone; NaN where that is not possible.

    row: of `record`, a gflops; baseline: the printed cost of the network without the block, in multiply-adds.
    """
    what, _, views = str(row["counts"]).partition("/")
    value = row["number"]
    if views == "all_views":
        count = math.prod(int(v) for v in row["views"].split("x")) if row["views"] else 0
        if not count:
            return math.nan, "number of views not reported"
        value /= count
    if what == "macs":
        return value, "as printed" if views == "view" else "divided by the views"
    if what == "conv_macs":
        return value, "convolutions only"
    if what == "2macs":
        return value / 2, "halved" if views == "view" else "divided by the views, halved"
    if what == "macs+2block" and not math.isnan(baseline):
        return baseline + (value - baseline) / 2, "cost of the add-on block halved"
    return (
        math.nan,
        "counting convention unknown" if what == "unknown" else "needs the counted cost without the block",
    )


def conv_column() -> Finding:
    """Whether the column "Conv." of Table 5 has the accuracies of the S3D runs."""
    runs = {
        (r["dataset"], r["backbone"], r["frames"], r["module"]): r["top1"]
        for r in published_rows().to_dict("records")
        if r["pooling"] == "none"
    }
    rows = []
    for row in wide("deep_analysis", "5").to_dict("records"):
        module = "s3d" if row["module"] == "conv" else row["module"]
        value = runs.get((row["dataset"], row["backbone"], int(row["frames"]), module))
        if value is not None:
            same = yes_no(agrees(value, row["printed_top1"]))
            rows.append((row["dataset"], row["backbone"], int(row["frames"]), module, row["printed_top1"], value, same))
    s3d = [row for row in rows if row[3] == "s3d"]
    rest = [row for row in rows if row[3] != "s3d"]
    statement = (
        f"The text calls the column Conv. of Table 5 S3D, but {number_of_yes(s3d)} of its {len(s3d)} accuracies are "
        f"those of the S3D runs. In the columns of the other modules, {number_of_yes(rest)} of {len(rest)} accuracies "
        "are those of the runs. The cost printed for Conv. (Table 10) is that of dense temporal convolutions at the "
        "positions of TAM."
    )
    columns = ("data set", "backbone", "frames", "module", "printed", "of the 288 runs", "agrees")
    heads = {"of the 288 runs": "288 runs"}
    return Finding("conv_column", "The column Conv. is not S3D", statement, columns, rows, heads)


def figure_7() -> Finding:
    """Whether the changes of Figure 7 add up."""
    table = record()
    of = table[table["paper"] == "deep_analysis"]
    gains = of[(of["metric"] == "top1_gain") & (of["dataset"] == "kinetics400") & (of["table"] == "text 6.2")]
    backbone, pooling = gains["number"].iloc[0], gains["number"].iloc[1]
    tops = of[of["metric"] == "top1"]
    start = tops[(tops["table"] == "text Sec. 6") | (tops["table"] == "text 6")]["number"].iloc[0]
    end = tops[(tops["table"] == "2") & (tops["row"] == 1)]["number"].iloc[0]
    rows = [
        ("I3D-InceptionV1", start, "printed in the text"),
        ("change of backbone", backbone, "printed in the text"),
        ("removal of temporal pooling", pooling, "printed in the text"),
        ("sum", start + backbone + pooling, "computed"),
        ("I3D-ResNet50", end, "printed in Table 2"),
        ("start that would make the sum agree", end - backbone - pooling, "computed"),
    ]
    statement = (
        "The changes of Figure 7 on Kinetics-400 do not start from the I3D-InceptionV1 of the text: "
        f"{start} + {backbone:g} + {pooling:g} = {start + backbone + pooling:.2f}, but I3D-ResNet50 has {end}. They "
        f"start from another I3D-InceptionV1, with {end - backbone - pooling:.2f}."
    )
    return Finding(
        "figure_7", "The changes of Figure 7 do not add up", statement, ("step", "top-1 or points", "origin"), rows
    )


def table_6() -> Finding:
    """Which of the 288 runs Table 6 starts from; it does not report its frames."""
    runs = published_rows()
    runs = runs[(runs["name"] == "tam-resnet18")]
    printed = wide("deep_analysis", "6")
    rows = []
    for row in printed[printed["module"] == "tam"].to_dict("records"):
        for run in runs[runs["dataset"] == row["dataset"]].to_dict("records"):
            same = yes_no(agrees(run["top1"], row["printed_top1"]))
            rows.append((row["dataset"], run["frames"], row["printed_top1"], run["top1"], same))
    equal = [row for row in rows if row[-1] == "yes"]
    matching, sets = sorted({row[1] for row in equal}), {row[0] for row in equal}
    frames = listed(map(str, matching)) if matching else "no number of"
    statement = (
        "Table 6 does not report its number of frames. Its model with all modules has the accuracies of the runs with "
        f"{frames} frames, on {len(sets)} data sets."
    )
    return Finding(
        "table_6",
        "The number of frames of Table 6",
        statement,
        ("data set", "frames", "printed", "run", "agrees"),
        rows,
    )


def comparisons() -> Finding:
    """In which factors the authors' own rows and quoted rows of a table differ."""
    rows = []
    totals = dict.fromkeys(("pairs", "any", *SHOWN), 0)
    for paper, tables in STATE_OF_THE_ART.items():
        found = published_rows(paper if paper != "deep_analysis" else "deep_analysis_tables")
        for table in tables:
            of_table = found[found["source"] == f"{paper} {table}"].to_dict("records")
            own = [r for r in of_table if r["origin"] == "own"]
            quoted = [r for r in of_table if r["origin"] == "quoted"]
            judged = [
                {d.field for d in judge(a["factors"], b["factors"]).confounds}
                for a in own
                for b in quoted
                if a["dataset"] == b["dataset"]
            ]
            counts = [sum(f in fields for fields in judged) for f in SHOWN]
            some = sum(bool(fields & set(SHOWN)) for fields in judged)
            rows.append((paper, table, len(judged), some, *counts))
            for name, count in zip(("pairs", "any", *SHOWN), (len(judged), some, *counts), strict=True):
                totals[name] += count
    share = {name: f"{totals[name]} ({percent(totals[name], totals['pairs'])})" for name in ("any", *SHOWN)}
    statement = (
        f"The tables that compare with the state of the art contain {totals['pairs']} pairs of a row run by the "
        f"authors and a quoted row. {share['any']} of the pairs are known to differ not only in the method but also in "
        f"backbone, frames, pretraining or test views: {', '.join(f'{FACTORS[f]} {share[f]}' for f in SHOWN)}. Facts "
        "that a table does not report are not counted."
    )
    columns = ("paper", "table", "pairs", "any of these differs", *(FACTORS[f] for f in SHOWN))
    return Finding("comparisons", "Comparisons with the state of the art", statement, columns, rows)


def disagreements() -> Finding:
    """Numbers that two tables or papers print differently, and other errors in print that the record marks."""
    notes = read_notes()
    marked = (
        "papers_disagree",
        "tables_disagree",
        "bold_elsewhere",
        "same_cost_printed",
        "gain_garbled",
        "percent_differs",
    )
    rows = []
    for row in record().to_dict("records"):
        for code in set(row["notes"].split()) & set(marked):
            if row["metric"] in ("top1", "gflops"):
                where = (row["paper"], f"Table {row['table']}", row["model"])
                rows.append((*where, row["dataset"], row["metric"], row["value"], notes[code]))
    rows = sorted(set(rows))
    models = {row[:4] for row in rows}
    statement = (
        f"{len(models)} printed rows contain a number that contradicts another table or paper, or a printing error."
    )
    columns = ("paper", "table", "model", "data set", "metric", "printed", "what is odd")
    heads = {"what is odd": "problem"}
    return Finding("disagreements", "Contradictions and printing errors", statement, columns, rows, heads)
