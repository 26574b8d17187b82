"""Runs whose weights start other runs: `init: run:ID` in a protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.spec import FOREIGN_KINDS, BadInput, file_sha256, run_named, weights_file
from suite.store.earlier import run_folder, source_folder
from suite.store.find import need_runs, run_at
from suite.store.folder import RunFolder
from suite.store.identity import RunSpec, digest

MOST_STAGES = 100  # of a chain: a damaged spec.yaml may name its own run


def finished_source(init: str, results: Path) -> RunFolder:
    """The finished run that `init: run:ID` names, by id, by the first parts of one or by folder, in any grid below
    `results`.

    Raises BadInput where no run or several have such an id, it is not finished, or its checkpoint is not there.
    """
    try:
        found = need_runs(run_named(init) or "", results)
    except BadInput as error:
        raise BadInput(f"Invalid init '{init}': {error}") from None
    if len(found) > 1:
        raise BadInput(f"Invalid init '{init}': it matches {len(found)} runs; specify one of them.")
    if found[0].result() is None:
        raise BadInput(f"Invalid init '{init}': the run {found[0].id} is not finished.")
    if not found[0].checkpoint.is_file():
        raise BadInput(f"Invalid init '{init}': the checkpoint of {found[0].id} is not on this machine.")
    return found[0]


def source_sha256(init: str, results: Path) -> str | None:
    """SHA-256 of the weights that `init: run:ID` names; None for another kind of source, or while the run is missing.

    Raises BadInput where several runs have such an id.
    """
    if run_named(init) is None:
        return None
    try:
        folder = finished_source(init, results)
    except BadInput as error:
        if " matches " in str(error):
            raise
        return None
    return (folder.result() or {}).get("checkpoint_sha256") or file_sha256(folder.checkpoint)


def data_before(spec: RunSpec, runs: Path) -> list[str]:
    """The data sets on which the weights were trained that the first stage of this run's chain starts from.

    runs: the folder of the run.  Empty where the chain starts from scratch or from weights that are no run's.
    """
    found: list[str] = []
    for _ in range(MOST_STAGES):
        init = spec.protocol.init
        if spec.parent:
            before = source_folder(runs, spec.parent)
        elif run_named(init):
            before = _finished_or_none(init, runs)
        else:
            path = weights_file(init)[1]
            before = run_at(str(path.parent)) if path else None
        if before is None or not before.spec_file.is_file():
            break
        other = spec.transfer or not spec.parent
        spec, runs = before.spec(), before.path.parent
        found += [spec.dataset] if other else []
    return list(dict.fromkeys(found))


def _finished_or_none(init: str, runs: Path) -> RunFolder | None:
    try:
        return finished_source(init, runs.parents[1])
    except BadInput:
        return None


def pretraining_of(checkpoint: Path, sha256: str | None) -> dict[str, Any] | None:
    """What trained the weights of a checkpoint that lies in the folder of a finished run; None for one elsewhere, or
    one that is not the file (`sha256`) that the run was tested with.

    Keys: run, dataset, model, frames, seed; recipe (a digest of how all stages of its chain were trained); start and
    start_sha256 (what the first stage started from); before (the same of the run that that stage started from).
    """
    folder = run_at(str(checkpoint.parent))
    if folder is None or sha256 is None or (folder.result() or {}).get("checkpoint_sha256") != sha256:
        return None
    stage, spec = folder, folder.spec()
    chain = [spec]
    while chain[0].parent and not chain[0].transfer:
        stage = run_folder(folder.path.parent, chain[0].parent)
        chain.insert(0, stage.spec())
    weights = stage.read_provenance().get("weights") or {}
    found = {"run": folder.id, "dataset": spec.dataset, "model": spec.model, "frames": spec.frames, "seed": spec.seed}
    found |= {"recipe": digest([[one.frames, one.training()["recipe"]] for one in chain], 8)}
    found |= {"start": _start(chain[0]), "start_sha256": chain[0].weights_sha256 or weights.get("sha256")}
    return found | ({"before": weights["pretraining"]} if weights.get("pretraining") else {})


def _start(spec: RunSpec) -> str:
    """The kind of weights that a first stage starts from: `scratch`, `imagenet`, `ibm`, `checkpoint`."""
    init = spec.protocol.init
    return "run" if spec.transfer or run_named(init) else init.partition(":")[0] if _has_kind(init) else "checkpoint"


def _has_kind(init: str) -> bool:
    return init.partition(":")[0] in ("scratch", *FOREIGN_KINDS)
