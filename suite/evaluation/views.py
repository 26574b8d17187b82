"""Accuracy of a finished run against the number of test views, from one pass over the videos."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from suite.evaluation.retest import evaluate_run
from suite.models.cost import cost
from suite.spec import BadInput, Evaluation, checked, shown
from suite.statistics.proportions import wilson
from suite.store.folder import RunFolder


def read_views(text: str) -> list[tuple[int, int]]:
    """(clips, crops) of each part of "1x1,5x1,10x3".  Raises BadInput for anything else, and for views given twice."""
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch("[0-9]{1,9}x[0-9]{1,9}", part) for part in parts):
        raise BadInput(f"--views expects clips x crops separated by ',', such as 1x1,5x1,10x3, not {shown(text)}.")
    found = []
    for part in parts:
        clips, crops = map(int, part.split("x"))
        checked(Evaluation, {"clips": clips, "crops": crops}, f"--views {part}")
        if (clips, crops) in found:
            raise BadInput(f"--views gives {clips}x{crops} twice; give it once.")
        found.append((clips, crops))
    return found


def test_views_of_run(folder: RunFolder, views: str, frames: Sequence[int], **settings: Any) -> list[dict[str, Any]]:
    """Tests a finished run with each of `views` ("1x1,5x1,10x3"), every test stored as `evaluate_run` stores it alone.

    settings: of `evaluate_run`.  Per test: clips, crops, top1 (percent, None without labels), n (videos), macs
    (multiply-adds per video: of a clip, times the views), folder, ci95 (of top1, percent; sampling of test videos).
    Raises BadInput for invalid views, and for settings that contradict them.
    """
    if settings.get("clips") is not None or settings.get("crops") is not None:
        raise BadInput("--views states the clips and crops; leave out --clips and --crops.")
    if len(frames) > 1:
        raise BadInput("--views takes one number of frames; give one with --frames.")
    wanted = read_views(views)
    rows = []
    for test in evaluate_run(folder, frames, wanted, **settings):
        clips, crops = map(int, test["views"].split("x"))
        per_clip = cost(folder.spec().network, test["frames"], test["size"], len(test["class_names"])).macs
        top1 = test.get("top1")
        rows.append(
            {
                "clips": clips,
                "crops": crops,
                "top1": top1,
                "n": test["n"],
                "macs": per_clip * test.get("views_made", clips * crops),
                "folder": str(Path(test["folder"])),
                "ci95": None if top1 is None else list(wilson(top1, test["n"])),
                **{key: test[key] for key in ("distinct_views", "skipped") if key in test},
            }
        )
    return rows


test_views_of_run.__test__ = False  # the name is the field's; pytest is not to collect it
