"""How much work a training or a test is, whatever machine does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suite.models.cost import Cost


@dataclass(frozen=True)
class Work:
    """macs: multiply-adds; written: elements that operators write; videos, frames: how many are read from disk."""

    macs: float = 0.0
    written: float = 0.0
    videos: float = 0.0
    frames: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.macs + other.macs,
            self.written + other.written,
            self.videos + other.videos,
            self.frames + other.frames,
        )

    @classmethod
    def training(cls, cost: Cost, clips: float, frames: int) -> Work:
        """Of so many training clips: the backward pass costs twice the forward pass."""
        return cls(3 * cost.macs * clips, 3 * cost.written * clips, clips, clips * frames)

    @classmethod
    def testing(cls, cost: Cost, videos: float, views: int, frames: int) -> Work:
        """Of so many videos, each read once for all its views."""
        return cls(cost.macs * videos * views, cost.written * videos * views, videos, videos * views * frames)


NOTHING = Work()
