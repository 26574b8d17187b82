"""What a grid will be able to show, before it is run: for `suite plan`."""

from __future__ import annotations

from typing import Any

from suite.collect.evidence import Evidence
from suite.collect.outcomes import load_outcomes
from suite.collect.power import DISCORDANCE, SEED_SD, PowerSetting, measured, resolution
from suite.collect.results_table import ResultsTable
from suite.data.dataset_info import info
from suite.fairness.tuned import counts
from suite.store.evaluations import predictions_of
from suite.sweep.plan import NOMINAL_VIDEOS, Plan
from suite.sweep.summary import row

MOST_READ = 48  # finished runs whose predictions are read: a plan should answer at once
CLAIM_WIDTH = 44  # of the first column


def plan_power(plan: Plan, discordance: float | None = None, seed_sd: float | None = None) -> dict[str, Any]:
    """{"sources", "ranking_with_one_seed", "datasets": [{"dataset", "nominal", …`resolution`}]} of a plan.

    discordance (share of videos) and seed_sd (points) as stated; else measured from finished runs of the plan; else
    assumed.  The number of test videos is that of finished runs, or of the data set; `nominal`: neither is known.
    """
    found, videos, runs_read = _measured(plan)
    stated = {"discordance": discordance, "seed_sd": seed_sd}
    values: dict[str, float] = {"discordance": DISCORDANCE, "seed_sd": SEED_SD} | found
    values |= {key: value for key, value in stated.items() if value is not None}
    sources = {
        key: "stated" if stated[key] is not None else f"measured in {runs_read} runs" if key in found else "assumed"
        for key in stated
    }
    models = len({run.label for run in plan.runs if not run.spec.control})
    seeds = len({run.spec.seed for run in plan.runs})
    datasets = []
    for name in dict.fromkeys(run.spec.dataset for run in plan.runs):
        expected = videos.get(name) or info(name).expected.get("val")
        setting = PowerSetting(expected or NOMINAL_VIDEOS["val"], seeds, **values)
        datasets.append({"dataset": name, "nominal": not expected, **resolution(setting, models)})
    ranking = models > 1 and seeds == 1 and {"accuracy", "ranks"} & set(plan.grid.tables)
    return {"sources": sources, "ranking_with_one_seed": bool(ranking), "datasets": datasets}


def _measured(plan: Plan) -> tuple[dict[str, float], dict[str, int], int]:
    """`measured` in finished runs of a plan, the number of their test videos by data set, and how many were read."""
    import pandas as pd

    done = [run for run in plan.runs if not run.spec.control and run.state() == "done"]
    done = [run for run in done if counts(run.spec, run.folder.path.parent)]
    done = sorted(done, key=lambda run: (run.spec.dataset, run.spec.frames, run.spec.model, run.spec.seed))[:MOST_READ]
    if len(done) < 2:
        return {}, {}, 0
    rows = pd.DataFrame(
        [row(run) | {"name": run.label, "predictions": str(predictions_of(run.folder, run.spec)[0])} for run in done]
    )
    videos = {name: int(n) for name, n in rows.groupby("dataset")["n"].min().items() if n > 0}
    table = ResultsTable.of(rows)
    return measured(table.cells, Evidence(load_outcomes(table.finished))), videos, len(done)


def describe_power(found: dict[str, Any]) -> list[str]:
    """The lines that `suite plan` prints."""
    first, sources = found["datasets"][0], found["sources"]
    lines = [
        f"Smallest detectable difference in top-1 accuracy ({100 * first['power']:.0f} % power, alpha = 0.05), in "
        "percentage points:",
        f"{'':{CLAIM_WIDTH}}  these weights  retrained",
    ]
    for about in found["datasets"]:
        pair, best, every = about["claims"]
        count = f"{about['videos']:,} test videos" + (" (assumed)" if about["nominal"] else "")
        lines += [f"{about['dataset']}, {count}, {_seeds(about['seeds'])}", _line("one pair", pair)]
        if about["models"] > 2:
            lines.append(_line(f"each of {about['models']} models against the best", best))
            lines.append(_line(f"all {every['tests']} pairs of models", every))
    target = f"Test videos needed to detect {first['target']:g} point for one pair"
    if first["possible"]:
        fixed = _videos(first["claims"][0]["videos_needed_weights"])
        by_seeds = {row["seeds"]: row["videos_needed"] for row in first["by_seeds"] if row["seeds"] > 1}
        reached = [f"{_videos(count)} with {_seeds(seeds)}" for seeds, count in by_seeds.items() if count is not None]
        retrained = ", ".join(reached) or f"not possible with {max(by_seeds)} seeds or fewer"
        lines.append(f"{target}: {fixed} for these weights; retrained, {retrained}.")
    else:
        least = f"a difference of {first['target']:g} point needs at least {first['target']:g} % discordant videos"
        lines.append(f"{target}: not possible: {least}.")
    lines += [
        f"Discordant videos per pair: {100 * first['discordance']:.3g} % ({sources['discordance']}); standard "
        f"deviation over seeds: {first['seed_sd']:.3g} points ({sources['seed_sd']}). Set them with "
        "--discordance and --seed-sd.",
        "These weights: exact McNemar test, sampling of test videos only. Retrained: t test over test videos and "
        "seeds (with one seed, the standard deviation over seeds is taken as known). Several comparisons: first step "
        "of Holm, a lower bound of the power.",
    ]
    if found["ranking_with_one_seed"]:
        lines.append(
            f"This grid ranks {first['models']} models with one seed: its tests hold for these weights, not for "
            "retraining. For claims about methods, add seeds (axes: seed: [0, 1, 2])."
        )
    return lines


def _line(claim: str, row: dict[str, Any]) -> str:
    weights, retrained = (
        "none" if row[key] is None else f"{row[key]:.2f}" for key in ("detectable_weights", "detectable")
    )
    return f"{'  ' + claim:{CLAIM_WIDTH}}  {weights:>13}  {retrained:>9}"


def _videos(count: int | None) -> str:
    return "not possible with any number" if count is None else f"{count:,}"


def _seeds(count: int) -> str:
    return f"{count} seed" + "s" * (count > 1)
