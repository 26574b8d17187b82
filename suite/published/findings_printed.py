"""What the printed tables of five papers say about themselves: costs, comparisons, numbers that disagree."""

from __future__ import annotations

import math
from typing import Any

from suite.fairness.factors import FACTORS, judge
from suite.published.finding import Finding, agrees
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
    """The printed costs in one convention: multiply-adds of one view."""
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
        f"The papers do not count alike (own rows by what is counted: {kinds}). rcca3d counts the multiply-adds "
        f"of its own block twice and those of the non-local block once: printed, RCCA adds {block - base:.1f} G "
        f"against {full:.1f} G, {1 - (block - base) / full:.0%} less; in multiply-adds it is {added:.2f} G against "
        f"{full:.1f} G, {1 - added / full:.0%} less. deep_analysis prints {with_nl:g} G for a network that has "
        f"{plain + (with_nl - plain) / 2:.1f} G when the multiply-adds of its non-local blocks, too, are counted once."
    )
    columns = ("paper", "table", "model", "data set", "printed", "counts", "multiply-adds of one view (G)", "how")
    return Finding("costs", "Costs in one convention", statement, columns, rows)


def one_convention(row: dict[str, Any], baseline: float = math.nan) -> tuple[float, str]:
    """Multiply-adds of one view in 1e9 from a printed cost, by arithmetic alone; NaN where that is not possible.

    row: of `record`, a gflops; baseline: the printed cost of the network without the block, in multiply-adds.
    """
    what, _, views = str(row["counts"]).partition("/")
    value = row["number"]
    if views == "all_views":
        count = math.prod(int(v) for v in row["views"].split("x")) if row["views"] else 0
        if not count:
            return math.nan, "number of views unknown"
        value /= count
    if what == "macs":
        return value, "as printed" if views == "view" else "divided by the views"
    if what == "conv_macs":
        return value, "convolutions alone"
    if what == "2macs":
        return value / 2, "halved" if views == "view" else "divided by the views, halved"
    if what == "macs+2block" and not math.isnan(baseline):
        return baseline + (value - baseline) / 2, "what the block adds halved"
    return math.nan, "not known what is counted" if what == "unknown" else "needs the counted network"


def conv_column() -> Finding:
    """The column "Conv." of Table 5 against the S3D runs."""
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
            same = "yes" if agrees(value, row["printed_top1"]) else "no"
            rows.append((row["dataset"], row["backbone"], int(row["frames"]), module, row["printed_top1"], value, same))
    s3d = [row for row in rows if row[3] == "s3d"]
    rest = [row for row in rows if row[3] != "s3d"]
    statement = (
        f"Table 5 calls its column Conv. S3D, but {sum(r[-1] == 'yes' for r in s3d)} of its {len(s3d)} accuracies are "
        f"those of the S3D runs; of the other modules {sum(r[-1] == 'yes' for r in rest)} of {len(rest)} are. The cost "
        "printed for it (Table 10) is that of dense temporal convolutions at the places of TAM."
    )
    columns = ("data set", "backbone", "frames", "module", "printed", "of the 288 runs", "agrees")
    return Finding("conv_column", "The column Conv. is not S3D", statement, columns, rows)


def figure_7() -> Finding:
    """Whether the steps of Figure 7 add up."""
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
        ("start that would close the sum", end - backbone - pooling, "computed"),
    ]
    statement = (
        f"The steps of Figure 7 on Kinetics do not start at the I3D-InceptionV1 of the text: {start} + {backbone:g} + "
        f"{pooling:g} = {start + backbone + pooling:.2f}, but I3D-ResNet50 has {end}; they start at "
        f"{end - backbone - pooling:.2f}, which is another I3D-InceptionV1."
    )
    return Finding("figure_7", "The steps of Figure 7", statement, ("step", "top-1 or points", "origin"), rows)


def table_6() -> Finding:
    """Which of the 288 runs Table 6 starts from; its frames are not stated."""
    runs = published_rows()
    runs = runs[(runs["name"] == "tam-resnet18")]
    printed = wide("deep_analysis", "6")
    rows = []
    for row in printed[printed["module"] == "tam"].to_dict("records"):
        for run in runs[runs["dataset"] == row["dataset"]].to_dict("records"):
            same = "yes" if agrees(run["top1"], row["printed_top1"]) else "no"
            rows.append((row["dataset"], run["frames"], row["printed_top1"], run["top1"], same))
    matching = sorted({row[1] for row in rows if row[-1] == "yes"})
    sets = {row[0] for row in rows if row[-1] == "yes"}
    statement = (
        "Table 6 does not say how many frames it is for; its model with all modules has the accuracies of the runs "
        f"of {' and '.join(map(str, matching)) or 'no'} frames, on {len(sets)} data sets."
    )
    return Finding(
        "table_6", "The frames of Table 6", statement, ("data set", "frames", "printed", "run", "agrees"), rows
    )


def comparisons() -> Finding:
    """Own against quoted rows of the papers' tables, factor by factor."""
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
    share = {name: f"{totals[name]} ({totals[name] / totals['pairs']:.0%})" for name in ("any", *SHOWN)}
    statement = (
        f"Of {totals['pairs']} pairs of a paper's own and a quoted row in its tables against the state of the art, "
        f"{share['any']} are known to differ in backbone, frames, pretraining or test views beside the method: "
        + ", ".join(f"{FACTORS[f]} {share[f]}" for f in SHOWN)
        + ". What a table leaves out is not counted."
    )
    columns = ("paper", "table", "pairs", "any of these differs", *(FACTORS[f] for f in SHOWN))
    return Finding("comparisons", "Comparisons with the state of the art", statement, columns, rows)


def disagreements() -> Finding:
    """Numbers that two tables or two papers print differently, and other faults that the record marks."""
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
        f"{len(models)} printed rows carry a number that another table or paper contradicts, or a fault in print."
    )
    columns = ("paper", "table", "model", "data set", "metric", "printed", "what is odd")
    return Finding("disagreements", "Numbers that disagree", statement, columns, rows)
