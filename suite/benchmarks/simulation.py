"""Simulated sweeps whose true accuracies are known, and the coverage of an interval over many of them.

A run answers a video rightly when a + seed effect + video effects > 0, all normal (a probit model).  Video effects of
total variance 1 are shared by all runs, by runs of a module, by runs on a backbone, by the seeds of a run, or belong to
one seed: models that are alike fail on the same videos.  The truth is exact: Phi(a / sqrt(1 + variance of the seeds)).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

EFFECTS = {"all": 0.5, "module": 0.15, "backbone": 0.15, "run": 0.1, "seed": 0.1}  # variances over videos
COVERS, AT_LEAST = (93.0, 97.0), (93.0, 100.0)  # percent; at least: Phi is capped at 1, or shared videos are unknown
BLOCK = 100_000  # videos of a run at a time


@dataclass
class Case:
    """The intervals of one quantity in one setting, to be filled sweep by sweep."""

    quantity: str
    setting: str
    truth: float
    required: tuple[float, float] = COVERS  # percent
    limits: list[tuple[float, float]] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Coverage in percent with its Monte-Carlo standard error, and whether it lies in the required range."""
        low, high = np.array(self.limits).T
        share = float(np.mean((low <= self.truth + 1e-12) & (self.truth - 1e-12 <= high)))
        error = 100 * math.sqrt(max(share * (1 - share), 0.25 / len(low)) / len(low))
        least, most = self.required
        return {
            "quantity": self.quantity,
            "setting": self.setting,
            "truth": self.truth,
            "sweeps": len(low),
            "coverage": 100 * share,
            "error": error,
            "width": float(np.mean(high - low)),
            "least": least,
            "most": most,
            "holds": least <= 100 * share <= most,
        }


def outcomes(
    rng: np.random.Generator,
    cells: Sequence[tuple[float, float]],
    seeds: int,
    sweeps: int,
    videos: int,
    sd: float | Sequence[float] = 0,
    effects: Mapping[str, float] = EFFECTS,
) -> Iterator[np.ndarray]:
    """Blocks (B, R, S, N) of bool, `sweeps` in all: whether run r with seed s has video n right.

    Runs are the model and the TSN of each cell in turn, each cell on a backbone of its own; top-1 in percent, `sd` the
    standard deviation of the accuracy over seeds in percentage points (to first order, at 50 %), of all or of each run.
    """
    from scipy.special import ndtri

    runs = 2 * len(cells)
    spread = math.sqrt(2 * math.pi) * np.broadcast_to(np.asarray(sd, dtype=float), runs) / 100
    a = ndtri(np.array(cells, dtype=float).ravel() / 100) * np.sqrt(1 + spread**2)
    group = {"all": np.zeros(runs, int), "module": np.arange(runs) % 2, "backbone": np.arange(runs) // 2}
    block = max(1, BLOCK // videos)
    for start in range(0, sweeps, block):
        size = min(block, sweeps - start)

        def normal(*shape: int, variance: float = 1.0, size: int = size) -> np.ndarray:
            return rng.standard_normal((size, *shape), dtype=np.float32) * np.float32(math.sqrt(variance))

        of_run = normal(runs, videos, variance=effects["run"]) + a[:, None].astype(np.float32)
        for name, member in group.items():
            of_run += normal(member[-1] + 1, videos, variance=effects[name])[:, member]
        latent = normal(runs, seeds, videos, variance=effects["seed"])
        latent += of_run[:, :, None] + normal(runs, seeds, 1) * spread[:, None, None].astype(np.float32)
        yield latent > 0
