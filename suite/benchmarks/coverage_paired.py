"""Coverage of differences with few discordant videos, and of intervals over whole classes."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from suite.benchmarks.simulation import AT_LEAST, Case
from suite.statistics.intervals import accuracy_interval, difference_interval
from suite.statistics.proportions import tango_interval

CLASSES = 60
OF_CLASS = {"all": 0.2, "run": 0.1}  # variances over classes: shared by two models, and of each; that of videos is 0.7


def few_discordant(rng: np.random.Generator, sweeps: int, videos: int) -> list[Case]:
    """Tango's interval on 50 to 400 videos of which 1 to 10 % are discordant; `videos` is not used.

    Counts are whole numbers, so that no interval of few of them covers 95 % exactly: it must cover at least 93 %.
    """
    interval = lru_cache(maxsize=None)(tango_interval)
    out = []
    for n in (50, 100, 200, 400):
        for percent in (1, 3, 10):
            for difference in (0.0, percent / 2):
                setting = f"1 seed, {n} videos, {percent} % discordant"
                case = Case("difference", setting, difference, AT_LEAST)
                shares = np.array([percent + difference, percent - difference, 200 - 2 * percent]) / 200
                case.limits += [interval(int(a), int(b), n) for a, b, _ in rng.multinomial(n, shares, size=sweeps)]
                out.append(case)
    return out


def whole_classes(rng: np.random.Generator, sweeps: int, videos: int) -> list[Case]:
    """Two models on CLASSES classes drawn from many, some easier than others: the truth is over classes.

    Beside the intervals over classes those over videos, which are about these classes only and cover the truth over
    classes as seldom as shown; nothing is required of them.
    """
    from scipy.special import ndtri

    of_videos = 1 - sum(OF_CLASS.values())
    a = ndtri(np.array([0.6, 0.55]))[:, None]
    clusters = np.arange(videos) % CLASSES
    accuracy, difference = (
        Case("accuracy", f"1 seed, 60 %, over {CLASSES} classes", 60.0),
        Case("difference", f"1 seed, over {CLASSES} classes", 5.0),
    )
    alone, apart = (
        Case("accuracy", f"1 seed, 60 %, {CLASSES} classes drawn, interval over videos", 60.0, (0, 100)),
        Case("difference", f"1 seed, {CLASSES} classes drawn, interval over videos", 5.0, (0, 100)),
    )
    for _ in range(max(1, sweeps // 2)):
        of_class = math.sqrt(OF_CLASS["all"]) * rng.standard_normal((1, CLASSES))
        of_class = of_class + math.sqrt(OF_CLASS["run"]) * rng.standard_normal((2, CLASSES))
        shared = math.sqrt(of_videos / 2) * rng.standard_normal((1, videos))
        own = math.sqrt(of_videos / 2) * rng.standard_normal((2, videos))
        x, y = (a + of_class[:, clusters] + shared + own > 0)[:, None]
        draw = {"draws": 1_000, "seed": int(rng.integers(2**32))}
        accuracy.limits.append(accuracy_interval(x, clusters=clusters, **draw)[:2])
        difference.limits.append(difference_interval(x, y, clusters=clusters, **draw)[1:3])
        alone.limits.append(accuracy_interval(x)[:2])
        apart.limits.append(difference_interval(x, y)[1:3])
    return [accuracy, difference, alone, apart, _ten_classes(rng, max(1, sweeps // 2))]


def _ten_classes(rng: np.random.Generator, sweeps: int) -> Case:
    """What `suite compare --cluster class` prints for the fewest classes that it takes: two models with equal means.

    The accuracies of each model differ from class to class with a standard deviation of 10 points.
    """
    case = Case("difference", "1 seed, over 10 classes (suite compare --cluster class)", 0.0, AT_LEAST)
    classes = np.arange(400) % 10
    for _ in range(sweeps):
        share = 0.5 + 0.1 * rng.standard_normal((2, 10))
        x, y = (rng.random((2, 400)) < share[:, classes])[:, None]
        case.limits.append(difference_interval(x, y, clusters=classes, seed=int(rng.integers(2**32)))[1:3])
    return case
