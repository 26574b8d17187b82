"""What the 288 published runs say about themselves: contributions, confounds, numbers of videos, margins."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING, Any

from suite.data.dataset_info import info
from suite.fairness.factors import agree
from suite.published.finding import Finding, agrees, listed, number_of_yes, yes_no
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
    there = {(r["dataset"], r["metric"], r["module"]): r["value"] for r in _printed_table_7()}
    rows = []
    for dataset, metric in dict.fromkeys((d, m) for d, m, _ in there):
        for module in MODULES:
            value = ours[dataset, module][metric]
            other = {"i3d": "s3d", "s3d": "i3d"}.get(module, module) if metric != "psi_ta_tp" else module
            here, across = there[dataset, metric, module], there[dataset, metric, other]
            before, after = yes_no(agrees(value, here)), yes_no(agrees(value, across))
            rows.append((dataset, metric, module, value, here, before, across, after))
    pooled = [row for row in rows if row[1] == "psi_ta_tp"]
    statement = (
        "Φ and Ψ recomputed from the 288 runs agree with the printed Table 7 to two decimals for "
        f"{number_of_yes(rows, 5)} of {len(rows)} values. If the columns I3D and S3D are exchanged in the rows without "
        f"temporal pooling, {number_of_yes(rows)} of {len(rows)} agree (the rows with temporal pooling agree without "
        f"the exchange, {number_of_yes(pooled, 5)} of {len(pooled)}). The printed mean Φ covers only the models "
        "without temporal pooling."
    )
    columns = ("data set", "metric", "module", "recomputed", "printed", "agrees", "printed, exchanged", "agrees then")
    heads = {"printed, exchanged": "printed, columns exchanged", "agrees then": "agrees after the exchange"}
    return Finding("table_7", "Two columns of Table 7 are exchanged", statement, columns, rows, heads)


def _printed_table_7() -> list[dict[str, Any]]:
    printed = record()
    return printed[(printed["paper"] == "deep_analysis") & (printed["table"] == "7")].to_dict("records")


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
    for axis, what in (
        ("module", "modules"),
        ("pooling", "with and without temporal pooling"),
        ("frames", "doubled frames"),
    ):
        found = pairs(runs, axis)
        batch = count_confounded(found, BATCH)
        recipe = count_confounded(found, (*BATCH, "schedule")) if axis != "frames" else None
        seen = count_confounded(found, ("epochs_seen",))
        rows.append((what, len(found), batch, recipe, seen))
    chosen = sum(run["factors"]["selection"] == "best epoch on the reported split" for run in runs.to_dict("records"))
    seeds = sum(run["factors"]["seed"] is not None for run in runs.to_dict("records"))
    (_, m, mb, mr, _), (_, p, pb, pr, _), (_, f, fb, _, fs) = rows
    statement = (
        f"Batch size or synchronised batch normalisation differ in {mb} of {m} pairs of modules, in {pb} of {p} pairs "
        f"with and without temporal pooling, and in {fb} of {f} pairs with doubled frames. With epochs and schedule "
        f"included, {mr} pairs of modules and {pr} pairs with and without temporal pooling differ. Cumulative epochs "
        f"differ in {fs} of {f} pairs with doubled frames. The best epoch was selected on the reported split in "
        f"{chosen} of {len(runs)} runs. The seed is reported for {seeds} runs."
    )
    columns = ("pairs of", "pairs", "batch or SyncBN", "and epochs or schedule", "epochs seen")
    heads = {
        "batch or SyncBN": "different batch size or SyncBN",
        "and epochs or schedule": "different batch size, SyncBN, epochs or schedule",
        "epochs seen": "different cumulative epochs",
    }
    return Finding("confounds", "Confounds in the published grid", statement, columns, rows, heads)


def grim() -> Finding:
    """Numbers of videos of which the 288 accuracies can be shares (GRIM test)."""
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
        parts.append(f"{info(dataset).title}: {listed(f'{n:,}' for n, _ in groups)}")
    ssv2 = [row for row in rows if row[0] == "mini_ssv2" and row[1] != "none"]
    padded = [n for groups in evaluated(table).values() for n, _ in groups[1:]]
    (_, n, fit_n, *_), (_, padded_n, _, fit_padded, _) = ssv2
    statement = (
        f"The published accuracies are consistent with these numbers of videos: {'; '.join(parts)}. On "
        f"{info('mini_ssv2').title}, {n:,} videos explain {fit_n} rows without synchronised batch normalisation, and "
        f"{padded_n:,} videos, {padded_n - n} more, explain {fit_padded} rows with it. "
        f"{sum(n % GPUS == 0 for n in padded)} of the {len(padded)} larger numbers are multiples of {GPUS}, the number "
        "of GPUs per node. This is consistent with a distributed sampler that pads the validation set with repeated "
        f"videos; the paper does not mention it. {len(lost)} of {len(table)} accuracies are not a share of any of "
        "these numbers."
    )
    columns = ("data set", "n", "single-process rows that fit", "SyncBN rows that fit", "fits no n")
    heads = {
        "single-process rows that fit": "explained rows without SyncBN",
        "SyncBN rows that fit": "explained rows with SyncBN",
        "fits no n": "not explained",
    }
    return Finding("grim", "Numbers of videos consistent with padded validation sets", statement, columns, rows, heads)


def margins() -> Finding:
    """In how many cells of the grid the test videos do not separate the winner from the runner-up."""
    rows = []
    for (dataset, backbone, pooling, frames), cell in published_rows().groupby(
        ["dataset", "backbone", "pooling", "frames"], sort=False
    ):
        first, second = cell.sort_values("top1", ascending=False).to_dict("records")[:2]
        low, high = newcombe(first["top1"], first["n"], second["top1"], second["n"])
        margin, n = first["top1"] - second["top1"], min(first["n"], second["n"])
        paired = [yes_no(margin > paired_half_width(margin, n, share)) for share in DISCORDANT]
        where = (dataset, backbone, pooling, frames, first["module"], second["module"])
        rows.append((*where, margin, *paired, low, high, yes_no(low > 0)))
    within, total = not_separated(rows), len(rows)
    low, high = (f"{100 * share:.0f}" for share in DISCORDANT)
    statement = (
        f"In {within['unpaired']} of {total} cells (data set × backbone × temporal pooling × frames), an unpaired 95 % "
        "interval of the difference does not separate the best module from the runner-up. The interval assumes "
        f"independent samples because no per-video predictions are published. If {low} to {high} % of the videos are "
        "discordant (classified correctly by exactly one of the two models), a paired interval does not separate them "
        f"in {within['paired'][0]} to {within['paired'][1]} cells. All intervals cover the sampling of test videos, "
        "not retraining with another seed."
    )
    columns = (
        "data set",
        "backbone",
        "pooling",
        "frames",
        "best",
        "next",
        "margin (points)",
        *(f"separated if paired, {100 * share:.0f} % discordant" for share in DISCORDANT),
        "low",
        "high",
        "separated",
    )
    heads = {
        "next": "runner-up",
        "low": "95 % interval, low",
        "high": "95 % interval, high",
        "separated": "separated, unpaired",
    }
    return Finding("margins", "Winners that are not separated from the runner-up", statement, columns, rows, heads)


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
    """Whether temporal pooling always lowers Psi, as the text says."""
    rows = [
        (r["dataset"], r["module"], r["psi_ta"], r["psi_ta_tp"], yes_no(r["psi_ta_tp"] < r["psi_ta"]))
        for r in contribution(published_cells()).to_dict("records")
        if r["module"] in MODULES
    ]
    value = {(r["dataset"], r["module"], r["metric"]): r["number"] for r in _printed_table_7()}
    alike = sum(value[r[0], r[1], "psi_ta"] <= value[r[0], r[1], "psi_ta_tp"] for r in rows)
    statement = (
        "The text says that temporal pooling always lowers the mean Ψ. In the runs it does so in "
        f"{number_of_yes(rows)} of {len(rows)} combinations of module and data set. In the printed table, rounded to "
        f"two decimals, Ψ is not lower in {alike} of {len(rows)}."
    )
    columns = ("data set", "module", "psi without pooling", "psi with pooling", "lower")
    heads = {"psi without pooling": "Ψ without temporal pooling", "psi with pooling": "Ψ with temporal pooling"}
    return Finding("pooling_claim", "Does temporal pooling always lower Ψ?", statement, columns, rows, heads)
