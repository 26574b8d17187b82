"""One run from its spec to its result file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch

from suite.data import pretraining_leakage
from suite.data.clips import TrainClips
from suite.data.datasets import Dataset, open_dataset
from suite.data.decoding import Decoder
from suite.data.manifest import SCHEME, Manifest, hold_out
from suite.data.rng import generator
from suite.device import set_determinism
from suite.evaluation.control import Control, Stopped
from suite.evaluation.inference import parquet_bytes
from suite.evaluation.retest import check_checkpoint, check_fit, check_normalisation, test_again
from suite.models import build, weights
from suite.models.checkpoints.fresh import HEAD
from suite.models.cost import cost
from suite.spec import BadInput, file_sha256, run_named, weights_file
from suite.store.earlier import run_folder, source_folder
from suite.store.evaluations import result_of
from suite.store.folder import RunFolder, dump_json, sealed
from suite.store.identity import RunSpec, digest
from suite.store.pretraining import data_before, finished_source, pretraining_of
from suite.store.provenance import device_facts, environment
from suite.store.read_only_folder import ReadOnlyFolder
from suite.training.loop import Trainer
from suite.training.same_videos import require_same_videos
from suite.training.tester import Tested, Tester


def execute(folder: RunFolder, data_root: Path, control: Control, planned: RunSpec | None = None) -> dict[str, Any]:
    """Trains and tests the run of `folder`, from its checkpoint if there is one; returns its result.

    planned: the run as it is planned now.  Of a finished run it may plan other tests than were made; these are added,
    and nothing is trained again.  The parent's folder lies beside it.  Raises Stopped, RunFailed or BadInput (Busy
    where another process has it); the folder stays fit to go on.
    Of a run with several processes (`control.group`) all call this, and the one of rank 0 writes.
    """
    group = control.group
    if not group.main:
        folder = ReadOnlyFolder(folder.path)
    with folder.claimed(wait=30):
        folder.clear_error()
        if planned and planned.id == folder.id and folder.result() is None:
            folder.create(planned, anew=True)  # its test may have been planned otherwise when it was begun
        group.wait()  # spec.yaml is there
        spec = folder.spec()
        if folder.result() is None:
            _note_pretraining(folder, spec, data_root)
            _execute(folder, spec, data_root, control)
            group.wait()  # result.json is there
        planned = planned or spec
        if result_of(folder, planned) is None:
            test_again(folder, planned, root=data_root, control=control)
        group.wait()
        return result_of(folder, planned) or {}


def _note_pretraining(folder: RunFolder, spec: RunSpec, data_root: Path) -> None:
    """Writes down which test videos an earlier stage was trained on, on another data set; BadInput for too many."""
    if not (before := data_before(spec, folder.path.parent)):
        return
    found = pretraining_leakage.seen_before(open_dataset(spec.dataset, data_root), before, data_root)
    pretraining_leakage.require(found, spec.protocol.allow_leakage, spec.dataset)
    record = {"pretraining_leakage": pretraining_leakage.record(found)}
    folder.write(folder.provenance, dump_json(_earlier_provenance(folder) | record))


def _execute(folder: RunFolder, spec: RunSpec, data_root: Path, control: Control) -> dict[str, Any]:
    began, started = time.monotonic(), time.strftime("%Y-%m-%dT%H:%M:%S%z")
    set_determinism(control.device, control.deterministic)
    dataset = open_dataset(spec.dataset, data_root)
    train, val = dataset.split("train"), dataset.split("val")
    for manifest in (train, val):
        manifest.require(spec.protocol.allow_missing)
    dataset.leakage().require(spec.protocol.allow_leakage, spec.dataset)
    splits, dev = {m.split: m for m in (train, val)}, None
    if spec.protocol.dev:
        train, dev = hold_out(train, spec.protocol.dev)
        splits["dev"] = dev
    check_normalisation(spec)
    check_fit(spec, len(dataset.classes), spec.frames, spec.protocol.test_size)  # now, not after training
    model = build(
        spec.network,
        len(dataset.classes),
        spec.frames,
        spec.protocol.size,
        dropout=spec.protocol.dropout,
        seed=int(generator(spec.seed, "weights").integers(2**62)),
    )
    model.to(control.device)
    decoder = Decoder(cache_bytes=(1 << 30) // max(1, control.workers), journal=folder.path / "decoding.jsonl")
    clips = TrainClips(dataset, train, spec.frames, spec.protocol, spec.seed, decoder)
    test = Tester(spec, dataset, model, decoder, control)
    curve = dev or val
    trainer = Trainer(
        *(spec, model, clips, dataset.classes, folder),
        validate=lambda: test.clip_level(curve).accuracies["top1"],
        curve=curve.split,
        group=control.group,
    )
    provenance = _earlier_provenance(folder)
    if trainer.resume():
        if not _same_data(splits, provenance.get("data", {})):
            raise BadInput(
                f"{folder.id} was started with other videos of {spec.dataset}; move its folder away to run it again."
            )
        folder.add_log(f"resumed from step {trainer.at.step}")
    else:
        report = initial_weights(model, spec, folder, dataset)
        provenance["weights"] = report.as_dict() if report else {"source": "scratch"}
        if before := _pretraining(spec, folder, report):
            provenance["weights"]["pretraining"] = before
        folder.add_log(f"started: {report or 'from scratch'}")
    provenance.setdefault("sessions", []).append(
        {
            "started": started,
            "from_step": trainer.at.step,
            "processes": control.group.world,
            "deterministic": control.deterministic or control.device == "cpu",
            **device_facts(control.device),
            **environment(spec.model),
        }
    )
    provenance["data"] = {split: _facts(m) for split, m in splits.items()} | {"notes": dataset.notes}
    folder.write(folder.provenance, dump_json(sealed(provenance)))

    def note_time() -> None:
        provenance["sessions"][-1]["seconds"] = round(time.monotonic() - began, 3)

    try:
        trainer.train(control)
        result = _result(folder, spec, dataset, test) | (_on_dev(trainer, test, dev) if dev else {})
    except Stopped:
        note_time()
        folder.write(folder.provenance, dump_json(sealed(provenance)))
        raise
    require_same_videos(folder, dataset, data_root, control.group)
    provenance["decoding"] = decoder.report()
    note_time()
    folder.write(folder.provenance, dump_json(sealed(provenance)))
    folder.finish(result)  # last: the run is done
    folder.add_log(f"done: top-1 {result['top1']:.2f} % of {result['n']} videos")
    return result


def _facts(manifest: Manifest) -> dict[str, Any]:
    return {"videos": len(manifest.videos), "sha256": manifest.sha256}


def _same_data(splits: dict[str, Manifest], begun: dict[str, Any]) -> bool:
    """Whether a run was begun with these videos, as far as its provenance tells."""
    facts = {split: begun.get(split) or {} for split in splits}
    return all(facts[s].get("videos") == len(m.videos) and m.matches(facts[s].get("sha256")) for s, m in splits.items())


def initial_weights(
    model: torch.nn.Module, spec: RunSpec, folder: RunFolder, dataset: Dataset
) -> weights.Report | None:
    """The parent's final weights, else what the protocol's `init` names; None from scratch.

    Raises BadInput where they do not fit, unless the protocol's `init_fresh` says what may start anew.
    """
    if spec.parent:
        parent = source_folder(folder.path.parent, spec.parent)
        check_checkpoint(parent)
        source = str(parent.checkpoint)
    elif spec.protocol.init == "scratch":
        return None
    else:
        source = spec.protocol.init
        if run_named(source):
            before = finished_source(source, _results(folder))
            check_checkpoint(before)
            source = str(before.checkpoint)
    fresh = None if spec.parent else spec.protocol.init_fresh
    if spec.transfer:
        fresh = sorted({HEAD, *spec.protocol.init_fresh})
    report = weights.load(model, source, inflate=spec.protocol.inflate, classes=dataset.classes, init_fresh=fresh)
    named = spec.architecture and not spec.parent and weights_file(source)[1]  # by content, from identity scheme 2 on
    if named and report.sha256 != spec.weights_sha256:
        raise BadInput(
            f"{source} is not the file that {spec.id} was planned with (different SHA-256); plan the grid again."
        )
    return report


def _results(folder: RunFolder) -> Path:
    """The folder with the results of all grids: a run lies in <results>/<grid>/runs/<id>."""
    return folder.path.parents[2]


def _pretraining(spec: RunSpec, folder: RunFolder, report: weights.Report | None) -> dict[str, Any] | None:
    """What trained the weights that the first stage on its data starts from, where they are those of a run of ours."""
    init = spec.protocol.init
    kind, path = weights_file(init)
    if spec.transfer and report is not None:
        return pretraining_of(source_folder(folder.path.parent, spec.parent).checkpoint, report.sha256)
    if spec.parent or report is None or kind not in ("", "run"):
        return None
    if run_named(init):
        path = finished_source(init, _results(folder)).checkpoint
    return pretraining_of(path, report.sha256)


def _earlier_provenance(folder: RunFolder) -> dict[str, Any]:
    try:
        return json.loads(folder.provenance.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _on_dev(trainer: Trainer, test: Tester, dev: Manifest) -> dict[str, Any]:
    """What a result says of the videos held out: which, the top-1 on them of the weights tested, the epoch selected.

    `selected_epoch` counts from 0, as history.jsonl does.
    """
    if trainer.best:
        return {"dev": _facts(dev), "dev_top1": trainer.best.top1, "selected_epoch": trainer.best.epoch}
    curve = [line["dev_top1"] for line in trainer.folder.read_history() if "dev_top1" in line]
    return {"dev": _facts(dev), "dev_top1": curve[-1] if curve else test.clip_level(dev).accuracies["top1"]}


def _write_predictions(folder: RunFolder, file: Path, tested: Tested, fusion: str) -> None:
    if tested.predictions is not None:
        folder.write(file, parquet_bytes(tested.predictions.table(fusion)))


def _result(folder: RunFolder, spec: RunSpec, dataset: Dataset, test: Tester) -> dict[str, Any]:
    """Accuracies, cost and what else a table needs; no clocks."""
    p = spec.protocol
    tested = test.clip_level()
    folder.require_claim()
    _write_predictions(folder, folder.predictions, tested, p.evaluation.fusion)
    result = dict(tested.accuracies)
    if p.evaluation.video_clips:
        tested = test.video_level()
        _write_predictions(folder, folder.video_predictions, tested, p.evaluation.fusion)
        result["video"] = tested.accuracies
    if curve := [line["val_top1"] for line in folder.read_history() if "val_top1" in line]:
        result["best_top1"] = max(curve)
    found = cost(spec.network, spec.frames, p.size, len(dataset.classes))
    chained = spec.parent and not spec.transfer  # else its parent has seen other videos
    parent = run_folder(folder.path.parent, spec.parent).result() if chained else None
    if chained and parent is None:
        raise BadInput(f"The result of {spec.parent}, which {folder.id} started from, is missing; restore it.")
    splits = {split: dataset.split(split) for split in ("train", "val")}
    if dataset.info.flip == "keep" and p.augmentation.flip in ("label_aware", "skip_sided"):  # it has no sides to swap
        result["flip"] = "blind"
    return result | {
        "id": folder.id,
        "spec_sha256": digest(spec.resolved(), 64),
        "checkpoint_sha256": file_sha256(folder.checkpoint),
        "params": found.params,
        "conv_macs": found.conv_macs,
        "macs": found.macs,
        "epochs_seen": p.epochs + (parent["epochs_seen"] if parent else 0),
        "classes": len(dataset.classes),
        "class_names": list(dataset.classes),
        "videos": {split: len(m.videos) for split, m in splits.items()},
        "missing": sum(len(m.missing) + len(m.undecodable) for m in splits.values()),
        "leakage": dataset.leakage().counts,
        "manifests": {split: m.sha256 for split, m in splits.items()},
        "manifest_scheme": SCHEME,
        "manifest_parts": {split: m.parts for split, m in splits.items()},
    }
