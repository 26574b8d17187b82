"""What is to be trained again on request, known after a look at the data."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

from rich.console import Console

from suite.app.data import datasets_of, note_videos, opened
from suite.spec import BadInput
from suite.sweep.plan import Plan
from suite.sweep.rerun import STALE, mark_again


def mark(plan: Plan, kinds: Collection[str], data: Path, console: Console) -> None:
    """Marks the runs that `--rerun` asks for and tells how many; videos that have changed make runs stale."""
    if STALE in kinds:
        for name in datasets_of(plan):
            with contextlib.suppress(BadInput):  # the sweep is refused for it in a moment
                note_videos(plan, opened(name, data, console))
    for note in mark_again(plan, kinds):
        console.print(note)
