"""What the 288 published runs say about themselves: contributions, confounds, numbers of videos, margins."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING, Any

from suite.fairness.factors import agree
from suite.published.finding import Finding, agrees
from suite.published.grim import fits
from suite.published.record import record
from suite.published.references import (
    DECIMALS,
    GPUS,
    evaluated,
    fits_no_n,
    published_cells,
    published_rows,
    run_table,
)
from suite.statistics.contribution import contribution
from suite.statistics.proportions import newcombe
from suite.statistics.significance import Z95

if TYPE_CHECKING:
    import pandas as pd

BATCH = ("batch", "batch_norm", "sync_bn")
DISCORDANT = (0.1, 0.3)  # assumed shares of videos that exactly one of two models has right
MODULES = ("i3d", "s3d", "tam")  # columns of Table 7


def table_7() -> Finding:
    """Phi and Psi of the 288 runs against the printed Table 7."""
    ours = {(r["dataset"], r["module"]): r for r in contribution(published_cells()).to_dict("records")}
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
        f"The printed accuracies are consistent with these numbers of videos: {'; '.join(parts)}. On Mini-SSV2 "
        f"{ssv2[0][1]:,} videos explain {ssv2[0][2]} single-process rows; {ssv2[1][1]:,} videos, which are "
        f"{ssv2[1][1] - ssv2[0][1]} more, explain {ssv2[1][3]} rows with synchronised batch normalisation. "
        f"{sum(n % GPUS == 0 for n in padded)} of the {len(padded)} larger numbers are multiples of the {GPUS} GPUs of "
        "a node, consistent with a distributed sampler that pads the set with repeated videos; the paper does not say "
        f"so. {len(lost)} of {len(table)} rows are a share of none of these numbers."
    )
    columns = ("data set", "n", "single-process rows that fit", "SyncBN rows that fit", "fits no n")
    return Finding("grim", "Numbers of videos consistent with padded validation sets", statement, columns, rows)


def margins() -> Finding:
    """How many winners of the grid's cells the videos cannot tell from the runner-up."""
    rows = []
    for (dataset, backbone, pooling, frames), cell in published_rows().groupby(
        ["dataset", "backbone", "pooling", "frames"], sort=False
    ):
        first, second = cell.sort_values("top1", ascending=False).to_dict("records")[:2]
        low, high = newcombe(first["top1"], first["n"], second["top1"], second["n"])
        margin, n = first["top1"] - second["top1"], min(first["n"], second["n"])
        paired = ["yes" if margin > paired_half_width(margin, n, share) else "no" for share in DISCORDANT]
        where = (dataset, backbone, pooling, frames, first["module"], second["module"])
        rows.append((*where, margin, *paired, low, high, "yes" if low > 0 else "no"))
    within, total = not_separated(rows), len(rows)
    low, high = (f"{100 * share:.0f}" for share in DISCORDANT)
    statement = (
        f"In {within['unpaired']} of the {total} cells (data set x backbone x pooling x frames) the best module is not "
        "separated from the runner-up by an unpaired 95 % interval of their difference (independent samples, as no "
        f"per-video predictions are published). If {low} to {high} % of the videos are discordant, that is right for "
        f"exactly one of the two, a paired interval would not separate {within['paired'][0]} to {within['paired'][1]}. "
        "All of this is about these weights on other test videos; training again with another seed is not covered."
    )
    columns = (
        *("data set", "backbone", "pooling", "frames", "best", "next", "margin (points)"),
        *(f"separated if paired, {100 * share:.0f} % discordant" for share in DISCORDANT),
        *("low", "high", "separated"),
    )
    return Finding("margins", "Winners that are not separated from the runner-up", statement, columns, rows)


def not_separated(rows: Iterable[tuple[Any, ...]]) -> dict[str, Any]:
    """From the rows of `margins`: cells not separated unpaired, and paired at each share of DISCORDANT."""
    rows = list(rows)
    paired = [sum(row[7 + i] == "no" for row in rows) for i in range(len(DISCORDANT))]
    return {"unpaired": sum(row[-1] == "no" for row in rows), "paired": paired}


def paired_half_width(difference: float, n: float, discordant: float) -> float:
    """Half the width of the 95 % Wald interval of a paired difference, both in percentage points.

    `discordant` is the assumed share (0..1) of the n videos that exactly one of the two has right; it is at least the
    difference itself.  The variance of a paired difference d with discordant share s is (s - d^2) / n (McNemar 1947).
    """
    d = abs(difference) / 100
    return 100 * Z95 * math.sqrt((max(discordant, d) - d**2) / n)


def pooling_claim() -> Finding:
    """Whether temporal pooling lowers Psi everywhere, as the text says."""
    rows = [
        (r["dataset"], r["module"], r["psi_ta"], r["psi_ta_tp"], "yes" if r["psi_ta_tp"] < r["psi_ta"] else "no")
        for r in contribution(published_cells()).to_dict("records")
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
