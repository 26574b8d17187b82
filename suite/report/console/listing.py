"""What the read-only commands print for a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.report.console.plain import duration, show, table
from suite.spec import run_named
from suite.statistics.rounding import rounded
from suite.store.earlier import unplaced
from suite.sweep.plan import Plan, Selection
from suite.sweep.reuse import reuse_notes
from suite.sweep.subgrid import budget_notes


def notes(plan: Plan) -> list[str]:
    """What a person should know about a plan before it is run."""
    lines = []
    if lost := unplaced(plan.folder / "runs"):
        lines.append(
            f"note: {len(lost)} run folders of an earlier version cannot be matched (first {lost[0]}): the parent run "
            "is missing, they were edited, or only the path of their initial weights is recorded."
        )
    for file in sorted({run.spec.missing_weights for run in plan.runs} - {None}):
        missing = f"{file} in init is not a finished run" if run_named(file) else f"the weights file {file} is not"
        lines.append(f"note: {missing} on this machine; the ids of the runs are provisional.")
    if any("epochs" in changes and "milestones" not in changes for changes in (plan.grid.set, plan.selection.set)):
        stages = [run.spec.protocol for run in plan.runs if run.spec.protocol.schedule == "multistep"]
        for milestones, epochs in sorted({(p.milestones, p.epochs) for p in stages}):
            shown = ", ".join(f"{m:g}" for m in milestones)
            lines.append(f"note: milestones scaled to {epochs} epochs: {shown}.")
    return lines + budget_notes(plan) + reuse_notes(plan)


def not_shown(plan: Plan) -> list[str]:
    """What a plan with a selection leaves out: finished runs that the report covers."""
    if plan.selection == Selection():
        return []
    shown = {run.folder.id for run in plan.runs}
    done = [file for file in (plan.folder / "runs").glob("*/result.json") if file.parent.name not in shown]
    others = f"; {len(done)} other finished runs are in the report" if done else ""
    return [f"note: this shows the selection {plan.selection.options()}{others}. To show all runs: --only '*'."]


def print_ensemble(found: dict[str, Any]) -> None:
    """An ensemble that was made: its models with their weights, its accuracy, its cost and its folder."""
    made = table("model", ">weight")
    for member, weight in zip(found["members"], found["weights"], strict=True):
        made.add_row(member, f"{weight:.3g}")
    cost = "cost unknown" if found["macs"] is None else f"{rounded(found['macs'] / 1e9, 2)} GMACs per clip"
    top1 = f"top-1 {rounded(found['top1'], 2)} % of {found['n']} videos, {cost}"
    averaged = "class probabilities" if found["fusion"] == "softmax" else "logits"
    show(made, f"\n{found['name']}: {top1}\nMean of {averaged}: {found['id']}\n{found['folder']}")


def print_models(found: dict[str, Any]) -> None:
    from suite.models.options import LAST_POOL, SITES

    costs = any(entry["params"] is not None for kind in ("modules", "blocks", "networks") for entry in found[kind])
    counts = (">frames", ">params (M)", ">GMACs") if costs else ()
    for kind, title in (
        ("modules", "temporal module"),
        ("blocks", "add-on block"),
        ("networks", "standalone architecture"),
    ):
        made = table(title, "~paper", "~defined in", "example", *counts)
        options, sign = [], "+" if kind == "blocks" else ""
        for entry in found[kind]:
            known = entry["params"] is not None
            numbers = (
                (entry["frames"], f"{entry['params'] / 1e6:.2f}", f"{entry['macs'] / 1e9:.1f}") if known else ("",) * 3
            )
            made.add_row(
                sign + entry["name"],
                entry["paper"],
                entry["formula"],
                entry["example"],
                *numbers[: len(counts)],
            )
            values = ", ".join(f"{key}={'|'.join(values)}" for key, values in entry["options"].items())
            options += [f"  {sign}{entry['name']}: {values}"] if values else []
        show(made, "Options, default first:\n" + "\n".join(options) if options else "", "")
    at = [f"+{entry['name']}" for entry in found["blocks"] if entry["site"] == "block_exit"]
    stages = [f"+{entry['name']}" for entry in found["blocks"] if entry["site"] == "decorator"]
    frame_wise = [f"{e['frame_wise']} for {e['example']}" for e in found["networks"] if e["frame_wise"]]
    show(
        f"Backbones: {', '.join(found['backbones'])}.\n"
        "A model name has the form <module>-<backbone>[-tp][@key=value,...][+<block>[@key=value,...]...], e.g. "
        "tam-resnet18-tp or tsm-resnet50+rcca@at=conv3_3.\n"
        f"Options of all temporal modules: sites={'|'.join(SITES)}; with -tp: tp=published|max; of 3-D modules on "
        f"inception_v1: pool={'|'.join(LAST_POOL)}.\n"
        f"Block positions: at=conv3_3 (one block), res3:2/res4:3 (every other block) or res3 (the last block of a "
        f"stage) for {', '.join(at)}; stages=res3/res4 for {', '.join(stages)}.\n"
        f"Standalone architectures: {', '.join(found['names'])}.\n"
        f"Frame-wise baselines of Φ and Ψ: {', '.join(frame_wise)}; for modules, tsn on the same backbone.",
    )


def print_costs(found: list[dict[str, Any]], frames: int, size: int) -> None:
    made = table("model", ">params (M)", ">GMACs (convolutions)", ">GMACs (all)", "~operators not counted")
    for entry in found:
        made.add_row(
            entry["name"],
            f"{entry['params'] / 1e6:.3f}",
            f"{entry['conv_macs'] / 1e9:.3f}",
            f"{entry['macs'] / 1e9:.3f}",
            ", ".join(entry["uncounted"]),
        )
    show(made, f"\nMultiply-adds per clip: {frames} frames of {size}x{size} pixels.")


def print_order(found: list[dict[str, Any]]) -> None:
    made = table("model", ">frames", ">reversed", ">shuffled, random parameters", "order-invariant")
    for entry in found:
        made.add_row(
            entry["name"],
            str(entry["frames"]),
            f"{entry['max_abs_difference']:.3g}",
            f"{entry['max_abs_difference_shuffled']:.3g}",
            "yes" if entry["order_blind"] else "no",
        )
    show(
        made,
        "\nLargest absolute difference of a logit when the frames of a random clip are reordered.",
    )


def print_perturbed(found: dict[str, Any]) -> None:
    made = table("clip", ">top-1 (%)", ">same prediction (%)")
    words = {"none": "unchanged", "reverse": "reversed", "shuffle": "shuffled", "freeze": "middle frame repeated"}
    for entry in found["clips"]:
        made.add_row(words[entry["frames"]], rounded(entry["top1"], 1), rounded(entry["same_class"], 1))
    show(made, f"\n{found['run']} on {found['n']} videos of {found['dataset']}.")


def print_evaluations(tests: list[dict[str, Any]]) -> None:
    """Tests of one model: a line per test, then where the weights came from."""
    made = table(">frames", ">clips x crops", "data", ">videos", ">top-1 (%)", ">top-5 (%)", "~predictions")
    for test in tests:
        accuracy = [rounded(test[key], 1) if key in test else "no labels" for key in ("top1", "top5")]
        folder = f"{test['folder']}{' (already tested)' if test.get('skipped') else ''}"
        views = test["views"].replace("x", " x ")
        data = f"{test['dataset']} {test['split']}"
        made.add_row(test["frames"], views, data, test["n"], *accuracy, folder)
    weights = tests[0]["weights"]
    loaded = f"{weights['loaded']} of {weights['total']} tensors from {weights['source']}"
    show(made, f"\n{tests[0]['model']}: {loaded}.")


def print_views(run: str, rows: list[dict[str, Any]], files: list[Path]) -> None:
    """Tests of one run with several numbers of views, one line per test; then the files of their figure."""
    made = table(">clips x crops", ">GMACs x views", ">top-1 (%)", ">95 % interval", ">videos", "~predictions")
    for row in rows:
        low_high = "" if row["ci95"] is None else f"[{rounded(row['ci95'][0], 1)}, {rounded(row['ci95'][1], 1)}]"
        top1 = "no labels" if row["top1"] is None else rounded(row["top1"], 1)
        folder = f"{row['folder']}{' (already tested)' if row.get('skipped') else ''}"
        views = f"{row['clips']} x {row['crops']}"
        made.add_row(views, f"{row['macs'] / 1e9:.4g}", top1, low_high, row["n"], folder)
    notes = [f"{run}. GMACs x views: multiply-adds per video. 95 % confidence interval: sampling of test videos."]
    for row in rows:
        if fewer := row.get("distinct_views"):
            by_count = sorted((int(count), videos) for count, videos in fewer.items())
            counts = ", ".join(f"{count} ({videos} video{'s' * (videos > 1)})" for count, videos in by_count)
            views = f"{row['clips']} x {row['crops']}"
            notes.append(f"{views}: some views are identical; distinct views per video: {counts}.")
    notes += [f"Figure: {file}" for file in files]
    show(made, "\n" + "\n".join(notes))


def print_rows(rows: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    """Measurements as they are: a column per key, then what is true of all."""
    made = table(*rows[0])
    for row in rows:
        made.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    show(made, "\n" + ", ".join(f"{key}: {value}" for key, value in facts.items()))


def print_layout_bench(found: dict[str, Any]) -> None:
    made = table("model", ">batch", ">forward, plain", ">ours", ">ratio", ">training step, plain", ">ours", ">ratio")
    for e in found["rows"]:
        made.add_row(
            e["name"],
            str(e["batch"]),
            f"{1000 * e['forward_plain']:.1f} ms",
            f"{1000 * e['forward_ours']:.1f} ms",
            f"{e['forward_ratio']:.2f}",
            f"{1000 * e['step_plain']:.1f} ms",
            f"{1000 * e['step_ours']:.1f} ms",
            f"{e['step_ratio']:.2f}",
        )
    show(
        made,
        f"\n{found['device']}, {found['threads']} threads, torch {found['torch']}; medians of {found['rounds']} "
        f"interleaved rounds; clips {found['clip']}; took {duration(found['seconds'])}.",
    )
