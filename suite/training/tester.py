"""Testing a model by the protocol of its run, while it is trained and at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from suite.data.clips import EvalClips
from suite.data.datasets import Dataset
from suite.data.decoding import Decoder
from suite.data.manifest import Manifest
from suite.evaluation.control import Control
from suite.evaluation.inference import Predictions, accuracies, predict
from suite.models import build
from suite.spec import BadInput
from suite.store.identity import RunSpec


@dataclass
class Tested:
    """Predictions of one kind of views, and their accuracies.

    Of a run with several processes all have the accuracies, and the one of rank 0 alone has the predictions.
    """

    predictions: Predictions | None
    accuracies: dict[str, Any]


@dataclass
class Tester:
    """Tests a model by the run's protocol, on the validation split unless another is given."""

    spec: RunSpec
    dataset: Dataset
    model: torch.nn.Module
    decoder: Decoder
    control: Control

    def clip_level(self, split: Manifest | None = None) -> Tested:
        how = self.spec.protocol.evaluation
        return self._test(split or self.dataset.split("val"), how.clips, how.crops)

    def video_level(self) -> Tested:
        how = self.spec.protocol.evaluation
        return self._test(self.dataset.split("val"), how.video_clips, how.video_crops)

    def _test(self, split: Manifest, clips: int, crops: int) -> Tested:
        p = self.spec.protocol
        if not split.videos:
            raise BadInput(f"{self.spec.dataset} has no validation videos to test on.")
        views = EvalClips(
            split,
            self.spec.frames,
            p.test_size,
            p.sampling,
            clips,
            crops,
            self.decoder,
            crop_rule=p.evaluation.crop_rule,
            flips=self.dataset.flips_keep_classes,
        )
        found = predict(self._model(), views, p.precision, p.evaluation.batch, self.control, self.spec.id)
        correct: dict[str, Any] = {}
        if found is not None:
            logits = found.fused(p.evaluation.fusion)
            correct = accuracies(logits, found.labels, self.dataset.classes, self.dataset.info.pairs)
            correct |= found.distinct_views(clips * crops)
        return Tested(found, self.control.group.from_main(correct))

    def _model(self) -> torch.nn.Module:
        """The model; with its weights built for the test size, where that is not the training size."""
        p = self.spec.protocol
        if p.test_size == p.size:
            return self.model
        model = build(self.spec.network, len(self.dataset.classes), self.spec.frames, p.test_size)
        model.load_state_dict(self.model.state_dict())
        return model.to(self.control.device)
