"""Testing a model with a checkpoint, whether from a finished run or from elsewhere."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from suite.data.clips import EvalClips
from suite.data.datasets import Dataset, open_dataset
from suite.data.decoding import Decoder
from suite.data.manifest import SCHEME
from suite.device import set_determinism, usable_device
from suite.evaluation.control import Control
from suite.evaluation.inference import Predictions, accuracies, parquet_bytes, predict
from suite.models import build, canonical_name, weights
from suite.spec import BadInput, Evaluation, Protocol, Sampling, check_crop, checked
from suite.store.folder import dump_json, sealed, write_atomic
from suite.store.identity import EvaluationSpec
from suite.store.provenance import device_facts, environment


@dataclass(frozen=True)
class Setting:
    """What is tested and how: a model with weights, its clips, its views and their fusion."""

    model: str
    source: str  # as `suite.models.weights.load` takes it
    dataset: str
    split: str
    frames: int
    size: int  # pixels
    sampling: Sampling
    how: Evaluation
    precision: str

    @classmethod
    def of(cls, test: EvaluationSpec, model: str, source: str, batch: int) -> Setting:
        """A test of `model` with the weights of `source`; batch: videos per forward pass."""
        sampling = Sampling(rule=test.rule, stride=test.stride, dense_clip=test.dense_clip, variant=test.variant)
        how = Evaluation(clips=test.clips, crops=test.crops, fusion=test.fusion, crop_rule=test.crop_rule, batch=batch)
        return cls(model, source, test.dataset, test.split, test.frames, test.size, sampling, how, test.precision)

    @property
    def evaluation(self) -> EvaluationSpec:
        """What the result depends on, whatever the model."""
        return EvaluationSpec(
            dataset=self.dataset,
            split=self.split,
            frames=self.frames,
            size=self.size,
            clips=self.how.clips,
            crops=self.how.crops,
            fusion=self.how.fusion,
            rule=self.sampling.rule,
            stride=self.sampling.stride,
            dense_clip=self.sampling.dense_clip,
            precision=self.precision,
            variant=self.sampling.variant,
            crop_rule=self.how.crop_rule,
        )

    def facts(self) -> dict[str, Any]:
        """As eval.json holds it."""
        return {
            "model": canonical_name(self.model),
            "test": self.evaluation.id,
            "dataset": self.dataset,
            "split": self.split,
            "frames": self.frames,
            "views": f"{self.how.clips}x{self.how.crops}",
            "fusion": self.how.fusion,
            "size": self.size,
            "crop_rule": self.how.crop_rule,
            "sampling": self.sampling.model_dump(),
            "precision": self.precision,
            "batch": self.how.batch,
        }

    def __post_init__(self) -> None:
        if self.precision not in Protocol.model_fields["precision"].annotation.__args__:
            raise BadInput(f"The precision must be fp32 or bf16, not '{self.precision}'.")
        try:
            check_crop(self.how.crop_rule, self.size)
        except ValueError as error:
            raise BadInput(f"Invalid test: {error}.") from None


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
    crop_rule: str = "short_side",
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

    Writes into `out`: views.parquet (one row per view), predictions.parquet (one row per video) and eval.json, or with
    `unlabelled` submission.csv (video id, then five class names) in place of accuracies.
    """
    views = {"clips": clips, "crops": crops, "crop_rule": crop_rule, "fusion": fusion, "batch": batch}
    how = checked(Evaluation, views, "eval")
    setting = Setting(name, source, dataset, split, frames, size, checked(Sampling, sampling, "eval"), how, precision)
    control = Control(workers=workers, device=usable_device(device))
    data = open_dataset(dataset, root)
    data.split(split)
    if out.exists() and any(out.iterdir()):
        raise BadInput(f"{out} already contains files; give another folder with --out.")
    return evaluate([(out, setting)], data, control, unlabelled, allow_missing, {})[0]


def evaluate(
    tests: Sequence[tuple[Path, Setting]],
    data: Dataset,
    control: Control,
    unlabelled: bool,
    allow_missing: int,
    facts: dict[str, Any],
) -> list[dict[str, Any]]:
    """Makes tests that differ in their clips and crops alone, in one pass over the videos.

    tests: each its folder and its setting.  Every test is written as if it had been made alone, eval.json last; returns
    what these hold, `facts` among it.
    Raises BadInput when weights are missing that a test needs: of a run (`facts` names it) all must be there.
    """
    set_determinism(control.device, control.deterministic)
    setting = tests[0][1]
    manifest = data.split(setting.split)
    manifest.require(allow_missing)
    if not manifest.videos:
        raise BadInput(f"Split '{setting.split}' of {setting.dataset} has no videos.")
    if not unlabelled and any(video.label is None for video in manifest.videos):
        raise BadInput(
            f"Split '{setting.split}' of {setting.dataset} has no labels; --unlabelled writes a submission for it."
        )
    model, loaded = _model(setting, data, "run" in facts)
    model.to(control.device)

    for out, _ in tests:
        out.mkdir(parents=True, exist_ok=True)
    decoder = Decoder(journal=tests[0][0] / "decoding.jsonl")
    views = EvalClips(
        manifest,
        setting.frames,
        setting.size,
        setting.sampling,
        decoder=decoder,
        crop_rule=setting.how.crop_rule,
        flips=data.flips_keep_classes,
        geometries=[(test.how.clips, test.how.crops) for _, test in tests],
    )
    found = predict(model, views, setting.precision, setting.how.batch, control, facts.get("run", setting.source))
    if found is None:  # another process writes
        return [{"folder": str(out)} for out, _ in tests]
    shared = {
        "weights": loaded.as_dict(),
        "manifest_sha256": manifest.sha256,
        "manifest_scheme": SCHEME,
        "manifest_parts": manifest.parts,
        "class_names": list(data.classes),
        "decoding": decoder.report(),
        "device": device_facts(control.device),
        "environment": environment(setting.model),
        **facts,
    }
    results = []
    for out, test in tests:
        if decoder.journal.exists() and out != tests[0][0]:
            shutil.copyfile(decoder.journal, out / decoder.journal.name)
        of_test = found.of(views.numbers(test.how.clips, test.how.crops))
        results.append(_write(out, test, of_test, data, shared, unlabelled))
    return results


def _model(setting: Setting, data: Dataset, of_run: bool) -> tuple[torch.nn.Module, weights.Report]:
    model = build(setting.model, len(data.classes), setting.frames, setting.size)
    loaded = weights.load(model, setting.source, classes=data.classes)
    if of_run and loaded.loaded < loaded.total:
        raise BadInput(
            f"{setting.source} is incomplete: {loaded}; the checkpoint of a run must contain all of its weights."
        )
    if any(".fc." in key for key in loaded.missing):
        raise BadInput(
            f"{setting.source} has no classifier for {setting.dataset}: it can initialise training, but "
            "cannot be tested."
        )
    return model, loaded


def _write(
    out: Path, test: Setting, found: Predictions, data: Dataset, shared: dict[str, Any], unlabelled: bool
) -> dict[str, Any]:
    """Writes one test into its folder; returns what eval.json holds."""
    fused = found.fused(test.how.fusion)
    result: dict[str, Any] = {"n": len(found.ids)}
    if found.labels is not None:
        result = accuracies(fused, found.labels, data.classes, data.info.pairs)
    planned, made = test.how.clips * test.how.crops, found.views.shape[1]
    result |= found.distinct_views(planned)
    if made < planned:  # ten crops without flips are five
        result["views_made"] = made
    result |= {**test.facts(), **shared, "folder": str(out)}
    write_atomic(out / "views.parquet", parquet_bytes(found.view_table()))
    write_atomic(out / "predictions.parquet", parquet_bytes(found.table(test.how.fusion)))
    if unlabelled:
        write_atomic(out / "submission.csv", _submission(found.ids, fused, data.classes))
    write_atomic(out / "eval.json", dump_json(sealed(result)))
    return result


def _submission(ids: list[str], logits: Any, classes: tuple[str, ...]) -> str:
    """One line per video, separated by ';': its id, then the five likeliest classes, best first."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    for video, row in zip(ids, logits, strict=True):
        writer.writerow([video, *(classes[i] for i in (-row).argsort(kind="stable")[:5])])
    return text.getvalue()
