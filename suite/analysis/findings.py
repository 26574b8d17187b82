"""What the published numbers say about themselves: statements whose every figure is computed from the record."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from suite.analysis.contribution import contribution
from suite.analysis.factors import FACTORS, agree, judge, text
from suite.analysis.grim import fits
from suite.analysis.record import COUNTS, read_notes, record, wide
from suite.analysis.references import DECIMALS, GPUS, evaluated, fits_no_n, published_rows, run_table
from suite.analysis.statistics import newcombe
from suite.spec import unknown

if TYPE_CHECKING:
    import pandas as pd

BATCH = ("batch", "batch_norm", "sync_bn")
MODULES = ("i3d", "s3d", "tam")  # columns of Table 7


@dataclass(frozen=True)
class Finding:
    """A statement, the numbers behind it as a table, and the command that prints them."""

    key: str
    title: str
    statement: str
    columns: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def command(self) -> str:
        return f"suite reproduce --finding {self.key}"


def table_7() -> Finding:
    """Phi and Psi of the 288 runs against the printed Table 7."""
    ours = {(r["dataset"], r["module"]): r for r in contribution(published_rows()).to_dict("records")}
    printed = record()
    printed = printed[(printed["paper"] == "deep_analysis") & (printed["table"] == "7")]
    there = {(r["dataset"], r["metric"], r["module"]): r["value"] for r in printed.to_dict("records")}
    rows, straight, exchanged, pooled = [], 0, 0, 0
    for dataset, metric in dict.fromkeys((d, m) for d, m, _ in there):
        for module in MODULES:
            value = ours[dataset, module][metric]
            other = {"i3d": "s3d", "s3d": "i3d"}.get(module, module) if metric != "psi_ta_tp" else module
            here, across = there[dataset, metric, module], there[dataset, metric, other]
            straight += agrees(value, here)
            exchanged += agrees(value, across)
            pooled += metric == "psi_ta_tp" and agrees(value, here)
            after = "yes" if agrees(value, across) else "no"
            rows.append((dataset, metric, module, value, here, "yes" if agrees(value, here) else "no", across, after))
    statement = (
        f"Phi and Psi recomputed from the 288 runs equal the printed Table 7 to two decimals in {straight} of "
        f"{len(rows)} values; with the columns I3D and S3D exchanged in the rows without temporal pooling in "
        f"{exchanged} of {len(rows)} (the rows with pooling agree as they stand, {pooled} of "
        f"{sum(r[1] == 'psi_ta_tp' for r in rows)}). The printed mean Phi is that of models without pooling."
    )
    columns = ("data set", "metric", "module", "recomputed", "printed", "agrees", "printed, exchanged", "agrees then")
    return Finding("table_7", "Table 7 has two columns exchanged", statement, columns, rows)


def agrees(value: float, printed: str) -> bool:
    """Whether `value` rounds to the printed text."""
    decimals = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5 * 10.0**-decimals + 1e-9


def pairs(rows: pd.DataFrame, axis: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of the 288 runs that differ in one axis alone; for frames, a run and the one of twice as many."""
    key = [c for c in ("dataset", "module", "backbone", "pooling", "frames") if c != axis]
    found = []
    for _, group in rows.groupby(key, sort=False):
        for a, b in combinations(group.sort_values("frames").to_dict("records"), 2):
            if axis != "frames" or b["frames"] == 2 * a["frames"]:
                found.append((a, b))
    return found


def count_confounded(found: Iterable[tuple[dict, dict]], fields: Iterable[str]) -> int:
    """In how many pairs one of the factors is known to differ."""
    fields = tuple(fields)
    return sum(any(agree(a["factors"][f], b["factors"][f]) is False for f in fields) for a, b in found)


def confounds() -> Finding:
    """Confounds inside the grid of the 288 runs."""
    runs = published_rows()
    rows = []
    for axis, what in (("module", "modules"), ("pooling", "with and without pooling"), ("frames", "frames doubled")):
        found = pairs(runs, axis)
        batch = count_confounded(found, BATCH)
        recipe = count_confounded(found, (*BATCH, "schedule")) if axis != "frames" else None
        seen = count_confounded(found, ("epochs_seen",))
        rows.append((what, len(found), batch, recipe, seen))
    chosen = sum(run["factors"]["selection"] == "best epoch on the reported split" for run in runs.to_dict("records"))
    seeds = sum(run["factors"]["seed"] is not None for run in runs.to_dict("records"))
    (_, m, mb, mr, _), (_, p, pb, pr, _), (_, f, fb, _, fs) = rows
    statement = (
        f"Batch or synchronised batch normalisation differ in {mb} of {m} pairs of modules, {pb} of {p} pairs with and "
        f"without temporal pooling and {fb} of {f} frame doublings; with epochs and schedule too in {mr} and {pr}. In "
        f"epochs seen along the chain all {fs} of {f} doublings differ. The best epoch was picked on the reported "
        f"split in {chosen} of {len(runs)} runs, and a seed is known of {seeds}."
    )
    columns = ("pairs of", "pairs", "batch or SyncBN", "and epochs or schedule", "epochs seen")
    return Finding("confounds", "Confounds inside the published grid", statement, columns, rows)


def grim() -> Finding:
    """Which numbers of videos the 288 accuracies can be shares of."""
    table = run_table()
    sync = table["sync_bn"].astype(str).str.lower() == "true"
    parts, rows = [], []
    for dataset, groups in evaluated(table).items():
        of_set = table[table["dataset"] == dataset]
        for n, _ in groups:
            fit = of_set["top1"].map(lambda value, n=n: bool(fits(value, DECIMALS, n)))
            single, synced = fit[~sync[of_set.index]], fit[sync[of_set.index]]
            rows.append((dataset, n, f"{single.sum()} of {len(single)}", f"{synced.sum()} of {len(synced)}", ""))
    lost = fits_no_n(table)
    for run in lost.to_dict("records"):
        name = f"{run['module']}-{run['backbone']}{'-tp' * run['pooled']}, {run['frames']} frames"
        rows.append((run["dataset"], "none", "", "", f"{name}: {run['top1']:.4f}"))
    for dataset, groups in evaluated(table).items():
        parts.append(f"{dataset} {' and '.join(f'{n:,}' for n, _ in groups)}")
    ssv2 = [row for row in rows if row[0] == "mini_ssv2" and row[1] != "none"]
    padded = [n for groups in evaluated(table).values() for n, _ in groups[1:]]
    statement = (
        f"The printed accuracies tell how many videos they are shares of: {'; '.join(parts)}. On Mini-SSV2 "
        f"{ssv2[0][1]:,} explains {ssv2[0][2]} single-process rows and {ssv2[1][1]:,} explains {ssv2[1][3]} rows with "
        f"synchronised batch normalisation, {ssv2[1][1] - ssv2[0][1]} more. {sum(n % GPUS == 0 for n in padded)} of "
        f"the {len(padded)} larger numbers are multiples of the {GPUS} GPUs of a node, as a distributed sampler pads "
        f"the set with repeated videos. {len(lost)} of {len(table)} rows are a share of none of these numbers."
    )
    columns = ("data set", "n", "single-process rows that fit", "SyncBN rows that fit", "fits no n")
    return Finding("grim", "Padded validation sets", statement, columns, rows)


def margins() -> Finding:
    """How many winners of the grid's cells the videos cannot tell from the runner-up."""
    rows = []
    for (dataset, backbone, pooling, frames), cell in published_rows().groupby(
        ["dataset", "backbone", "pooling", "frames"], sort=False
    ):
        first, second = cell.sort_values("top1", ascending=False).to_dict("records")[:2]
        low, high = newcombe(first["top1"], first["n"], second["top1"], second["n"])
        margin = first["top1"] - second["top1"]
        separated = "yes" if low > 0 else "no"
        where = (dataset, backbone, pooling, frames)
        rows.append((*where, first["module"], second["module"], margin, low, high, separated))
    within = sum(row[-1] == "no" for row in rows)
    statement = (
        f"In {within} of the {len(rows)} cells (data set x backbone x pooling x frames) the 95 % interval of the "
        "difference between the best module and the next holds 0: the winner is within the noise of the test videos "
        "alone, before that of seeds. The interval is for independent samples, as no per-video predictions are "
        "published; a paired one would be narrower."
    )
    columns = (
        *("data set", "backbone", "pooling", "frames", "best", "next"),
        *("margin (points)", "low", "high", "separated"),
    )
    return Finding("margins", "Winners within noise", statement, columns, rows)


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


def pooling_claim() -> Finding:
    """Whether temporal pooling lowers Psi everywhere, as the text says."""
    rows = [
        (r["dataset"], r["module"], r["psi_ta"], r["psi_ta_tp"], "yes" if r["psi_ta_tp"] < r["psi_ta"] else "no")
        for r in contribution(published_rows()).to_dict("records")
        if r["module"] in MODULES
    ]
    lower = sum(row[-1] == "yes" for row in rows)
    printed = record()
    printed = printed[(printed["paper"] == "deep_analysis") & (printed["table"] == "7")]
    value = {(r["dataset"], r["module"], r["metric"]): r["number"] for r in printed.to_dict("records")}
    alike = sum(value[r[0], r[1], "psi_ta"] <= value[r[0], r[1], "psi_ta_tp"] for r in rows)
    statement = (
        f"The text says that temporal pooling lowers the mean Psi throughout: from the runs it does in {lower} of "
        f"{len(rows)} cases of module and data set; in print, rounded to two decimals, {alike} of {len(rows)} are not "
        "lower."
    )
    columns = ("data set", "module", "psi without pooling", "psi with pooling", "lower")
    return Finding("pooling_claim", "Does pooling always lower Psi?", statement, columns, rows)


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


STATE_OF_THE_ART = {  # tables in which a paper sets its own rows beside quoted ones
    "deep_analysis": ("2",),
    "rcca3d": ("9",),
    "gta": ("5", "6", "7"),
    "arc": ("3", "4", "6", "8"),
    "cstransformer": ("3", "4"),
}
SHOWN = ("backbone", "frames", "pretraining", "views")


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


def shown(value: Any) -> str:
    """A cell of a finding's table."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4f}".rstrip("0").rstrip(".")
    return "" if value is None else text(value)
