"""Testing a network: views, fusion, one row per video, accuracies."""

from __future__ import annotations

from collections import Counter
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
from suite.data.manifest import Video
from suite.device import autocast
from suite.evaluation.control import Control, RunFailed, Stopped
from suite.models.inputs import to_network
from suite.spec import BadInput


@dataclass
class Predictions:
    """ids (N,), labels (N,) or None where a split has none, per-view logits (N, V, K).

    same: (N, V), of each view the first view of its video with the same pixels; None where that was not looked at.
    """

    ids: list[str]
    labels: np.ndarray | None
    views: np.ndarray
    same: np.ndarray | None = None

    def of(self, numbers: Sequence[int]) -> Predictions:
        """Those of some of the views."""
        same = None if self.same is None else self.same[:, numbers]
        return Predictions(self.ids, self.labels, np.ascontiguousarray(self.views[:, numbers]), same)

    def distinct_views(self, views: int) -> dict[str, dict[str, int]]:
        """{"distinct_views": number of different views of a video -> videos}; {} where all videos have `views` of them.

        Short videos, square pictures and corners without room between them have fewer.
        """
        if self.same is None:
            return {}
        found = Counter(len(set(row)) for row in self.same.tolist())
        return (
            {} if set(found) <= {views} else {"distinct_views": {str(count): found[count] for count in sorted(found)}}
        )

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
) -> Predictions | None:
    """Runs `model` over every view of every video.

    A forward pass has one view of each of `batch` videos, so that a view's logits have the same bits whichever other
    views a test has.  Of a run with several processes each takes whole batches, so that bits do not depend on how many
    there are; the one of rank 0 has the predictions of all videos, the others None.

    of: the run or the weights, for messages.  Raises Stopped when asked to stop, BadInput when a logit is not finite:
    such a video has no rank.
    """
    videos, group = clips.manifest.videos, control.group
    dealt = [list(range(first, min(first + batch, len(videos)))) for first in range(0, len(videos), batch)]
    own = dealt[group.rank :: group.world]
    loader = DataLoader(clips, batch_sampler=own, **worker_settings(control.workers))
    found: list[tuple[int, torch.Tensor, list[int]]] = []  # index, logits (V, K), `same`
    model.eval()
    with torch.inference_mode():
        batches = iter(loader)
        for done in range(0, len(dealt), group.world):
            if any(group.any_of(control.stopping())):
                raise Stopped("stopped while testing")
            if done + group.rank >= len(dealt):
                continue  # the last round may have fewer batches than processes
            views, indices = plain_errors(batches)
            out = []
            for number in range(views.shape[1]):
                with autocast(precision, control.device):
                    of_view = views[:, number].contiguous()
                    out.append(model(to_network(of_view, model.name.text, control.device)).float())
            rows = torch.stack(out, 1).cpu()  # (B, V, K)
            for index, row, alike in zip(indices.tolist(), rows, _same_views(views), strict=True):
                found.append((index, row, alike))
                if not torch.isfinite(row).all():
                    raise BadInput(
                        f"{of or model.name.text} gives logits that are not finite for video '{videos[index].id}': its "
                        "weights have diverged, or its precision is too low."
                    )
            control.report({"tested": min((done + group.world) * batch, len(videos)), "videos": len(videos)})
    parts = group.to_main(_packed(found))
    return _in_order(parts, videos) if group.main else None


def _packed(found: list[tuple[int, torch.Tensor, list[int]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """indices (n,), logits (n, V, K) and `same` (n, V) of the videos that one process has tested."""
    indices, logits, same = zip(*found, strict=True) if found else ((), (), ())
    return np.array(indices, dtype=np.int64), np.array([row.numpy() for row in logits]), np.array(same)


def _in_order(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], videos: Sequence[Video]) -> Predictions:
    """The predictions of all processes in the order of the manifest.  Raises RunFailed unless each is there once."""
    parts = [part for part in parts if len(part[0])]
    indices, logits, same = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = indices.argsort()
    if not np.array_equal(indices[order], np.arange(len(videos))):
        raise RunFailed(f"The processes have tested {len(indices)} videos, and not each of {len(videos)} once.")
    labels = [video.label for video in videos]
    return Predictions(
        [video.id for video in videos],
        None if None in labels else np.array(labels, dtype=np.int64),
        logits[order],
        same[order],
    )


def _same_views(views: torch.Tensor) -> list[list[int]]:
    """Of each view of each video, the first with the same pixels; views uint8 (B, V, T, H, W, 3)."""
    every = 8  # pixels: views whose samples differ in their sum are not compared further
    sums = views[:, :, :, ::every, ::every].flatten(2).sum(2).tolist()

    def first(video: int, view: int) -> int:
        alike = (i for i in range(view) if sums[video][i] == sums[video][view])
        return next((i for i in alike if torch.equal(views[video, i], views[video, view])), view)

    return [[first(video, view) for view in range(views.shape[1])] for video in range(len(views))]


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
