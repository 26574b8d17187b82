"""Runs as rows: what status, summary, tables and figures are made of."""

from __future__ import annotations

from typing import Any

from suite.data.dataset_info import info
from suite.spec import BadInput, parse_model
from suite.store.provenance import known_issue
from suite.sweep.at_work import AT_WORK, after_failure, whereabouts
from suite.sweep.estimates import seconds_taken
from suite.sweep.plan import Plan
from suite.sweep.planned_run import PlannedRun
from suite.sweep.reuse import reused_from
from suite.sweep.stale import stale_runs

RUN = ("id", "name", "dataset", "module", "backbone", "pooling", "frames", "seed", "state")
ACCURACIES = ("top1", "top5", "top1_video", "pair_top1", "best_top1", "dev_top1")
COUNTS = ("selected_epoch", "n", "params", "conv_gmacs", "gmacs", "epochs", "epochs_seen")
STATES = ("done", "failed", "blocked", "running", "todo", "queued", "lost", "stale")
BOUNDS = ("chance", "ceiling_blind", "ceiling_ordered")
SUMMARY = RUN + ACCURACIES + COUNTS + BOUNDS + ("control", "source")  # columns of summary.csv, in order
SETTING = "setting"  # one more, where the grid has axes of protocol keys
PERCENT = ACCURACIES + BOUNDS  # in summary.csv with their exact decimals


def row(run: PlannedRun) -> dict[str, Any]:
    """One run as a row; accuracies and ceilings in percent, None where not known (yet)."""
    spec, name, about = run.spec, parse_model(run.spec.model), info(run.spec.dataset)
    result = run.result() or {}
    if result and not (_numbers(result, "conv_macs", "macs") and isinstance(result.get("video", {}), dict)):
        raise BadInput(f"{run.folder.result_file} is damaged; move its folder away to run it again.")

    def percent(fraction: float | None) -> float | None:
        return None if fraction is None else 100 * fraction

    return {
        "id": run.id,
        "name": spec.model,
        "dataset": spec.dataset,
        "module": name.module,
        "backbone": name.backbone,
        "pooling": name.pooling,
        "frames": spec.frames,
        "seed": spec.seed,
        "state": run.state(),
        "top1": result.get("top1"),
        "top5": result.get("top5"),
        "top1_video": result.get("video", {}).get("top1"),
        "pair_top1": result.get("pair_top1"),
        "best_top1": result.get("best_top1"),
        "dev_top1": result.get("dev_top1"),
        "selected_epoch": result.get("selected_epoch"),
        "n": result.get("n"),
        "params": result.get("params", run.params or None),
        "conv_gmacs": result["conv_macs"] / 1e9 if result else run.conv_gmacs or None,
        "gmacs": result["macs"] / 1e9 if result else run.gmacs or None,
        "epochs": spec.protocol.epochs,
        "epochs_seen": result.get("epochs_seen"),
        "chance": percent(about.chance),
        "ceiling_blind": percent(about.ceiling_blind),
        "ceiling_ordered": percent(about.ceiling_ordered),
        "control": run.control,
        "source": "suite",
        **({SETTING: run.setting_text} if run.setting else {}),
    }


def _numbers(record: dict[str, Any], *keys: str) -> bool:
    return all(isinstance(record.get(key), int | float) for key in keys)


def rows(plan: Plan) -> list[dict[str, Any]]:
    """All runs of a plan, in its order."""
    return [row(run) for run in plan.runs]


def status(plan: Plan) -> dict[str, Any]:
    """Counts by state, and one entry a run.

    Queued, running and lost runs say in `where` who has them, failed ones in `log` how their log ends and in `rerun`
    how to run them again, blocked ones in `blocked_by` which run failed.  A finished run whose code, videos or initial
    weights have changed since counts as stale, and not as done; its entry says in `changes` what has changed.
    """
    counts = dict.fromkeys(STATES, 0)
    listed, changed = [], stale_runs(plan)
    for run in plan.runs:
        changes = changed.get(run.id, [])
        state = "stale" if changes else run.state()
        counts[state] += 1
        error = run.folder.error() if state == "failed" else None
        entry = {key: value for key, value in row(run).items() if key in (*RUN, "top1", "top5", "control", SETTING)}
        entry |= {"state": state, "error": error["error"] if error else None, "changes": changes}
        entry |= {"where": whereabouts(run) if state in AT_WORK else None, **after_failure(run, state, plan)}
        listed.append(entry | {"reused_from": reused_from(run, plan)})
    return counts | {"runs": listed}


def known_issues(plan: Plan) -> list[str]:
    """Sentences on library versions that finished runs were made with and that are known to be wrong."""
    found = {known_issue(session) for run in plan.runs for session in _sessions(run)}
    return sorted(found - {None})


def _sessions(run: PlannedRun) -> list[dict[str, Any]]:
    return run.folder.read_provenance().get("sessions", [])


def timing(run: PlannedRun, estimated: float | None = None) -> dict[str, Any]:
    """Clocks of a finished run; they stay out of summary.csv, which is the same on every machine of a kind.

    estimated: seconds that the run was expected to take, from its start to its result; estimate_error: 0.1 where that
    is 10 % more than it took.
    """
    sessions = _sessions(run)
    history = run.folder.read_history()
    taken = seconds_taken(run)
    seconds = sum(h.get("seconds", 0.0) for h in history)
    videos = (run.folder.result() or {}).get("videos", {}).get("train", 0)
    return {
        "id": run.id,
        "train_seconds": round(seconds, 3),
        "clips_per_second": round(videos * len(history) / seconds, 2) if seconds else None,
        "epochs": len(history),
        "sessions": len(sessions),
        "device": sessions[-1].get("name") if sessions else None,
        "threads": sessions[-1].get("threads") if sessions else None,
        "seconds": taken,
        "estimated_seconds": estimated,
        "estimate_error": round(estimated / taken - 1, 4) if estimated and taken else None,
    }
