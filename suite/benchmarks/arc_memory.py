"""What `+arc` costs in memory: one decorated layer's training step against the count of ARC's eq. 10."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from suite.models.blocks.arc import AdaptiveRecursiveCircle
from suite.models.layers import ConvNorm, SpatialConv
from suite.models.sites import ConvSite


class LiveMemory(TorchDispatchMode):
    """Bytes of the tensors that are alive, operator by operator, on any device, `meta` included.

    It sees tensors and not what a kernel takes for itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()

    def watch(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata in self.known:
            return
        self.known.add(storage._cdata)
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, storage._cdata, storage.nbytes())

    def _gone(self, storage: int, size: int) -> None:
        self.known.discard(storage)
        self.now -= size

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self.watch(leaf)
        return out


def eq10_elements(n: int, channels: int, frames: int, size: int) -> int:
    """Elements that ARC's eq. 10 counts for one clip: input, embedded input, n - 1 states, both attention maps.

    2 C HWT + (n - 1) C HWT + C HW + C T; it prints C^2 in the first two terms, where a map of C channels has C HWT.
    """
    volume = channels * frames * size * size
    return (n + 1) * volume + channels * (size * size + frames)


def arc_memory(
    ns: Sequence[int] = (1, 2, 4, 8),
    *,
    channels: int = 128,
    frames: int = 8,
    size: int = 28,
    batch: int = 1,
    device: str = "meta",
) -> list[dict[str, Any]]:
    """Peak memory of forward and backward of one decorated 3x3 layer, fp32 (res3 of ResNet18 by default), per n.

    `kept_bytes`: alive after the forward pass, the input and the output included; `peak_bytes`: most at any time,
    gradients of input and weights included, weights themselves not.  On a GPU both are the allocator's, elsewhere
    those of the tensors.  `eq10_bytes`: eq. 10 for the batch; it leaves out the outputs and the inner ReLU's maps,
    which the backward pass needs too, and all gradients.  `kept_growth` and `eq10_growth`: against n = 1.
    Raises BadInput for an n that does not divide the channels.
    """
    rows: list[dict[str, Any]] = []
    for n in ns:
        kept, peak = _memory_of_arc(n, channels, frames, size, batch, torch.device(device))
        eq10 = 4 * batch * eq10_elements(n, channels, frames, size)
        rows.append({"n": n, "kept_bytes": kept, "peak_bytes": peak, "eq10_bytes": eq10})
    clip = f"{batch}x{channels}x{frames}x{size}x{size} fp32"
    for row in rows:
        row["kept_growth"] = row["kept_bytes"] / rows[0]["kept_bytes"]
        row["eq10_growth"] = row["eq10_bytes"] / rows[0]["eq10_bytes"]
        row |= {"map_bytes": 4 * batch * channels * frames * size**2, "map": clip, "device": device}
    return rows


def _memory_of_arc(n: int, channels: int, frames: int, size: int, batch: int, device: torch.device) -> tuple[int, int]:
    with device:
        plain = ConvNorm(SpatialConv(channels, channels, 3, 1, 1), channels, 1e-5)
        layer = AdaptiveRecursiveCircle(plain, ConvSite(channels, channels, 3, 0, 1, 1, stage=3), n=str(n))
    layer.to(device).train()

    def clip() -> Tensor:
        x = torch.randn(batch, channels, frames, size, size, device=device)
        return x.contiguous(memory_format=torch.channels_last_3d).relu_().requires_grad_()

    if device.type == "cuda":
        layer(clip()).sum().backward()  # what the libraries allocate at their first call
        layer.zero_grad()
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        out = layer(clip())
        kept = torch.cuda.memory_allocated(device) - before
        out.backward(torch.ones_like(out))
        return kept, torch.cuda.max_memory_allocated(device) - before
    x, memory = clip(), LiveMemory()
    for parameter in (*layer.parameters(), *layer.buffers()):
        memory.known.add(parameter.untyped_storage()._cdata)
    with memory:
        memory.watch(x)
        out = layer(x)
        kept = memory.now
        out.backward(torch.ones_like(out))
    return kept, memory.peak
