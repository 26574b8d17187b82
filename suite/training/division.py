"""How the work of one update is divided among the processes of a run, and brought together again.

The three batch numbers of a run stay what they are: clips per update, per batch normalisation and per step.  So a run
has the same results with any number of processes, up to rounding.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from suite.models.layers import KeyedDropout
from suite.models.synced_norm import BatchNorm, synchronise
from suite.spec import BadInput, Protocol


@dataclass(frozen=True)
class Division:
    """What one process does of each update, which has `parts` micro-batches of `per_step` clips.

    Where the micro-batches can be dealt out evenly, a process has several whole ones, next to each other.  Where they
    cannot, each micro-batch is split among all processes, with synchronised batch normalisation.
    """

    parts: int
    per_step: int
    rank: int = 0
    world: int = 1

    @classmethod
    def of(cls, protocol: Protocol, processes: int, rank: int = 0) -> Division:
        """Raises BadInput where neither the micro-batches nor their clips can be divided evenly."""
        parts, per_step = protocol.batch // protocol.per_step, protocol.per_step
        if parts % processes and per_step % processes:
            fit = [n for n in range(2, max(parts, per_step) + 1) if parts % n == 0 or per_step % n == 0]
            which = f"use {_listed(fit)} processes" if fit else "use one process"
            raise BadInput(
                f"{processes} processes cannot divide a batch of {parts} x {per_step} clips evenly; {which}."
            )
        return cls(parts, per_step, rank, processes)

    @property
    def splits(self) -> bool:
        """Whether each micro-batch is split among the processes."""
        return self.parts % self.world != 0

    @property
    def own_parts(self) -> range:
        """The micro-batches of this process, among those of an update."""
        if self.splits:
            return range(self.parts)
        own = self.parts // self.world
        return range(self.rank * own, (self.rank + 1) * own)

    def clips(self, part: int) -> slice:
        """Which clips of an update are those of this process in a micro-batch."""
        own = self.per_step // self.world if self.splits else self.per_step
        first = part * self.per_step + (self.rank * own if self.splits else 0)
        return slice(first, first + own)

    def prepare(self, model: nn.Module, device: str) -> None:
        """Makes normalisation and dropout see whole micro-batches where this process has but a share of them."""
        if not self.splits:
            return
        synchronise(model, device)
        for layer in model.modules():
            if isinstance(layer, KeyedDropout):
                layer.share = (self.rank, self.world)

    def wrapped(self, model: nn.Module) -> nn.Module:
        """The network whose backward pass averages gradients over the processes."""
        if self.world == 1:
            return model
        device = next(model.parameters()).device
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # broadcast_buffers has a new name, which older ones lack
            return nn.parallel.DistributedDataParallel(
                model,
                device_ids=[device] if device.type == "cuda" else None,
                broadcast_buffers=False,  # they are brought together by `statistics_of_all`
                find_unused_parameters=":" in model.name.text,  # of a network from elsewhere, nobody knows
            )

    def without_exchange(self, network: nn.Module, part: int) -> contextlib.AbstractContextManager:
        """Gradients are exchanged once per update, in the last micro-batch of a process."""
        last = part == self.own_parts[-1]
        return contextlib.nullcontext() if self.world == 1 or last else network.no_sync()

    @contextlib.contextmanager
    def statistics_of_all(self, model: nn.Module) -> Iterator[None]:
        """Around an update: running statistics come out as if one process had seen all micro-batches in order.

        A running statistic is linear in what it is updated with.  So each process starts from the same one, and what
        its own micro-batches add is weighed by the micro-batches that come after them.
        """
        if self.world == 1 or self.splits:
            yield
            return
        layers = [layer for layer in model.modules() if isinstance(layer, BatchNorm) and layer.track_running_stats]
        counts = [layer.num_batches_tracked.clone() for layer in layers]
        statistics = [value for layer in layers for value in (layer.running_mean, layer.running_var)]
        before = [value.clone() for value in statistics]
        yield
        if not layers:
            return
        with torch.no_grad():
            factors = [self._factors(layer, count) for layer, count in zip(layers, counts, strict=True)]
            factors = [of_layer for of_layer in factors for _ in ("mean", "variance")]
            own = [
                (now * scale - old * kept) * later
                for now, old, (scale, kept, later, _) in zip(statistics, before, factors, strict=True)
            ]
            together = torch.cat(own)
            distributed.all_reduce(together)
            added = together.split([len(part) for part in own])
            for value, old, new, (*_, all_kept) in zip(statistics, before, added, factors, strict=True):
                value.copy_(old * all_kept + new)
            for layer, count in zip(layers, counts, strict=True):
                layer.num_batches_tracked.copy_(count + self.world * (layer.num_batches_tracked - count))

    def _factors(self, layer: nn.Module, count: Tensor) -> tuple[Tensor | float, ...]:
        """(scale, kept, later, all_kept): this process adds (now * scale - before * kept) * later to before * all_kept.

        count: the batches that the layer had seen before the update.  All stays on the device.
        """
        exact = layer.running_mean.dtype
        steps, count = (layer.num_batches_tracked - count).to(exact), count.to(exact)
        if layer.momentum is None:  # the mean of all batches
            every = (count + self.world * steps).clamp(min=1)
            return (count + steps) / every, count / every, 1.0, torch.where(steps > 0, count / every, 1.0)
        kept = (1 - layer.momentum) ** steps
        return 1.0, kept, kept ** (self.world - 1 - self.rank), kept**self.world


def _listed(numbers: list[int]) -> str:
    shown = [str(number) for number in numbers]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"
