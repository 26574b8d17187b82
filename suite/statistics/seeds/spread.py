"""The variance between seeds in a table of models, and the degrees of freedom of differences of their means.

Seeds of one model may differ more than those of another, so that a pair has the variance of its own two models (Games
and Howell 1976, Journal of Educational Statistics 1:113), with degrees of freedom after Satterthwaite 1946.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

GRID = np.concatenate([[1e-9], np.geomspace(1e-4, 1, 160)])  # of 1 / degrees of freedom


class SeedSpread:
    """Variances over seeds of the mean accuracies (fractions) of k models, from those of single runs.

    between, residual (k,): the variance between the runs of a model, and the part of it that other videos would change,
    which the variance over videos holds already; NaN with one seed.  seeds (k,).  A model with one seed borrows the
    variance of the models with several, pooled.  `several`: some model has several seeds; `borrowed`: another has one.
    """

    def __init__(self, between: Sequence[float], residual: Sequence[float], seeds: Sequence[int]):
        seeds = np.asarray(seeds, dtype=float)
        own = (seeds > 1) & ~np.isnan(between)
        self.several, self.borrowed = bool(own.any()), bool(own.any() and not own.all())
        self._free = np.where(own, seeds - 1, 0)
        self._between, self._residual = np.where(own, between, 0.0), np.where(own, residual, 0.0)
        pooled = self._free / max(1.0, self._free.sum())
        # (k, k): the variance of a mean is this times the variances of the runs of all models
        self._pooled = np.broadcast_to(pooled, (len(seeds), len(seeds))) / seeds[:, None]
        self._own = np.where(own[:, None], np.diag(own / seeds), self._pooled)

    def of_pairs(self, of_videos: np.ndarray, pooled: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """(k, k) variance between seeds of the difference of two means, and the degrees of freedom of its t test.

        of_videos (k, k): the variance of the difference over test videos, taken as known.  Degrees with the factor of
        `suite.statistics.intervals`; inf where no seeds are known.  pooled: over all models instead of the two.
        """
        share = self._pooled if pooled else self._own
        if not self.several:
            return np.zeros_like(of_videos), np.full(of_videos.shape, np.inf)
        of_means = share @ (self._between - self._residual)
        of_seeds = np.maximum(0, np.add.outer(of_means, of_means))
        free = np.where(self._free > 0, self._free, np.inf)
        cross = share * (self._between**2 / free) @ share.T
        uncertain = cross.diagonal()[:, None] + cross.diagonal() + 2 * cross
        behind = (share > 0).astype(float)  # whose variances a model has; those of a pair are not counted twice
        total = np.add.outer(behind @ self._free, behind @ self._free) - behind * self._free @ behind.T
        least = np.where(share > 0, free, np.inf).min(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            degrees = (of_videos + of_seeds) ** 2 / ((1 + 1 / total) * uncertain)
        return of_seeds, np.where(uncertain > 0, np.maximum(degrees, np.minimum.outer(least, least)), np.inf)


def normal_to_t(z: float, degrees: np.ndarray | float) -> np.ndarray:
    """The values t of t distributions that are exceeded as rarely as z > 0 of the normal one; any shape of degrees."""
    from scipy.special import ndtr, stdtrit

    degrees = np.asarray(degrees, dtype=float)
    if (degrees > 1e8).all():
        return np.full(degrees.shape, z)
    of_grid = np.log(-stdtrit(1 / GRID, ndtr(-z)))
    return np.exp(np.interp(1 / np.maximum(degrees, 1), GRID, of_grid))
