"""How a run is watched and stopped from outside.  Nothing here changes a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from suite.evaluation.group import Group


class Stopped(Exception):
    """The run was asked to stop and has saved its state."""


class RunFailed(RuntimeError):
    """The run cannot go on, and would not on a second try; the text is one sentence."""


@dataclass
class Control:
    """Hooks of the loop: `stopping` is asked at every step, `report` is told of progress."""

    stopping: Callable[[], bool] = lambda: False
    report: Callable[[dict[str, Any]], None] = lambda progress: None
    checkpoint_seconds: float = 60.0
    checkpoint_steps: int | None = None  # instead of seconds
    workers: int = 0  # processes that load data
    device: str = "cpu"
    deterministic: bool = False  # on GPUs: only kernels that give the same bits every time
    group: Group = field(default_factory=Group)  # the processes that train and test the run
