"""Testing a network: views, fusion, one row per video, accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader

from suite.data.clips import EvalClips, plain_errors, worker_settings
from suite.device import autocast
from suite.evaluation.control import Control, Stopped
from suite.models.inputs import to_network
from suite.spec import BadInput


@dataclass
class Predictions:
    """ids (N,), labels (N,) or None where a split has none, per-view logits (N, V, K)."""

    ids: list[str]
    labels: np.ndarray | None
    views: np.ndarray

    def fused(self, fusion: str) -> np.ndarray:
        """(N, K): mean over views of the logits, or of their softmax (then its logarithm)."""
        if self.views.shape[1] == 1 or fusion == "logits":
            return self.views.mean(1, dtype=np.float64).astype(np.float32)
        z = self.views.astype(np.float64)
        z = np.exp(z - z.max(-1, keepdims=True))
        return np.log((z / z.sum(-1, keepdims=True)).mean(1) + 1e-30).astype(np.float32)

    def table(self, fusion: str) -> pd.DataFrame:
        """One row per video: id, label, logits."""
        data = {"id": self.ids, "label": self.labels, "logits": list(self.fused(fusion))}
        return pd.DataFrame({key: value for key, value in data.items() if value is not None})

    def view_table(self) -> pd.DataFrame:
        """One row per view: id, view, label, logits."""
        n, v, k = self.views.shape
        data = {"id": np.repeat(self.ids, v), "view": np.tile(np.arange(v), n)}
        if self.labels is not None:
            data["label"] = np.repeat(self.labels, v)
        return pd.DataFrame(data | {"logits": list(self.views.reshape(n * v, k))})


def predict(
    model: nn.Module, clips: EvalClips, precision: str, batch: int, control: Control, of: str = ""
) -> Predictions:
    """Runs `model` over every view of every video.

    of: the run or the weights, for messages.  Raises Stopped when asked to stop, BadInput when a logit is not finite:
    such a video has no rank.
    """
    loader = DataLoader(clips, batch_size=batch, **worker_settings(control.workers))
    videos = clips.manifest.videos
    logits: list[torch.Tensor] = [torch.empty(0)] * len(videos)
    model.eval()
    with torch.inference_mode():
        batches = iter(loader)
        for done in range(len(loader)):
            views, indices = plain_errors(batches)
            if control.stopping():
                raise Stopped("stopped while testing")
            b, v = views.shape[:2]
            with autocast(precision, control.device):
                out = model(to_network(views.flatten(0, 1), model.name.text, control.device))
            for index, row in zip(indices.tolist(), out.float().cpu().unflatten(0, (b, v)), strict=True):
                logits[index] = row
                if not torch.isfinite(row).all():
                    raise BadInput(
                        f"{of or model.name.text} gives logits that are not finite for video '{videos[index].id}': its "
                        "weights have diverged, or its precision is too low."
                    )
            control.report({"tested": min((done + 1) * batch, len(videos)), "videos": len(videos)})
    labels = [video.label for video in videos]
    return Predictions(
        [video.id for video in videos],
        None if None in labels else np.array(labels, dtype=np.int64),
        torch.stack(logits).numpy(),
    )


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """The table as the content of a parquet file."""
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def ranks(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,): how many classes stand before the true one; of equal logits the lower class stands first.

    All of them where a logit of the video is not finite: NaN is greater than nothing, so it would rank first.
    """
    own = logits[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(logits.shape[1])[None] < labels[:, None]
    before = (logits > own).sum(1) + ((logits == own) & earlier).sum(1)
    return np.where(np.isfinite(logits).all(1), before, logits.shape[1])


def accuracies(
    logits: np.ndarray, labels: np.ndarray, classes: Sequence[str], pairs: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Top-1, top-5 and per-class accuracy in percent; `pair_top1`: a prediction counts when it names the right pair."""
    rank = ranks(logits, labels)
    found: dict[str, Any] = {
        "n": len(labels),
        "top1": 100 * float((rank < 1).mean()),
        "top5": 100 * float((rank < 5).mean()),
        "per_class": {
            name: 100 * float((rank[labels == i] < 1).mean()) for i, name in enumerate(classes) if (labels == i).any()
        },
    }
    if pairs:
        group = np.arange(len(classes))
        for first, second in pairs:
            group[classes.index(second)] = classes.index(first)
        right = (group[logits.argmax(1)] == group[labels]) & np.isfinite(logits).all(1)
        found["pair_top1"] = 100 * float(right.mean())
    return found
