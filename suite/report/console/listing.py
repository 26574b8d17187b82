"""What the read-only commands print for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from suite.report.console.progress import duration
from suite.statistics.rounding import rounded
from suite.store.earlier import unplaced
from suite.sweep.plan import TERA_MACS, Plan, PlannedRun, Selection, totals


def _print(*parts: Any) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 180  # a pipe has no edge to fold at
    for part in parts:
        console.print(part)


class _Plain(Table):
    """A table whose cells are text, not markup."""

    def add_row(self, *cells: Any, **more: Any) -> None:
        super().add_row(*(Text(str(cell)) for cell in cells), **more)


def _table(*columns: str) -> Table:
    table = _Plain(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(
            column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold", no_wrap=True
        )
    return table


def print_plan(plan: Plan) -> None:
    """A line a chain."""
    table = _table(
        "model", "data", ">seed", "frames", ">GMACs a clip", ">params (M)", ">GiB a step", ">GPU hours", "state"
    )
    for chain in _chains(plan):
        first, states = chain[0], Counter(run.state() for run in chain)
        table.add_row(
            first.spec.model + (f" [{first.spec.control}]" if first.spec.control else ""),
            first.spec.dataset,
            str(first.spec.seed),
            " > ".join(str(run.spec.frames) for run in chain),
            " > ".join(f"{run.gmacs:.3g}" for run in chain),
            f"{first.params / 1e6:.2f}",
            f"{max(run.gib for run in chain):.1f}",
            f"{sum(run.device_hours() for run in chain):.3g}",
            ", ".join(f"{n} {state}" for state, n in states.items()),
        )
    found = totals(plan)
    _print(
        table,
        f"\n{found['runs']} runs in {found['chains']} chains, about {found['device_hours']:.3g} GPU hours at "
        f"{TERA_MACS['cuda']:.0f} T multiply-adds a second; the largest step needs about {found['gib_max']:.0f} GiB.",
        *notes(plan),
    )


def notes(plan: Plan) -> list[str]:
    """What a person should know of a plan before it is run."""
    said = []
    if lost := unplaced(plan.folder / "runs"):
        said.append(
            f"note: {len(lost)} run folders of an earlier version cannot be matched (first {lost[0]}): their parent is "
            "missing, they were changed, or their starting weights are known by path alone."
        )
    for file in sorted({run.spec.missing_weights for run in plan.runs} - {None}):
        said.append(f"note: the weights file {file} is not on this machine; the ids of the runs are provisional.")
    if any("epochs" in changes and "milestones" not in changes for changes in (plan.grid.set, plan.selection.set)):
        stages = [run.spec.protocol for run in plan.runs if run.spec.protocol.schedule == "multistep"]
        for milestones, epochs in sorted({(p.milestones, p.epochs) for p in stages}):
            shown = ", ".join(f"{m:g}" for m in milestones)
            said.append(f"note: milestones moved in proportion to the {epochs} epochs: {shown}.")
    return said


def not_shown(plan: Plan) -> list[str]:
    """What a plan with a selection leaves out: finished runs that the report covers."""
    if plan.selection == Selection():
        return []
    shown = {run.folder.id for run in plan.runs}
    done = [file for file in (plan.folder / "runs").glob("*/result.json") if file.parent.name not in shown]
    others = f"; {len(done)} other finished runs are in the report" if done else ""
    return [f"note: shown is the selection {plan.selection.options()}{others}. For all runs: --only '*'."]


def _chains(plan: Plan) -> Iterator[list[PlannedRun]]:
    """The stages of every chain, and its control arm by itself."""
    for run in plan.runs:
        before = run.parent
        if before is not None and before.spec.control == run.spec.control:
            continue
        chain = [run]
        while after := [r for r in chain[-1].children if r.spec.control == run.spec.control]:
            chain.append(after[0])
        yield chain


def print_status(grid: str, found: dict[str, Any]) -> None:
    counts = ", ".join(f"{found[state]} {state}" for state in ("done", "running", "todo", "failed", "blocked"))
    table = _table("model", "data", ">frames", ">seed", "state", ">top-1", "")
    for run in found["runs"]:
        top1 = "" if run["top1"] is None else rounded(run["top1"], 1)
        name = run["name"] + (f" [{run['control']}]" if run["control"] else "")
        cells = (name, run["dataset"], str(run["frames"]), str(run["seed"]), run["state"], top1)
        table.add_row(*cells, run["error"] or "")
    _print(table, f"\n{grid}: {counts}")


def print_models(found: dict[str, Any]) -> None:
    for kind, title in (("modules", "temporal module"), ("blocks", "extra block"), ("networks", "whole network")):
        table = _table(title, "paper", "defined in", "example", ">frames", ">params (M)", ">GMACs")
        options, sign = [], "+" if kind == "blocks" else ""
        for entry in found[kind]:
            known = entry["params"] is not None
            table.add_row(
                sign + entry["name"],
                entry["paper"],
                entry["formula"],
                entry["example"],
                str(entry["frames"] or ""),
                f"{entry['params'] / 1e6:.2f}" if known else "",
                f"{entry['macs'] / 1e9:.1f}" if known else "",
            )
            said = ", ".join(f"{key}={'|'.join(values)}" for key, values in entry["options"].items())
            options += [f"  {sign}{entry['name']}: {said}"] if said else []
        _print(table, "Options, the default first:\n" + "\n".join(options) if options else "", "")
    _print(
        f"Backbones: {', '.join(found['backbones'])}.  A name is <module>-<backbone>[-tp][@key=value,...][+<block>...],"
        " e.g. tam-resnet18-tp or tsm-resnet50+rcca@at=conv3_3.\nOptions of all modules: "
        "sites=all|top-half|bottom-half|uniform-half, tp=max; of 3-D inception_v1: pool=2; of blocks: at=conv3_3, "
        "res3:2/res4:3 or res3; of arc: stages=res3/res4.\n"
        f"Whole networks: {', '.join(found['names'])}.",
    )


def print_costs(found: list[dict[str, Any]], frames: int, size: int) -> None:
    table = _table("model", ">params (M)", ">convolutions (GMACs)", ">all (GMACs)", "not counted")
    for entry in found:
        table.add_row(
            entry["name"],
            f"{entry['params'] / 1e6:.3f}",
            f"{entry['conv_macs'] / 1e9:.3f}",
            f"{entry['macs'] / 1e9:.3f}",
            ", ".join(entry["uncounted"]),
        )
    _print(table, f"\nMultiply-adds of one clip of {frames} frames of {size}x{size} pixels.")


def print_order(found: list[dict[str, Any]]) -> None:
    table = _table("model", ">frames", ">clip and its reverse", ">shuffled, parameters redrawn", "order-blind")
    for entry in found:
        table.add_row(
            entry["name"],
            str(entry["frames"]),
            f"{entry['max_abs_difference']:.3g}",
            f"{entry['max_abs_difference_shuffled']:.3g}",
            "yes" if entry["order_blind"] else "no",
        )
    _print(table, "\nLargest difference of a logit.")


def print_perturbed(found: dict[str, Any]) -> None:
    table = _table("frames of the clip", ">top-1 (%)", ">same class as before (%)")
    words = {"none": "as they are", "reverse": "reversed", "shuffle": "shuffled", "freeze": "the middle one repeated"}
    for entry in found["clips"]:
        table.add_row(words[entry["frames"]], rounded(entry["top1"], 1), rounded(entry["same_class"], 1))
    _print(table, f"\n{found['run']} on {found['n']} videos of {found['dataset']}.")


def print_rows(rows: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    """Measurements as they are: a column per key, then what is true of all."""
    table = _table(*rows[0])
    for row in rows:
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    _print(table, "\n" + ", ".join(f"{key} {value}" for key, value in facts.items()))


def print_layout_bench(found: dict[str, Any]) -> None:
    table = _table("model", ">batch", ">forward, plain", ">ours", ">ratio", ">training step, plain", ">ours", ">ratio")
    for e in found["rows"]:
        table.add_row(
            e["name"],
            str(e["batch"]),
            f"{1000 * e['forward_plain']:.1f} ms",
            f"{1000 * e['forward_ours']:.1f} ms",
            f"{e['forward_ratio']:.2f}",
            f"{1000 * e['step_plain']:.1f} ms",
            f"{1000 * e['step_ours']:.1f} ms",
            f"{e['step_ratio']:.2f}",
        )
    _print(
        table,
        f"\n{found['device']}, {found['threads']} threads, torch {found['torch']}; medians of {found['rounds']} "
        f"interleaved rounds, clips {found['clip']}, took {duration(found['seconds'])}.",
    )
