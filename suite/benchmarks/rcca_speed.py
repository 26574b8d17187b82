"""Time and memory of criss-cross attention against the full map of a non-local block and against index lists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import suite
from suite.benchmarks.speed import _interleaved
from suite.models.blocks.rcca import RecurrentCrissCross
from suite.models.registry import find_add_on_block
from suite.spec import BadInput

PLACE = (1, 512, 8, 28, 28)  # conv3_3 of a ResNet50 at 8x224x224
# ratios of time that the claims need at least, on a CPU and with room for the noise of a busy machine
LEAST = {"time, explicit map over three passes": 1.2, "time, gathered over one pass": 2.0}


class ExplicitNonLocal(nn.Module):
    """The non-local block with its map written out: softmax(Q K^T) V, embedding C / 2 (Wang et al. 2018).

    pool: whether keys and values are max-pooled (1,2,2); the 23.4 G of rcca3d Table 5 are those without.
    In and out (B, C, T, H, W).
    """

    def __init__(self, channels: int, pool: bool):
        super().__init__()
        self.pool = pool
        self.q, self.k, self.v = (nn.Conv3d(channels, channels // 2, 1) for _ in range(3))
        self.out = nn.Conv3d(channels // 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.q(x), self.k(x), self.v(x)
        if self.pool:
            k, v = F.max_pool3d(k, (1, 2, 2)), F.max_pool3d(v, (1, 2, 2))
        weights = (q.flatten(2).transpose(1, 2) @ k.flatten(2)).softmax(-1)  # (B, THW, THW)
        y = weights @ v.flatten(2).transpose(1, 2)
        return x + self.out(y.transpose(1, 2).unflatten(2, x.shape[2:]))


class GatheredCrissCross(RecurrentCrissCross):
    """The same block, weight for weight, with keys and values of every position gathered by lists of indices."""

    def criss_cross(self, x: Tensor) -> Tensor:
        """As the parent's."""
        y = self.qkv(x).permute(0, 2, 3, 4, 1)
        index = cross_indices(*y.shape[1:4]).to(x.device)
        q, k, v = y.flatten(1, 3).split(self.widths, -1)  # (B, THW, width)
        weights = (k[:, index] @ q.unsqueeze(-1)).softmax(-2)  # (B, THW, T+H+W-2, 1)
        h = (weights.transpose(-1, -2) @ v[:, index]).squeeze(-2)
        h = self.gamma * h.unflatten(1, y.shape[1:4]).permute(0, 4, 1, 2, 3)
        return h if self.restore is None else self.restore(h)


def cross_indices(frames: int, height: int, width: int) -> Tensor:
    """(THW, T+H+W-2): for each position those on its row, column and depth line, itself once."""
    t, h, w = (a.flatten() for a in torch.meshgrid(*map(torch.arange, (frames, height, width)), indexing="ij"))
    shared = sum((a[:, None] == a[None]).int() for a in (t, h, w))
    return (shared >= 2).nonzero()[:, 1].view(frames * height * width, -1)


def contenders() -> dict[str, Any]:
    """Constructors of what is measured, each for (channels, frames)."""
    found = {
        "rcca, one pass": lambda c, t: RecurrentCrissCross(c, t, r="1"),
        "rcca, three passes": lambda c, t: RecurrentCrissCross(c, t, r="3"),
        "rcca, one pass, gathered by index lists": lambda c, t: GatheredCrissCross(c, t, r="1"),
        "non-local, explicit map": lambda c, t: ExplicitNonLocal(c, pool=False),
        "non-local, explicit map, keys pooled": lambda c, t: ExplicitNonLocal(c, pool=True),
    }
    try:
        fused = find_add_on_block("nl").cls
    except BadInput:
        return found
    found["non-local, +nl"] = fused
    return found


def rcca_speed(
    rounds: int = 7, shape: tuple[int, int, int, int, int] = PLACE, device: str = "cpu", memory: bool = True
) -> dict[str, Any]:
    """Each block by itself at one place: seconds forward, seconds forward and backward, peak memory of the latter.

    Times are medians over rounds in which every block runs once, in one process; on the CPU each peak is that of a
    process of its own, above what it held before.
    shape: of the map (B, C, T, H, W).  memory: whether the peaks are taken, which needs seconds for each block.
    The `rows` of the result carry `forward_s`, `step_s` and `peak_mib`; `ratios` is what the claims rest on, and
    `holds` says whether those of time are at least LEAST.
    """
    began = time.perf_counter()
    x = _map(shape, device)
    work, found = {}, contenders()
    for name, make in found.items():
        block = make(*shape[1:3]).to(device)
        work[name, "forward"] = lambda block=block: _forward(block, x)
        work[name, "step"] = lambda block=block: _step(block, x)
    times = _interleaved(work, rounds, device)
    rows = {
        name: {
            "forward_s": times[name, "forward"],
            "step_s": times[name, "step"],
            "peak_mib": _peak(name, shape, device) if memory else None,
        }
        for name in found
    }

    def ratio(what: str, one: str, other: str) -> float | None:
        return rows[one][what] / rows[other][what] if memory or what != "peak_mib" else None

    three, one, full = "rcca, three passes", "rcca, one pass", "non-local, explicit map"
    ratios = {
        "memory, three passes over the explicit map": ratio("peak_mib", three, full),
        "time, explicit map over three passes": ratio("step_s", full, three),
        "time, gathered over one pass": ratio("step_s", "rcca, one pass, gathered by index lists", one),
    }
    return {
        "rows": [{"name": name, **row} for name, row in rows.items()],
        "ratios": ratios,
        "holds": all(ratios[key] >= least for key, least in LEAST.items()),
        "shape": list(shape),
        "rounds": rounds,
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "seconds": time.perf_counter() - began,
    }


def _map(shape: tuple[int, ...], device: str) -> Tensor:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).relu_()
    return x.to(device).contiguous(memory_format=torch.channels_last_3d).requires_grad_()


def _forward(block: nn.Module, x: Tensor) -> None:
    with torch.inference_mode():
        block(x)


def _step(block: nn.Module, x: Tensor) -> None:
    x.grad = None
    block.zero_grad(set_to_none=True)
    block(x).sum().backward()


def _peak(name: str, shape: tuple[int, ...], device: str) -> float:
    """Peak MiB of one forward and backward pass above what was held before."""
    if device.startswith("cuda"):
        block, x = contenders()[name](*shape[1:3]).to(device), _map(shape, device)
        _step(block, x)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        _step(block, x)
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    work = f"from suite.benchmarks.rcca_speed import _report_peak; _report_peak({name!r}, {tuple(shape)!r})"
    command = [sys.executable, "-c", f"import torch; torch.set_num_threads({torch.get_num_threads()}); {work}"]
    root = Path(suite.__file__).parents[1]
    # what is freed goes back to the system at once: the peak is that of tensors, not of gaps between them
    env = os.environ | {"MALLOC_MMAP_THRESHOLD_": "1000000"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _report_peak(name: str, shape: tuple[int, ...]) -> None:
    block, x = contenders()[name](*shape[1:3]), _map(shape, "cpu")
    _step(block, _map((*shape[:3], 2, 2), "cpu"))  # what the first call loads is not the block's
    block.zero_grad(set_to_none=True)
    before = _high_water()
    _step(block, x)
    print(json.dumps((_high_water() - before) / 2**20))


def _high_water() -> int:
    """Most bytes that this process has held."""
    try:  # that of getrusage starts, on Linux, at what the parent held
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
