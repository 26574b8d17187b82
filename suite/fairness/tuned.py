"""Runs that were tuned alike: which of several settings counts for a model, and the factors that it has then.

A grid with `tune` trains every model once per combination of values.  The run with the highest top-1 on the held-out
(dev) split counts; of equal ones the first, with keys in alphabetical order and values as they are listed.  Every model
has had the same budget, so the values that were chosen confound no comparison, while another budget does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from suite.spec import Protocol, checked
from suite.store.earlier import run_folder
from suite.store.identity import RunSpec

CHOSEN = "chosen on dev"  # in place of the value
OPTIMISER = {"momentum": "momentum", "weight_decay": "weight_decay", "nesterov": "nesterov"}
OPTIMISER |= {"clip_gradient": "gradient_limit"}
SCHEDULE = {"lr": "lr", "gamma": "gamma", "warmup_epochs": "warmup"}


def settings_tried(protocol: Protocol) -> list[dict[str, Any]]:
    """The combinations of values that were tried; of equal runs the first counts."""
    return [dict(zip(protocol.tuned, values, strict=True)) for values in product(*protocol.tuned.values())]


def budget(protocol: Protocol) -> str:
    """What was tried, in words: "4 settings on dev: lr 0.01, 0.02; weight_decay 0, 0.0005"."""
    values = [f"{key} {', '.join(map(str, tried))}" for key, tried in protocol.tuned.items()]
    return f"{len(settings_tried(protocol))} settings on dev: {'; '.join(values)}"


def not_chosen(spec: RunSpec) -> str:
    """The factor `tuning` of a run that was tried and is not the one that counts: equal to that of no other run."""
    return f"tried and not chosen, {budget(spec.protocol)} (run {spec.id.rpartition('-')[2]})"


def counts(spec: RunSpec, runs: Path) -> bool:
    """Whether a finished run stands for its model in tables: of runs that were tuned, the chosen one alone."""
    return not spec.protocol.tuned or is_chosen(spec, runs)


def is_chosen(spec: RunSpec, runs: Path) -> bool:
    """Whether a run is the best on dev of those with the settings that were tried; `runs`: the folder of them all.

    No run is chosen while one of them is not finished.
    """
    best: tuple[float, str] | None = None
    for values in settings_tried(spec.protocol):
        other = _with(spec, values, runs)
        folder = run_folder(runs, other.id) if other else None
        top1 = (folder.result() or {}).get("dev_top1") if folder else None
        if top1 is None:
            return False
        if best is None or top1 > best[0]:
            best = (top1, other.id)
    return best is not None and best[1] == spec.id


def _with(spec: RunSpec, values: Mapping[str, Any], runs: Path) -> RunSpec | None:
    """The run of the same model with other values, in all stages of its chain; None where a stage is not there."""
    parent = spec.parent
    if parent and not spec.transfer:
        before = run_folder(runs, parent)
        other = _with(before.spec(), values, runs) if before.spec_file.is_file() else None
        if other is None:
            return None
        parent = other.id
    return replace(spec, protocol=_protocol_with(spec.protocol, values), parent=parent)


def _protocol_with(protocol: Protocol, values: Mapping[str, Any]) -> Protocol:
    return checked(Protocol, protocol.model_dump() | values, "tune")


def without_choice(specs: Sequence[RunSpec]) -> list[RunSpec]:
    """The stages of a chain with the first of the values that were tried, whichever was chosen."""
    return [replace(s, protocol=_protocol_with(s.protocol, settings_tried(s.protocol)[0])) for s in specs]


def tuned_factors(factors: Mapping[str, Any], protocol: Protocol) -> dict[str, Any]:
    """The factors of a chosen run, `factors` being those `without_choice`: what was tuned, and the budget."""
    keys = protocol.tuned
    found = dict(factors) | {"tuning": budget(protocol)}
    for name, keys_of in (("optimiser", OPTIMISER), ("schedule", SCHEDULE)):
        parts = {part: CHOSEN for key, part in keys_of.items() if key in keys and part in factors[name]}
        found[name] = dict(factors[name]) | parts
    return found | ({"dropout": CHOSEN} if "dropout" in keys else {})
