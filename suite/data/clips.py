"""torch data sets: training clips and test views.  Normalisation is left to the training loop, on the device."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset as TorchDataset

from suite.data.datasets import Dataset
from suite.data.decoding import Decoder, Undecodable
from suite.data.manifest import Manifest, Video, mark_undecodable
from suite.data.rng import generator
from suite.data.sampling import ClipPlace, clip_places, indices_at, train_indices
from suite.data.transforms import CropPlace, crop_places, crops_at, flipped_label, train_view
from suite.spec import BadInput, Protocol, Sampling


class TrainClips(TorchDataset[tuple[torch.Tensor, int]]):
    """Training clips.  What a clip looks like depends on (seed, epoch, video id) and on nothing else.

    Items are addressed as `(epoch, index)`, index into the manifest, so that workers need not be told the epoch.
    Raises BadInput when a video has no label.
    """

    def __init__(
        self,
        dataset: Dataset,
        manifest: Manifest,
        frames: int,
        protocol: Protocol,
        seed: int,
        decoder: Decoder | None = None,
    ) -> None:
        self.flip_map, self.manifest = dataset.flip_map, manifest
        self.frames, self.protocol, self.seed = frames, protocol, seed
        self.decoder = decoder or Decoder()
        if None in manifest.videos.column("label"):
            raise BadInput(f"Split '{manifest.split}' has videos without labels; it cannot be trained on.")

    def __len__(self) -> int:
        return len(self.manifest.videos)

    def __getitem__(self, item: tuple[int, int]) -> tuple[torch.Tensor, int]:
        """(uint8 `(T, size, size, 3)`, label after the flip)."""
        epoch, index = item
        video, augmentation = self.manifest.videos[index], self.protocol.augmentation

        def chance(purpose: str) -> np.random.Generator:
            return generator(self.seed, epoch, video.id, purpose)

        indices = train_indices(video.frames, self.frames, self.protocol.sampling, chance("frames"))
        flip, label = flipped_label(video.label, augmentation.flip, self.flip_map, chance("flip"))
        frames = _read(self.decoder, self.manifest, video, indices)
        return train_view(frames, self.protocol.size, augmentation, flip, chance("crop")), label


class View(NamedTuple):
    """One test view of a video; equal views of two tests show the network the same pixels."""

    clip: ClipPlace
    crop: CropPlace


class EvalClips(TorchDataset[tuple[torch.Tensor, int]]):
    """Test views of whole videos; nothing is random.

    geometries: (clips, crops) of several tests, in place of `clips` and `crops`; a video has the union of their views.
    flips: whether ten crops contain flips (`suite.data.datasets.Dataset.flips_keep_classes`).
    """

    def __init__(
        self,
        manifest: Manifest,
        frames: int,
        size: int,
        sampling: Sampling | None = None,
        clips: int = 1,
        crops: int = 1,
        decoder: Decoder | None = None,
        *,
        crop_rule: str = "short_side",
        flips: bool = True,
        geometries: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.manifest, self.frames, self.size = manifest, frames, size
        self.sampling, self.crop_rule, self.flips = sampling or Sampling(), crop_rule, flips
        self.decoder = decoder or Decoder()
        of_all = [view for geometry in geometries or [(clips, crops)] for view in self._views(*geometry)]
        self.views = list(dict.fromkeys(of_all))

    def _views(self, clips: int, crops: int) -> list[View]:
        places = crop_places(self.crop_rule, crops, self.flips)
        return [View(clip, crop) for clip in clip_places(clips, self.sampling) for crop in places]

    def numbers(self, clips: int, crops: int) -> list[int]:
        """Which of the views are those of one geometry, in the order of a test of that geometry alone."""
        return [self.views.index(view) for view in self._views(clips, crops)]

    def __len__(self) -> int:
        return len(self.manifest.videos)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """(uint8 `(V, T, size, size, 3)`, of one geometry the crops of a clip next to each other; index)."""
        video = self.manifest.videos[index]
        clips = list(dict.fromkeys(view.clip for view in self.views))
        indices = indices_at(video.frames, self.frames, clips, self.sampling)
        frames = _read(self.decoder, self.manifest, video, indices.reshape(-1))
        views = torch.empty((len(self.views), self.frames, self.size, self.size, 3), dtype=torch.uint8)
        for number, clip in enumerate(clips):
            wanted = [i for i, view in enumerate(self.views) if view.clip == clip]
            of_clip = frames[number * self.frames : (number + 1) * self.frames]
            views[wanted] = crops_at(of_clip, self.size, [self.views[i].crop for i in wanted], self.crop_rule)
        return views, index


def _read(decoder: Decoder, manifest: Manifest, video: Video, indices: np.ndarray) -> np.ndarray:
    whole = video.frames if video.first is None else 0
    indices = indices + (video.first or 0)
    try:
        return decoder.read(manifest.root / video.path, indices, whole, split=manifest.split, video=video.id)
    except Undecodable as error:
        mark_undecodable(manifest, video)  # the next start counts it, so that allow_missing can speak of it
        raise BadInput(
            f"Video '{video.id}' was readable when it was indexed but is not any more; the next start "
            "counts it among the "
            f"missing or undecodable, so restore it, or accept it with --set allow_missing: {error}"
        ) from None


def plain_errors(batches: Iterator[Any]) -> Any:
    """The next batch of a DataLoader; a worker's BadInput comes as the one sentence that it was."""
    try:
        return next(batches)
    except BadInput as error:
        raise BadInput(str(error).strip().splitlines()[-1].rpartition("BadInput: ")[2]) from None


def worker_settings(workers: int) -> dict[str, Any]:
    """Arguments of a DataLoader with that many workers; results do not depend on them."""
    return {"num_workers": workers, "persistent_workers": workers > 0, "worker_init_fn": _start_worker}


def _start_worker(worker: int) -> None:
    gc.freeze()  # a collection writes into every object of the parent, and so copies its memory
    torch.set_num_threads(1)  # workers are the parallelism
