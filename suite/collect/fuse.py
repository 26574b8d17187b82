"""Making an ensemble: the stored predictions of several results, averaged into one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from suite.collect.ensembles import FOLDER, PREDICTIONS, RESULT, read_stored
from suite.collect.resolve import Other, from_run, resolve
from suite.data.dataset_info import info
from suite.evaluation.fusion import FUSIONS, fuse_logits, normalised_weights, same_videos
from suite.fairness.ensemble_factors import of_ensemble
from suite.fairness.result import Result
from suite.spec import BadInput, display_name, file_sha256, unpacked_archive
from suite.store.evaluations import result_of
from suite.store.folder import RunFolder, dump_json, sealed, write_atomic
from suite.store.identity import digest
from suite.store.run_names import readable

COSTS = ("params", "conv_macs", "macs")
LONGEST = 150  # characters of an id before its hash; a file name has at most 255


@dataclass(frozen=True)
class Member:
    """One model of an ensemble.

    id: of the run, or what else stands for the result and its content; runs: ids of the runs behind it; model: its
    name; grid: the folder of its grid's results, None where it has none; costs: `params`, `conv_macs` and `macs` of one
    clip, as far as they are known; parts: ids of all results that it is made of.
    """

    id: str
    runs: list[str]
    model: str
    result: Result
    grid: Path | None
    costs: dict[str, int]
    parts: list[str]

    @property
    def sort_key(self) -> tuple:
        frames = self.result.factors.get("frames")
        return (frames if isinstance(frames, int) else 0, self.id)


def fuse(
    texts: Sequence[str],
    results: Path,
    weights: Sequence[float] | None = None,
    fusion: str = FUSIONS[0],
    setting: str = "",
) -> tuple[Path, dict[str, Any]]:
    """Averages the results that `texts` name and stores the ensemble; its folder, and what its result.json holds.

    fusion: `softmax` averages class probabilities, `logits` logits; weights: one per model, in the order of `texts`;
    setting: of the runs, as a grid with axes of protocol keys names them, which stands behind the ensemble's name.
    The order of the models does not matter otherwise; the ensemble goes to the grid of the first that has one.
    Raises BadInput for fewer than two models, one given twice, one without logits or damaged, and for models that were
    not tested on the same videos and classes.
    """
    if fusion not in FUSIONS:
        raise BadInput(f"--fusion expects softmax or logits, not '{fusion}'.")
    members = [_member(one) for text in texts for one in resolve(text, results)]
    if len(members) < 2:
        raise BadInput(f"An ensemble needs at least two models; only {members[0].result.label} is given.")
    for i, member in enumerate(members):
        for before in members[:i]:
            if shared := set(member.parts) & set(before.parts):
                raise BadInput(f"{min(shared)} is given twice; a model can be in an ensemble only once.")
    share = normalised_weights(weights, len(members))
    grid = next((member.grid for member in members if member.grid), None)
    if grid is None:
        raise BadInput("At least one of the models must be a run of a grid; the ensemble is stored with its results.")
    order = sorted(range(len(members)), key=lambda i: members[i].sort_key)
    members, share = [members[i] for i in order], [share[i] for i in order]
    found, table = _fused(members, share, fusion)
    found["name"] += f" ({setting})" if setting else ""
    place = grid / FOLDER / found["id"]
    place.mkdir(parents=True, exist_ok=True)
    (place / RESULT).unlink(missing_ok=True)  # it is written last: where it is, the predictions are its own
    write_atomic(place / PREDICTIONS, table)
    write_atomic(place / RESULT, dump_json(sealed(found)))
    return place, found


def _fused(members: list[Member], weights: list[float], fusion: str) -> tuple[dict[str, Any], bytes]:
    """What result.json holds, and predictions.parquet as bytes."""
    import pandas as pd

    from suite.evaluation.inference import accuracies, parquet_bytes

    datasets = [member.result.factors["dataset"] for member in members]
    for member, dataset in zip(members, datasets, strict=True):
        if dataset != datasets[0]:
            raise BadInput(
                f"{members[0].result.label} was tested on {datasets[0]}, {member.result.label} on {dataset}; an "
                "ensemble averages predictions for the same videos."
            )
    outcomes = same_videos([m.result.outcome for m in members], [m.result.label for m in members])
    ids, labels, classes = outcomes[0].ids, outcomes[0].labels, outcomes[0].classes
    logits = fuse_logits(np.stack([outcome.logits for outcome in outcomes]), weights, fusion)
    table = pd.DataFrame({"id": list(map(str, ids)), "label": labels.astype(np.int64), "logits": list(logits)})
    about = [{"id": m.id, "runs": m.runs, "parts": m.parts, "weight": w} for m, w in zip(members, weights, strict=True)]
    identity = {"members": [[one["id"], one["weight"]] for one in about], "fusion": fusion}
    frames = [member.result.factors.get("frames") for member in members]
    found = {
        "id": f"{_readable_id(members, datasets[0])}-{digest(identity)}",
        "name": _title(members, weights, fusion),
        "dataset": datasets[0],
        "fusion": fusion,
        "weights": weights,
        "members": [
            one | {"model": m.model, "top1": 100 * float(outcome.correct().mean()), **m.costs}
            for one, m, outcome in zip(about, members, outcomes, strict=True)
        ],
        "factors": of_ensemble([member.result.factors for member in members], weights, fusion),
        "classes": logits.shape[1],
    }
    if all(isinstance(count, int) for count in frames):  # of different counts the sum, as papers print 8 + 16
        found["frames"] = frames[0] if len(set(frames)) == 1 else sum(frames)
    found |= {key: sum(m.costs[key] for m in members) for key in COSTS if all(key in m.costs for m in members)}
    pairs = [pair for pair in info(datasets[0]).pairs if classes and set(pair) <= set(classes)]
    found |= accuracies(logits, labels, classes or [f"class {i}" for i in range(logits.shape[1])], pairs)
    return found | ({"class_names": list(classes)} if classes else {}), parquet_bytes(table)


# --- what a member is -----------------------------------------------------------------------------------------------


def _member(one: RunFolder | Other) -> Member:
    if isinstance(one, RunFolder):
        result = from_run(one, keep_logits=True)
        spec, stored = one.spec(), result_of(one, one.spec()) or {}
        return _of(one.id, [one.id], spec.model, result, _grid(one), stored)
    if one.kind == "published row":
        raise BadInput(f"{one.text} is a published row without logits per video; it cannot be in an ensemble.")
    result = one.read(keep_logits=True)
    if one.kind == "predictions file":
        row = result.row
        known = {"params": row["params"], "conv_macs": row["conv_gmacs"] * 1e9, "macs": row["gmacs"] * 1e9}
        costs = {key: round(value) for key, value in known.items() if value == value}
        return _of(row["id"], [], row["name"], result, None, costs)
    folder = Path(one.text)
    if one.kind == "ensemble":
        stored = read_stored(folder)
        parts, behind = ([one for m in stored["members"] for one in m[key]] for key in ("parts", "runs"))
        return _of(stored["id"], behind, stored["name"], result, folder.absolute().parents[1], stored, parts)
    return _of_test(one, folder, result)


def _of_test(one: Other, folder: Path, result: Result) -> Member:
    """A test by `suite eval`, of a run or of another checkpoint; the file does not hold its costs."""
    from suite.models.cost import cost

    facts, run = json.loads((folder / "eval.json").read_text()), one.run()
    found = cost(facts["model"], facts["frames"], facts["size"], len(facts["class_names"]))
    costs = {key: getattr(found, key) for key in COSTS}
    if run and facts.get("run") == run.id:
        return _of(f"{run.id}/{facts['test']}", [run.id], facts["model"], result, _grid(run), costs)
    content = file_sha256(folder / "predictions.parquet")[:10]
    return _of(f"{readable(facts['model'])}.{facts['test']}-{content}", [], facts["model"], result, None, costs)


def _of(
    name: str, runs: list[str], model: str, result: Result, grid: Path | None, stored: Any, parts: Sequence[str] = ()
) -> Member:
    costs = {key: int(stored[key]) for key in COSTS if key in stored}
    return Member(name, runs, model, result, grid, costs, list(parts) or [name])


def _grid(run: RunFolder) -> Path | None:
    """The results folder of the run's grid; None for a run of an archive, which stays as it was packed."""
    own = run.path.parent.name == "runs" and not unpacked_archive(run.path)
    return run.path.parents[1] if own else None


# --- names ----------------------------------------------------------------------------------------------------------


def _readable_id(members: list[Member], dataset: str) -> str:
    """`calib_order.tsn-resnet18.f8+f16` of one model at several frame counts, `.f8.s0+s1` with several seeds, else all
    names in a row.  No run has such an id: in theirs no plus follows frames or seed."""
    models = [member.model for member in members]
    frames, seeds = ([f"{key[0]}{m.result.factors.get(key)}" for m in members] for key in ("frames", "seed"))
    if len(set(models)) == 1 and len(set(frames)) == 1 and len(set(seeds)) > 1:
        short = f"{models[0]}.{frames[0]}.{'+'.join(seeds)}"
    elif len(set(models)) == 1:
        short = f"{models[0]}.{'+'.join(frames)}"
    else:
        short = "+".join(f"{model}.{count}" for model, count in zip(models, frames, strict=True))
    text = readable(f"{dataset}.{short}")
    return text if len(text) <= LONGEST else readable(f"{dataset}.{len(members)}-models")


def _title(members: list[Member], weights: list[float], fusion: str) -> str:
    """The ensemble by its models: "TSN-ResNet-18, 8 + 16 frames" where they differ in their frames alone."""
    names = [display_name(member.model) for member in members]
    factors = [member.result.factors for member in members]
    frames, seeds = ([one.get(key) for one in factors] for key in ("frames", "seed"))
    known = all(isinstance(count, int) for count in frames)
    if len(set(names)) > 1 and len(set(map(str, frames))) > 1 and known:
        text = _listed(f"{name} ({count} frames)" for name, count in zip(names, frames, strict=True))
    else:
        text = _listed(dict.fromkeys(names))
        text += f", {_each(frames)} frames" if known else ""
    if len(set(map(str, seeds))) > 1 and all(isinstance(seed, int) for seed in seeds):
        text += f", seeds {_each(seeds)}"
    alike = len({(n, str(f), str(s)) for n, f, s in zip(names, frames, seeds, strict=True)}) < len(names)
    text += f", {len(names)} models" if alike else ""
    text += ", logits averaged" if fusion == "logits" else ""
    equal = len(set(weights)) == 1
    return text + ("" if equal else f", weights {' : '.join(f'{weight:.3g}' for weight in weights)}")


def _each(values: Sequence[Any]) -> str:
    """The values with a plus between them; one that all share once."""
    return " + ".join(map(str, values if len(set(map(str, values))) > 1 else values[:1]))


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
