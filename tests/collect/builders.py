"""Runs with fabricated predictions."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from suite.collect.pairs import Pairs, _pair, adjusted
from suite.evaluation.predictions import Outcome
from tests.builders import summary_row

CLASSES = 20


def fabricate(accuracies, sets=("one",), frames=(8,), seeds=(0,), n=400, seed=0, alike=0.7, logits=False):
    """Rows with predictions of models of these accuracies (fractions), which fail mostly on the same videos."""
    rng, rows = np.random.default_rng(seed), []
    ids, labels = np.array([f"v{i:05d}" for i in range(n)]), np.arange(n) % CLASSES
    for dataset in sets:
        shared = rng.normal(size=n) * math.sqrt(alike)
        for f in frames:
            for name, accuracy in accuracies.items():
                for s in seeds:
                    right = shared + rng.normal(size=n) * math.sqrt(1 - alike) + ndtri(accuracy) > 0
                    predicted = np.where(right, labels, (labels + 1) % CLASSES)
                    confidence = np.full(n, 0.9) if logits else None
                    row = summary_row("tsn", 100 * right.mean(), frames=f, seed=s, n=n, views=1)
                    row |= {"id": f"{dataset}.{name}.f{f}.s{s}", "name": name, "dataset": dataset}
                    outcome = Outcome(ids, predicted, labels, confidence=confidence)
                    rows.append(row | {"module": name.split("-")[0], "predictions": outcome})
    return pd.DataFrame(rows)


MODELS = {"tsn-resnet18": 0.5, "tam-resnet18": 0.7, "tsm-resnet18": 0.71, "i3d-resnet18": 0.85}


def of_model(rows, name, dataset="one", frames=8):
    chosen = rows[(rows["name"] == name) & (rows["dataset"] == dataset) & (rows["frames"] == frames)]
    return chosen["predictions"].iloc[0].correct()


def pairs_of(correct):
    """`all_pairs` of models with these outcomes, bool (k, N), in their order."""
    cells = [{"name": str(i), "top1": 100 * c.mean(), "n": len(c)} for i, c in enumerate(correct)]
    seeds = [c[None] for c in correct]
    return Pairs(
        "d", 8, cells, adjusted([_pair(i, j, cells, seeds, False) for i, j in combinations(range(len(cells)), 2)])
    )


def outcomes_of(rng, accuracies, n, alike=0.7):
    """Bool (k, N) of models of these accuracies (fractions), which fail mostly on the same videos."""
    latent = rng.normal(size=n) * math.sqrt(alike) + rng.normal(size=(len(accuracies), n)) * math.sqrt(1 - alike)
    return latent + ndtri(np.array(accuracies))[:, None] > 0
