"""Resampling whole classes of videos: what a test set of other classes would have given.

A bootstrap over videos takes each video as an independent draw.  Videos of one class are alike, so that an accuracy
varies more from one set of classes to another than from one set of videos to another of the same classes.  Intervals
over classes are wider; they are for claims about actions in general, not about these classes.
"""

from __future__ import annotations

import math

import numpy as np

from suite.spec import BadInput


def class_sums(values: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums (G, ...) of values (N, ...) within each of G clusters, and their sizes (G,); `clusters` (N,) of any type.

    Raises BadInput when there is not one cluster per video, or only one cluster.
    """
    clusters = np.asarray(clusters)
    if clusters.shape != values.shape[:1]:
        raise BadInput(f"Give one class per video: {clusters.shape} classes for {values.shape[:1]} videos.")
    _, place, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise BadInput("Resampling classes needs videos of at least two classes.")
    sums = np.zeros((len(sizes), *values.shape[1:]))
    np.add.at(sums, place.ravel(), values)
    return sums, sizes


def resampled_classes(values: np.ndarray, clusters: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Deviations (draws,) of the mean of `values` (N,) over videos when whole classes are resampled.

    Scaled by sqrt(G / (G - 1)) and by t over normal quantiles, since the quantiles of few resampled classes are too
    narrow.  Source: Davison and Hinkley 1997, Bootstrap Methods, Sec. 3.8 (cluster resampling).
    """
    from scipy.special import stdtrit

    sums, sizes = class_sums(values, clusters)
    g = len(sizes)
    counts = rng.multinomial(g, np.full(g, 1 / g), size=draws)
    scale = math.sqrt(g / (g - 1)) * stdtrit(g - 1, 0.975) / stdtrit(1e9, 0.975)
    return scale * (counts @ sums / (counts @ sizes) - values.mean())


def class_variance(values: np.ndarray, clusters: np.ndarray) -> tuple[float, int]:
    """Variance of the mean of `values` (N,) over other classes, and its degrees of freedom G - 1.

    The cluster-robust variance: G / (G - 1) times the sum of squared class totals of the deviations, over N^2.
    Source: Liang and Zeger 1986, Biometrika 73:13, for a mean.
    """
    sums, sizes = class_sums(values - values.mean(), clusters)
    g = len(sizes)
    return float(g / (g - 1) * (sums**2).sum() / len(values) ** 2), g - 1
