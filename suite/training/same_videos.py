"""Whether the videos that a run was trained and tested on are still those that it was begun with."""

from __future__ import annotations

from pathlib import Path

from suite.data.datasets import Dataset, open_dataset
from suite.spec import BadInput
from suite.store.folder import RunFolder


def require_same_videos(folder: RunFolder, dataset: Dataset, root: Path) -> None:
    """Raises BadInput where videos were replaced since `dataset` was opened; the run then begins anew.

    Its checkpoint is removed: nobody can tell which steps saw which videos.  Videos that are gone by now were there
    when they were read.
    """
    name = dataset.info.name
    now = open_dataset(name, root)
    for split in ("train", "val"):
        if dataset.split(split).content_sha256 == now.split(split).content_sha256:
            continue
        begun = {video.id: video.fingerprint for video in dataset.split(split).videos}
        changed = [
            video.id for video in now.split(split).videos if begun.get(video.id, "") not in ("", video.fingerprint)
        ]
        if changed:
            folder.checkpoint.unlink(missing_ok=True)
            raise BadInput(
                f"{len(changed)} videos of {name} were replaced while {folder.id} was running, for example "
                f"'{changed[0]}'; the same command trains it again from its first step."
            )
