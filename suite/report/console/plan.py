"""What `suite plan` answers: the chains of a grid, what they cost here, and what keeps them from running."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from suite.data.availability import why_unavailable
from suite.data.dataset_info import info
from suite.report.console.listing import notes
from suite.report.console.plain import duration, estimate_text, memory, show, table
from suite.report.console.power import describe_power, plan_power
from suite.sweep.batches import too_large
from suite.sweep.estimate import PER_GPU, Speed
from suite.sweep.estimates import estimate_error
from suite.sweep.plan import NOMINAL_VIDEOS, Plan
from suite.sweep.planned_run import PlannedRun
from suite.sweep.reuse import grid_of, reused_from

DAY = 86400.0
WORDS = {"train": "training", "val": "test"}


def plan_report(
    plan: Plan, speed: Speed, data: Path, discordance: float | None, seed_sd: float | None
) -> dict[str, Any]:
    """{"runs", "totals", "data", "estimate", "problems", "power"} of a plan with costs.

    speed: of the device that device_hours and times are of; problems: batches that its data sets, as published, cannot
    fill.
    """
    runs = [
        {
            "id": run.id,
            "name": run.spec.model,
            "dataset": run.spec.dataset,
            "frames": run.spec.frames,
            "seed": run.spec.seed,
            "parent": run.spec.parent,
            "control": run.control,
            "gmacs": run.gmacs,
            "params": run.params,
            "gib": run.gib,
            "device_hours": speed.device_hours(run),
            "seconds_left": speed.left(run),
            "state": run.state(),
            "reused_from": reused_from(run, plan),
        }
        for run in plan.runs
    ]
    totals = {
        "runs": len(runs),
        "chains": sum(run.parent is None for run in plan.runs),
        "device_hours": sum(run["device_hours"] for run in runs),
        "gib_max": max((run["gib"] for run in runs), default=0.0),
    }
    reasons = {name: why_unavailable(name, data) for name in dict.fromkeys(run.spec.dataset for run in plan.runs)}
    budget = plan.selection.budget
    return {
        "runs": runs,
        "totals": totals,
        "left_out": [asdict(one) for one in budget.left_out] if budget else [],
        "data": [{"dataset": name, "available": why is None, "problem": why} for name, why in reasons.items()],
        "estimate": {
            "device": speed.device,
            "slots": speed.slots,
            "tera_macs_per_second": speed.tera_macs_over(plan.runs),
            "seconds_left": speed.seconds_left(plan),
            "name": speed.name,
            "basis": speed.basis,
            "assumed": speed.assumed,
            "error": error.as_dict() if (error := estimate_error(plan)) else None,
        },
        "problems": too_large(plan.runs, {name: n for name in reasons if (n := info(name).expected.get("train"))}),
        "power": plan_power(plan, discordance, seed_sd),
    }


def print_plan(plan: Plan, found: dict[str, Any]) -> None:
    """One line per chain; what is the same for all chains stands above."""
    chains = list(_chains(plan))
    facts = {
        "data": [chain[0].spec.dataset for chain in chains],
        "seed": [str(chain[0].spec.seed) for chain in chains],
        "frames": [" → ".join(str(run.spec.frames) for run in chain) for chain in chains],
        "setting": [chain[0].setting_text for chain in chains],
        "start": [_start(chain[0]) for chain in chains],
    }
    common = [f"{name} {values[0]}" for name, values in facts.items() if len(set(values)) == 1 and values[0]]
    columns = {name: values for name, values in facts.items() if len(set(values)) > 1}
    problems = {entry["dataset"]: entry["problem"] for entry in found["data"] if not entry["available"]}
    made = table(
        "model",
        *(f">{name}" if name == "seed" else name for name in columns),
        ">GMACs/clip",
        ">params",
        ">memory",
        ">time left",
        "state",
    )
    left = {run["id"]: run["seconds_left"] for run in found["runs"]}
    for number, chain in enumerate(chains):
        first = chain[0]
        states = Counter(
            _state(run, problems) + (f" in {grid_of(place)}" if (place := reused_from(run, plan)) else "")
            for run in chain
        )
        seconds = sum(left[run.id] for run in chain)
        costs = [f"{run.gmacs:.3g}" for run in (first, chain[-1])]
        made.add_row(
            first.spec.model + (f" [{first.spec.control}]" if first.spec.control else ""),
            *(values[number] for values in columns.values()),
            costs[0] if len(chain) == 1 else "–".join(costs),
            f"{first.params / 1e6:.2f} M",
            memory(max(run.gib for run in chain)),
            duration(seconds) if seconds else "",
            ", ".join(f"{count} {state}" if len(chain) > 1 else state for state, count in states.items()),
        )
    head = [f"All chains: {', '.join(common)}." if len(chains) > 1 else f"{', '.join(common)}."] if common else []
    if any(len(chain) > 1 for chain in chains):
        head.append("Each stage of a chain (→) starts from the weights of the stage before.")
    show(*_what_it_is(plan), "")
    show(*(" ".join(head), "") * bool(head), made, "", *_summary(plan, found), *notes(plan), "")
    show(*describe_power(found["power"]))


def _what_it_is(plan: Plan) -> list[str]:
    """Title and results folder of a grid, and what its runs share that no row of the table tells."""
    grid, parts = plan.grid, []
    if grid.pretrain:
        parts.append(f"Pretraining: each model is first trained on {plan.selection.pretrain or grid.pretrain.data}.")
    if grid.tune:
        lists = ", ".join(f"{key} ({len(values)} values)" for key, values in grid.tune.protocol.items())
        parts.append(f"Tuning: each model over {lists}; the best run on the held-out (dev) split is shown.")
    for one in grid.fuse:
        frames, views = "+".join(map(str, one.frames)), f", {one.views} views each" if one.views else ""
        parts.append(f"Ensemble of each model: {frames} frames, mean of {one.fusion}{views}.")
    tests = [f"{run.clips}x{run.crops}" for run in plan.runs[0].spec.evaluations()[1:]] if plan.runs else []
    if tests:
        parts.append(f"Further tests of each run (clips x crops): {', '.join(dict.fromkeys(tests))}.")
    return [*([f"{grid.name}: {grid.title}"] if grid.title else []), f"Results: {plan.folder}", *parts]


def _start(run: PlannedRun) -> str:
    """The data set that pretrained the weights of a chain in the same grid; empty without such a stage."""
    return f"pretrained on {run.parent.spec.dataset}" if run.spec.transfer and run.parent else ""


def _summary(plan: Plan, found: dict[str, Any]) -> list[str]:
    """Size, time and what is missing, in sentences."""
    totals, estimate = found["totals"], found["estimate"]
    todo = sum(run["state"] != "done" for run in found["runs"])
    runs, chains = _count(totals["runs"], "run"), _count(totals["chains"], "chain")
    lines = [f"{runs} in {chains}, {f'{todo} to do' if todo else 'all done'}."]
    if todo:
        seconds, slots = estimate["seconds_left"], estimate["slots"]
        device = "CPU" if estimate["device"] == "cpu" else "GPU" if slots == 1 else "GPUs"
        where = estimate["name"] or f"this machine ({device}, {_count(slots, 'run')} at a time)"
        lines.append(f"Estimated time on {where}: {duration(seconds)}, {estimate['basis']}.")
        if estimate["device"] == "cpu" and seconds > DAY and not estimate["name"]:
            gpu = duration(sum(run.cost_macs for run in plan.runs if run.state() != "done") / (PER_GPU * 1e12))
            lines.append(f"On one GPU, assuming {PER_GPU:g} T multiply-adds per second: {gpu}.")
        lines.append(f"Estimated memory per training step: up to {memory(totals['gib_max'])}.")
    if error := estimate_error(plan):
        lines.append(estimate_text(error))
    for split, videos in NOMINAL_VIDEOS.items() if todo else ():
        unknown = [entry["dataset"] for entry in found["data"] if not info(entry["dataset"]).expected.get(split)]
        if unknown:
            names = ", ".join(unknown)
            lines.append(
                f"The estimate assumes {videos:,} {WORDS[split]} videos in {names}; their actual number is not known."
            )
    by_problem: dict[str, list[str]] = {}  # splits of one data set have one folder, and so one problem
    for entry in found["data"]:
        if not entry["available"]:
            by_problem.setdefault(entry["problem"], []).append(entry["dataset"])
    lines += [f"{', '.join(names)} cannot be run here: {problem}." for problem, names in by_problem.items()]
    return lines + [f"This would stop the sweep: {problem}." for problem in found["problems"]]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _state(run: PlannedRun, problems: dict[str, str]) -> str:
    """The state of a run for a person: one that cannot start says so."""
    state, problem = run.state(), problems.get(run.spec.dataset)
    if state != "todo" or not problem:
        return state
    return "no reader" if problem.startswith("no reader") else "no data"


def _chains(plan: Plan) -> Iterator[list[PlannedRun]]:
    """The stages of every chain, and its control arm by itself."""
    for run in plan.runs:
        before = run.parent
        if before is not None and before.spec.control == run.spec.control and not run.spec.transfer:
            continue
        chain = [run]
        while after := [r for r in chain[-1].children if r.spec.control == run.spec.control and not r.spec.transfer]:
            chain.append(after[0])
        yield chain
