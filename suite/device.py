"""What this machine offers: processor cores, GPUs, and how exact they compute."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from suite.spec import BadInput

if TYPE_CHECKING:
    import torch


def usable_device(device: str | None) -> str:
    """`cpu` or `cuda`; None takes the GPU where there is one.  Raises BadInput for what this machine has not."""
    import torch

    if device not in (None, "cpu", "cuda"):
        raise BadInput(f"--device must be cpu or cuda, not '{device}'.")
    if device == "cuda" and not torch.cuda.device_count():
        raise BadInput("PyTorch finds no usable GPU on this machine; use --device cpu.")
    return device or ("cuda" if torch.cuda.device_count() else "cpu")


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_determinism(device: str, strict: bool = False) -> None:
    """On the CPU the same bits every time; on CUDA the fastest kernels, in the precision that was asked for.

    strict: the same bits on CUDA too, on one type of GPU; an operation that cannot do that then raises RuntimeError.
    """
    import torch

    if device == "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, and nothing reads such memory
    else:
        torch.backends.cudnn.benchmark = not strict
        torch.backends.cudnn.deterministic = strict
        torch.use_deterministic_algorithms(strict)
        if strict:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it is first used
        torch.backends.cudnn.allow_tf32 = False  # fp32 is fp32; what is asked for by bf16 is said so


def autocast(precision: str, device: str) -> torch.autocast:
    """The context in which a network runs in `precision` (fp32 or bf16) on `device`."""
    import torch

    return torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=precision == "bf16")
