"""Whether the videos that a run was trained and tested on are still those that it was begun with."""

from __future__ import annotations

from pathlib import Path

from suite.data.datasets import Dataset, open_dataset
from suite.evaluation.group import Group
from suite.spec import BadInput
from suite.store.folder import RunFolder


def require_same_videos(folder: RunFolder, dataset: Dataset, root: Path, group: Group) -> None:
    """Raises BadInput, in all processes of a run, where videos were replaced since `dataset` was opened.

    The run then begins anew: its checkpoint is removed, for nobody can tell which steps saw which videos.  Videos that
    are gone by now were there when they were read.  Only the main process looks.
    """
    problem = ""
    if group.main:
        try:
            problem = _replaced(folder, dataset, root)
        except BadInput as error:
            problem = str(error)
    if problem := group.from_main(problem):
        raise BadInput(problem)


def _replaced(folder: RunFolder, dataset: Dataset, root: Path) -> str:
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
            return (
                f"{len(changed)} videos of {name} were replaced while {folder.id} was running, for example "
                f"'{changed[0]}'; the same command trains it again from its first step."
            )
    return ""
