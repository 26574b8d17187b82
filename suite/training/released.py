"""Testing a model with a checkpoint that no sweep of ours made."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from suite.data.clips import EvalClips
from suite.data.datasets import open_dataset
from suite.data.decoding import Decoder
from suite.models import build, weights
from suite.spec import BadInput, Evaluation, Protocol, Sampling, checked
from suite.store.folder import dump_json, write_atomic
from suite.store.provenance import device_facts, environment
from suite.training.control import Control, set_determinism, usable_device
from suite.training.evaluation import accuracies, parquet_bytes, predict


def evaluate_checkpoint(
    *,
    name: str,
    source: str,
    dataset: str,
    root: Path,
    split: str,
    frames: int,
    size: int,
    clips: int,
    crops: int,
    sampling: dict[str, Any],
    fusion: str,
    precision: str,
    batch: int,
    device: str | None,
    workers: int,
    unlabelled: bool,
    out: Path,
    allow_missing: int,
) -> dict[str, Any]:
    """Tests model `name` with the weights of `source` on one split; returns what eval.json holds.

    Writes into `out`: views.parquet (a row a view), predictions.parquet (a row a video) and eval.json, or with
    `unlabelled` submission.csv (video id, then five class names) in place of accuracies.
    """
    how = checked(Evaluation, {"clips": clips, "crops": crops, "fusion": fusion, "batch": batch}, "eval")
    rule = checked(Sampling, sampling, "eval")
    if precision not in Protocol.model_fields["precision"].annotation.__args__:
        raise BadInput(f"Precision is fp32 or bf16, not '{precision}'.")
    device = usable_device(device)
    set_determinism(device)
    data = open_dataset(dataset, root)
    manifest = data.split(split)
    manifest.require(allow_missing)
    if not manifest.videos:
        raise BadInput(f"Split '{split}' of {dataset} has no videos.")
    labelled = all(video.label is not None for video in manifest.videos)
    if not labelled and not unlabelled:
        raise BadInput(f"Split '{split}' of {dataset} has no labels; --unlabelled writes a submission for it.")
    if out.exists() and any(out.iterdir()):
        raise BadInput(f"{out} already holds files; name another folder with --out.")
    model = build(name, len(data.classes), frames, size)
    loaded = weights.load(model, source, classes=data.classes)
    if any(".fc." in key for key in loaded.missing):
        raise BadInput(f"{source} has no classifier for {dataset}; it can start a training, not be tested.")
    model.to(device)

    out.mkdir(parents=True, exist_ok=True)
    decoder, control = Decoder(journal=out / "decoding.jsonl"), Control(workers=workers, device=device)
    views = EvalClips(manifest, frames, size, rule, clips, crops, decoder)
    found = predict(model, views, precision, how.batch, control)
    fused = found.fused(fusion)
    result: dict[str, Any] = {"n": len(found.ids)}
    if labelled:
        result = accuracies(fused, found.labels, data.classes, data.info.pairs)
    result |= {
        "model": name,
        "dataset": dataset,
        "split": split,
        "frames": frames,
        "views": f"{clips}x{crops}",
        "fusion": fusion,
        "size": size,
        "sampling": rule.model_dump(),
        "precision": precision,
        "weights": loaded.as_dict(),
        "manifest_sha256": manifest.sha256,
        "decoding": decoder.report(),
        "device": device_facts(device),
        "environment": environment(),
        "folder": str(out),
    }
    write_atomic(out / "views.parquet", parquet_bytes(found.view_table()))
    write_atomic(out / "predictions.parquet", parquet_bytes(found.table(fusion)))
    if unlabelled:
        write_atomic(out / "submission.csv", _submission(found.ids, fused, data.classes))
    write_atomic(out / "eval.json", dump_json(result))
    return result


def _submission(ids: list[str], logits: Any, classes: tuple[str, ...]) -> str:
    """One line a video, separated by ';': its id, then the five likeliest classes, best first."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    for video, row in zip(ids, logits, strict=True):
        writer.writerow([video, *(classes[i] for i in (-row).argsort(kind="stable")[:5])])
    return text.getvalue()
