"""How a run is watched and stopped from outside, and what of a machine it uses.  Nothing here changes a result."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from suite.spec import BadInput


class Stopped(Exception):
    """The run was asked to stop and has saved its state."""


class RunFailed(RuntimeError):
    """The run cannot go on, and would not on a second try; the text is one sentence."""


def usable_device(device: str | None) -> str:
    """`cpu` or `cuda`; None takes the GPU where there is one.  Raises BadInput for what this machine has not."""
    import torch

    if device not in (None, "cpu", "cuda"):
        raise BadInput(f"--device is cpu or cuda, not '{device}'.")
    if device == "cuda" and not torch.cuda.device_count():
        raise BadInput("There is no GPU that PyTorch can use on this machine; --device cpu does without.")
    return device or ("cuda" if torch.cuda.device_count() else "cpu")


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_determinism(device: str) -> None:
    """On the CPU the same bits every time; on CUDA the fastest kernels, in the precision that was asked for."""
    import torch

    if device == "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, and nothing reads such memory
    else:
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = False  # fp32 is fp32; what is asked for by bf16 is said so


@dataclass
class Control:
    """Hooks of the loop: `stopping` is asked at every step, `report` is told of progress."""

    stopping: Callable[[], bool] = lambda: False
    report: Callable[[dict[str, Any]], None] = lambda progress: None
    checkpoint_seconds: float = 60.0
    checkpoint_steps: int | None = None  # instead of seconds
    workers: int = 0  # processes that load data
    device: str = "cpu"
