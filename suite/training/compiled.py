"""Training steps through torch.compile, and one sentence where that fails."""

from __future__ import annotations

import os
import shutil
import sys

import torch
from torch import nn

from suite.spec import BadInput, one_line

OF_THE_COMPILER = ("torch._dynamo", "torch._inductor", "torch._functorch")


def compiled(network: nn.Module, device: torch.device) -> nn.Module:
    """The network with a compiled forward and backward pass; it is compiled in its first step.

    Raises BadInput where the CPU has no C++ compiler, which makes its kernels.
    """
    compiler = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if device.type == "cpu" and shutil.which(compiler) is None:
        raise BadInput(
            f"compile: true needs a C++ compiler on the CPU, and {compiler} is not found; install it, name another one "
            "in CXX, or leave out compile."
        )
    return torch.compile(network, dynamic=False)


def refuse_uncompiled(error: Exception) -> None:
    """Raises BadInput for an error of torch.compile itself; does nothing for any other."""
    if type(error).__module__.startswith(OF_THE_COMPILER):
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise BadInput(
            f"The training step could not be compiled ({one_line(first)[:300]}); leave out compile to train without."
        ) from error
